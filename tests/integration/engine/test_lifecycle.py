"""What happens when processes die, policies differ, and there is more than there is room for."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from psutil import Process

from qntx.engine.api import Event, Settings
from qntx.engine.pool import Pool
from qntx.engine.tiers import LOADED
from qntx.errors import Busy, Refused, WorkerLost
from qntx.model.execution import Limits, Outcome, Result

MARK = "QNTX_LIFECYCLE_TEST"
MEMORY_BYTES_MORE_MAX = 8 * 1024 * 1024
STARTING = (
    "import subprocess, time\nsubprocess.Popen(['sleep', '300'], start_new_session=True)\nprint('up')\ntime.sleep(300)"
)
# An engine in a process of its own.
ENGINE = """
import asyncio, sys
from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.model.execution import Execution, Limits

MARK, mark, rung, code = sys.argv[1:]


async def main():
    async with Pool(Settings(name="x", environment={MARK: mark}, sandbox_max=rung)) as pool:
        asked = Execution(code=code, id="x", limits=Limits(timeout_seconds=60, subprocess=True))
        await pool.run(asked, None, lambda event: print("up", flush=True) if event.kind == "stdout" else None)


asyncio.run(main())
"""


def marked(value: str) -> list[int]:
    """The processes that an engine with that mark in its environment has."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"{MARK}={value}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


