# The family over a package set: a plugin, an image, a shell and a bill of materials for each variant, and the host.
{
  pkgs,
  manifest,
  variants,
}:
let
  inherit (pkgs) lib;
  inherit (import ./plugin.nix { inherit pkgs manifest; }) mkPlugin python;

  chassis = python.pkgs.callPackage ../chassis/package.nix { variants = ./.; };

  plugins = lib.mapAttrs (_: variant: mkPlugin { inherit variant; }) variants;
  # With the optional packages too, as far as this package set has them; the same plugin where there are none.
  full = lib.mapAttrs (
    _: variant:
    mkPlugin {
      inherit variant;
      withOptional = true;
    }
  ) variants;
  image = import ./image.nix { inherit pkgs; };
  # Off loopback a plugin demands a token: hand one in as QNTX_PLUGIN_TOKEN, or mount it and name it with --token-file
  # after these arguments.
  images = lib.mapAttrs (
    _: plugin:
    image {
      package = plugin;
      arguments = [
        "--address"
        "0.0.0.0:38700"
      ];
      port = 38700;
    }
  ) plugins;
  bills = lib.mapAttrs (_: plugin: plugin.bill) plugins;

  host = pkgs.callPackage ../chassis/host.nix { inherit chassis python; };
  # Off loopback it demands tokens and a certificate, or --insecure-http where its port is published on loopback alone.
  hostImage = image {
    package = host;
    arguments = [
      "up"
      "--listen"
      "0.0.0.0:8777"
    ];
    port = 8777;
    state = "/var/lib/qntx";
  };
  everything = pkgs.symlinkJoin {
    name = "qntx-python-family";
    paths = [ host ] ++ lib.attrValues plugins;
    nativeBuildInputs = [ pkgs.makeWrapper ];
    # The host that stands beside the plugins finds them there, unless it is told otherwise.
    postBuild = ''
      rm $out/bin/qntx
      makeWrapper ${host}/bin/qntx $out/bin/qntx --set-default QNTX_PLUGIN_PATHS $out/bin
    '';
    meta = host.meta;
  };

  named = form: lib.mapAttrs' (name: lib.nameValuePair (form name));
  app = description: program: {
    type = "app";
    inherit program;
    meta = { inherit description; };
  };
in
{
  inherit
    bills
    chassis
    full
    host
    images
    mkPlugin
    pkgs
    plugins
    python
    variants
    ;

  packages =
    named (name: "qntx-${name}-plugin") plugins
    // named (name: "qntx-${name}-plugin-full") full
    // named (name: "qntx-${name}-sbom") bills
    // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux (
      named (name: "qntx-${name}-image") images // { qntx-host-image = hostImage; }
    )
    // {
      qntx-chassis = chassis;
      qntx-host = host;
      default = everything;
    };

  apps =
    lib.mapAttrs (_: plugin: app plugin.meta.description (lib.getExe plugin)) (
      named (name: "qntx-${name}-plugin") plugins
    )
    // rec {
      default = qntx;
      qntx = app "The qntx command, with every plugin of the family beside it" "${everything}/bin/qntx";
      new-variant = app "Write the manifest of a new variant: nix run .#new-variant NAME [DEPENDENCY]…" (
        lib.getExe (
          pkgs.writeShellScriptBin "new-variant" ''
            PATH=${lib.makeBinPath [ pkgs.git ]}''${PATH:+:$PATH} exec ${host}/bin/qntx variant new "$@"
          ''
        )
      );
    };

  devShells = import ./shells.nix { inherit pkgs chassis plugins python; };
  formatter = pkgs.nixfmt-tree;
}
