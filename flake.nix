{
  description = "The QNTX Python plugin family: one chassis, one manifest for each variant";

  # A release branch: python313 is built and patched there, and grpcio and protobuf move together. flake.lock has the
  # revision. There is no other input, so nothing else has to be trusted or locked.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      eachSystem = f: lib.genAttrs systems (system: f (family nixpkgs.legacyPackages.${system}));

      manifest = import ./variants/manifest.nix { inherit lib; };
      variants = manifest.loadVariants ./variants;
      family = pkgs: import ./variants { inherit pkgs manifest variants; };
    in
    {
      packages = eachSystem (family: family.packages);
      apps = eachSystem (family: family.apps);
      devShells = eachSystem (family: family.devShells);
      checks = eachSystem (family: import ./tests/nix/checks.nix { inherit self family manifest; });
      formatter = eachSystem (family: family.formatter);

      lib = {
        inherit (manifest) loadManifest loadVariants;
        inherit variants;
        # mkPlugin { pkgs, name, manifest = ./plugin.toml, … }, for a flake of one's own.
        mkPlugin = { pkgs, ... }@arguments: (family pkgs).mkPlugin (removeAttrs arguments [ "pkgs" ]);
      };
      overlays.default = import ./variants/overlay.nix { inherit family; };
      nixosModules.default = import ./chassis/module.nix { inherit family; };
      templates = rec {
        default = variant;
        variant = {
          path = ./tests/nix/template;
          description = "A variant of your own, in its own flake";
        };
      };
    };
}