async def until(condition, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # processes end without telling us
            await asyncio.sleep(0.02)


async def begun(pool: Pool, asked, home) -> asyncio.Task[Result]:
    """A run under way that has printed something."""
    up = asyncio.Event()
    under_way = asyncio.create_task(pool.run(asked, home, lambda event: event.kind == "stdout" and up.set()))
    await asyncio.wait_for(up.wait(), 20)
    return under_way


def _let_others_in(directory: Path) -> None:
    """Workers of root are nobody's, and pytest's directories are private."""
    for each in (directory, *directory.parents):
        if os.geteuid() == 0 and Path(tempfile.gettempdir()) in each.parents:
            each.chmod(0o755)


@pytest.fixture
def mark(request) -> str:
    return f"{os.getpid()}-{request.node.name}"


async def test_a_killed_zygote_takes_what_runs_with_it_and_is_back_by_itself(execution, home, mark):
    async with Pool(Settings(name="x", environment={MARK: mark}, sandbox_max="landlock")) as pool:
        under_way = await begun(pool, execution("import time; print('up'); time.sleep(30)"), home)
        (zygote,) = (child for child in Process().children() if child.pid in marked(mark))

        zygote.kill()

        with pytest.raises(WorkerLost):
            await under_way
        assert (await pool.run(execution("6 * 7"), home)).result_json == b"42"
        assert pool.describe()["metrics"]["zygotes_lost"] == 1
        scratch = Path(pool._scratch.path)
        await until(lambda: sum(each.is_dir() for each in scratch.iterdir()) == 1)


async def test_nothing_is_left_when_the_engine_is_closed(execution, home, mark, tmp_path):
    async with Pool(Settings(name="x", environment={MARK: mark})) as pool:
        code = "import subprocess; subprocess.Popen(['sleep', '300'], start_new_session=True)"
        await pool.run(execution(code, limits=Limits(subprocess=True)), home)
        assert marked(mark)

    await until(lambda: not marked(mark))


async def test_what_a_run_started_ends_with_the_run(execution, home, mark):
    for rung in ("full", "landlock", "limits"):
        where = f"{mark}-{rung}"
        settings = Settings(name="x", running_max=2, environment={MARK: where}, sandbox_max=rung)
        async with Pool(settings) as pool:
            await until(lambda pool=pool: pool.describe()["idle_workers"] >= 4)
            before = len(marked(where))
            code = "import subprocess\nfor _ in range(3): subprocess.Popen(['sleep', '300'], start_new_session=True)"

            result = await pool.run(execution(code, limits=Limits(subprocess=True)), home)

            assert result.success, result.error
            await until(lambda where=where, before=before: len(marked(where)) <= before)


@pytest.mark.parametrize("rung", ["full", "landlock", "limits"])
async def test_what_a_run_started_ends_with_the_engine(execution, home, mark, rung):
    async with Pool(Settings(name="x", environment={MARK: mark}, sandbox_max=rung)) as pool:
        under_way = await begun(pool, execution(STARTING, limits=Limits(subprocess=True)), home)

    await until(lambda: not marked(mark))
    assert (await under_way).outcome is Outcome.CANCELLED


@pytest.mark.parametrize("rung", ["full", "landlock"])
async def test_what_a_run_started_ends_with_an_engine_that_is_killed(mark, rung):
    command = [sys.executable, "-c", ENGINE, MARK, mark, rung, STARTING]
    engine = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert await asyncio.wait_for(engine.stdout.readline(), 20) == b"up\n"

    engine.kill()

    await engine.wait()
    await until(lambda: not marked(mark))


@pytest.mark.parametrize("rung", ["full", "landlock", "limits"])
@pytest.mark.parametrize("which", ["zygote", "who stands behind it"])
async def test_what_a_run_started_ends_with_a_zygote_that_is_killed(execution, home, mark, rung, which):
    async with Pool(Settings(name="x", environment={MARK: mark}, sandbox_max=rung)) as pool:
        under_way = await begun(pool, execution(STARTING, limits=Limits(subprocess=True)), home)
        (behind,) = (child for child in Process().children() if child.pid in marked(mark))
        (zygote,) = behind.children()
        before = marked(mark)

        (zygote if which == "zygote" else behind).kill()

        with pytest.raises(WorkerLost):
            await under_way
        await until(lambda: not set(before) & set(marked(mark)))
        assert (await pool.run(execution("6 * 7"), home)).result_json == b"42"


async def test_a_run_ends_that_fills_a_folder_of_the_machines(execution, home):
    code = "import time\nfor n in range(5): open(f'{n}', 'wb').write(b'x' * 1_000_000)\ntime.sleep(60)"
    async with Pool(Settings(name="x", limits=Limits(scratch_mib=2), sandbox_max="landlock")) as pool:
        result = await pool.run(execution(code, limits=Limits(scratch_mib=2)), home)

    assert (result.outcome, result.error) == (
        Outcome.KILLED,
        "The worker was killed: its scratch directory held more than 2 MiB.\n",
    )


async def test_a_rung_that_is_required_and_not_reached_is_refused():
    with pytest.raises(Refused, match=r"hold runs in by 'limits' and the configuration requires 'full'"):
        async with Pool(Settings(name="x", sandbox_max="limits", require_sandbox="full")):
            pass


async def test_a_run_gets_exactly_the_files_that_it_names(pool, home, execution, tmp_path):
    file = tmp_path / "data.txt"
    file.write_text("content")
    code = f"open({str(file)!r}).read()"
    reachable = Limits(readable_paths=(str(file),))
    _let_others_in(file)

    assert (await pool.run(execution(code), home)).outcome is Outcome.RAISED
    assert (await pool.run(execution(code, limits=reachable), home)).result_json == b'"content"'


async def test_the_plugins_environment_does_not_reach_scripts(run, monkeypatch):
    result = await run("import os\nsorted(os.environ)")

    assert set(os.environ) - {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "PWD", "TMPDIR"}
    allowed = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "PWD", "TMPDIR", "PYTHONMALLOC", "GLIBC_TUNABLES"}
    assert {name for name in eval(result.result_json) if not name.endswith(("_THREADS", "_CONF", "_POOL"))} <= allowed


async def test_events_come_in_order_and_end_with_the_result(pool, home, execution):
    events: list[Event] = []

    result = await pool.run(execution("print('a')\nprogress(1, 2)\nlog('b')\nprint('c')"), home, events.append)

    assert [event.sequence for event in events] == list(range(len(events)))
    assert events[0].kind == "started"
    assert (events[-1].kind, events[-1].data) == ("end", result)
    assert b"".join(event.data for event in events if event.kind == "stdout") == b"a\nc\n"
    assert {event.kind for event in events} == {"started", "stdout", "progress", "log", "end"}


