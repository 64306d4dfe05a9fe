"""Start a plugin as QNTX does, ask who it is, and run its manifest's smoke test over the wire.

usage: python smoke.py PROGRAM NAME MANIFEST
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import grpc.aio
from google.protobuf.message import Message

from qntx.protocol import domain_pb2 as domain
from qntx.protocol import python_pb2 as python
from qntx.wire.services import Stub

ANSWER_SECONDS = 60.0
DOMAIN = domain.DESCRIPTOR.services_by_name["DomainPluginService"]
PYTHON = python.DESCRIPTOR.services_by_name["PythonService"]


async def asked(port: int, code: str) -> tuple[str, Message]:
    """Its name, and its answer to the code."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        about = await Stub(channel, DOMAIN).Metadata(domain.Empty(), timeout=ANSWER_SECONDS)
        await Stub(channel, DOMAIN).Initialize(domain.InitializeRequest(), timeout=ANSWER_SECONDS)
        answer = await Stub(channel, PYTHON).Execute(python.PythonExecuteRequest(code=code), timeout=ANSWER_SECONDS)
        return about.name, answer


def main(program: str, name: str, manifest: Path) -> None:
    wanted: dict[str, Any] = tomllib.loads(manifest.read_text()).get("smoke", {"code": "_result = 1", "result": 1})
    # The pipe at its input stays open: its end would tell the plugin that its host is gone.
    with subprocess.Popen([program, "--port", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as plugin:
        try:
            assert plugin.stdout is not None
            port = int(plugin.stdout.readline().strip().removeprefix("QNTX_PLUGIN_PORT="))
            told, answer = asyncio.run(asked(port, wanted["code"]))
        finally:
            plugin.terminate()
    if told != name:
        sys.exit(f"called {name}, it says it is {told}")
    if not answer.success:
        sys.exit(f"{name}: the smoke test failed: {answer.error}")
    result = json.loads(answer.result)["result"]
    if result != wanted.get("result"):
        sys.exit(f"{name}: the smoke test gave {result!r}, not {wanted.get('result')!r}")
    print(f"{name}: answers by its name, and its smoke test gives {result!r}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
