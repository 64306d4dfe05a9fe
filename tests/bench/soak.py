"""A plugin under mixed load while things are broken around it, and a table of what was left.

    python -m tests.bench.soak --seconds 3600

Scripts that work, raise, hang, crash, exit, flood and eat memory run beside jobs and attestations, many at once. Every
few seconds something is killed: a worker, the zygote, the attestation store, the plugin itself. Every call must come
back with the answer that belongs to it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil
from tests.conformance.core import Core, Started
from tests.processes import still_alive

from qntx.protocol import domain_pb2 as domain
from qntx.protocol import python_pb2 as python

REPOSITORY = Path(__file__).parents[2]
COMMAND = (sys.executable, "-IB", "-m", "qntx.plugin", "--name", "python")
MANIFEST = REPOSITORY / "variants" / "python" / "plugin.toml"
DOMAIN = domain.DESCRIPTOR.services_by_name["DomainPluginService"]
PYTHON = python.DESCRIPTOR.services_by_name["PythonService"]

CALLERS = 4
CALL_SECONDS_MAX = 30.0
FAULT_EVERY_SECONDS = 2.0
SETTLED_SECONDS = 5.0
CONFIG = {"timeout_secs": "1.000000", "memory_mib": "256"}
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Script:
    """Code, and whether it should succeed. `{n}` is the call's own number, which a good answer holds."""

    code: str
    good: bool = True


SCRIPTS = {
    "value": Script("_result = {n}"),
    "output": Script("print('line ' * 1000)\n_result = {n}"),
    "attest": Script("attest(['soak-{n}'], ['soaked'], contexts=['soak'])\n_result = {n}"),
    "query": Script("last(predicates=['soaked'])\n_result = {n}"),
    "threads": Script(
        "from concurrent.futures import ThreadPoolExecutor as P\n_result = list(P(4).map(lambda x: x, [{n}] * 9))[-1]"
    ),
    "raise": Script("raise ValueError({n})", good=False),
    "hang": Script("while True: pass", good=False),
    "exit": Script("import os; os._exit(3)", good=False),
    "crash": Script("import os; os.abort()", good=False),
    "eat": Script("x = []\nwhile True: x.append(b'x' * 10_000_000)", good=False),
    "flood": Script("for _ in range(64): print('x' * 65536)\n_result = {n}"),
}
NEEDS_STORE = frozenset({"attest", "query"})
WEIGHTS = {"value": 10, "output": 4, "attest": 4, "query": 2, "threads": 2, "raise": 4, "hang": 1}


@dataclass(slots=True)
class Table:
    """What is told at the end."""

    seconds: float = 0.0
    executions: int = 0
    by_script: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    """Calls that were answered with a status that says to try again, while something was being started anew."""
    lost: list[str] = field(default_factory=list)
    """Calls that were never answered."""
    wrong: list[str] = field(default_factory=list)
    """Answers that were not the call's own."""
    kills: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    memory_start_mib: float = 0.0
    memory_end_mib: float = 0.0
    descriptors_start: int = 0
    descriptors_end: int = 0
    processes_start: int = 0
    processes_end: int = 0
    zombies: list[str] = field(default_factory=list)
    left_over: int = 0
    """Processes that were there when all had ended."""

    def lines(self) -> list[str]:
        told = {**asdict(self), "by_script": dict(self.by_script), "kills": dict(self.kills)}
        told |= {name: len(told[name]) and told[name] for name in ("lost", "wrong", "zombies")}
        width = max(map(len, told))
        return [f"{name.replace('_', ' '):{width}}  {value}" for name, value in told.items()]


