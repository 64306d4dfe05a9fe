"""What a manifest preloads is there before a script imports it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import grpc.aio
import pytest
from tests.processes import Plugin

from qntx.host import variants
from qntx.protocol import python_pb2
from qntx.wire.services import MESSAGE_OPTIONS, Stub


@pytest.mark.parametrize("name", ["bio", "data"])
async def test_a_script_finds_the_variants_libraries_loaded(
    start_plugin: Callable[..., Plugin], repository: Path, name: str
) -> None:
    """A library that starts a thread when it is imported cannot be preloaded, and each run would import it anew."""
    preload = variants.read(repository / "variants" / name / "plugin.toml").preload
    imports = "".join(f"import {module}\n" for module in preload)
    code = f"import sys\n_result = [name for name in {list(preload)} if name not in sys.modules]\n{imports}"
    plugin = start_plugin(name)

    async with grpc.aio.insecure_channel(plugin.address, options=MESSAGE_OPTIONS) as channel:
        service = Stub(channel, python_pb2.DESCRIPTOR.services_by_name["PythonService"])
        answer = await service.Execute(python_pb2.PythonExecuteRequest(code=code), timeout=90, wait_for_ready=True)

    assert answer.success, answer.error
    assert json.loads(answer.result)["result"] == []
