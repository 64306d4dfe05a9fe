# The `qntx` command with what the host needs.
{
  runCommand,
  makeWrapper,
  chassis,
  python,
}:
let
  env = python.withPackages (_set: [ chassis ] ++ chassis.optional-dependencies.host);
in
runCommand "qntx-host-${chassis.version}"
  {
    pname = "qntx-host";
    inherit (chassis) version;
    nativeBuildInputs = [ makeWrapper ];
    passthru = { inherit env; };
    meta = {
      description = "The qntx command: the host of the QNTX Python plugin family";
      inherit (chassis.meta) license;
      mainProgram = "qntx";
    };
  }
  # As a plugin's launcher, for the same reasons: variants/plugin.nix.
  ''
    mkdir -p $out/libexec
    cat > $out/libexec/qntx.py <<'PYTHON'
    import sys

    from qntx.cli.__main__ import main

    sys.exit(main())
    PYTHON
    makeWrapper ${env}/bin/python3 $out/bin/qntx --add-flags "-IB $out/libexec/qntx.py"
  ''
