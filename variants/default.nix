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
  images = lib.mapAttrs (_: import ./image.nix { inherit pkgs; }) plugins;
  bills = lib.mapAttrs (_: plugin: plugin.bill) plugins;

  host = pkgs.callPackage ../chassis/host.nix { inherit chassis python; };
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
    // lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux (named (name: "qntx-${name}-image") images)
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
