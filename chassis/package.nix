# The chassis as an ordinary Python package. What it depends on is read from pyproject.toml, so there is one list.
{
  lib,
  python,
  buildPythonPackage,
  hatchling,
  grpcio-tools,
  # Manifests for `qntx variant`. A plugin's chassis has none: an edit of one variant must not rebuild the others.
  variants ? null,
}:
let
  inherit ((builtins.fromTOML (builtins.readFile ./pyproject.toml))) project;
  manifest = import ../variants/manifest.nix { inherit lib; };

  # What package sets may lack. Theirs is taken where there is one.
  ours = import ./pypi.nix { inherit lib python; };

  # "uvicorn[standard]>=0.32" -> uvicorn and what its extra names.
  packagesOf =
    requirement:
    let
      parts = builtins.match "([A-Za-z0-9._-]+)(\\[([a-z0-9,-]+)])?.*" requirement;
      attribute = manifest.normalise (builtins.elemAt parts 0);
      package =
        python.pkgs.${attribute} or ours.${attribute}
          or (throw "chassis/pyproject.toml: this package set has no Python package '${attribute}'");
      extras = lib.splitString "," (builtins.elemAt parts 2);
    in
    [ package ]
    ++ lib.optionals (builtins.elemAt parts 1 != null) (
      lib.concatMap (extra: package.optional-dependencies.${extra}) extras
    );

  only =
    name: path: keep:
    builtins.path {
      inherit name path;
      filter = file: type: keep (lib.removePrefix "${toString path}/" file) type;
    };
  is = form: file: builtins.match form file != null;
in
buildPythonPackage {
  pname = project.name;
  inherit (project) version;
  pyproject = true;

  src = only "qntx-chassis" ./. (
    file: _type: is "(pyproject[.]toml|README[.]md|hatch_build[.]py|src(/.*)?)" file && !(is ".*(__pycache__|_pb2[.]pyi?)" file)
  );

  build-system = [
    hatchling
    grpcio-tools
  ];
  dependencies = lib.concatMap packagesOf project.dependencies;
  optional-dependencies = lib.mapAttrs (_: lib.concatMap packagesOf) project.optional-dependencies;

  # Stubs are made here and never committed: protobuf refuses those that are newer than its runtime.
  env = {
    QNTX_PROTO_DIR = only "qntx-proto" ../proto (file: _type: is ".*[.]proto" file);
    QNTX_VARIANTS_DIR =
      if variants == null then
        # A folder in which nothing is a manifest.
        only "qntx-no-variants" ../variants (_file: _type: false)
      else
        only "qntx-variants" variants (file: _type: is "[^/]*(/(plugin[.]toml|ingest(/[^/]*[.]py)?))?" file);
  };

  # The *_pb2 modules are here so that stubs their runtime refuses fail this build and not a start.
  pythonImportsCheck = [
    "qntx"
    "qntx.worker"
  ]
  ++ map (file: "qntx.protocol.${lib.removeSuffix ".proto" file}_pb2") (
    builtins.filter (lib.hasSuffix ".proto") (builtins.attrNames (builtins.readDir ../proto))
  );

  meta = {
    inherit (project) description;
    license = lib.licenses.mit;
    mainProgram = "qntx";
  };
}
