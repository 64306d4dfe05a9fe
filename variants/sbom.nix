# What a plugin is made of, as a CycloneDX document: each Python package with its version and licence.
{ pkgs }:
{
  program,
  variant,
  modules,
}:
let
  inherit (pkgs) lib;

  licence =
    one:
    if one ? spdxId then { license.id = one.spdxId; } else { license.name = one.fullName or (toString one); };

  component = module: {
    type = "library";
    name = module.pname;
    inherit (module) version;
    purl = "pkg:pypi/${module.pname}@${module.version}";
    licenses = map licence (lib.toList (module.meta.license or [ ]));
  };

  # The interpreter is among them, without being a package of an index.
  isModule = module: module ? pname && module.pname != "python3";
in
pkgs.writeText "${program}-${variant.version}.cdx.json" (
  builtins.toJSON {
    bomFormat = "CycloneDX";
    specVersion = "1.5";
    version = 1;
    metadata.component = {
      type = "application";
      name = program;
      inherit (variant) version description;
    };
    components = map component (
      lib.sort (a: b: a.pname < b.pname) (lib.filter isModule modules)
    );
  }
)
