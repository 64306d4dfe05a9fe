"""Jobs and schedules over the real queue and real files; a dispatcher of the test's own runs them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from qntx.db import migrations, postgres_migrations
from qntx.db.postgres_database import Database
from qntx.db.sqlite import connect
from qntx.errors import InvalidRequest, NotFound, Unavailable
from qntx.host.pulse import postgres_tables, tables
from qntx.host.pulse.api import JobFilter, Report, Stage
from qntx.host.pulse.backend import Backend, Rows
from qntx.host.pulse.postgres import NAME, PostgresBackend, PostgresRows
from qntx.host.pulse.pulse import Pulse
from qntx.host.pulse.sessions import HostSession
from qntx.host.pulse.sqlite import SQLiteBackend, SQLiteRows
from qntx.model.job import ENDED, Job, JobDraft, JobOutcome, JobState, LogLine, Retry
from qntx.model.schedule import ScheduleDraft, ScheduleState

Body = Callable[[Job, Report], Awaitable[JobOutcome]]


class Handlers:
    """A dispatcher whose handlers are functions."""

    def __init__(self, **bodies: Body) -> None:
        self.bodies = bodies
        self.runs: list[str] = []

    def missing(self, handler_name: str) -> str:
        name = handler_name.partition("/")[2]
        return "" if name in self.bodies else f"no plugin announces {handler_name}"

    async def run(self, job: Job, report: Report) -> JobOutcome:
        self.runs.append(job.id)
        return await self.bodies[job.handler_name.partition("/")[2]](job, report)


async def echo(job: Job, report: Report) -> JobOutcome:
    return JobOutcome(True, job.payload_json)


async def fail(job: Job, report: Report) -> JobOutcome:
    return JobOutcome(False, error=f"run {job.attempts} went wrong")


async def sleep(job: Job, report: Report) -> JobOutcome:
    await asyncio.sleep(3600)
    return JobOutcome(True)


@pytest.fixture
async def handlers() -> Handlers:
    return Handlers(echo=echo, fail=fail, sleep=sleep)


@pytest.fixture(params=["sqlite", "postgres"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[[str], Backend]]:
    """Makes the one kind and the other."""
    if request.param == "sqlite":
        yield partial(SQLiteBackend, tmp_path)
        return
    async with Database(request.getfixturevalue("postgres_url")) as database:
        yield partial(shared, database)


def shared(database: Database, executor: str) -> PostgresBackend:
    return PostgresBackend(database, executor, HostSession(database.url, executor), ("python", "bio"))


@pytest.fixture
async def pulse(backend: Callable[[str], Backend], handlers: Handlers) -> AsyncIterator[Pulse]:
    async with Pulse(backend, handlers, running_max=2) as pulse:
        yield pulse


async def comes_true(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def until(pulse: Pulse, job_id: str, *states: JobState) -> Job:
    async def reached() -> bool:
        return (await pulse.jobs.get(job_id)).state in (states or ENDED)

    await comes_true(reached)
    return await pulse.jobs.get(job_id)


async def test_a_job_runs_once_and_keeps_what_it_returned(pulse: Pulse, handlers: Handlers) -> None:
    job = await pulse.jobs.enqueue(JobDraft("python/echo", b'{"n": 7}'))

    ended = await until(pulse, job.id)

    assert (ended.state, ended.result_json, ended.attempts) == (JobState.COMPLETED, b'{"n": 7}', 1)
    assert handlers.runs == [job.id]


async def test_a_failing_job_is_tried_again_and_then_says_why(pulse: Pulse) -> None:
    job = await pulse.jobs.enqueue(JobDraft("python/fail", retry=Retry(attempts=2, delay_seconds=0.05)))

    ended = await until(pulse, job.id)

    assert (ended.state, ended.error, ended.attempts) == (JobState.FAILED, "run 3 went wrong", 3)


async def test_the_oldest_goes_first_within_a_priority_and_a_higher_priority_before_it(
    pulse: Pulse, handlers: Handlers
) -> None:
    gates = {"block": asyncio.Event(), "fill": asyncio.Event()}

    async def wait(job: Job, report: Report) -> JobOutcome:
        await gates[job.handler_name.removeprefix("python/")].wait()
        return JobOutcome(True)

    async def window_is_full() -> bool:
        return len(pulse._runner._slots._waiting) == 6

    handlers.bodies |= {"block": wait, "fill": wait}
    first = [await pulse.jobs.enqueue(JobDraft(f"python/{name}")) for name in ("block",) * 2 + ("fill",) * 6]
    await comes_true(window_is_full)  # what comes after is ordered by the queue
    low = []
    for _ in range(3):
        low.append(await pulse.jobs.enqueue(JobDraft("python/echo")))
        await asyncio.sleep(0.01)
    high = await pulse.jobs.enqueue(JobDraft("python/echo", priority=5))
    gates["block"].set()
    for job in first[:2]:
        await until(pulse, job.id)
    await comes_true(window_is_full)  # two more were handed over, and wait behind those that fill it
    gates["fill"].set()
    for job in (*first, *low, high):
        await until(pulse, job.id)

    order = [job_id for job_id in handlers.runs if job_id in {job.id for job in (*low, high)}]
    # Two run at once, and which of two that start together is noted first is chance.
    assert high.id in order[:2]
    assert low[2].id in order[2:]


async def test_one_source_has_one_active_job(pulse: Pulse) -> None:
    first = await pulse.jobs.enqueue(JobDraft("python/sleep", source="file.csv"), once_per_source=True)
    again = await pulse.jobs.enqueue(JobDraft("python/sleep", source="file.csv"), once_per_source=True)
    other = await pulse.jobs.enqueue(JobDraft("python/sleep", source="other.csv"), once_per_source=True)

    assert again.id == first.id
    assert other.id != first.id


async def test_an_ix_of_very_many_files_is_one_job_too(pulse: Pulse, handlers: Handlers) -> None:
    """PostgreSQL's indexes take no row of more than a third of a page."""
    names = random.Random(1)
    source = " ".join(f"/data/{names.getrandbits(64):x}.fasta" for _ in range(2000))

    first = await pulse.jobs.enqueue(JobDraft("python/sleep", source=source), once_per_source=True)
    again = await pulse.jobs.enqueue(JobDraft("python/sleep", source=source), once_per_source=True)
    other = await pulse.jobs.enqueue(JobDraft("python/sleep", source=f"{source} x"), once_per_source=True)

    assert (again.id, other.id != first.id) == (first.id, True)


