"""A plugin of the smallest kind, as somebody else might write one: PythonService alone, and misbehaviour on request.

Started as `standin_plugin.py BEHAVIOUR --port N`, where BEHAVIOUR is a JSON object: `name` is under which it is
installed; `says` another name in Metadata; `silent` no port line; `exits` at once with that code; `sick` after so many
healthy answers; `slow` to initialise by so many seconds; `deaf` to Shutdown and SIGINT; `status` of HandleHTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
import traceback

import grpc
import grpc.aio

from qntx.protocol import domain_pb2, python_pb2
from qntx.wire.services import SERVER_OPTIONS, add_service

TOLD = json.loads(sys.argv[1])
PORT = int(sys.argv[sys.argv.index("--port") + 1])


class Domain:
    def __init__(self, stop: asyncio.Event) -> None:
        self.stop = stop
        self.polls = 0
        self.config: dict[str, str] = {}

    async def Metadata(self, request, context):
        return domain_pb2.MetadataResponse(name=TOLD.get("says", TOLD["name"]), version="1.2.3", author="Somebody")

    async def Initialize(self, request, context):
        self.config = dict(request.config)
        await asyncio.sleep(TOLD.get("slow", 0))
        return domain_pb2.InitializeResponse(
            python_provider=TOLD.get("provider", True), handler_names=[f"{TOLD['name']}.script"]
        )

    async def Health(self, request, context):
        self.polls += 1
        return domain_pb2.HealthResponse(healthy=self.polls <= TOLD.get("sick", 1 << 30), message="so far")

    async def Shutdown(self, request, context):
        if not TOLD.get("deaf"):
            self.stop.set()
        return domain_pb2.Empty()

    async def ConfigSchema(self, request, context):
        field = domain_pb2.ConfigFieldSchema(type="integer", description="How many.", min_value="1", max_value="9")
        return domain_pb2.ConfigSchemaResponse(fields={"count": field})

    async def HandleHTTP(self, request, context):
        if request.path.startswith("/missing"):
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such page")
        seen = {
            "method": request.method,
            "path": request.path,
            "headers": {header.name: list(header.values) for header in request.headers},
            "body": request.body.decode(),
            "config": self.config,
        }
        header = domain_pb2.HTTPHeader(name="X-Several", values=["one", "two"])
        return domain_pb2.HTTPResponse(
            status_code=TOLD.get("status", 200), headers=[header], body=json.dumps(seen).encode()
        )


class Python:
    async def Execute(self, request, context):
        output, names, error = io.StringIO(), {}, ""
        with contextlib.redirect_stdout(output):
            try:
                exec(request.code, names)
            except BaseException:
                error = traceback.format_exc()
        record = {"success": not error, "stdout": output.getvalue(), "stderr": "", "result": names.get("_result")}
        return python_pb2.PythonExecuteResponse(
            success=not error, output=output.getvalue(), error=error, result=json.dumps(record).encode()
        )


def bind(server: grpc.aio.Server) -> int:
    """The port that was asked for, or the next that is still free."""
    port = PORT
    while True:
        try:
            return server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError:
            port += 1


async def main() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None if TOLD.get("deaf") else stop.set())
    server = grpc.aio.server(options=SERVER_OPTIONS)
    add_service(server, domain_pb2.DESCRIPTOR.services_by_name["DomainPluginService"], Domain(stop))
    add_service(server, python_pb2.DESCRIPTOR.services_by_name["PythonService"], Python())
    port = bind(server)
    await server.start()
    if not TOLD.get("silent"):
        print(f"QNTX_PLUGIN_PORT={port}", flush=True)
    print(json.dumps({"level": "warn", "msg": "it begins"}), flush=True)
    loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: os._exit(0))
    await stop.wait()
    await server.stop(None)
    os._exit(0)


if "exits" in TOLD:
    sys.exit(TOLD["exits"])
asyncio.run(main())
