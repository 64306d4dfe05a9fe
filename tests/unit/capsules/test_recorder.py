"""Every run has exactly one record, and the chain knows if one had none."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qntx.capsules import Capsule, CapsuleError, Capsules, Level, MemoryStorage, Recorder
from qntx.capsules.runs import Numbers


async def test_a_run_leaves_one_record_with_its_number_and_the_counts(capsules: Capsules) -> None:
    recorder = Recorder(capsules)
    runs = [recorder.begin(Capsule()) for _ in range(3)]
    runs[1].finish("success", result={"digest": "abc"})
    await runs[1].sealed()
    runs[0].finish("failure", error="boom")
    record = await runs[0].sealed()
    runs[2].finish("success")
    await runs[2].sealed()

    capsule = await capsules.storage.get(runs[0].id)
    verdict = await capsules.verify(level=Level.SIGNATURES)

    assert capsule is not None
    run = capsule.context.environment["qntx.run"]
    assert (run["number"], run["started"], run["counts"]) == (1, 1, {"sealed": 2, "failed": 1})
    assert record.sequence == 1
    assert (verdict.valid, verdict.complete) == (True, True)
    assert (verdict.started, verdict.sealed, verdict.failed, verdict.running) == (3, 3, 1, 0)


async def test_a_run_under_way_is_neither_missing_nor_sealed(capsules: Capsules) -> None:
    recorder = Recorder(capsules)
    recorder.begin(Capsule())
    recorder.begin(Capsule()).finish("success").result()

    verdict = await capsules.verify()

    assert verdict.complete
    assert (verdict.started, verdict.sealed, verdict.running) == (2, 1, 1)


async def test_finishing_twice_is_finishing_once(capsules: Capsules) -> None:
    run = Recorder(capsules).begin(Capsule())

    first, second = run.finish("success"), run.finish("failure")
    record = await run.sealed()

    assert first is second
    assert '"status":"success"' in record.data
    assert await capsules.storage.count() == 1


async def test_a_run_that_is_left_without_an_outcome_is_a_failure(capsules: Capsules) -> None:
    recorder = Recorder(capsules)
    with recorder.begin(Capsule()):
        pass
    with pytest.raises(KeyError), recorder.begin(Capsule()):
        raise KeyError("own")
    with recorder.begin(Capsule()) as run:
        run.finish("success")
    await run.sealed()

    outcomes = [(c.outcome.status, c.outcome.error) for c in await capsules.storage.get_all_ordered()]

    assert outcomes == [("failure", "the run was left without an outcome"), ("failure", "'own'"), ("success", None)]


async def test_waiting_for_the_seal_of_a_run_that_goes_on_is_refused(capsules: Capsules) -> None:
    with pytest.raises(CapsuleError, match="finish"):
        await Recorder(capsules).begin(Capsule()).sealed()


async def test_a_dropped_record_is_incomplete_though_the_chain_is_intact(capsules: Capsules, tmp_path: Path) -> None:
    recorder = Recorder(capsules)
    recorder.begin(Capsule())
    recorder.begin(Capsule()).finish("success").result()
    await capsules.close()
    (journal,) = (tmp_path / "audit.db-runs").iterdir()
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if not line.startswith('["begin",1,')))

    verdict = await capsules.verify()

    assert (verdict.valid, verdict.complete) == (True, False)
    assert verdict.incomplete == "1 runs were started and have no record, such as 1"


async def test_a_removed_ledger_is_incomplete_too(capsules: Capsules, tmp_path: Path) -> None:
    recorder = Recorder(capsules)
    recorder.begin(Capsule())
    recorder.begin(Capsule()).finish("success").result()
    await capsules.close()
    remove_ledger(tmp_path)
    opened = Capsules(tmp_path / "audit.db")

    verdict = await opened.verify()
    await opened.close()

    assert verdict.complete is False


def test_a_foreign_or_unkept_storage_says_what_a_recorder_needs(tmp_path: Path) -> None:
    recorder = Recorder(Capsules(storage=MemoryStorage()), tmp_path / "intents")

    assert recorder.begin(Capsule()).finish("success").result().sequence == 0


DYING = """
import sys; sys.modules['sqlalchemy'] = None  # as where it is not installed: starts in half the time
import os, signal
from qntx.capsules import Capsule, Capsules, Recorder
capsules = Capsules(sys.argv[1])
recorder = Recorder(capsules)
finished = recorder.begin(Capsule()).finish("success").result()
run = recorder.begin(Capsule())
run.capsule.trigger.source = "too late to be noted"
if sys.argv[2] == "exit":
    os._exit(3)
if sys.argv[2] == "segfault":
    os.kill(os.getpid(), signal.SIGSEGV)
