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
    { name, ... }:
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
        tokenFile = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "A file with the token that callers must show. Needed where `listen` is not on loopback.";
        };
        allowNetwork = mkOption {
          type = types.bool;
          default = false;
          description = "Let the unit reach and be reached by other machines.";
        };
      };
    };

  enabled = lib.filterAttrs (_: plugin: plugin.enable) cfg.plugins;
  started = lib.filterAttrs (_: plugin: plugin.listen == null) enabled;
  alone = lib.filterAttrs (_: plugin: plugin.listen != null) enabled;
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

  unit =
    {
      description,
      command,
      state,
      options,
      network,
      environment ? { },
      credentials ? [ ],
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
          TimeoutStopSec = 15;
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
        // lib.optionalAttrs (options.environmentFile != null) { EnvironmentFile = options.environmentFile; }
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
  };

  pluginUnit =
    name: plugin:
    unit {
      description = "QNTX ${name} plugin";
      command = [
        (lib.getExe plugin.package)
        "--address"
        plugin.listen
      ]
      ++ lib.optionals (plugin.tokenFile != null) [
        "--token-file"
        "%d/token"
      ];
      state = "qntx-${name}";
      options = plugin;
      network = plugin.allowNetwork;
      environment.HOME = "%S/qntx-${name}";
      credentials = lib.optional (plugin.tokenFile != null) "token:${plugin.tokenFile}";
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
            _: plugin: plugin.settings // lib.optionalAttrs (plugin.listen != null) { address = plugin.listen; }
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
          // cfg.host.settings;
        };
      configFile = (pkgs.formats.toml { }).generate "am.toml" cfg.settings;
    };

    assertions = [
      {
        assertion = lib.unique addresses == addresses;
        message = "services.qntx-python: two plugins listen on one address";
      }
    ]
    ++ lib.mapAttrsToList (name: plugin: {
      assertion = onLoopback plugin || plugin.tokenFile != null;
      message = "services.qntx-python.plugins.${name}: ${plugin.listen} is not on loopback, so tokenFile must be set";
    }) alone;

    systemd.services =
      lib.optionalAttrs cfg.host.enable { qntx = hostUnit; }
      // lib.mapAttrs' (name: plugin: lib.nameValuePair "qntx-${name}-plugin" (pluginUnit name plugin)) alone;

    environment = lib.mkIf (enabled != { } || cfg.host.enable) {
      etc."qntx/am.toml".source = cfg.configFile;
      systemPackages = lib.optional cfg.host.enable cfg.host.package;
    };
  };
}