async def test_output_comes_while_the_code_runs(pool, home, execution):
    first = asyncio.get_running_loop().create_future()

    def listen(event: Event) -> None:
        if event.kind == "stdout" and not first.done():
            first.set_result(event.data)

    asked = execution("import time\nprint('early')\ntime.sleep(30)")
    under_way = asyncio.create_task(pool.run(asked, home, listen))

    assert await asyncio.wait_for(first, 15) == b"early\n"
    pool.cancel(asked.id)
    assert (await under_way).stdout == "early\n"


async def test_a_run_that_waits_is_cancelled_at_once(home, execution):
    async with Pool(Settings(name="x", running_max=1)) as pool:
        long, waits = execution("import time; time.sleep(30)"), execution("1")
        running = asyncio.create_task(pool.run(long, home))
        waiting = asyncio.create_task(pool.run(waits, home))
        await asyncio.sleep(0.2)

        assert pool.cancel(waits.id)

        result: Result = await asyncio.wait_for(waiting, 15)
        assert (result.outcome, result.stdout) == (Outcome.CANCELLED, "")
        pool.cancel(long.id)
        await running


async def test_a_client_that_goes_away_stops_the_run(home, execution, mark):
    async with Pool(Settings(name="x", running_max=1, environment={MARK: mark})) as pool:
        gone = asyncio.create_task(pool.run(execution("while True: pass"), home))
        await asyncio.sleep(0.3)

        gone.cancel()

        with pytest.raises(asyncio.CancelledError):
            await gone
        assert (await pool.run(execution("1"), home)).result_json == b"1"


async def test_past_the_bound_a_run_is_refused(home, execution):
    async with Pool(Settings(name="x", running_max=1, queued_max=1)) as pool:
        asked = [execution("import time; time.sleep(30)") for _ in range(2)]
        tasks = [asyncio.create_task(pool.run(each, home)) for each in asked]
        await asyncio.sleep(0.2)

        with pytest.raises(Busy):
            await pool.run(execution("1"), home)

        assert pool.describe()["metrics"]["refused"] == 1
        for each in asked:
            pool.cancel(each.id)
        await asyncio.gather(*tasks)


async def test_code_of_many_megabytes_arrives_whole(run):
    padding = "# " + "x" * 20_000_000

    assert (await run(f"{padding}\n_result = 5")).result_json == b"5"


async def test_a_slow_store_holds_up_the_script_not_the_memory(pool, execution, home):
    stored = 0

    class Slow(type(home)):
        async def attest(self, drafts):
            nonlocal stored
            await asyncio.sleep(0.02)
            stored += len(drafts)
            return [("AS", 0)] * len(drafts)

    result = await pool.run(execution("for n in range(60000): attest(['s' * 500], ['p'], ['c'])"), Slow())

    assert (result.outcome, stored) == (Outcome.FINISHED, 60000)


async def test_hundreds_of_runs_mixed_with_kills_leave_everything_flat(home, execution, mark):
    codes = ["1 + 1", "import os; os._exit(3)", "print('x' * 100_000)", "1 / 0", "open('f', 'w').write('x' * 1000)"]
    async with Pool(Settings(name="x", running_max=4, environment={MARK: mark}, sandbox_max="landlock")) as pool:

        async def some(count: int) -> None:
            await asyncio.gather(*(pool.run(execution(codes[n % len(codes)]), home) for n in range(count)))

        def held() -> tuple[int, ...]:
            scratch = sum(len(list(tier.iterdir())) for tier in Path(pool._scratch.path).iterdir() if tier.is_dir())
            gc.collect()
            objects = sum("qntx.engine" in str(type(each).__module__) for each in gc.get_objects())
            return len(os.listdir("/proc/self/fd")), len(marked(mark)), scratch, objects

        await some(40)
        await until(lambda: pool.describe()["idle_workers"] == 8)
        before = held()
        memory_before = Process().memory_info().rss

        for _ in range(4):
            await some(100)

        await until(lambda: pool.describe()["idle_workers"] == 8)
        await until(lambda: all(now <= then for now, then in zip(held(), before, strict=True)))
        assert Process().memory_info().rss < memory_before + MEMORY_BYTES_MORE_MAX


