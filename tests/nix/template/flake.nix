{
  description = "A QNTX Python plugin of my own";

  # Where the plugin family is; nixpkgs is the revision it was tested with.
  inputs.qntx-python.url = "github:OWNER/qntx-python";
  inputs.nixpkgs.follows = "qntx-python/nixpkgs";

  outputs =
    { nixpkgs, qntx-python, ... }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
    in
    {
      packages = nixpkgs.lib.genAttrs systems (system: {
        default = qntx-python.lib.mkPlugin {
          pkgs = nixpkgs.legacyPackages.${system};
          name = "chem";
          manifest = ./plugin.toml;
        };
      });
    };
}