async def test_a_running_job_that_is_cancelled_is_really_stopped(pulse: Pulse, handlers: Handlers) -> None:
    stopped = asyncio.Event()

    async def stoppable(job: Job, report: Report) -> JobOutcome:
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.set()
        return JobOutcome(True)

    handlers.bodies["stoppable"] = stoppable
    job = await pulse.jobs.enqueue(JobDraft("python/stoppable"))
    await until(pulse, job.id, JobState.RUNNING)
    await asyncio.sleep(0.05)

    await pulse.jobs.cancel(job.id)

    await asyncio.wait_for(stopped.wait(), 30)
    assert (await pulse.jobs.get(job.id)).state is JobState.CANCELLED


async def test_a_paused_job_waits_and_runs_when_it_is_resumed(pulse: Pulse, handlers: Handlers) -> None:
    job = await pulse.jobs.enqueue(JobDraft("python/echo", delay_seconds=1.5))

    await pulse.jobs.pause(job.id)
    await asyncio.sleep(2.0)

    assert handlers.runs == []
    await pulse.jobs.resume(job.id)
    assert (await until(pulse, job.id)).state is JobState.COMPLETED


async def test_a_job_past_its_timeout_fails_and_says_so(pulse: Pulse) -> None:
    job = await pulse.jobs.enqueue(JobDraft("python/sleep", timeout_seconds=0.1))

    ended = await until(pulse, job.id)

    assert ended.state is JobState.FAILED
    assert ended.error == "stopped after its timeout of 0.1 s"


