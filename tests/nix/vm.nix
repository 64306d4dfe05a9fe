# A machine with the host and its plugins as services: up, answering, and ending without a trace.
{ self }:
{
  name = "qntx-python";

  nodes.machine = {
    imports = [ self.nixosModules.default ];
    virtualisation.memorySize = 3072;
    services.qntx-python = {
      host.enable = true;
      plugins = {
        python = { };
        bio = { };
        data.listen = "127.0.0.1:38701";
      };
    };
  };

  testScript = ''
    import json

    def execute(glyph, content):
        body = json.dumps({"glyph": glyph, "content": content})
        return json.loads(machine.succeed(
            f"curl -sf -H 'Content-Type: application/json' -d '{body}' http://127.0.0.1:8777/api/python/execute"
        ))

    machine.wait_for_unit("qntx.service")
    machine.wait_for_open_port(8777)
    machine.wait_until_succeeds("curl -sf http://127.0.0.1:8777/health")
    machine.wait_for_unit("qntx-data-plugin.service")
    machine.wait_for_open_port(38701)

    machine.wait_until_succeeds("curl -sf http://127.0.0.1:8777/api/plugins | grep -q '\"bio\"'")
    assert execute("py", "_result = 6 * 7")["result"] == 42
    assert execute("py:bio", "from Bio.Seq import Seq; _result = str(Seq(\"ATGGCC\").translate())")["result"] == "MA"

    machine.wait_until_succeeds("curl -sf http://127.0.0.1:8777/api/plugins/data | grep -q '\"running\"'")
    assert execute("py:data", "import pandas; _result = int(pandas.Series([20, 22]).sum())")["result"] == 42

    machine.succeed("systemctl stop qntx.service qntx-data-plugin.service")
    machine.fail("pgrep -f qntx-.*-plugin")
    print(machine.succeed("systemd-analyze security --no-pager qntx.service | tail -n 1"))
  '';
}
