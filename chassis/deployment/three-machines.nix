# Three machines: two hosts that share their work, and a third with the database and a replica of each plugin for both.
#
#   nixosConfigurations = lib.mapAttrs (name: module: lib.nixosSystem { modules = [ qntx.nixosModules.default module ]; … })
#     (import "${qntx}/chassis/deployment/three-machines.nix");
#
# Secrets are files that are there on the machines: /run/secrets/qntx-database holds
# QNTX_DATABASE=postgresql://qntx:PASSWORD@10.0.0.3/qntx, /run/secrets/plugins a token of 32 characters or more.
let
  token = "/run/secrets/plugins";

  # The plugins of both machines with processors to spare; each host calls them all.
  elsewhere = port: [
    "10.0.0.2:${toString port}"
    "10.0.0.3:${toString port}"
  ];
  data = {
    addresses = elsewhere 38701;
    tokenFile = token;
  };
  bio = {
    addresses = elsewhere 38702;
    tokenFile = token;
  };

  host = address: {
    services.qntx-python = {
      host = {
        enable = true;
        databaseFile = "/run/secrets/qntx-database";
        settings = {
          services_address = "${address}:8778";
          tls_certificate = "/var/lib/acme/qntx/fullchain.pem";
          tls_key = "/var/lib/acme/qntx/key.pem";
        };
      };
      pulse.drain_seconds = 30;
      # Small scripts run beside the host.
      plugins = {
        python = { };
        inherit data bio;
      };
    };
    networking.firewall.allowedTCPPorts = [ 8778 ];
  };

  listening = address: {
    services.qntx-python.plugins = {
      data = data // {
        listen = "${address}:38701";
        memoryMax = "48G";
      };
      bio = bio // {
        listen = "${address}:38702";
      };
    };
    networking.firewall.allowedTCPPorts = [
      38701
      38702
    ];
  };
in
{
  one = host "10.0.0.1";

  two = {
    imports = [
      (host "10.0.0.2")
      (listening "10.0.0.2")
    ];
  };

  three = {
    imports = [ (listening "10.0.0.3") ];
    services.postgresql = {
      enable = true;
      enableTCPIP = true;
      ensureDatabases = [ "qntx" ];
      ensureUsers = [
        {
          name = "qntx";
          ensureDBOwnership = true;
        }
      ];
      authentication = "host qntx qntx 10.0.0.0/24 scram-sha-256";
    };
    networking.firewall.allowedTCPPorts = [ 5432 ];
  };
}
