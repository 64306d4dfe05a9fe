# An image of one program, streamed: `nix build` gives a script that writes the layers to its standard output.
{ pkgs }:
{
  package,
  # What it is started with, unless the container says otherwise.
  arguments,
  port,
  # Where the program keeps things, if it does; a volume belongs there.
  state ? null,
}:
let
  inherit (pkgs) lib;
  nobody = "65534:65534";
in
pkgs.dockerTools.streamLayeredImage {
  name = package.pname;
  tag = package.version;
  contents = [
    package
    pkgs.dockerTools.fakeNss
  ];
  # A scratch folder and a home for code that asks for one.
  extraCommands = "mkdir -m 1777 tmp";
  # A new volume takes its owner from here.
  fakeRootCommands = lib.optionalString (state != null) ''
    mkdir -p .${state}
    chown ${nobody} .${state}
    chmod 0700 .${state}
  '';
  config = {
    Entrypoint = [ (lib.getExe package) ];
    Cmd = arguments;
    Env = [
      "HOME=/tmp"
      "PYTHONUNBUFFERED=1"
    ]
    ++ lib.optional (state != null) "QNTX_HOME=${state}";
    ExposedPorts."${toString port}/tcp" = { };
    User = nobody;
    WorkingDir = "/tmp";
  }
  // lib.optionalAttrs (state != null) { Volumes.${state} = { }; };
}