if sys.argv[2] == "fork":
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        signal.pause()
os.kill(os.getpid(), signal.SIGKILL)
"""


def run_to_its_end(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=False, timeout=60, capture_output=True, text=True).stdout


def remove_ledger(folder: Path) -> None:
    shutil.rmtree(folder / "audit.db-runs")


@pytest.mark.parametrize("how", ["exit", "segfault", "kill"])
async def test_a_run_whose_process_died_has_exactly_one_failure_record(capsules: Capsules, how: str) -> None:
    path = capsules.intents.path.with_name("audit.db")
    run_to_its_end(DYING, str(path), how)

    before = await capsules.verify()
    recorders = [Recorder(capsules), Recorder(Capsules(path))]
    recovered = [ack.result().sequence for recorder in recorders for ack in recorder.recover()]
    again = recorders[0].recover()
    after = await capsules.verify(level=Level.SIGNATURES)
    newest = (await capsules.storage.list())[0]
    await recorders[1]._capsules.close()

    assert (before.complete, before.running) == (True, 1)
    assert set(recovered) <= {0, 1}  # what had its record already is found, and not sealed again
    assert again == []
    assert (newest.outcome.status, newest.outcome.summary) == ("failure", "recovered")
    assert (after.valid, after.complete) == (True, True)
    assert (after.started, after.sealed, after.failed, after.running) == (2, 2, 1, 0)


async def test_what_a_living_process_runs_is_not_recovered(capsules: Capsules, tmp_path: Path) -> None:
    run = Recorder(capsules).begin(Capsule())
    other = Capsules(tmp_path / "audit.db")

    assert Recorder(other).recover() == []
    run.finish("success").result()
    await other.close()


async def test_an_outcome_that_was_known_before_the_process_died_is_the_one_recorded(tmp_path: Path) -> None:
    ending = """
import os, sys, time
from qntx.capsules import Capsule, Capsules, Recorder
capsules = Capsules(sys.argv[1])
capsules.seal.public_key
recorder = Recorder(capsules)
run = recorder.begin(Capsule())
capsules.storage._writer._gate.acquire()  # the seal cannot come through
run.finish("success")
os._exit(0)
"""
    run_to_its_end(ending, str(tmp_path / "audit.db"))
    capsules = Capsules(tmp_path / "audit.db")

    (record,) = [ack.result() for ack in Recorder(capsules).recover()]
    verdict = await capsules.verify(level=Level.SIGNATURES)
    await capsules.close()

    assert '"status":"success"' in record.data
    assert (verdict.valid, verdict.complete, verdict.failed) == (True, True, 0)


async def test_a_forked_child_does_not_keep_its_dead_parents_runs_open(capsules: Capsules, tmp_path: Path) -> None:
    # The pipe of a captured output would stay open for as long as the child lives.
    child = await asyncio.to_thread(forking, tmp_path / "audit.db")

    recovered = [ack.result().sequence for ack in Recorder(capsules).recover()]
    os.kill(child, 9)

    assert 1 in recovered


def forking(path: Path) -> int:
    """Run a process that forks and dies; returns the child's id."""
    with subprocess.Popen([sys.executable, "-c", DYING, path, "fork"], stdout=subprocess.PIPE) as dying:
        assert dying.stdout is not None
        child = int(dying.stdout.readline())
        dying.wait(30)
        return child


FORKING_OFTEN = """
import sys; sys.modules['sqlalchemy'] = None  # as where it is not installed: starts in half the time
import os, threading
from qntx.capsules import Capsule, Capsules, Recorder
recorder = Recorder(Capsules(sys.argv[1]))
over = threading.Event()
def record():
    while not over.is_set():
        recorder.begin(Capsule()).finish("success")
recording = threading.Thread(target=record)
recording.start()
for _ in range(60):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
over.set()
recording.join()
print("forked")
"""


async def test_a_process_that_forks_while_it_records_goes_on_and_loses_nothing(tmp_path: Path) -> None:
    assert await asyncio.to_thread(run_to_its_end, FORKING_OFTEN, str(tmp_path / "audit.db")) == "forked\n"

    capsules = Capsules(tmp_path / "audit.db")
    verdict = await capsules.verify()
    await capsules.close()

    assert (verdict.valid, verdict.complete, verdict.failed, verdict.running) == (True, True, 0, 0)


async def test_many_tasks_record_at_once(capsules: Capsules) -> None:
    recorder = Recorder(capsules)

    async def one() -> None:
        run = recorder.begin(Capsule())
        await asyncio.sleep(0)
        run.finish("success")
        await run.sealed()

    await asyncio.gather(*(one() for _ in range(100)))
    verdict = await capsules.verify()

    assert (verdict.complete, verdict.sealed, verdict.running) == (True, 100, 0)


async def test_runs_of_one_chain_are_not_missing_in_another(tmp_path: Path) -> None:
    capsules = Capsules(storage=MemoryStorage(), intents=tmp_path / "runs")
    recorder = Recorder(capsules)
    run = recorder.begin(Capsule())
    recorder.begin(Capsule()).finish("success").result()
    capsules.chain.submit(Capsule(), "a tenant").result()

    others, own = await capsules.verify("a tenant"), await capsules.verify()
    run.finish("success").result()
    recorder.close()

    assert (others.valid, others.complete, others.started, others.running) == (True, True, 0, 0)
    assert (own.valid, own.complete, own.started, own.running) == (True, True, 2, 1)


@pytest.mark.parametrize("order", [[3, 1, 2, 5], [5, 3, 2, 1], [1, 2, 3, 5]])
def test_numbers_know_what_is_missing_in_whatever_order_they_came(order: list[int]) -> None:
    numbers = Numbers()

    assert [numbers.add(number) for number in [*order, 3]] == [True] * 4 + [False]
    assert numbers.intervals() == [(1, 4), (5, 6)]
    assert numbers.missing(8) == [(4, 5), (6, 9)]
    assert (5 in numbers, 4 in numbers, 0 in numbers) == (True, False, False)
