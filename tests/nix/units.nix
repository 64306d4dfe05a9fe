# The units and the configuration that chassis/module.nix makes of an ordinary set of options, as files; and that the
# machines of the example are ones that it takes.
{ self, pkgs }:
let
  inherit (pkgs) lib;

  # Where NixOS would take over: the options that the module and the example set and do not declare.
  nixos = {
    options = {
      assertions = lib.mkOption {
        type = lib.types.listOf lib.types.anything;
        default = [ ];
      };
      environment.etc = lib.mkOption {
        type = lib.types.attrsOf lib.types.anything;
        default = { };
      };
      environment.systemPackages = lib.mkOption {
        type = lib.types.listOf lib.types.package;
        default = [ ];
      };
      systemd.services = lib.mkOption {
        type = lib.types.attrsOf lib.types.anything;
        default = { };
      };
      networking.firewall.allowedTCPPorts = lib.mkOption {
        type = lib.types.listOf lib.types.int;
        default = [ ];
      };
      services.postgresql = lib.mkOption {
        type = lib.types.attrsOf lib.types.anything;
        default = { };
      };
    };
  };

  machine =
    module:
    (lib.evalModules {
      modules = [
        nixos
        self.nixosModules.default
        module
      ];
      specialArgs = { inherit pkgs; };
    }).config;
  evaluated = options: machine { services.qntx-python = options; };
  faults = config: map (one: one.message) (lib.filter (one: !one.assertion) config.assertions);
  failed = options: faults (evaluated options);

  # Each with the ports that it opens and the units that it runs.
  example = lib.mapAttrs (_: machine) (import ../../chassis/deployment/three-machines.nix);
  expected = {
    one = {
      ports = [ 8778 ];
      units = [ "qntx" ];
    };
    two = {
      ports = [
        8778
        38701
        38702
      ];
      units = [
        "qntx"
        "qntx-bio-plugin"
        "qntx-data-plugin"
      ];
    };
    three = {
      ports = [
        5432
        38701
        38702
      ];
      units = [
        "qntx-bio-plugin"
        "qntx-data-plugin"
      ];
    };
  };
  seen = config: {
    ports = lib.sort builtins.lessThan config.networking.firewall.allowedTCPPorts;
    # With what each of them is started: all of it, so that nothing is left unevaluated.
    units = lib.attrNames (lib.filterAttrs (_: unit: text unit != "") config.systemd.services);
  };

  config = evaluated {
    host.enable = true;
    host.environmentFile = "/run/secrets/qntx";
    host.databaseFile = "/run/secrets/qntx-database";
    host.settings.services_address = "10.0.0.1:8778";
    pulse.running_max = 4;
    dask.scheduler = "tcp://10.0.0.9:8786";
    plugins = {
      python = {
        addresses = [
          "10.0.0.5:38701"
          "10.0.0.6:38701"
        ];
        tokenFile = "/run/secrets/python-token";
        daskWorker.enable = true;
      };
      bio.settings.email = "env:NCBI_EMAIL";
      data = {
        listen = "127.0.0.1:38701";
        memoryMax = "16G";
        tokenFile = "/run/secrets/data-token";
      };
    };
  };

  value = one: if builtins.isBool one then lib.boolToString one else toString one;
  line = name: setting: lib.concatMapStringsSep "" (one: "${name}=${value one}\n") (lib.toList setting);
  text = unit: ''
    [Unit]
    Description=${unit.description}
    [Service]
    ${line "Environment" (lib.mapAttrsToList (name: one: builtins.toJSON "${name}=${one}") unit.environment)}
    ${lib.concatStringsSep "" (lib.mapAttrsToList line unit.serviceConfig)}
  '';

  # Two on one address; off loopback without a token.
  refusals = {
    shared =
      failed {
        plugins.bio.listen = "127.0.0.1:1";
        plugins.data.listen = "127.0.0.1:1";
      } == [ "services.qntx-python: two plugins listen on one address" ];
    open =
      failed { plugins.bio.listen = "0.0.0.0:1"; }
      == [ "services.qntx-python.plugins.bio: 0.0.0.0:1 is not on loopback, so tokenFile must be set" ];
    lonely =
      failed { plugins.data.daskWorker.enable = true; }
      == [ "services.qntx-python.plugins.data.daskWorker: dask.scheduler is not set" ];
    drained =
      (evaluated {
        host.enable = true;
        pulse.drain_seconds = 20;
      }).systemd.services.qntx.serviceConfig.TimeoutStopSec == 35;
    attached =
      config.services.qntx-python.settings.python == {
        address = [
          "10.0.0.5:38701"
          "10.0.0.6:38701"
        ];
        token_file = "/run/credentials/qntx.service/token-python";
      }
      && config.services.qntx-python.settings.data.address == [ "127.0.0.1:38701" ]
      && config.services.qntx-python.settings.plugin.enabled == [ "bio" ];
    none = faults config == [ ];
    machines = lib.all (config: faults config == [ ]) (lib.attrValues example);
    deployed = lib.mapAttrs (_: seen) example == expected;
    unknown = !(builtins.tryEval "${(evaluated { plugins.bioo = { }; }).services.qntx-python.plugins.bioo.package}").success;
  };
  broken = lib.filter (name: !refusals.${name}) (lib.attrNames refusals);
in
if broken != [ ] then
  throw "chassis/module.nix: does not hold: ${toString broken}"
else
  pkgs.runCommand "qntx-units" { } ''
    mkdir $out
    ${lib.concatStringsSep "\n" (
      lib.mapAttrsToList (
        name: unit: "cp ${pkgs.writeText "${name}.service" (text unit)} $out/${name}.service"
      ) config.systemd.services
    )}
    cp ${config.environment.etc."qntx/am.toml".source} $out/am.toml
  ''