async def test_an_unknown_handler_waits_visibly_until_it_is_there(pulse: Pulse, handlers: Handlers) -> None:
    job = await pulse.jobs.enqueue(JobDraft("bio/later"))

    async def waits() -> bool:
        return bool((await pulse.jobs.get(job.id)).waiting_for)

    await comes_true(waits)
    waiting = await pulse.jobs.get(job.id)
    assert (waiting.state, waiting.waiting_for) == (JobState.QUEUED, "no plugin announces bio/later")

    handlers.bodies["later"] = echo

    assert (await until(pulse, job.id)).state is JobState.COMPLETED


async def test_a_run_lost_with_its_plugin_is_run_again(pulse: Pulse, handlers: Handlers) -> None:
    async def lost_once(job: Job, report: Report) -> JobOutcome:
        if job.attempts == 1:
            raise Unavailable("the plugin bio is gone")
        return JobOutcome(True, b'"second"')

    handlers.bodies["lost"] = lost_once
    job = await pulse.jobs.enqueue(JobDraft("bio/lost"))

    ended = await until(pulse, job.id)

    assert (ended.state, ended.result_json, ended.attempts) == (JobState.COMPLETED, b'"second"', 2)


async def test_progress_and_lines_are_kept_while_it_runs(pulse: Pulse, handlers: Handlers) -> None:
    async def tell(job: Job, report: Report) -> JobOutcome:
        report.progress(3, 10, "reading")
        report.log(LogLine(1, "info", "three of ten", stage="read"))
        await asyncio.sleep(3600)
        return JobOutcome(True)

    handlers.bodies["tell"] = tell
    job = await pulse.jobs.enqueue(JobDraft("python/tell"))

    async def told() -> bool:
        return bool((await pulse.jobs.get(job.id)).progress_message)

    await comes_true(told)
    running = await pulse.jobs.get(job.id)
    assert (running.progress_current, running.progress_total) == (3, 10)
    assert [line.message for _, line in await pulse.jobs.log(job.id)] == ["three of ten"]


async def test_the_stages_of_a_job_are_counted_in_the_order_they_began(pulse: Pulse, handlers: Handlers) -> None:
    async def staged(job: Job, report: Report) -> JobOutcome:
        lines = [(1, "read"), (2, "write"), (3, "read")]
        return JobOutcome(True, log=tuple(LogLine(at_ms, "info", "", stage=stage) for at_ms, stage in lines))

    handlers.bodies["staged"] = staged
    job = await pulse.jobs.enqueue(JobDraft("python/staged"))
    await until(pulse, job.id)

    assert await pulse.jobs.stages(job.id) == [Stage("read", 2, 1, 3), Stage("write", 1, 2, 2)]


async def test_children_are_found_by_their_parent(pulse: Pulse) -> None:
    parent = await pulse.jobs.enqueue(JobDraft("python/echo"))
    child = await pulse.jobs.enqueue(JobDraft("python/echo", parent_id=parent.id))

    found = await pulse.jobs.find(JobFilter(parent_id=parent.id))

    assert [job.id for job in found] == [child.id]


async def test_what_cannot_be_is_refused_with_its_reason(pulse: Pulse) -> None:
    with pytest.raises(NotFound, match="no job 'JB-nothing'"):
        await pulse.jobs.get("JB-nothing")
    with pytest.raises(InvalidRequest, match="has to be PLUGIN/HANDLER, got 'echo'"):
        await pulse.jobs.enqueue(JobDraft("echo"))
    job = await pulse.jobs.enqueue(JobDraft("python/echo"))
    await until(pulse, job.id)
    with pytest.raises(InvalidRequest, match="is completed, so it cannot become cancelled"):
        await pulse.jobs.cancel(job.id)


async def test_an_interval_fires_at_once_and_then_on_its_beat(pulse: Pulse, handlers: Handlers) -> None:
    schedule = await pulse.schedules.create(ScheduleDraft("python/echo", interval_seconds=1))

    async def twice() -> bool:
        return len(handlers.runs) >= 2

    await comes_true(twice)
    await pulse.schedules.set_state(schedule.id, ScheduleState.PAUSED)

    async def all_ended() -> bool:
        return all(job.state in ENDED for job in await pulse.jobs.find(JobFilter()))

    await comes_true(all_ended)
    fired = len(handlers.runs)
    await asyncio.sleep(1.5)

    assert len(handlers.runs) == fired
    triggered = await pulse.schedules.trigger(schedule.id)
    assert (await until(pulse, triggered.id)).state is JobState.COMPLETED


