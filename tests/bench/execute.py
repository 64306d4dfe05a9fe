"""One execution of `_result = 1 + 1`, beside the other ways to run Python; starts; and what an idle worker weighs."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import grpc.aio
from jupyter_client.manager import AsyncKernelManager
from tests.bench.measure import Row, interleaved, row
from tests.processes import Plugin

from qntx.host import variants
from qntx.host.home import Home
from qntx.protocol import python_pb2
from qntx.wire.services import MESSAGE_OPTIONS, Stub

CODE = "_result = 1 + 1"
ROUNDS = 300
CALLERS = (1, 2, 8)
THROUGHPUT_SECONDS = 1.0
THROUGHPUT_ROUNDS = 5
STARTS = 5
VARIANTS = ("python", "bio", "data")
READY_TIMEOUT_SECONDS = 60.0
SETTLE_SECONDS = 1.0
"""After an execution, until its process is gone and the next one waits."""

Call = Callable[[], Awaitable[object]]


def rows() -> Iterator[Row]:
    with _started("python") as plugin:
        yield from asyncio.run(_beside(plugin))
        yield from asyncio.run(_throughput(plugin))
    for name in VARIANTS:
        yield from _starts(name)


async def _beside(plugin: Plugin) -> list[Row]:
    async with _service(plugin) as execute, _kernel() as kernel:
        subjects = {"Execute": execute, "python -c": _command, "Jupyter kernel": kernel, "exec()": _in_process}
        taken = await interleaved(subjects, ROUNDS)
    notes = {
        "Execute": "PythonService.Execute: a fresh process each, over gRPC",
        "python -c": "a fresh interpreter each, nothing imported",
        "Jupyter kernel": "ipykernel: one process, its state is kept",
        "exec()": "in this very process",
    }
    return [row(name, taken[name], "ms", to="" if name == "Execute" else "Execute", note=notes[name]) for name in notes]


async def _throughput(plugin: Plugin) -> list[Row]:
    names = {callers: f"Execute, callers: {callers}" for callers in CALLERS}
    rates: dict[int, list[float]] = {callers: [] for callers in CALLERS}
    async with _service(plugin) as execute:
        for _ in range(THROUGHPUT_ROUNDS):
            for callers in CALLERS:
                rates[callers].append(await _rate(execute, callers))
    return [row(names[callers], rates[callers], "/s", to=names[1] if callers > 1 else "") for callers in CALLERS]


async def _rate(execute: Call, callers: int) -> float:
    """Executions in a second, from that many callers, each with the next as soon as the last is answered."""
    started = time.perf_counter()
    done = 0

    async def call_on() -> None:
        nonlocal done
        while time.perf_counter() - started < THROUGHPUT_SECONDS:
            await execute()
            done += 1

    await asyncio.gather(*(call_on() for _ in range(callers)))
    return done / (time.perf_counter() - started)


def _starts(name: str) -> Iterator[Row]:
    announced, executed, weights = [], [], []
    for _ in range(STARTS):
        with _started(name) as plugin:
            announced.append(plugin.announced_after_seconds * 1000)
            executed.append((time.perf_counter() - plugin.started) * 1000)
            time.sleep(SETTLE_SECONDS)
            weights.append(_idle_worker_mib(plugin))
    yield row(f"{name}: start to port line", announced, "ms", note="QNTX waits 2,000 ms")
    yield row(
        f"{name}: start to first execution", executed, "ms", note="of its smoke test, which imports its libraries"
    )
    yield row(
        f"{name}: an idle worker", weights, "MiB", note="its libraries loaded; PSS: its own pages, its share of others"
    )


@contextmanager
def _started(name: str) -> Iterator[Plugin]:
    """A variant's plugin, from its first execution on."""
    plugin = Plugin([Home.find().plugins / f"qntx-{name}-plugin", "--port", "0"])
    try:
        plugin.wait_for_port()
        asyncio.run(_first_execution(plugin, _smoke(name)))
        yield plugin
    finally:
        plugin.stop()


async def _first_execution(plugin: Plugin, code: str) -> None:
    async with _service(plugin, code) as execute:
        await execute()


def _smoke(name: str) -> str:
    """The code by which a variant shows that it works; it uses the variant's libraries."""
    smoke = variants.read(variants.find() / name / variants.MANIFEST).smoke
    return smoke.code if smoke else CODE


@asynccontextmanager
async def _service(plugin: Plugin, code: str = CODE) -> AsyncIterator[Call]:
    request = python_pb2.PythonExecuteRequest(code=code)
    async with grpc.aio.insecure_channel(plugin.address, options=MESSAGE_OPTIONS) as channel:
        stub = Stub(channel, python_pb2.DESCRIPTOR.services_by_name["PythonService"])

        async def execute() -> None:
            answer = await stub.Execute(request, timeout=READY_TIMEOUT_SECONDS, wait_for_ready=True)
            assert answer.success, answer.error

        yield execute


@asynccontextmanager
async def _kernel() -> AsyncIterator[Call]:
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc")
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=READY_TIMEOUT_SECONDS)

        async def execute() -> None:
            reply = await client.execute(CODE, reply=True, timeout=READY_TIMEOUT_SECONDS)
            assert reply["content"]["status"] == "ok"

        yield execute
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


async def _command() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CODE)
    assert await process.wait() == 0


async def _in_process() -> None:
    exec(CODE, {})


def _idle_worker_mib(plugin: Plugin) -> float:
    """The heaviest of the workers that wait: what descends from the plugin and has no process below it."""
    return max(_pss_mib(process.pid) for process in plugin.family()[1:] if not process.children())


def _pss_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
