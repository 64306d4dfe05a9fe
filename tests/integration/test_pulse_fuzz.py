"""Any bytes at all, from who has the token and who has not: jobs and schedules are refused by field or kept whole."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.host.api.pulse import job_record, schedule_record
from qntx.host.pulse.api import JobFilter, Report
from qntx.host.pulse.pulse import Pulse
from qntx.host.pulse.sqlite import SQLiteBackend
from qntx.host.services import jobs, schedules
from qntx.model.job import Job, JobDraft, JobOutcome, JobState
from qntx.protocol import queue_pb2, schedule_pb2
from qntx.wire.services import SERVER_OPTIONS

# The servers' thread draws from `random` whenever it likes, which Hypothesis takes for the test's doing.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")

TOKEN = "7f" * 32
WRONG = "7f" * 31 + "80"
QUEUE = queue_pb2.DESCRIPTOR.services_by_name["QueueService"]
SCHEDULES = schedule_pb2.DESCRIPTOR.services_by_name["ScheduleService"]
METHODS = {
    f"/{service.full_name}/{method.name}": method for service in (QUEUE, SCHEDULES) for method in service.methods
}

TEXTS = st.text(max_size=8) | st.sampled_from(["bio/count", "a/b", "/", "\0", "é" * 70_000, "queued", "cancelled"])
LONG = st.integers(-(2**63), 2**63 - 1)
WHOLE = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 1, 60])
AMOUNTS = st.floats() | st.sampled_from([0.0, 0.5])
PAYLOADS = st.binary(max_size=20) | st.sampled_from([b"{}", b"NaN", b'"\\ud800"', b"[" * 5000, b"1" * 5000])
JOBS = st.builds(
    queue_pb2.Job,
    id=TEXTS,
    handler_name=TEXTS,
    payload=PAYLOADS,
    source=TEXTS,
    status=TEXTS,
    parent_job_id=TEXTS,
    cost_estimate=AMOUNTS,
    cost_actual=AMOUNTS,
    retry_count=WHOLE,
    created_at=LONG,
    progress=st.builds(queue_pb2.Progress, current=WHOLE, total=WHOLE),
)
LISTED = st.builds(partial(queue_pb2.ListJobsRequest, auth_token=TOKEN), status=TEXTS, limit=WHOLE)
MADE = st.builds(
    partial(schedule_pb2.CreateScheduleRequest, auth_token=TOKEN),
    handler_name=TEXTS,
    interval_seconds=WHOLE,
    payload=PAYLOADS,
    metadata=st.dictionaries(st.sampled_from(["plugin", "declared", "\0"]), TEXTS, max_size=3),
)
ENQUEUED = JOBS.map(lambda job: queue_pb2.EnqueueRequest(auth_token=TOKEN, job=job))
MESSAGES = st.one_of(ENQUEUED, LISTED, MADE).map(lambda message: message.SerializeToString())
SHOWN = queue_pb2.GetJobRequest(auth_token=TOKEN).SerializeToString()
"""Every request has its token in field 1: what follows is read as the rest of it."""


@st.composite
def mutated(draw: Any) -> bytes:
    """A message with some of its bytes changed, cut out or put in."""
    data = bytearray(draw(MESSAGES)[:400])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(len(SHOWN), max(len(SHOWN), len(data))))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


BYTES = st.binary(max_size=60) | st.binary(max_size=60).map(SHOWN.__add__) | mutated() | MESSAGES
FIELDS = re.compile("(id|handler_name|source|parent_id|cost_estimate|interval_seconds): .+", re.DOTALL)
NO_MESSAGE = "DecodeError"
"""What gRPC itself says, as UNKNOWN, of bytes that are no message."""
often = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


class Echoing:
    """A dispatcher that has the plugin bio."""

    def missing(self, handler_name: str) -> str:
        return "" if handler_name.startswith("bio/") else "another plugin"

    async def run(self, job: Job, report: Report) -> JobOutcome:
        return JobOutcome(True, b"1")


class Served:
    """Pulse and its two services, on a loop of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(30)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self._port}")

    async def _serve(self) -> None:
        async with Pulse(partial(SQLiteBackend, self._folder), Echoing()) as self.pulse:
            server = grpc.aio.server(options=SERVER_OPTIONS)
            jobs.serve(server, self.pulse.jobs, TOKEN)
            schedules.serve(server, self.pulse.schedules, TOKEN)
            self._port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            self._ready.set()
            await self._over.wait()
            await server.stop(None)

    def ask(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def call(self, path: str, request: bytes) -> tuple[grpc.StatusCode, str, bytes]:
        """How it ended, what was said of that, and the answer."""
        call, answer = self.channel.unary_unary(path).future(request, timeout=30), b""
        with contextlib.suppress(grpc.RpcError):
            answer = call.result()
        return call.code(), call.details() or "", answer

    def answer(self, request: Message) -> Any:
        """What the method for that message answers."""
        path, method = next(each for each in METHODS.items() if each[1].input_type is request.DESCRIPTOR)
        code, details, answer = self.call(path, request.SerializeToString())
        assert code is grpc.StatusCode.OK, details
        return GetMessageClass(method.output_type).FromString(answer)

    def jobs(self) -> set[str]:
        """Those that were asked for; what schedules set off comes when it comes."""
        found = self.ask(self.pulse.jobs.find(JobFilter(), limit=100_000))
        return {job.id for job in found if not job.source.startswith("AS-")}

    def schedules(self) -> set[str]:
        return {one.id for one in self.ask(self.pulse.schedules.list())}

    def close(self) -> None:
        self.channel.close()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("pulse"))
    yield served
    served.close()


