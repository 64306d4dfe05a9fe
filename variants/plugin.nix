# A variant's manifest -> its plugin: an environment with the chassis and the variant's packages, and a launcher.
{
  pkgs,
  manifest,
  python ? pkgs.python313,
}:
let
  inherit (pkgs) lib;
  inherit (manifest) loadManifest nearest satisfies;

  where = variant: "${toString variant.folder}/plugin.toml";

  # A requirement -> the package of the set, its version held against the constraints while evaluating.
  resolve =
    variant: set: requirement:
    let
      attribute = variant.nix.${requirement.key} or requirement.key;
      package = set.${attribute};
      unmet = lib.filter (constraint: !(satisfies package.version constraint)) requirement.constraints;
      wanted = lib.concatMapStringsSep "," (constraint: constraint.op + constraint.version) requirement.constraints;
    in
    if !(set ? ${attribute}) then
      throw "${where variant}: nixpkgs has no ${python.pythonAttr} package '${attribute}' (nearest: ${near set attribute}). Where the attribute has another name, say so: [nix] ${requirement.key} = \"…\""
    else if unmet != [ ] then
      throw "${where variant}: '${requirement.key}' is ${package.version} in nixpkgs, wanted ${wanted}"
    else
      package;

  # Only names of about that length are measured: there are thousands.
  near =
    set: name:
    let
      length = builtins.stringLength name;
      close = lib.filter (
        other: builtins.stringLength other >= length - 2 && builtins.stringLength other <= length + 2
      ) (lib.attrNames set);
    in
    if close == [ ] then "none" else nearest name close;

  # Broken and unsupported packages throw; what fails only when it is built is why -full is a package of its own.
  usable =
    variant: set: requirement:
    (builtins.tryEval (resolve variant set requirement).outPath).success;

  toolOf =
    variant: name:
    pkgs.${name} or (throw "${where variant}: nixpkgs has no package '${name}' for 'tools' (nearest: ${near pkgs name})");

  # What of the folder goes into the plugin: an edit beside the manifest rebuilds nothing.
  sourceOf =
    variant:
    builtins.path {
      name = "qntx-${variant.name}-variant";
      path = variant.folder;
      filter =
        file: _type:
        builtins.match "plugin[.]toml|ingest(/[^/]*[.]py)?" (
          lib.removePrefix "${toString variant.folder}/" (toString file)
        ) != null;
    };

  mkPlugin =
    {
      name ? variant.name,
      manifest ? null,
      variant ? loadManifest name manifest,
      withOptional ? false,
      extraPackages ? _set: [ ],
      extraEnv ? { },
    }:
    let
      program = "qntx-${name}-plugin";
      chassisIn = set: set.callPackage ../chassis/package.nix { };
      packagesIn =
        set:
        map (resolve variant set) (
          variant.dependencies ++ lib.optionals withOptional (lib.filter (usable variant set) variant.optional)
        )
        ++ extraPackages set;
      env = python.withPackages (set: [ (chassisIn set) ] ++ packagesIn set);
      variables = variant.env // extraEnv;
      bill = import ./sbom.nix { inherit pkgs; } {
        inherit program variant;
        modules = python.pkgs.requiredPythonModules ([ (chassisIn python.pkgs) ] ++ packagesIn python.pkgs);
      };
    in
    pkgs.runCommand "${program}-${variant.version}"
      {
        pname = program;
        inherit (variant) version;
        nativeBuildInputs = [ pkgs.makeWrapper ];
        passthru = {
          inherit
            bill
            env
            packagesIn
            python
            variant
            ;
        };
        meta = {
          inherit (variant) description;
          license = lib.licenses.mit;
          mainProgram = program;
          platforms = lib.platforms.unix;
        };
      }
      # The launcher runs a file of this output, not `-m`: QNTX finds strays by looking for the program's name in `ps`.
      # -I: nothing of the caller's PYTHON… variables or home. -B: whoever may write to the store must not: bytecode
      # breaks its hashes. The interpreter keeps its own name: an environment finds its packages by it. And nothing here
      # names a commit, so that one that leaves a variant alone leaves its store path alone.
      ''
        mkdir -p $out/libexec $out/share/qntx/variants/${name}
        cp -r ${sourceOf variant}/. $out/share/qntx/variants/${name}/
        cat > $out/libexec/${program}.py <<'PYTHON'
        import sys

        from qntx.plugin.__main__ import main

        sys.exit(main())
        PYTHON
        makeWrapper ${env}/bin/python3 $out/bin/${program} \
          --add-flags "-IB $out/libexec/${program}.py" \
          --add-flags "--name ${name} --manifest $out/share/qntx/variants/${name}/plugin.toml" \
          ${
            lib.concatStringsSep " " (
              lib.mapAttrsToList (
                variable: value: "--set-default ${lib.escapeShellArg variable} ${lib.escapeShellArg value}"
              ) variables
            )
          } ${
            lib.optionalString (
              variant.tools != [ ]
            ) "--prefix PATH : ${lib.makeBinPath (map (toolOf variant) variant.tools)}"
          }
      '';
in
{
  inherit mkPlugin python;
}
