# Shells in which an edit of the checkout is seen at the plugin's next start.
{
  pkgs,
  chassis,
  plugins,
  python,
}:
let
  inherit (pkgs) lib;

  tools = set: [
    set.grpcio-tools
    set.hatchling
    set.pytest
    set.pytest-asyncio
    set.pytest-timeout
  ];

  # An environment with everything but the chassis, and over it, in the checkout, a virtual environment whose .pth files
  # name the checkout's sources and that environment. Programs that a plugin starts see the edits too, whatever they do
  # with their variables.
  shell =
    {
      name,
      packagesIn,
      programs,
    }:
    let
      env = python.withPackages (set: chassis.dependencies ++ tools set ++ packagesIn set);
    in
    pkgs.mkShell {
      name = "qntx-${name}";
      packages = programs ++ [ env ];
      shellHook = ''
        export QNTX_CHECKOUT=$(git rev-parse --show-toplevel 2>/dev/null || pwd)
        export QNTX_SHELL=$QNTX_CHECKOUT/build/nix/shell/${name}
        mkdir -p "$QNTX_SHELL/bin" "$QNTX_SHELL/${python.sitePackages}"
        ln -sfn ${python.interpreter} "$QNTX_SHELL/bin/python3"
        printf 'home = %s\ninclude-system-site-packages = false\n' \
          "$(dirname ${python.interpreter})" > "$QNTX_SHELL/pyvenv.cfg"
        printf '%s\nimport site; site.addsitedir("%s")\n' \
          "$QNTX_CHECKOUT/chassis/src" ${env}/${python.sitePackages} > "$QNTX_SHELL/${python.sitePackages}/checkout.pth"
        export PATH=$QNTX_SHELL/bin:$PATH
        (cd "$QNTX_CHECKOUT/chassis" && python3 -B -c 'from pathlib import Path; import hatch_build; hatch_build.generate(Path("../proto"), Path("src", hatch_build.PACKAGE))')
      '';
    };

  # A program, not a shell function: `nix develop -c` execs its command.
  program =
    name: arguments:
    pkgs.writeShellScriptBin name ''
      : "''${QNTX_SHELL:?start this inside nix develop}"
      exec "$QNTX_SHELL/bin/python3" -IB ${arguments} "$@"
    '';
in
lib.mapAttrs (
  name: plugin:
  shell {
    inherit name;
    inherit (plugin) packagesIn;
    programs = [
      (program plugin.pname ''-m qntx.plugin --name ${name} --manifest "$QNTX_CHECKOUT/variants/${name}/plugin.toml"'')
    ];
  }
) plugins
// {
  default = shell {
    name = "host";
    packagesIn = _set: chassis.optional-dependencies.host;
    programs = [ (program "qntx" "-m qntx.cli") ];
  };
}