class Soak:
    """One plugin, its core, its callers and what goes wrong."""

    def __init__(self, seconds: float, seed: int) -> None:
        self.table = Table(seconds=seconds)
        self._random = random.Random(seed)
        self._numbers = iter(range(1 << 62))
        self._began = 0.0
        self._disturbed_at = 0.0
        self._families: list[psutil.Process] = []

    async def run(self) -> Table:
        async with Core() as self._core:
            await self._start()
            await self._warm()
            await self._measure("start")
            self._began = time.monotonic()
            await asyncio.gather(self._disturb(), *(self._call_on() for _ in range(CALLERS)))
            await asyncio.sleep(SETTLED_SECONDS)
            await self._warm()
            await self._measure("end")
            self._note_family()
            await self._plugin.stop()
            self.table.left_over = len(still_alive(self._families))
        return self.table

    @property
    def _over(self) -> bool:
        return time.monotonic() - self._began > self.table.seconds

    async def _start(self) -> None:
        self._plugin = await Started((*COMMAND, "--manifest", str(MANIFEST)), "python").start()
        await self._plugin.stub(DOMAIN).Initialize(self._core.initialize_request(CONFIG), timeout=10)

    async def _warm(self) -> None:
        for _ in range(20):
            await self._plugin.stub(PYTHON).Execute(python.PythonExecuteRequest(code="_result = 1"), timeout=60)

    async def _measure(self, when: str) -> None:
        """Of the plugin's server: what its workers hold ends with them."""
        server = psutil.Process(self._plugin.process.pid)
        family = self._plugin.family()
        setattr(self.table, f"memory_{when}_mib", round(server.memory_info().rss / MIB, 1))
        setattr(self.table, f"descriptors_{when}", server.num_fds())
        setattr(self.table, f"processes_{when}", len(family))
        dead = [process for process in family if _is_zombie(process)]
        # Whoever has just ended is one for a moment.
        await asyncio.sleep(1)
        self.table.zombies += [f"{when}: {process}" for process in dead if _is_zombie(process)]

    def _note_family(self) -> None:
        self._families = [*self._families, *self._plugin.family()]

    async def _call_on(self) -> None:
        while not self._over:
            name = self._random.choice([*SCRIPTS, *(each for each, weight in WEIGHTS.items() for _ in range(weight))])
            number = next(self._numbers)
            began = time.monotonic()
            try:
                answer = await self._ask(name, number)
            except grpc.aio.AioRpcError as fault:
                self._failed(name, fault)
                await asyncio.sleep(0.05)
            except (grpc.aio.UsageError, asyncio.CancelledError):
                # The channel to a plugin that was just killed is closed, before this call or under it.
                if _is_cancelled():
                    raise
                self.table.refused += 1
                await asyncio.sleep(0.05)
            else:
                self.table.executions += 1
                self.table.by_script[name] += 1
                self._check(name, number, answer, began)

    async def _ask(self, name: str, number: int) -> Any:
        code = SCRIPTS[name].code.replace("{n}", str(number))
        if number % 3:
            request = python.PythonExecuteRequest(code=code)
            answer = await self._plugin.stub(PYTHON).Execute(request, timeout=CALL_SECONDS_MAX)
        else:
            payload = json.dumps({"content": code}).encode()
            job = domain.ExecuteJobRequest(
                job_id=f"JB-{number}", handler_name="python.script", payload=payload, timeout_secs=1
            )
            answer = await self._plugin.stub(DOMAIN).ExecuteJob(job, timeout=CALL_SECONDS_MAX)
        return answer

    def _failed(self, name: str, fault: grpc.aio.AioRpcError) -> None:
        if fault.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            self.table.lost.append(name)
        elif fault.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            self.table.refused += 1
        else:
            self.table.wrong.append(f"{name}: {fault.code().name}: {fault.details()}")

    def _check(self, name: str, number: int, answer: Any, began: float) -> None:
        """The answer is the call's own; a run that was disturbed may have failed, and says so."""
        script = SCRIPTS[name]
        if answer.success and (not script.good or _value(answer) != number):
            self.table.wrong.append(f"{name}: {number} answered {answer.result[:100]!r}")
        disturbed = self._disturbed_at >= began - FAULT_EVERY_SECONDS
        if script.good and not answer.success and not disturbed:
            self.table.wrong.append(f"{name}: {answer.error[-300:]}")
        if not answer.success and not answer.error:
            self.table.wrong.append(f"{name}: failed without saying why")

    async def _disturb(self) -> None:
        faults = [self._kill_worker, self._kill_zygote, self._stall_store, self._kill_worker, self._initialize]
        step = 0
        while not self._over:
            await asyncio.sleep(FAULT_EVERY_SECONDS)
            self._disturbed_at = time.monotonic()
            step += 1
            # The plugin itself dies rarely, or the others would never meet it running.
            await (self._kill_plugin() if step % 20 == 0 else faults[step % len(faults)]())
            self._disturbed_at = time.monotonic()

    async def _kill_worker(self) -> None:
        workers = [process for process in self._plugin.family() if _depth(process, self._plugin.process.pid) >= 2]
        self._kill("worker", workers)

    async def _kill_zygote(self) -> None:
        zygotes = [process for process in self._plugin.family() if _depth(process, self._plugin.process.pid) == 1]
        self._kill("zygote", zygotes)

    async def _stall_store(self) -> None:
        self._core.delay_seconds = 0.5
        await asyncio.sleep(0.5)
        self._core.delay_seconds = 0.0
        self.table.kills["store"] += 1

    async def _initialize(self) -> None:
        await self._plugin.stub(DOMAIN).Initialize(self._core.initialize_request(CONFIG), timeout=10)
        self.table.kills["initialize"] += 1

    async def _kill_plugin(self) -> None:
        self._note_family()
        self._plugin.process.send_signal(signal.SIGKILL)
        await self._plugin.ended(10)
        await self._plugin.stop()
        self.table.kills["plugin"] += 1
        self.table.restarts += 1
        await self._start()

    def _kill(self, what: str, processes: list[psutil.Process]) -> None:
        if processes:
            try:
                self._random.choice(processes).kill()
            except psutil.NoSuchProcess:
                return
            self.table.kills[what] += 1


def _is_cancelled() -> bool:
    """Whether this task is told to end, and not just the call that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _value(answer: Any) -> Any:
    return json.loads(answer.result)["result"]


def _depth(process: psutil.Process, root: int) -> int:
    """How far below the plugin it stands; -1 where it has just ended."""
    try:
        return [parent.pid for parent in process.parents()].index(root) + 1
    except (psutil.NoSuchProcess, ValueError):
        return -1


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description="Mixed load under faults, and what was left of it.")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qntx-soak-") as home:
        os.environ["QNTX_HOME"] = home
        table = asyncio.run(Soak(asked.seconds, asked.seed).run())
    print("\n".join(table.lines()))
    sys.exit(int(bool(table.lost or table.wrong or table.zombies or table.left_over)))


if __name__ == "__main__":
    main()
