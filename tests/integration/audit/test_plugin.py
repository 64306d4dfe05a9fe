"""Whatever way a run comes in, and however it ends, it has exactly one record; its plugin is a real process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
import grpc.aio
import pytest
from tests.conformance.core import Started
from tests.integration.audit.conftest import DOMAIN, PATIENCE_SECONDS, Trail

from qntx.host.home import Home
from qntx.protocol import domain_pb2, python_pb2, runtime_pb2

PYTHON = python_pb2.DESCRIPTOR.services_by_name["PythonService"]
RUNTIME = runtime_pb2.DESCRIPTOR.services_by_name["PythonRuntime"]
CODE = "print('printed'); 6 * 7"
SLEEPS = "print('there', flush=True); import time; time.sleep(60)"

Start = Callable[[], Awaitable[Started]]


async def execute(plugin: Started, code: str = CODE) -> None:
    await plugin.stub(PYTHON).Execute(python_pb2.PythonExecuteRequest(code=code, glyph_id="g-1"), timeout=60)


async def run(plugin: Started, code: str = CODE, **asked: Any) -> runtime_pb2.End:
    events = plugin.stub(RUNTIME).Run(runtime_pb2.RunRequest(code=code, principal="somebody", **asked), timeout=60)
    told: Sequence[runtime_pb2.RunEvent] = [event async for event in events]
    return told[-1].end


async def begin(plugin: Started, code: str = SLEEPS, **asked: Any) -> Any:
    """A run whose code has begun; the call goes on."""
    call = plugin.stub(RUNTIME).Run(runtime_pb2.RunRequest(code=code, **asked), timeout=60)
    async for event in call:
        if event.stdout:
            return call
    raise AssertionError("it ended before it printed")


async def http(plugin: Started, path: str, **fields: Any) -> domain_pb2.HTTPResponse:
    request = domain_pb2.HTTPRequest(method="POST", path=path, body=json.dumps(fields).encode())
    answer: domain_pb2.HTTPResponse = await plugin.stub(DOMAIN).HandleHTTP(request, timeout=60)
    return answer


async def job(plugin: Started) -> None:
    payload = json.dumps({"script_code": "def execute(payload): return 1", "script_type": "t"}).encode()
    request = domain_pb2.ExecuteJobRequest(job_id="JB-1", handler_name="python.script", payload=payload)
    await plugin.stub(DOMAIN).ExecuteJob(request, timeout=60)


async def watched_job(plugin: Started) -> None:
    payload = json.dumps({"code": CODE}).encode()
    request = runtime_pb2.RunJobRequest(job_id="JB-2", handler_name="python.script", payload=payload)
    async for _ in plugin.stub(RUNTIME).RunJob(request, timeout=60):
        pass


async def websocket(plugin: Started) -> None:
    async def said() -> AsyncIterator[domain_pb2.WebSocketMessage]:
        asked = json.dumps({"type": "execute", "content": CODE}).encode()
        yield domain_pb2.WebSocketMessage(type=domain_pb2.WebSocketMessage.DATA, data=asked)
        await asyncio.sleep(60)

    call = plugin.stub(DOMAIN).HandleWebSocket(said(), timeout=60)
    while json.loads((await call.read()).data).get("type") != "end":
        pass
    call.cancel()


WAYS = {
    "PythonService": execute,
    "a stream": run,
    "an expression": lambda plugin: run(plugin, "2 ** 10", mode=runtime_pb2.MODE_EVALUATE),
    "a session": lambda plugin: run(plugin, session_id="s"),
    "POST /execute": lambda plugin: http(plugin, "/execute", content=CODE),
    "POST /evaluate": lambda plugin: http(plugin, "/evaluate", expr="1"),
    "a job": job,
    "a watched job": watched_job,
    "a WebSocket": websocket,
}


@pytest.mark.parametrize("way", WAYS)
async def test_every_way_in_leaves_exactly_one_record(start: Start, trail: Trail, way: str) -> None:
    plugin = await start()

    await WAYS[way](plugin)

    [record] = await asyncio.to_thread(trail.of, 1)
    assert record["outcome"]["status"] == "success"


async def test_a_record_says_what_ran_where_and_what_came_of_it(start: Start, trail: Trail) -> None:
    end = await run(await start(), "log('x'); print('printed'); 6 * 7", execution_id="PX-1", glyph_id="g-1")

    [record] = await asyncio.to_thread(trail.of, 1)
    assert record["id"] == end.capsule_id
    trigger, environment = record["trigger"], record["context"]["environment"]
    assert (trigger["source"], trigger["user_id"], trigger["correlation_id"]) == ("glyph:g-1", "somebody", "PX-1")
    assert trigger["request"] == "sha256:" + hashlib.sha256(b"log('x'); print('printed'); 6 * 7").hexdigest()
    assert environment["plugin"] == record["context"]["agent_id"] == "python"
    assert environment.keys() >= {"plugin_version", "python", "packages", "packages_sha256", "node", "sandbox"}
    assert record["execution"]["resources_used"].keys() == {"attestations", "calls_home", "cpu_ms", "peak_rss_bytes"}
    assert record["outcome"]["result"] == {"sha256": hashlib.sha256(b"42").hexdigest(), "bytes": 2}
    printed = {"sha256": hashlib.sha256(b"printed\n").hexdigest(), "bytes": 8}
    assert record["outcome"]["metrics"]["stdout"] == printed
    assert "printed" not in json.dumps(record["outcome"])


FAILURES = {
    "a traceback": ("1 / 0", 30.0, "raised", "ZeroDivisionError: division by zero"),
    "a segfault": ("import ctypes; ctypes.string_at(0)", 30.0, "killed", "The worker"),
    "os._exit": ("import os; os._exit(3)", 30.0, "killed", "The worker"),
    "a deadline": ("import time; time.sleep(60)", 1.5, "timed_out", "TimeoutError: the deadline"),
    "no memory": ("b = bytearray(10 ** 12)", 30.0, "out_of_memory", ""),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_run_that_fails_has_one_failure_record_that_says_how(start: Start, trail: Trail, failure: str) -> None:
    code, timeout_seconds, ended, reason = FAILURES[failure]

    await run(await start(), code, limits=runtime_pb2.Limits(timeout_seconds=timeout_seconds))

    [record] = await asyncio.to_thread(trail.of, 1)
    assert record["outcome"]["status"] == "failure"
    assert record["outcome"]["metrics"]["ended"] == ended
    assert record["outcome"]["error"].startswith(reason)


async def test_a_cancelled_run_has_one_failure_record(start: Start, trail: Trail) -> None:
    plugin = await start()
    call = await begin(plugin, execution_id="PX-1")

    await plugin.stub(RUNTIME).Cancel(runtime_pb2.CancelRequest(execution_id="PX-1"), timeout=30)
    async for _ in call:
        pass

    [record] = await asyncio.to_thread(trail.of, 1)
    assert record["outcome"]["metrics"]["ended"] == "cancelled"


@pytest.mark.parametrize("service", ["stream", "unary"])
async def test_a_run_whose_client_went_away_has_one_failure_record(start: Start, trail: Trail, service: str) -> None:
    plugin = await start()
    if service == "stream":
        call = await begin(plugin)
    else:
        call = plugin.stub(PYTHON).Execute(python_pb2.PythonExecuteRequest(code=SLEEPS))
        await asyncio.to_thread(_until, lambda: trail.verdict().running)

    call.cancel()

    [record] = await asyncio.to_thread(trail.of, 1)
    assert record["outcome"]["status"] == "failure"


async def test_runs_of_a_plugin_that_was_killed_have_one_failure_record_once_it_is_back(
    start: Start, trail: Trail
) -> None:
    plugin = await start()
    await run(plugin)
    calls = [await begin(plugin), await begin(plugin)]

    plugin.process.send_signal(signal.SIGKILL)
    await plugin.ended()
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError):
            await call.read()
    again = await start()
    await run(again)

    records = await asyncio.to_thread(trail.of, 4)
    cut_off = [each for each in records if each["outcome"]["status"] == "failure"]
    assert [each["outcome"]["error"] for each in cut_off] == ["the process that ran this died before it ended"] * 2


async def test_a_plugin_that_is_told_to_end_seals_what_it_runs(start: Start, trail: Trail) -> None:
    plugin = await start()
    await begin(plugin)

    await plugin.stop()

    [record] = await asyncio.to_thread(trail.of, 1)
    assert record["outcome"]["status"] == "failure"


async def test_what_is_refused_did_not_run_and_has_no_record(start: Start, trail: Trail) -> None:
    plugin = await start()

    with pytest.raises(grpc.aio.AioRpcError):
        await run(plugin, code="")
    await run(plugin)

    await asyncio.to_thread(trail.of, 1)


async def test_a_run_that_cannot_be_recorded_does_not_run(start: Start, audited_home: Home, tmp_path: Any) -> None:
    audited_home.capsules.mkdir()
    plugin = await start()
    traces = tmp_path / "traces"
    traces.mkdir()

    with pytest.raises(grpc.aio.AioRpcError, match="not run, because it could not be recorded") as caught:
        await run(plugin, f"open('{traces}/ran', 'w')")

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    health = await plugin.stub(DOMAIN).Health(domain_pb2.Empty(), timeout=30)
    assert str(audited_home.capsules) in health.details["capsules"]


async def test_scripts_may_not_read_where_their_record_is_kept(start: Start, audited_home: Home) -> None:
    plugin = await start()

    with pytest.raises(grpc.aio.AioRpcError, match="the audit trail or its key is in it") as caught:
        await run(plugin, limits=runtime_pb2.Limits(readable_paths=[str(audited_home.keys)]))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def _until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
