# A plugin's image, streamed: `nix build` gives a script that writes the layers to its standard output.
{ pkgs }:
plugin:
pkgs.dockerTools.streamLayeredImage {
  name = plugin.pname;
  tag = plugin.version;
  contents = [
    plugin
    pkgs.dockerTools.fakeNss
  ];
  # A scratch folder and a home for code that asks for one.
  extraCommands = "mkdir -m 1777 tmp";
  config = {
    Entrypoint = [ (pkgs.lib.getExe plugin) ];
    # Off loopback the plugin demands a token: hand one in as QNTX_PLUGIN_TOKEN, or mount it and name it with
    # --token-file after these arguments.
    Cmd = [
      "--address"
      "0.0.0.0:38700"
    ];
    Env = [
      "HOME=/tmp"
      "PYTHONUNBUFFERED=1"
    ];
    ExposedPorts."38700/tcp" = { };
    User = "65534:65534";
    WorkingDir = "/tmp";
  };
}
