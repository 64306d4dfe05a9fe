"""QueueService and ScheduleService over real sockets and the real queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from qntx.host.api.pulse import job_record
from qntx.host.pulse.api import JobFilter, Report
from qntx.host.pulse.pulse import Pulse
from qntx.host.pulse.sqlite import SQLiteBackend
from qntx.host.services import jobs, schedules
from qntx.model.job import Job, JobDraft, JobOutcome
from qntx.model.schedule import ScheduleDraft
from qntx.protocol import queue_pb2, schedule_pb2
from qntx.wire import caller
from qntx.wire.services import SERVER_OPTIONS, Stub

TOKEN = "the token"


class Sleeping:
    """A dispatcher whose jobs never end by themselves."""

    def missing(self, handler_name: str) -> str:
        return ""

    async def run(self, job: Job, report: Report) -> JobOutcome:
        await asyncio.sleep(3600)
        return JobOutcome(True)


@pytest.fixture
async def pulse(tmp_path: Path) -> AsyncIterator[Pulse]:
    async with Pulse(partial(SQLiteBackend, tmp_path), Sleeping()) as pulse:
        yield pulse


@pytest.fixture
async def channel(pulse: Pulse) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server(options=SERVER_OPTIONS)
    jobs.serve(server, pulse.jobs, TOKEN)
    schedules.serve(server, pulse.schedules, TOKEN)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


@pytest.fixture
def queue(channel: grpc.aio.Channel) -> Any:
    return Stub(channel, queue_pb2.DESCRIPTOR.services_by_name["QueueService"])


@pytest.fixture
def ticker(channel: grpc.aio.Channel) -> Any:
    return Stub(channel, schedule_pb2.DESCRIPTOR.services_by_name["ScheduleService"])


def enqueue(token: str = TOKEN, **fields: Any) -> queue_pb2.EnqueueRequest:
    job = queue_pb2.Job(**{"handler_name": "bio/bio.count", "payload": b'{"n": 1}', **fields})
    return queue_pb2.EnqueueRequest(auth_token=token, job=job)


def create(token: str = TOKEN, **fields: Any) -> schedule_pb2.CreateScheduleRequest:
    told = {"handler_name": "bio/bio.count", "interval_seconds": 60, "payload": b"{}", **fields}
    return schedule_pb2.CreateScheduleRequest(auth_token=token, **told)


async def test_a_job_that_is_enqueued_is_kept_as_it_was_sent(queue: Any) -> None:
    parent = (await queue.Enqueue(enqueue())).job_id
    answer = await queue.Enqueue(enqueue(id="JB-MINE", source="a.fa", parent_job_id=parent, cost_estimate=0.5))

    kept = (await queue.GetJob(queue_pb2.GetJobRequest(auth_token=TOKEN, job_id="JB-MINE"))).job

    assert (answer.success, answer.job_id) == (True, "JB-MINE")
    assert (kept.handler_name, kept.payload, kept.source) == ("bio/bio.count", b'{"n": 1}', "a.fa")
    assert (kept.parent_job_id, kept.cost_estimate, kept.status) == (parent, 0.5, "queued")


async def test_the_same_id_or_the_same_source_again_is_the_same_job(queue: Any) -> None:
    first = await queue.Enqueue(enqueue(id="JB-ONE", source="a.fa"))

    assert (await queue.Enqueue(enqueue(id="JB-ONE"))).job_id == first.job_id
    assert (await queue.Enqueue(enqueue(source="a.fa"))).job_id == first.job_id
    assert (await queue.Enqueue(enqueue(source="b.fa"))).job_id != first.job_id
    listed = await queue.ListJobs(queue_pb2.ListJobsRequest(auth_token=TOKEN))
    assert len(listed.jobs) == 2


async def test_a_plugin_can_stop_a_job_and_write_nothing_else_of_it(queue: Any) -> None:
    job_id = (await queue.Enqueue(enqueue())).job_id

    refused = await queue.UpdateJob(
        queue_pb2.UpdateJobRequest(auth_token=TOKEN, job=queue_pb2.Job(id=job_id, status="completed"))
    )
    stopped = await queue.UpdateJob(
        queue_pb2.UpdateJobRequest(auth_token=TOKEN, job=queue_pb2.Job(id=job_id, status="cancelled"))
    )

    assert (refused.success, stopped.success) == (False, True)
    assert "'completed' is not cancelled, paused, queued" in refused.error
    kept = await queue.GetJob(queue_pb2.GetJobRequest(auth_token=TOKEN, job_id=job_id))
    assert kept.job.status == "cancelled"


@pytest.mark.parametrize("token", ["", "another"])
async def test_without_the_token_nothing_is_done_or_told(queue: Any, ticker: Any, pulse: Pulse, token: str) -> None:
    kept = (await queue.Enqueue(enqueue())).job_id
    schedule = (await ticker.CreateSchedule(create())).schedule_id
    named = {"auth_token": token, "schedule_id": schedule}

    answers = [
        await queue.Enqueue(enqueue(token)),
        await queue.GetJob(queue_pb2.GetJobRequest(auth_token=token, job_id=kept)),
        await queue.ListJobs(queue_pb2.ListJobsRequest(auth_token=token)),
        await queue.UpdateJob(queue_pb2.UpdateJobRequest(auth_token=token, job=queue_pb2.Job(id=kept))),
        await ticker.CreateSchedule(create(token, handler_name="bio/bio.other")),
        await ticker.PauseSchedule(schedule_pb2.PauseScheduleRequest(**named)),
        await ticker.ResumeSchedule(schedule_pb2.ResumeScheduleRequest(**named)),
        await ticker.DeleteSchedule(schedule_pb2.DeleteScheduleRequest(**named)),
        await ticker.GetSchedule(schedule_pb2.GetScheduleRequest(**named)),
    ]

    assert {answer.success for answer in answers} == {False}
    assert {answer.error for answer in answers} == {"invalid authentication token"}
    assert len(await pulse.schedules.list()) == 1


async def test_an_unknown_job_is_an_answer_and_no_error_of_the_wire(queue: Any) -> None:
    missing = await queue.GetJob(queue_pb2.GetJobRequest(auth_token=TOKEN, job_id="JB-NONE"))
    nil = await queue.Enqueue(queue_pb2.EnqueueRequest(auth_token=TOKEN))

    assert (missing.success, missing.error) == (False, "no job 'JB-NONE'")
    assert (nil.success, nil.error) == (False, "job: job is nil")


async def test_a_schedule_is_made_once_for_each_handler_and_waits_one_interval(ticker: Any, pulse: Pulse) -> None:
    first = await ticker.CreateSchedule(create(metadata={"plugin": "bio"}))
    again = await ticker.CreateSchedule(create(interval_seconds=5))

    assert (first.success, again.schedule_id) == (True, first.schedule_id)
    kept = (
        await ticker.GetSchedule(schedule_pb2.GetScheduleRequest(auth_token=TOKEN, schedule_id=first.schedule_id))
    ).job
    assert (kept.interval_seconds, kept.state, kept.metadata) == (60, "active", '{"plugin": "bio"}')
    assert kept.last_run_at == ""
    assert kept.next_run_at > kept.created_at


async def test_a_schedule_of_an_ix_line_is_not_taken_for_one_of_its_handler(ticker: Any, pulse: Pulse) -> None:
    line = await pulse.schedules.create(ScheduleDraft("bio/bio.count", 60, ats_code="ix fasta x"))

    made = await ticker.CreateSchedule(create())

    assert made.schedule_id != line.id


async def test_a_schedule_is_paused_resumed_and_deleted(ticker: Any) -> None:
    made = (await ticker.CreateSchedule(create())).schedule_id
    named = {"auth_token": TOKEN, "schedule_id": made}

    async def state() -> str:
        return str((await ticker.GetSchedule(schedule_pb2.GetScheduleRequest(**named))).job.state)

    assert (await ticker.PauseSchedule(schedule_pb2.PauseScheduleRequest(**named))).success
    assert await state() == "paused"
    assert (await ticker.ResumeSchedule(schedule_pb2.ResumeScheduleRequest(**named))).success
    assert await state() == "active"
    assert (await ticker.DeleteSchedule(schedule_pb2.DeleteScheduleRequest(**named))).success
    gone = await ticker.GetSchedule(schedule_pb2.GetScheduleRequest(**named))
    assert (gone.success, gone.error) == (False, f"no schedule {made!r}")


async def test_a_job_and_a_schedule_are_asked_for_by_whom_the_plugin_names(
    queue: Any, ticker: Any, pulse: Pulse
) -> None:
    named = {"metadata": caller.by("Адa")}
    job_id = (await queue.Enqueue(enqueue(), **named)).job_id
    nobodys = (await queue.Enqueue(enqueue())).job_id
    schedule_id = (await ticker.CreateSchedule(create(), **named)).schedule_id

    assert (await pulse.jobs.get(job_id)).principal == "Адa"
    assert (await pulse.jobs.get(nobodys)).principal == ""
    assert (await pulse.schedules.get(schedule_id)).principal == "Адa"


async def test_the_child_of_a_job_is_its_principals_where_the_plugin_names_nobody(queue: Any, pulse: Pulse) -> None:
    parent = await pulse.jobs.enqueue(JobDraft("bio/bio.count", principal="ada"))

    child = (await queue.Enqueue(enqueue(parent_job_id=parent.id))).job_id
    orphan = (await queue.Enqueue(enqueue(parent_job_id="JB-FORGOTTEN"))).job_id

    assert (await pulse.jobs.get(child)).principal == "ada"
    assert (await pulse.jobs.get(orphan)).principal == ""


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"handler_name": "count"}, "handler_name"),
        ({"handler_name": "bio/a\0b"}, "handler_name"),
        ({"handler_name": "bio/" + "a" * 253}, "handler_name"),
        ({"id": "a/b"}, "id"),
        ({"id": "a\0"}, "id"),
        ({"id": "a" * 129}, "id"),
        ({"parent_job_id": "a b"}, "parent_id"),
        ({"source": "a" * 1_048_577}, "source"),
        ({"cost_estimate": float("nan")}, "cost_estimate"),
        ({"cost_estimate": float("inf")}, "cost_estimate"),
        ({"cost_estimate": -1.0}, "cost_estimate"),
    ],
)
async def test_a_job_that_would_be_in_everybodys_way_is_refused_by_its_field(
    queue: Any, pulse: Pulse, fields: dict[str, Any], field: str
) -> None:
    answer = await queue.Enqueue(enqueue(**fields))

    assert (answer.success, answer.error.split(":")[0]) == (False, field)
    assert await pulse.jobs.find(JobFilter()) == []


async def test_a_schedule_of_what_can_be_no_handler_is_refused(ticker: Any, pulse: Pulse) -> None:
    answer = await ticker.CreateSchedule(create(handler_name="count"))

    assert answer.error == "handler_name: has to be PLUGIN/HANDLER, got 'count'"
    assert await pulse.schedules.list() == []


async def test_a_list_of_less_than_no_jobs_is_refused(queue: Any) -> None:
    answer = await queue.ListJobs(queue_pb2.ListJobsRequest(auth_token=TOKEN, limit=-1))

    assert answer.error == "limit: cannot be negative, got -1"


@pytest.mark.parametrize("payload", [b"NaN", b'"\\ud800"', b"[" * 5000, b"\xff\0", b"1" * 5000])
async def test_whatever_a_job_was_given_it_can_be_shown(queue: Any, pulse: Pulse, payload: bytes) -> None:
    job_id = (await queue.Enqueue(enqueue(payload=payload))).job_id

    shown = job_record(await pulse.jobs.get(job_id))

    assert json.loads(json.dumps(shown, allow_nan=False, ensure_ascii=False).encode())["id"] == job_id
