# pkgs.qntxPlugins, and qntx-chassis in every Python package set.
{ family }:
final: prev: {
  qntxPlugins = (family final).plugins;
  pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [
    (pyfinal: _pyprev: { qntx-chassis = pyfinal.callPackage ../chassis/package.nix { }; })
  ];
}