def test_any_bytes_for_jobs_and_schedules_are_answered_and_nothing_is_half_kept(served: Served) -> None:
    @often
    @given(st.sampled_from(sorted(METHODS)), BYTES)
    def check(path: str, request: bytes) -> None:
        code, details, _ = served.call(path, request)

        assert code is grpc.StatusCode.OK or NO_MESSAGE in details, (code, details)

    check()

    for job in served.ask(served.pulse.jobs.find(JobFilter(), limit=100_000)):
        json.dumps(job_record(job), allow_nan=False, ensure_ascii=False).encode()
    for schedule in served.ask(served.pulse.schedules.list()):
        json.dumps(schedule_record(schedule), allow_nan=False, ensure_ascii=False).encode()
    served.ask(_runs(served.pulse))


def test_a_job_is_kept_as_it_was_sent_or_refused_by_its_field(served: Served) -> None:
    @often
    @given(ENQUEUED)
    def check(request: queue_pb2.EnqueueRequest) -> None:
        before = served.jobs()

        answer = served.answer(request)

        if not answer.success:
            assert FIELDS.fullmatch(answer.error), answer.error
            assert served.jobs() == before
        elif answer.job_id not in before:
            sent, kept = request.job, served.ask(served.pulse.jobs.get(answer.job_id))
            assert (kept.handler_name, kept.source, kept.parent_id) == (
                sent.handler_name,
                sent.source,
                sent.parent_job_id,
            )
            assert (kept.payload_json, kept.cost_estimate) == (sent.payload or b"{}", sent.cost_estimate)
            assert kept.id == (sent.id or kept.id)

    check()


def test_a_schedule_is_kept_as_it_was_sent_or_refused_by_its_field(served: Served) -> None:
    @often
    @given(MADE)
    def check(request: schedule_pb2.CreateScheduleRequest) -> None:
        before = served.schedules()

        answer = served.answer(request)

        if not answer.success:
            assert FIELDS.fullmatch(answer.error), answer.error
            assert served.schedules() == before
        elif answer.schedule_id not in before:
            kept = served.ask(served.pulse.schedules.get(answer.schedule_id))
            assert (kept.handler_name, kept.interval_seconds) == (request.handler_name, request.interval_seconds)
            assert json.loads(kept.metadata_json) == dict(request.metadata)

    check()


def test_with_another_token_nothing_is_done_or_told(served: Served) -> None:
    @often
    @given(st.one_of(ENQUEUED, LISTED, MADE), st.sampled_from(["", WRONG, TOKEN + "0", "é"]))
    def check(request: Any, token: str) -> None:
        stranger = type(request).FromString(request.SerializeToString())
        stranger.auth_token = token
        before = served.jobs(), served.schedules()

        answer = served.answer(stranger)

        assert answer == type(answer)(error="invalid authentication token")
        assert (served.jobs(), served.schedules()) == before

    check()


async def _runs(pulse: Pulse) -> None:
    """Jobs are still taken and run."""
    made = await pulse.jobs.enqueue(JobDraft("bio/count", priority=9))
    async with asyncio.timeout(30):
        while (await pulse.jobs.get(made.id)).state is not JobState.COMPLETED:
            await asyncio.sleep(0.05)
