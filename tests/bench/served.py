"""Code over gRPC: a fresh sealed process a call, beside the same server's own exec(), Jupyter kernels and `python -c`.

Calls are spaced by a person's pause, and one of each is made in turn. Workers rehearse other code than is measured.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import grpc.aio
from jupyter_client.manager import AsyncKernelManager
from tests.bench.engine import PRELOAD, SCRIPTS, SLOW_ROUNDS, SUM, THINK_SECONDS
from tests.bench.measure import Row, against, interleaved, row
from tests.bench.server import SERVICE

ROUNDS = 150
READY_SECONDS = 60.0
CPU_ROUNDS = 9
CPU_BOUND = "sum(n * n for n in range(2_000_000))"
CORES = len(os.sched_getaffinity(0))
BWRAP = "bwrap, python -c"
STARTED = "Jupyter kernel, started for it"
NO_BWRAP = "not measured: bwrap is not installed (apt-get install bubblewrap)"
# By how much ours is to be faster, for each script; exec() is to be slower by no less than this.
AIMS = {
    "1 + 1": {"exec() in the server": 1 / 1.25, "Jupyter kernel": 3, "python -c": 12, BWRAP: 13, STARTED: 500},
    "pandas group by": {"python -c": 80},
    "Biopython and scipy.stats": {"python -c": 250},
}
OURS = "fresh, sealed"
WAYS = {"a call that does nothing": "nothing", OURS: "fresh", "session": "session", "exec() in the server": "exec"}

Call = Callable[[], Awaitable[object]]


def rows() -> Iterator[Row]:
    yield from asyncio.run(_all())


async def _all() -> list[Row]:
    found: list[Row] = []
    async with _server() as channel, _kernel() as kernel:
        found += await _beside("1 + 1", {**_served(channel, SUM), "Jupyter kernel": kernel(SUM)}, SUM, ROUNDS)
        loaded = {name.partition(".")[0] for name in PRELOAD}
        for name, (needs, code) in SCRIPTS.items():
            if loaded.issuperset(needs):
                calls = {**_served(channel, code), "Jupyter kernel": kernel(code)}
                found += await _beside(name, calls, code, ROUNDS // 3)
        return [*found, *await _at_once(channel)]


async def _restarted() -> None:
    """A kernel's way to a state that nothing ran in: start it and import what the variant has loaded."""
    imports = "import " + ", ".join(PRELOAD) + "\n" if PRELOAD else ""
    async with _kernel() as kernel:
        await kernel(imports + SUM)()


async def _at_once(channel: grpc.aio.Channel) -> list[Row]:
    """Code that keeps a processor busy: as many runs as there are processors."""
    run = _served(channel, CPU_BOUND)[OURS]

    async def together() -> None:
        await asyncio.gather(*(run() for _ in range(CORES)))

    async def one_after_another() -> None:
        for _ in range(CORES):
            await run()

    taken = await interleaved({"at once": together, "one after another": one_after_another}, CPU_ROUNDS, warm_up=1)
    names = {name: f"{CORES} that keep a processor busy: {name}" for name in taken}
    rows = {name: row(names[name], taken[name], "ms", to=names["at once"]) for name in taken}
    ratio = rows["one after another"].value / rows["at once"].value
    return [rows["at once"], against(rows["one after another"], ratio, 0.9 * CORES, at_least=True)]


async def _beside(title: str, calls: Mapping[str, Call], code: str, rounds: int) -> list[Row]:
    spaced = {each: step for name, call in calls.items() for each, step in ((f"before {name}", _think), (name, call))}
    taken = await interleaved(spaced, rounds)
    # Among the rounds and not after them, they would heat the caches; so fewer, in rounds with ours.
    slow = {OURS: calls[OURS], **_commands(code)}
    if code == SUM:
        slow[STARTED] = _restarted
    taken_slow = await interleaved(slow, SLOW_ROUNDS, warm_up=1)
    ours = f"{title}: {OURS}"
    found = [row(f"{title}: {name}", taken[name], "ms", to="" if name == OURS else ours) for name in calls]
    notes = {STARTED: "with the imports, and its end"}
    found += [
        row(f"{title}: {name}", taken_slow[name], "ms", to=ours, note=notes.get(name, ""))
        for name in slow
        if name != OURS
    ]
    if BWRAP not in slow:
        found.append(Row(f"{title}: {BWRAP}", float("nan"), "ms", note=NO_BWRAP))
    return [_judged(each, title, found[1].value) for each in found]


def _judged(taken: Row, title: str, ours: float) -> Row:
    aim = AIMS.get(title, {}).get(taken.name.removeprefix(f"{title}: "))
    if aim is None or taken.value != taken.value:
        return taken
    if aim < 1:
        return against(taken, ours / taken.value, 1 / aim)
    return against(taken, taken.value / ours, aim, at_least=True)


async def _think() -> None:
    await asyncio.sleep(THINK_SECONDS)


def _served(channel: grpc.aio.Channel, code: str) -> dict[str, Call]:
    def caller(method: str) -> Call:
        ask = channel.unary_unary(f"/{SERVICE}/{method}")

        async def call() -> None:
            await ask(code.encode())

        return call

    return {name: caller(method) for name, method in WAYS.items()}


def _commands(code: str) -> dict[str, Call]:
    commands = {"python -c": [sys.executable, "-c", code]}
    if bwrap := shutil.which("bwrap"):
        commands[BWRAP] = [bwrap, "--ro-bind", "/", "/", "--unshare-all", sys.executable, "-c", code]

    def caller(command: list[str]) -> Call:
        async def call() -> None:
            process = await asyncio.create_subprocess_exec(*command)
            assert await process.wait() == 0

        return call

    return {name: caller(command) for name, command in commands.items()}


@asynccontextmanager
async def _server() -> AsyncIterator[grpc.aio.Channel]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.server", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), READY_SECONDS))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _kernel() -> AsyncIterator[Callable[[str], Call]]:
    """A kernel that keeps its state, the way notebooks run code."""
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc")
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=READY_SECONDS)

        def caller(code: str) -> Call:
            async def call() -> None:
                reply = await client.execute(code, reply=True, timeout=READY_SECONDS)
                assert reply["content"]["status"] == "ok"

            return call

        yield caller
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