async def test_a_library_that_starts_threads_is_imported_by_each_run_instead(home, execution, tmp_path):
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()"
    )
    tmp_path.chmod(0o755)
    settings = Settings(
        name="x", preload=("json", "threaded", "decimal"), paths=(str(tmp_path),), sandbox_max="landlock"
    )
    async with Pool(settings) as pool:
        await until(lambda: pool.describe()["ready"])

        assert (await pool.run(execution("import threaded, decimal\n1"), home)).result_json == b"1"


async def test_the_next_worker_has_used_its_libraries_and_runs_none_of_that_as_the_scripts(home, execution):
    async with Pool(Settings(name="x", preload=("decimal",), running_max=2)) as pool:
        await until(lambda: pool.describe()["ready"])
        loaded = pool._tiers[LOADED]
        await until(lambda: loaded.idle > 1 and loaded._idle[0].rehearsed and not loaded._idle[0].rehearsing)
        assert [worker.rehearsed for worker in loaded._idle].count(True) == 1

        first = await pool.run(execution("import decimal\nsorted(set(globals()) & {'x', 'a', 'f'})"), home)
        # Others take over while the next one rehearses.
        others = await asyncio.gather(*(pool.run(execution("import decimal\n6 * 7"), home) for _ in range(6)))

    assert (first.result_json, first.stdout) == (b"[]", "")
    assert {other.result_json for other in others} == {b"42"}


async def test_a_run_that_says_it_is_ready_again_is_killed(run):
    result = await run("import os, struct, time\nos.write(3, struct.pack('<IB', 0, 0))\ntime.sleep(20)")

    assert result.outcome is Outcome.KILLED


async def test_a_library_that_cannot_be_imported_is_reported_and_stops_nothing(home, execution):
    async with Pool(Settings(name="x", preload=("no_such_library",))) as pool:
        await until(lambda: pool.describe()["ready"])

        assert "ModuleNotFoundError" in pool.describe()["preload_failed"]["no_such_library"]
        assert (await pool.run(execution("import no_such_library"), home)).missing_module == "no_such_library"


async def test_a_run_that_waits_for_libraries_to_load_holds_no_other_up(home, execution, tmp_path):
    gate = tmp_path / "gate"
    (tmp_path / "slow.py").write_text(
        f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)\nloaded = True"
    )
    _let_others_in(tmp_path)
    settings = Settings(name="x", preload=("slow",), paths=(str(tmp_path),), running_max=1, queued_max=2)
    async with Pool(settings) as pool:
        waits = asyncio.create_task(pool.run(execution("import slow\nslow.loaded"), home))
        await asyncio.sleep(0.1)

        assert (await pool.run(execution("6 * 7"), home)).result_json == b"42"
        assert (pool.describe()["running"], pool.describe()["queued"], waits.done()) == (0, 1, False)
        gate.touch()
        assert (await waits).result_json == b"true"


async def test_a_run_cancelled_while_libraries_load_ends_at_once(home, execution, tmp_path):
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(600)")
    _let_others_in(tmp_path)
    async with Pool(Settings(name="x", preload=("endless",), paths=(str(tmp_path),))) as pool:
        asked = execution("import endless")
        waits = asyncio.create_task(pool.run(asked, home))
        await asyncio.sleep(0.1)

        assert pool.cancel(asked.id)

        assert (await asyncio.wait_for(waits, 15)).outcome is Outcome.CANCELLED
        assert pool.describe()["queued"] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's workers change who they are")
@pytest.mark.parametrize("rung", ["full", "landlock", "limits"])
async def test_workers_of_root_are_nobodys(home, execution, rung):
    if rung != "full" and not all(each.stat().st_mode & 0o001 for each in Path(os.__file__).parents):
        pytest.skip("nobody could not read this Python: it lies in a private directory")
    async with Pool(Settings(name="x", sandbox_max=rung, require_sandbox=rung)) as pool:
        code = "import os\nopen('file', 'w').write('x')\nos.getuid(), os.listdir()"

        assert (await pool.run(execution(code), home)).result_json == b'[65534, ["file"]]'