async def test_a_plugin_has_the_schedules_it_declares_and_others_keep_theirs(pulse: Pulse) -> None:
    mine = await pulse.schedules.create(ScheduleDraft("bio/by-hand", interval_seconds=3600, first_run_at_once=False))
    await pulse.schedules.declare("bio", [ScheduleDraft("bio/a", 3600), ScheduleDraft("bio/b", 3600)])
    await pulse.schedules.declare("bio", [ScheduleDraft("bio/b", 7200)])

    kept = {schedule.handler_name: schedule.interval_seconds for schedule in await pulse.schedules.list()}

    assert kept == {mine.handler_name: 3600, "bio/b": 7200}


HOST = """
import asyncio, sys
from pathlib import Path
from functools import partial
from qntx.host.pulse.pulse import Pulse
from qntx.host.pulse.sqlite import SQLiteBackend, SQLiteRows
from qntx.model.job import JobOutcome

class Slow:
    def missing(self, handler_name):
        return ""
    async def run(self, job, report):
        with open(sys.argv[1] + "/begun", "a") as log:
            log.write(job.id + chr(10))
        await asyncio.sleep(0.05)
        return JobOutcome(True, job.payload_json)

async def main():
    async with Pulse(partial(SQLiteBackend, Path(sys.argv[1])), Slow(), running_max=4):
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def host(folder: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOST, str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    return process


async def test_hosts_killed_in_the_middle_leave_no_job_behind(tmp_path: Path) -> None:
    async with Pulse(partial(SQLiteBackend, tmp_path), Handlers(), running_max=1) as pulse:
        # No handler is known here, so all of these are left to the hosts that follow.
        jobs = [await pulse.jobs.enqueue(JobDraft("python/x", json.dumps(n).encode())) for n in range(120)]

    for _ in range(3):
        process = await host(tmp_path)
        await asyncio.sleep(1.0)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()

    process = await host(tmp_path)
    try:
        async with Pulse(partial(SQLiteBackend, tmp_path), Handlers(x=echo), running_max=4) as pulse:
            for n, job in enumerate(jobs):
                ended = await until(pulse, job.id)
                assert (ended.state, ended.result_json) == (JobState.COMPLETED, json.dumps(n).encode())
    finally:
        process.kill()
        await process.wait()


async def test_of_a_job_that_is_paused_while_it_is_put_back_it_is_told_last_that_it_is_paused(
    tmp_path: Path, handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Job] = []
    async with Pulse(partial(SQLiteBackend, tmp_path), handlers, told.append) as pulse:
        put = pulse.jobs.put

        async def put_while_it_is_paused(job: Job) -> None:
            await put(job)
            if job.waiting_for:
                await pulse.jobs.pause(job.id)

        monkeypatch.setattr(pulse.jobs, "put", put_while_it_is_paused)
        job = await pulse.jobs.enqueue(JobDraft("python/nowhere"))
        await until(pulse, job.id, JobState.PAUSED)

    assert [each.state for each in told] == [JobState.QUEUED, JobState.QUEUED, JobState.PAUSED]


async def test_progress_is_published_while_a_job_runs(tmp_path: Path, handlers: Handlers) -> None:
    told: list[Job] = []

    def running() -> set[float]:
        return {each.progress_current for each in told if each.state is JobState.RUNNING}

    async def step(job: Job, report: Report) -> JobOutcome:
        for n in range(4):
            report.progress(n, 4, "")
            while n not in running():
                await asyncio.sleep(0.02)
        return JobOutcome(True)

    handlers.bodies["step"] = step
    async with Pulse(partial(SQLiteBackend, tmp_path), handlers, told.append) as pulse:
        job = await pulse.jobs.enqueue(JobDraft("python/step"))
        await until(pulse, job.id)

    assert running() == {0, 1, 2, 3}
    assert (told[0].state, told[-1].state) == (JobState.QUEUED, JobState.COMPLETED)


async def test_a_dispatcher_that_breaks_costs_its_job_no_other_and_is_asked_again(
    pulse: Pulse, handlers: Handlers
) -> None:
    async def breaks_once(job: Job, report: Report) -> JobOutcome:
        if job.attempts == 1:
            raise RuntimeError("a fault of the host's own")
        return JobOutcome(True)

    handlers.bodies["breaks"] = breaks_once
    job = await pulse.jobs.enqueue(JobDraft("python/breaks"))

    assert (await until(pulse, job.id)).state is JobState.COMPLETED
    assert (await pulse.jobs.get(job.id)).attempts == 2


async def test_a_line_to_a_plugin_that_is_cut_costs_a_run_and_not_the_job(pulse: Pulse, handlers: Handlers) -> None:
    async def cut_once(job: Job, report: Report) -> JobOutcome:
        if job.attempts == 1:
            raise asyncio.CancelledError  # what gRPC raises where a channel is closed under a call
        return JobOutcome(True)

    handlers.bodies["cut"] = cut_once
    job = await pulse.jobs.enqueue(JobDraft("python/cut"))

    assert (await until(pulse, job.id)).state is JobState.COMPLETED


async def test_jobs_that_ended_long_ago_are_forgotten_with_their_lines_and_deliveries(
    tmp_path: Path, handlers: Handlers
) -> None:
    async def lines(job: Job, report: Report) -> JobOutcome:
        return JobOutcome(True, log=(LogLine(1, "info", "done"),))

    handlers.bodies["lines"] = lines
    now_ms = 1_700_000_000_000
    async with Pulse(partial(SQLiteBackend, tmp_path), handlers, keep_seconds=60, now_ms=lambda: now_ms) as pulse:
        old = await pulse.jobs.enqueue(JobDraft("python/lines"))
        await until(pulse, old.id)
        now_ms += 61_000
        waiting = await pulse.jobs.enqueue(JobDraft("python/unknown"))
        new = await pulse.jobs.enqueue(JobDraft("python/lines"))
        await until(pulse, new.id)
        await pulse._forget()

        with pytest.raises(NotFound):
            await pulse.jobs.get(old.id)
        kept = await pulse.jobs.find(JobFilter())
        assert {job.id for job in kept} == {waiting.id, new.id}

    with sqlite3.connect(tmp_path / "jobs.db") as connection:
        assert connection.execute("SELECT DISTINCT job_id FROM job_line").fetchall() == [(new.id,)]
    connection.close()
    with sqlite3.connect(tmp_path / "pulse.db") as connection:
        over = connection.execute("SELECT count(*) FROM workflow_status WHERE status = 'SUCCESS'").fetchone()
    connection.close()
    assert over[0] <= 2


async def test_cost_is_kept_and_adds_up_over_runs(pulse: Pulse, handlers: Handlers) -> None:
    async def costs(job: Job, report: Report) -> JobOutcome:
        return JobOutcome(job.attempts == 2, cost=0.25, plugin_version="1.2.3")

    handlers.bodies["costs"] = costs
    job = await pulse.jobs.enqueue(JobDraft("python/costs", retry=Retry(1, 0.01), cost_estimate=1.0))

    ended = await until(pulse, job.id)

    assert (ended.cost_estimate, ended.cost_actual, ended.plugin_version) == (1.0, 0.5, "1.2.3")


async def test_a_tick_while_the_last_job_is_still_at_it_does_not_move_the_time_it_looks_back_to(pulse: Pulse) -> None:
    schedule = await pulse.schedules.create(ScheduleDraft("python/sleep", 3600, first_run_at_once=False))

    first = await pulse.schedules.trigger(schedule.id)
    looked_back_to = (await pulse.schedules.get(schedule.id)).last_run_at_ms
    await asyncio.sleep(0.05)
    again = await pulse.schedules.trigger(schedule.id)

    assert again.id == first.id
    assert (await pulse.schedules.get(schedule.id)).last_run_at_ms == looked_back_to


async def test_who_asked_for_a_job_is_told_at_each_of_its_runs(pulse: Pulse, handlers: Handlers) -> None:
    asked: list[tuple[int, str]] = []

    async def note(job: Job, report: Report) -> JobOutcome:
        asked.append((job.attempts, job.principal))
        return JobOutcome(job.attempts > 2)

    handlers.bodies["note"] = note
    job = await pulse.jobs.enqueue(JobDraft("python/note", retry=Retry(1, 0.01), principal="ada"))
    assert (await until(pulse, job.id)).state is JobState.FAILED
    await pulse.jobs.retry(job.id)
    await until(pulse, job.id, JobState.COMPLETED)

    assert asked == [(1, "ada"), (2, "ada"), (3, "ada")]


async def test_the_jobs_of_a_schedule_are_asked_for_by_who_made_it(pulse: Pulse) -> None:
    made = await pulse.schedules.create(ScheduleDraft("python/echo", 3600, first_run_at_once=False, principal="ada"))

    changed = await pulse.schedules.set_state(made.id, ScheduleState.PAUSED)
    job = await pulse.schedules.trigger(made.id)

    assert (changed.principal, job.principal) == ("ada", "ada")


async def test_a_schedule_that_a_plugin_declares_again_is_the_same_and_bears_what_it_bears_now(
    pulse: Pulse,
) -> None:
    declared = ScheduleDraft("python/echo", 3600, payload_json=b"null", principal="handler:echo")
    await pulse.schedules.declare("python", [replace(declared, payload_json=b"{}", principal="")])
    (before,) = await pulse.schedules.list()

    await pulse.schedules.declare("python", [declared])

    (after,) = await pulse.schedules.list()
    assert (after.id, after.payload_json, after.principal) == (before.id, b"null", "handler:echo")


def keep_as_before_principals(rows: Rows) -> None:
    """A job and a schedule, as the version before kept them; both are due."""
    columns = tables.JOB_COLUMNS.removesuffix(", principal")
    numbers = (0, 60.0, 0, 1.0, "", 1, 1, 0, 0, 0, 1, 0.0, None, "", b"null", "", "", 0.0, 0.0, "")
    grants = '{"network": false, "subprocess": false, "readable_paths": []}'
    job = ("JB-OLD", "python/echo", b"7", "a", "queued", *numbers, grants)
    rows.execute(f"INSERT INTO {rows.schema}job ({columns}) VALUES ({', '.join('?' * len(job))})", job)
    columns = tables.SCHEDULE_COLUMNS.removesuffix(", principal")
    schedule = ("AS-OLD", "python/echo", 3600.0, "", b"8", "", "", "{}", "", "active", 1, 1, 1, 0, "")
    rows.execute(f"INSERT INTO {rows.schema}schedule ({columns}) VALUES ({', '.join('?' * len(schedule))})", schedule)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_jobs_and_schedules_that_an_older_version_kept_still_run(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, handlers: Handlers
) -> None:
    async def check(backend: Callable[[str], Backend]) -> None:
        async with Pulse(backend, handlers) as pulse:

            async def fired() -> bool:
                return bool((await pulse.schedules.get("AS-OLD")).last_job_id)

            assert (await until(pulse, "JB-OLD")).result_json == b"7"
            await comes_true(fired)
            ended = await until(pulse, (await pulse.schedules.get("AS-OLD")).last_job_id)
            assert (ended.result_json, ended.principal) == (b"8", "")

    if kind == "sqlite":
        connection = connect(tmp_path / "jobs.db")
        migrations.migrate(connection, tables.MIGRATIONS[:1])
        keep_as_before_principals(SQLiteRows(connection))
        connection.close()
        await check(partial(SQLiteBackend, tmp_path))
        return
    async with Database(request.getfixturevalue("postgres_url")) as database:
        await database.read(
            lambda connection: postgres_migrations.migrate(connection, NAME, postgres_tables.MIGRATIONS[:1])
        )
        await database.write(lambda connection: keep_as_before_principals(PostgresRows(connection)))
        await check(partial(shared, database))
