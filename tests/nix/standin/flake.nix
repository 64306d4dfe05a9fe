{
  description = "The functions of nixpkgs that this project calls, over the machine's own Python and pinned wheels";

  # Not a package set: it shows that the project's own Nix code holds and that what it makes runs, on a machine with no
  # binary cache. It shows nothing about nixpkgs. check.sh puts wheels.json and host.json beside this file.
  outputs =
    _:
    let
      lib = import ./lib.nix;
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ] (
        system: import ./packages.nix { inherit lib system; }
      );
    };
}
