# The part of nixpkgs' package set that this project calls, over programs of the machine.
{
  lib,
  system,
  overlays ? [ ],
}:
let
  host = builtins.fromJSON (builtins.readFile ./host.json);
  wheels = builtins.fromJSON (builtins.readFile ./wheels.json);

  mkDerivation =
    attributes:
    let
      named = lib.optionalAttrs (!(attributes ? name)) { name = "${attributes.pname}-${attributes.version}"; };
      plain = removeAttrs attributes [
        "passthru"
        "meta"
        "env"
      ];
    in
    derivation (
      {
        inherit system;
        builder = "/bin/bash";
        args = [
          "-ec"
          # `exit`, so that the shell stays to the end: one that turned itself into its last program would have that
          # program close the log before it ends, which Nix takes for the end of the build, and kills it.
          "source $stdenv/setup; set -eu -o pipefail; umask 022; eval \"$buildCommand\"; exit 0"
        ];
        stdenv = ./stdenv;
        # `nix develop` reads it.
        outputs = [ "out" ];
        hostPath = host.path;
      }
      // named
      // plain
      // attributes.env or { }
    )
    // {
      meta = attributes.meta or { };
    }
    // attributes.passthru or { };

  # A program that the machine may have. Without it the package is an empty folder, and who calls it hears so.
  hostProgram =
    name:
    mkDerivation {
      inherit name;
      meta.mainProgram = name;
      buildCommand = ''
        mkdir -p $out/bin
        if program=$(command -v ${name}); then ln -s "$program" $out/bin/${name}; fi
      '';
    };

  # Named by the flake and left out here: it evaluates, and says so when it is built.
  absent =
    name:
    mkDerivation {
      inherit name;
      meta.mainProgram = name;
      buildCommand = "echo '${name}: not in the stand-in' >&2; exit 69";
    };

  callWith =
    scope: f: arguments:
    let
      function = if lib.isFunction f then f else import f;
    in
    function (builtins.intersectAttrs (builtins.functionArgs function) scope // arguments);

  base = final: {
    inherit lib system;
    stdenv = {
      inherit mkDerivation;
      hostPlatform = {
        inherit system;
        isLinux = lib.hasSuffix "-linux" system;
      };
    };
    callPackage = callWith final;
    pythonPackagesExtensions = [ ];

    runCommand =
      name: attributes: text:
      mkDerivation (
        attributes
        // {
          inherit name;
          buildCommand = text;
        }
      );
    writeText =
      name: text:
      mkDerivation {
        inherit name text;
        passAsFile = [ "text" ];
        buildCommand = "cp $textPath $out";
      };
    writeShellScriptBin =
      name: text:
      mkDerivation {
        inherit name;
        text = "#!/bin/bash\n${text}";
        passAsFile = [ "text" ];
        buildCommand = "mkdir -p $out/bin; cp $textPath $out/bin/$name; chmod +x $out/bin/$name";
        meta.mainProgram = name;
      };
    symlinkJoin =
      {
        name,
        paths,
        postBuild ? "",
        nativeBuildInputs ? [ ],
        meta ? { },
      }:
      mkDerivation {
        inherit
          name
          paths
          nativeBuildInputs
          meta
          ;
        buildCommand = ''
          mkdir -p $out
          for path in $paths; do cp -rs --no-preserve=mode "$path/." $out/; done
          ${postBuild}
        '';
      };
    mkShell =
      {
        name ? "shell",
        packages ? [ ],
        shellHook ? "",
        ...
      }:
      mkDerivation {
        inherit name shellHook;
        nativeBuildInputs = packages;
        buildCommand = "export > $out";
      };
    makeWrapper = mkDerivation {
      name = "makeWrapper";
      buildCommand = "mkdir -p $out/nix-support; cp ${./make-wrapper.sh} $out/nix-support/setup-hook";
    };
    formats.toml = _: {
      type = lib.types.anything;
      generate =
        name: value:
        mkDerivation {
          inherit name;
          json = builtins.toJSON value;
          passAsFile = [ "json" ];
          buildCommand = "${host.python} -IB ${./build.py} toml $jsonPath $out";
        };
    };

    bash = hostProgram "bash";
    bashInteractive = hostProgram "bash";
    coreutils = hostProgram "env";
    git = hostProgram "git";
    procps = hostProgram "ps";
    systemd = hostProgram "systemd-analyze";
    nixfmt-tree = absent "nixfmt";
    dockerTools = {
      streamLayeredImage = image: absent image.name // { inherit (image) config; };
      fakeNss = absent "fakeNss";
    };

    python313 = {
      pname = "python3";
      inherit (host) version;
      pythonAttr = "python313";
      interpreter = host.python;
      sitePackages = "lib/python${lib.concatStringsSep "." (lib.take 2 (lib.splitString "." host.version))}/site-packages";
      pkgs = pythonSet final;
      withPackages = f: environment (f final.python313.pkgs);
    };
  };

  # A wheel that check.sh has put into the store. Nix knows it by its hash and never builds this.
  wheelFile =
    wheel:
    derivation {
      inherit system;
      name = wheel.file;
      builder = "/bin/sh";
      args = [
        "-c"
        "echo '${wheel.file} is not in the store: tests/nix/check.sh puts it there' >&2; exit 69"
      ];
      outputHashMode = "flat";
      outputHashAlgo = "sha256";
      outputHash = wheel.sha256;
    };

  # "sqlalchemy", or what its extra asks for: "sqlalchemy[asyncio]".
  needed =
    set:
    lib.concatMap (
      text:
      let
        parts = builtins.match "([^[]+)(\\[(.*)])?" text;
        package = set.${builtins.elemAt parts 0};
      in
      if builtins.elemAt parts 1 == null then [ package ] else package.optional-dependencies.${builtins.elemAt parts 2}
    );

  wheelPackage =
    set: pname: wheel:
    mkDerivation {
      inherit pname;
      inherit (wheel) version;
      src = wheelFile wheel;
      buildCommand = "${host.python} -IB ${./build.py} wheel $src $out";
      passthru = {
        dependencies = needed set wheel.requires;
        optional-dependencies = lib.mapAttrs (_: needed set) wheel.extras;
      };
      meta.license.fullName = wheel.license;
    };

  closure =
    packages:
    let
      step =
        seen: package:
        if lib.elem package.outPath (map (one: one.outPath) seen) then
          seen
        else
          lib.foldl' step (seen ++ [ package ]) (package.dependencies or [ ]);
    in
    lib.foldl' step [ ] packages;

  environment =
    packages:
    mkDerivation {
      name = "python3-${host.version}-env";
      paths = map (package: package.outPath) (closure packages);
      buildCommand = "${host.python} -IB ${./build.py} env $out ${host.python} $paths";
    };

  buildPythonPackage =
    attributes:
    let
      dependencies = attributes.dependencies or [ ];
    in
    mkDerivation (
      removeAttrs attributes [
        "build-system"
        "dependencies"
        "optional-dependencies"
        "pyproject"
        "pythonImportsCheck"
      ]
      // {
        name = "python3-${attributes.pname}-${attributes.version}";
        nativeBuildInputs = [ (environment (attributes.build-system ++ dependencies)) ];
        imports = attributes.pythonImportsCheck or [ ];
        buildCommand = ''
          cp -r --no-preserve=mode $src source && cd source
          python3 -IB ${./build.py} pep517 ../dist
          ${host.python} -IB ${./build.py} wheel ../dist/*.whl $out
          python3 -IB ${./build.py} check $out $imports
        '';
        passthru = {
          inherit dependencies;
          optional-dependencies = attributes.optional-dependencies or { };
        }
        // attributes.passthru or { };
      }
    );

  pythonSet =
    final:
    lib.fix (
      lib.foldl' (set: overlay: lib.extends overlay set) (
        set:
        lib.mapAttrs (wheelPackage set) wheels
        // {
          inherit lib buildPythonPackage;
          python = final.python313;
          callPackage = callWith (final // set);
          requiredPythonModules = closure;
        }
      ) final.pythonPackagesExtensions
    );
in
lib.fix (lib.foldl' (set: overlay: lib.extends overlay set) base overlays)
