"""The eight rules of the design, each shown by the loss it prevents, with real processes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from qntx.capsules import Capsule, Capsules, CapsuleStorage, Level, MemoryStorage

AUDITED = """
import sys; sys.modules['sqlalchemy'] = None  # as where it is not installed: starts in half the time
import asyncio, os, signal, threading, time
from qntx.capsules import Capsules
capsules = Capsules(sys.argv[1])

@capsules.audit(type="tool")
def work(number):
    return number

@capsules.audit(type="tool")
async def work_async(number):
    return number
"""


def run(program: str, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program after the common beginning, to its end."""
    command = [sys.executable, "-c", AUDITED + program, str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


async def sealed(path: Path) -> int:
    """How many records are there, all of them good."""
    capsules = Capsules(path)
    verdict = await capsules.verify(level=Level.SIGNATURES)
    await capsules.close()
    assert verdict.error is None
    return verdict.capsules_verified


async def test_rule_1_one_sequencer_a_chain_loses_nothing_among_100_tasks(tmp_path: Path) -> None:
    capsules = Capsules(tmp_path / "audit.db")

    @capsules.audit(type="tool", swallow_errors=False)
    async def work(number: int) -> int:
        return number

    results = await asyncio.gather(*(work(number) for number in range(100)))
    await capsules.close()

    assert results == list(range(100))
    assert await sealed(tmp_path / "audit.db") == 100


async def test_rule_1_one_sequencer_a_chain_loses_nothing_among_8_threads(tmp_path: Path) -> None:
    capsules = Capsules(tmp_path / "audit.db")

    @capsules.audit(type="tool", swallow_errors=False)
    def work(number: int) -> int:
        return number

    threads = [threading.Thread(target=lambda: [work(number) for number in range(25)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    await asyncio.to_thread(lambda: [thread.join() for thread in threads])
    await capsules.close()

    assert await sealed(tmp_path / "audit.db") == 200


async def test_rule_1_one_sequencer_a_chain_loses_nothing_among_4_processes(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    running = [asyncio.to_thread(run, "for number in range(50): work(number)", path) for _ in range(4)]

    ended = await asyncio.gather(*running)

    assert [(process.returncode, process.stderr) for process in ended] == [(0, "")] * 4
    assert await sealed(path) == 200


KILLED = """
async def main():
    async def one():
        for number in range(100000):
            await work_async(number)
            print(number, flush=True)
    await asyncio.gather(*(one() for _ in range(8)))
asyncio.run(main())
"""


async def test_rule_2_an_acknowledged_record_survives_kill_9(tmp_path: Path) -> None:
    def kill_after(lines: int) -> int:
        command = [sys.executable, "-c", AUDITED + KILLED, str(tmp_path / "audit.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            acknowledged = sum(1 for _, line in zip(range(lines), process.stdout, strict=False) if line)
            process.kill()
            return acknowledged + len(process.stdout.readlines())

    acknowledged = await asyncio.to_thread(kill_after, 120)

    assert acknowledged >= 120
    assert await sealed(tmp_path / "audit.db") >= acknowledged


@pytest.mark.parametrize(
    ("ending", "count"),
    [
        ("async def main():\n    for n in range(200): work(n)\nasyncio.run(main())", 200),
        ("async def main():\n    for n in range(200): work(n)\n    await capsules.close()\nasyncio.run(main())", 200),
        ("async def main():\n    for n in range(200): work(n)\n    sys.exit(3)\nasyncio.run(main())", 200),
        ("import atexit\natexit.register(work, 1)\nwork(2)", 2),
        ("threading.Thread(target=lambda: (time.sleep(0.3), work(1))).start()", 1),
    ],
    ids=["the loop ends", "close", "sys.exit", "at exit", "a thread outlives main"],
)
async def test_rule_2_what_is_queued_is_sealed_however_the_program_ends(
    tmp_path: Path, ending: str, count: int
) -> None:
    ended = await asyncio.to_thread(run, ending, tmp_path / "audit.db")

    assert "Traceback" not in ended.stderr
    assert await sealed(tmp_path / "audit.db") == count


async def test_rule_2_a_cancelled_call_is_sealed_and_keeps_its_result(tmp_path: Path) -> None:
    capsules = Capsules(tmp_path / "audit.db")
    kept: list[int] = []

    @capsules.audit(type="tool")
    async def work(number: int) -> int:
        return number

    async def caller(number: int) -> None:
        kept.append(await work(number))

    tasks = [asyncio.create_task(caller(number)) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await capsules.close()

    assert kept == list(range(50))
    assert await sealed(tmp_path / "audit.db") == 50


async def test_rule_3_capture_cannot_fail_and_a_record_that_cannot_be_sealed_is_a_stub() -> None:
    capsules = Capsules(storage=MemoryStorage())

    @capsules.audit(type="tool", swallow_errors=False)
    async def work() -> float:
        capsules.current().reasoning.options = [object()]  # type: ignore[list-item]
        return float("nan")

    await work()
    (capsule,) = await capsules.storage.list()

    assert capsule.outcome.status == "success"
    assert "unsealable" in capsule.outcome.metrics


DYING = """
from qntx.capsules import Capsule, Recorder
run = Recorder(capsules).begin(Capsule())
os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.mark.parametrize("signal", ["9", "11"])
async def test_rule_4_a_killed_run_has_exactly_one_failure_record(tmp_path: Path, signal: str) -> None:
    ended = await asyncio.to_thread(run, DYING, tmp_path / "audit.db", signal)
    capsules = Capsules(tmp_path / "audit.db")
    recovering = "from qntx.capsules import Recorder\nprint(len([a.result() for a in Recorder(capsules).recover()]))"

    recovered = [(await asyncio.to_thread(run, recovering, tmp_path / "audit.db")).stdout.strip() for _ in range(2)]
    (capsule,) = await capsules.storage.list()
    verdict = await capsules.verify()
    await capsules.close()

    assert ended.returncode == -int(signal)
    assert recovered == ["1", "0"]
    assert capsule.outcome.status == "failure"
    assert (verdict.complete, verdict.failed) == (True, 1)


FORKING = """
work(0)
child = os.fork()
for number in range(20): work(number)
if child == 0:
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
for number in range(20): work(number)
"""


async def test_rule_5_parent_and_child_of_a_fork_both_seal_and_neither_hangs(tmp_path: Path) -> None:
    ended = await asyncio.to_thread(run, FORKING, tmp_path / "audit.db")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert await sealed(tmp_path / "audit.db") == 61


async def test_rule_5_key_and_database_are_their_owners_alone(tmp_path: Path, data_directory: Path) -> None:
    await asyncio.to_thread(run, "work(1)", tmp_path / "audit.db")

    modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (tmp_path / "audit.db", data_directory / "key")]

    assert modes == [0o600, 0o600]


async def test_rule_6_the_stored_text_is_the_text_that_was_hashed(tmp_path: Path) -> None:
    capsules = Capsules(tmp_path / "audit.db")
    record = capsules.chain.submit(Capsule()).result()
    await capsules.close()
    edit(tmp_path / "audit.db", "update capsules set data = ' ' || data")

    spaced = await capsules.verify()
    await capsules.close()
    edit(tmp_path / "audit.db", 'update capsules set data = \'{"id":"x",\' || substr(data, 3)')
    doubled = await capsules.verify()
    await capsules.close()

    assert record.data.startswith('{"authority":')
    assert spaced.valid  # the same document in other words
    assert not doubled.valid


def edit(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


async def test_rule_7_eight_that_open_a_fresh_database_at_once_all_find_it_laid_out(tmp_path: Path) -> None:
    storages = [CapsuleStorage(tmp_path / "fresh.db") for _ in range(8)]

    counts = await asyncio.gather(*(storage.count() for storage in storages))
    for storage in storages:
        await storage.close()

    assert counts == [0] * 8


async def test_rule_8_a_result_keeps_its_type(tmp_path: Path) -> None:
    capsules = Capsules(tmp_path / "audit.db")

    @capsules.audit(type="tool")
    async def work(value: object) -> object:
        return value

    for value in (7, 2.5, True, None, "7", [1, {"a": False}]):
        await work(value)
    kept = [capsule.outcome.result for capsule in await capsules.storage.get_all_ordered()]
    await capsules.close()

    assert kept == [7, 2.5, True, None, "7", [1, {"a": False}]]
    assert [type(value) for value in kept] == [int, float, bool, type(None), str, list]
