# The flake's checks, for each system: what is promised of the manifests, of each plugin, of the host and of the units.
{
  self,
  family,
  manifest,
}:
let
  inherit (family) pkgs plugins python;
  inherit (pkgs) lib;

  # A check is a derivation that says what it saw.
  check = name: inputs: script: pkgs.runCommand "check-${name}" { nativeBuildInputs = inputs; } script;

  # Python with the wire's own modules, and what the conformance suite runs under.
  tester = python.withPackages (set: [
    family.chassis
    set.psutil
    set.pytest
    set.pytest-asyncio
    set.pytest-timeout
  ]);

  # The conformance suite of plugins, and pytest's configuration: an edit of another test checks no plugin again.
  suite = lib.concatMapStringsSep "\n" (file: "install -D ${../.. + "/${file}"} ${file}") [
    "pyproject.toml"
    "tests/processes.py"
    "tests/conformance/conftest.py"
    "tests/conformance/core.py"
    "tests/conformance/plugin.py"
  ];

  ofPlugin = name: plugin: {
    "${name}-imports" = check "${name}-imports" [ ] ''
      ${plugin.env}/bin/python3 -IB -c ${
        lib.escapeShellArg (
          lib.concatLines (map (module: "import ${module}") ([ "qntx" ] ++ plugin.variant.imports ++ plugin.variant.preload))
        )
      }
      echo ${toString plugin.variant.imports} > $out
    '';
    "${name}-launcher" = check "${name}-launcher" [ ] ''
      export HOME=$PWD
      ${tester}/bin/python3 -IB ${./launcher.py} ${lib.getExe plugin} ${name} | tee $out
    '';
    "${name}-smoke" = check "${name}-smoke" [ ] ''
      export HOME=$PWD
      ${tester}/bin/python3 -IB ${./smoke.py} ${lib.getExe plugin} ${name} \
        ${plugin}/share/qntx/variants/${name}/plugin.toml | tee $out
    '';
    "${name}-plugin" = check "${name}-plugin" [ ] ''
      export HOME=$PWD QNTX_HOME=$PWD/qntx PYTHONPATH=$PWD
      ${suite}
      ${tester}/bin/python3 -B -m pytest -q -p no:cacheprovider tests/conformance/plugin.py \
        --plugin ${lib.getExe plugin} --plugin-name ${name} | tee $out
    '';
    "${name}-sbom" = check "${name}-sbom" [ ] ''
      ${tester}/bin/python3 -IB ${./bill.py} ${plugin.bill} ${plugin.env} | tee $out
    '';
  };

  bad = builtins.fromTOML (builtins.readFile ../conformance/manifests.toml);
  saidOfBad = name: case: manifest.faultOf (case.name or "chem") (builtins.fromTOML case.manifest);
  wrong = lib.filterAttrs (name: case: saidOfBad name case != case.fault) bad;

  satisfies =
    version: constraint:
    manifest.satisfies version (builtins.head (manifest.requirement "x${constraint}").constraints);
  facts = {
    "a name is compared as PEP 503 has it" = (manifest.requirement "Ruamel.Yaml__x").key == "ruamel-yaml-x";
    "1.26.4 is compatible with 1.26.1" = satisfies "1.26.4" "~=1.26.1";
    "1.27.0 is not compatible with 1.26.1" = !(satisfies "1.27.0" "~=1.26.1");
    "1.10 is above 1.9" = satisfies "1.10" ">1.9";
    "2.0 is 2.0.0" = satisfies "2.0" "==2.0.0";
    "a candidate comes before its release" = satisfies "2.0rc1" "<2.0";
    "a post release comes after its release" = satisfies "2.0.post1" ">2.0";
    "a name that begins with another's and a hyphen is refused" =
      manifest.shadowedAmong [
        "bio"
        "python-bio"
        "python"
      ] == "variant 'python-bio' begins with 'python-', so QNTX would take its watchers for those of 'python'";
    "every folder with a manifest is a plugin" = lib.all (name: plugins ? ${name}) (
      lib.filter (name: builtins.pathExists (../../variants + "/${name}/plugin.toml")) (
        builtins.attrNames (builtins.readDir ../../variants)
      )
    );
  };
  broken = lib.attrNames (lib.filterAttrs (_: holds: !holds) facts);

  units = import ./units.nix { inherit self pkgs; };
in
lib.concatMapAttrs ofPlugin plugins
// {
  inherit (family) chassis;

  host = check "host" [ ] ''
    export HOME=$PWD
    ${family.host}/bin/qntx --help | tee $out
    ${family.host}/bin/qntx variant list --json | tee -a $out
    ${lib.concatMapStringsSep "\n" (name: ''grep -q '"name": "${name}"' $out'') (lib.attrNames plugins)}
  '';

  manifests =
    if wrong != { } then
      throw "bad manifests: ${
        lib.concatStringsSep "; " (
          lib.mapAttrsToList (name: case: "${name}: expected \"${case.fault}\", got \"${saidOfBad name case}\"") wrong
        )
      }"
    else if broken != [ ] then
      throw "does not hold: ${lib.concatStringsSep "; " broken}"
    else
      check "manifests" [ ] ''
        echo "${toString (builtins.length (lib.attrNames bad))} bad manifests refused, ${toString (builtins.length (lib.attrNames facts))} facts hold" > $out
      '';

  # What another flake makes of the template, with the function it gets.
  template =
    (ofPlugin "chem" (
      family.mkPlugin {
        name = "chem";
        manifest = ./template/plugin.toml;
      }
    )).chem-smoke;
}
// lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
  # The units, and the configuration as the host reads it. systemd-analyze judges the units outside of this: it wants a
  # /run of its own, which a build has not.
  units = check "units" [ ] ''
    ${family.host.env}/bin/python3 -IBc ${
      lib.escapeShellArg (
        lib.concatLines [
          "from pathlib import Path"
          "from qntx.host import config, home"
          "print(config.load(home.Home(Path.cwd()), named=Path('${units}/am.toml')))"
        ]
      )
    }
    cp -r ${units} $out
  '';
}
// lib.optionalAttrs (pkgs.stdenv.hostPlatform.isLinux && pkgs ? testers) {
  vm = pkgs.testers.runNixOSTest (import ./vm.nix { inherit self; });
}
