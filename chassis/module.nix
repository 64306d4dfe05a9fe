# services.qntx-python: the host and its plugins as hardened units, and the configuration of both from the same options.
{ family }:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkEnableOption mkOption types;
  cfg = config.services.qntx-python;
  ours = family pkgs;

  # What a unit may use, for the host and a plugin alike.
  common = {
    environment = mkOption {
      type = types.attrsOf types.str;
      default = { };
      description = "Variables of the process. Not for secrets: whoever can log in can read them.";
    };
    environmentFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/run/secrets/qntx";
      description = "A file of secrets, NAME=value a line, read by systemd. Settings refer to one as env:NAME.";
    };
    memoryMax = mkOption {
      type = types.str;
      default = "4G";
      description = "The most memory of the unit, every script of it included.";
    };
    tasksMax = mkOption {
      type = types.int;
      default = 1024;
      description = "The most processes and threads of the unit.";
    };
  };

  pluginOptions =
    { name, config, ... }:
    {
      options = common // {
        enable = mkEnableOption "this plugin" // {
          default = true;
        };
        package = mkOption {
          type = types.package;
          default =
            ours.plugins.${name}
              or (throw "services.qntx-python.plugins.${name}: no such variant (there are: ${lib.concatStringsSep ", " (lib.attrNames ours.plugins)}); set package");
          defaultText = lib.literalExpression "qntx-<name>-plugin of this flake";
          description = "The plugin to run.";
        };
        settings = mkOption {
          type = types.attrsOf types.anything;
          default = { };
          description = "The plugin's own section of am.toml.";
        };
        listen = mkOption {
          type = types.nullOr types.str;
          default = null;
          example = "127.0.0.1:38701";
          description = "Run the plugin as a unit of its own that listens there. Otherwise the host starts it.";
        };
        addresses = mkOption {
          type = types.listOf types.str;
          default = lib.optional (config.listen != null) config.listen;
          defaultText = lib.literalExpression "[ listen ] where that is set";
          example = [
            "10.0.0.5:38701"
            "10.0.0.6:38701"
          ];
          description = "Where the host attaches the plugin: each a replica, or a name with one in each record.";
        };
        tokenFile = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "A file with the token that callers must show, and that the host shows. Needed off loopback.";
        };
        drainSeconds = mkOption {
          type = types.ints.unsigned;
          default = 30;
          description = "How long what runs may take to end when the unit is stopped.";
        };
        allowNetwork = mkOption {
          type = types.bool;
          default = false;
          description = "Let the unit reach other machines. One that listens off loopback is reached by them anyway.";
        };
        daskWorker = common // {
          enable = mkEnableOption "a Dask worker with the plugin's packages, for dask.scheduler";
          threads = mkOption {
            type = types.ints.positive;
            default = 4;
            description = "Tasks at once.";
          };
          arguments = mkOption {
            type = types.listOf types.str;
            default = [ ];
            example = [
              "--host"
              "10.0.0.7"
            ];
            description = "Further arguments of `dask worker`.";
          };
        };
      };
    };

  enabled = lib.filterAttrs (_: plugin: plugin.enable) cfg.plugins;
  started = lib.filterAttrs (_: plugin: plugin.addresses == [ ]) enabled;
  attached = lib.filterAttrs (_: plugin: plugin.addresses != [ ]) enabled;
  alone = lib.filterAttrs (_: plugin: plugin.listen != null) enabled;
  computing = lib.filterAttrs (_: plugin: plugin.daskWorker.enable) cfg.plugins;
  onLoopback = plugin: builtins.match "(127[.][0-9.]+|localhost|\\[::1]):[0-9]+" plugin.listen != null;
  addresses = lib.mapAttrsToList (_: plugin: plugin.listen) alone;

  # The least the code needs. Scripts are confined further by the engine, for which the calls of Landlock and seccomp
  # are named: older systemd has no group for them. A refused call must fail, not kill: the engine tries what it may use.
  hardened = {
    DynamicUser = true;
    UMask = "0077";
    CapabilityBoundingSet = "";
    LockPersonality = true;
    NoNewPrivileges = true;
    PrivateDevices = true;
    PrivateMounts = true;
    PrivateTmp = true;
    PrivateUsers = true;
    ProcSubset = "pid";
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHome = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectProc = "invisible";
    ProtectSystem = "strict";
    RemoveIPC = true;
    RestrictAddressFamilies = [
      "AF_INET"
      "AF_INET6"
      "AF_UNIX"
    ];
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    SystemCallErrorNumber = "EPERM";
    SystemCallFilter = [
      "@system-service"
      "~@privileged"
      "landlock_create_ruleset"
      "landlock_add_rule"
      "landlock_restrict_self"
      "seccomp"
    ];
    # No MemoryDenyWriteExecute: callbacks of ctypes and cffi, and numba, need such pages.
  };

  secretsOf = options: lib.optional (options.environmentFile != null) options.environmentFile;
  # Where systemd puts what LoadCredential names.
  tokenOf = name: "/run/credentials/qntx.service/token-${name}";

  unit =
    {
      description,
      command,
      state,
      options,
      network,
      environment ? { },
      credentials ? [ ],
      secrets ? [ ],
      stopSeconds ? 0,
    }:
    {
      inherit description;
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      environment = options.environment // environment // { PYTHONUNBUFFERED = "1"; };
      serviceConfig =
        hardened
        // {
          ExecStart = lib.escapeShellArgs command;
          Restart = "on-failure";
          RestartSec = 2;
          # The process that was started ends the others, each as it must be ended.
          KillMode = "mixed";
          TimeoutStopSec = 15 + stopSeconds;
          # A script that ate its memory is an answer, not the end of the service.
          OOMPolicy = "continue";
          MemoryMax = options.memoryMax;
          TasksMax = options.tasksMax;
          StateDirectory = state;
          StateDirectoryMode = "0700";
          WorkingDirectory = "%S/${state}";
        }
        // lib.optionalAttrs (!network) {
          IPAddressDeny = "any";
          IPAddressAllow = "localhost";
        }
        // lib.optionalAttrs (secretsOf options ++ secrets != [ ]) { EnvironmentFile = secretsOf options ++ secrets; }
        // lib.optionalAttrs (credentials != [ ]) { LoadCredential = credentials; };
    };

  hostUnit = unit {
    description = "QNTX host";
    command = [
      "${cfg.host.package}/bin/qntx"
      "up"
      "--config"
      "${cfg.configFile}"
    ];
    state = "qntx";
    options = cfg.host;
    # Scripts fetch through the host, which has its own rules about where to.
    network = true;
    environment = {
      QNTX_HOME = "%S/qntx";
      HOME = "%S/qntx";
    };
    credentials = lib.mapAttrsToList (name: plugin: "token-${name}:${plugin.tokenFile}") (
      lib.filterAttrs (_: plugin: plugin.tokenFile != null) attached
    );
    secrets = lib.optional (cfg.host.databaseFile != null) cfg.host.databaseFile;
    stopSeconds = builtins.ceil (cfg.pulse.drain_seconds or 0);
  };

  pluginUnit =
    name: plugin:
    unit {
      description = "QNTX ${name} plugin";
      command = [
        (lib.getExe plugin.package)
        "--address"
        plugin.listen
        "--drain"
        (toString plugin.drainSeconds)
      ]
      ++ lib.optionals (plugin.tokenFile != null) [
        "--token-file"
        "%d/token"
      ];
      state = "qntx-${name}";
      options = plugin;
      network = plugin.allowNetwork || !onLoopback plugin;
      # Records, and packages installed at run time: in `sites` there.
      environment = {
        QNTX_HOME = "%S/qntx-${name}";
        HOME = "%S/qntx-${name}";
      };
      credentials = lib.optional (plugin.tokenFile != null) "token:${plugin.tokenFile}";
      stopSeconds = plugin.drainSeconds;
    };

  workerUnit =
    name: plugin:
    unit {
      description = "Dask worker with the packages of the QNTX ${name} plugin";
      # As `qntx worker` does it where environments are built by `qntx variant sync`.
      command = [
        "${plugin.package.env}/bin/python3"
        "-IB"
        "-m"
        "distributed.cli.dask_worker"
        cfg.dask.scheduler
        "--nworkers"
        "1"
        "--no-nanny"
        "--nthreads"
        (toString plugin.daskWorker.threads)
      ]
      ++ plugin.daskWorker.arguments;
      state = "qntx-${name}-worker";
      options = plugin.daskWorker;
      network = true;
      environment = plugin.package.variant.env // {
        HOME = "%S/qntx-${name}-worker";
      };
    };
in
{
  options.services.qntx-python = {
    host = common // {
      enable = mkEnableOption "the QNTX host of the Python plugin family";
      package = mkOption {
        type = types.package;
        default = ours.host;
        defaultText = lib.literalExpression "qntx-host of this flake";
        description = "The qntx command to run.";
      };
      port = mkOption {
        type = types.port;
        default = 8777;
        description = "The loopback port of the HTTP API and the page.";
      };
      settings = mkOption {
        type = types.attrsOf types.anything;
        default = { };
        description = "Further keys of [host] in am.toml.";
      };
      databaseFile = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "/run/secrets/qntx-database";
        description = "A file with the line QNTX_DATABASE=postgresql://USER:PASSWORD@MACHINE/DATABASE, read by systemd.";
      };
    };
    pulse = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      example = {
        drain_seconds = 60;
      };
      description = "The keys of [pulse] in am.toml.";
    };
    dask.scheduler = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "tcp://10.0.0.9:8786";
      description = "A Dask scheduler, for dask_client() in scripts of plugins that have Dask, and for their workers.";
    };
    plugins = mkOption {
      type = types.attrsOf (types.submodule pluginOptions);
      default = { };
      example = lib.literalExpression "{ bio = { }; data.memoryMax = \"16G\"; }";
      description = "The plugins, by variant.";
    };
    settings = mkOption {
      type = types.attrsOf (types.attrsOf types.anything);
      readOnly = true;
      description = "am.toml as these options make it.";
    };
    configFile = mkOption {
      type = types.package;
      readOnly = true;
      description = "am.toml as a file; /etc/qntx/am.toml is a link to it, for a QNTX core on the same machine.";
    };
  };

  config = {
    services.qntx-python = {
      settings =
        lib.filterAttrs (_: section: section != { }) (
          lib.mapAttrs (
            name: plugin:
            lib.optionalAttrs (plugin.addresses != [ ]) { address = plugin.addresses; }
            // lib.optionalAttrs (plugin.addresses != [ ] && plugin.tokenFile != null) { token_file = tokenOf name; }
            // plugin.settings
          ) enabled
        )
        // {
          plugin = {
            enabled = lib.attrNames started;
            paths = lib.mapAttrsToList (_: plugin: "${plugin.package}/bin") started;
          };
          host = {
            inherit (cfg.host) port;
          }
          // lib.optionalAttrs (cfg.dask.scheduler != null) { dask_scheduler = cfg.dask.scheduler; }
          // cfg.host.settings;
        }
        // lib.optionalAttrs (cfg.pulse != { }) { inherit (cfg) pulse; };
      configFile = (pkgs.formats.toml { }).generate "am.toml" cfg.settings;
    };

    assertions = [
      {
        assertion = lib.unique addresses == addresses;
        message = "services.qntx-python: two plugins listen on one address";
      }
    ]
    ++ lib.mapAttrsToList (name: _: {
      assertion = cfg.dask.scheduler != null;
      message = "services.qntx-python.plugins.${name}.daskWorker: dask.scheduler is not set";
    }) computing
    ++ lib.mapAttrsToList (name: plugin: {
      assertion = onLoopback plugin || plugin.tokenFile != null;
      message = "services.qntx-python.plugins.${name}: ${plugin.listen} is not on loopback, so tokenFile must be set";
    }) alone;

    systemd.services =
      lib.optionalAttrs cfg.host.enable { qntx = hostUnit; }
      // lib.mapAttrs' (name: plugin: lib.nameValuePair "qntx-${name}-plugin" (pluginUnit name plugin)) alone
      // lib.mapAttrs' (name: plugin: lib.nameValuePair "qntx-${name}-worker" (workerUnit name plugin)) computing;

    environment = lib.mkIf (enabled != { } || cfg.host.enable) {
      etc."qntx/am.toml".source = cfg.configFile;
      systemPackages = lib.optional cfg.host.enable cfg.host.package;
    };
  };
}
