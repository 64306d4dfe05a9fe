"""Runs that are watched, stopped and come back to, in a real plugin."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from qntx.protocol import domain_pb2, python_pb2, runtime_pb2

RUNTIME = runtime_pb2.DESCRIPTOR.services_by_name["PythonRuntime"]
PYTHON = python_pb2.DESCRIPTOR.services_by_name["PythonService"]
DOMAIN = domain_pb2.DESCRIPTOR.services_by_name["DomainPluginService"]


@pytest.fixture
async def runtime(start):
    plugin = await start()
    return plugin.stub(RUNTIME)


async def test_output_comes_while_the_code_runs(runtime):
    code = "import time\nprint('first', flush=True)\ntime.sleep(30)\n"
    events = runtime.Run(runtime_pb2.RunRequest(code=code))

    seen = []
    async for event in events:
        seen.append(event.WhichOneof("event"))
        if event.stdout:
            break
    events.cancel()

    assert seen == ["started", "stdout"]


async def test_events_are_numbered_without_gaps_and_the_last_is_the_end(runtime):
    code = "progress(1, 2, 'half')\nlog('note', level='warn', n=1)\nprint('x')\ndisplay('shown')\n21 * 2"

    events = [event async for event in runtime.Run(runtime_pb2.RunRequest(code=code), timeout=30)]

    assert [event.sequence for event in events] == list(range(len(events)))
    by_kind = {event.WhichOneof("event"): event for event in events}
    assert by_kind["started"].started.started_at_ms
    assert (by_kind["progress"].progress.current, by_kind["progress"].progress.total) == (1, 2)
    assert json.loads(by_kind["log"].log.fields_json) == {"n": 1}
    assert "text/plain" in by_kind["display"].display.bundle
    assert events[-1].end.outcome == runtime_pb2.FINISHED
    assert json.loads(events[-1].end.result_json) == 42


async def test_the_same_id_again_is_the_same_run(runtime):
    request = runtime_pb2.RunRequest(code="import os, time; time.sleep(0.3); os.urandom(8).hex()", execution_id="PX-1")

    async def result() -> bytes:
        return [event async for event in runtime.Run(request, timeout=30)][-1].end.result_json

    together = await asyncio.gather(result(), result())
    later = await result()

    assert together[0] == together[1] == later


async def test_a_run_is_attached_to_from_its_first_event_even_when_it_is_over(runtime):
    request = runtime_pb2.RunRequest(code="print('here')", execution_id="PX-2")
    run = [event async for event in runtime.Run(request, timeout=30)]

    attached = [event async for event in runtime.Attach(runtime_pb2.AttachRequest(execution_id="PX-2"), timeout=30)]

    assert attached == run


async def test_a_caller_whose_connection_broke_can_come_back_for_the_rest(runtime):
    code = "import time\nprint('one', flush=True)\ntime.sleep(1)\n'kept'"
    call = runtime.Run(runtime_pb2.RunRequest(code=code, execution_id="PX-3"), timeout=30)
    async for event in call:
        if event.stdout:
            break
    call.cancel()

    rest = [event async for event in runtime.Attach(runtime_pb2.AttachRequest(execution_id="PX-3"), timeout=30)]

    assert json.loads(rest[-1].end.result_json) == "kept"


async def test_cancel_stops_a_run_and_says_so(runtime):
    request = runtime_pb2.RunRequest(code="while True: pass", execution_id="PX-4")
    events = aiter(runtime.Run(request, timeout=30))
    await anext(events)

    answer = await runtime.Cancel(runtime_pb2.CancelRequest(execution_id="PX-4"), timeout=30)

    ends = [event async for event in events]
    unknown = await runtime.Cancel(runtime_pb2.CancelRequest(execution_id="nobody"), timeout=30)
    assert (answer.cancelled, unknown.cancelled) == (True, False)
    assert ends[-1].end.outcome == runtime_pb2.CANCELLED


async def test_a_run_that_everybody_left_is_stopped(start):
    plugin = await start()
    runtime = plugin.stub(RUNTIME)
    call = runtime.Run(runtime_pb2.RunRequest(code="while True: pass"))
    await call.read()
    call.cancel()

    deadline = time.perf_counter() + 20
    while (await runtime.Capabilities(runtime_pb2.CapabilitiesRequest(), timeout=30)).running:
        assert time.perf_counter() < deadline
        await asyncio.sleep(0.1)


async def test_callers_that_all_leave_at_once_leave_every_place_free(start):
    plugin = await start()
    stub, runtime = plugin.stub(PYTHON), plugin.stub(RUNTIME)
    calls = [
        asyncio.ensure_future(stub.Execute(python_pb2.PythonExecuteRequest(code="while True: pass"))) for _ in range(6)
    ]
    await asyncio.sleep(1)

    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)

    deadline = time.perf_counter() + 20
    while True:
        told = await runtime.Capabilities(runtime_pb2.CapabilitiesRequest(), timeout=30)
        if (told.running, told.queued) == (0, 0):
            break
        assert time.perf_counter() < deadline
        await asyncio.sleep(0.1)


async def test_limits_of_one_run_are_its_own(runtime):
    request = runtime_pb2.RunRequest(code="while True: pass", limits=runtime_pb2.Limits(timeout_seconds=0.5))

    events = [event async for event in runtime.Run(request, timeout=30)]

    assert events[-1].end.outcome == runtime_pb2.TIMED_OUT


async def test_a_session_keeps_its_variables_for_its_principal_alone(runtime):
    async def run(code: str, principal: str) -> runtime_pb2.End:
        request = runtime_pb2.RunRequest(code=code, session_id="s", principal=principal)
        return [event async for event in runtime.Run(request, timeout=30)][-1].end

    await run("x = 20", "ada")
    kept = await run("x + 1", "ada")
    other = await run("x + 1", "eve")
    listed = await runtime.ListSessions(runtime_pb2.ListSessionsRequest(principal="ada"), timeout=30)
    seen = await runtime.InspectSession(runtime_pb2.InspectSessionRequest(session_id="s", principal="ada"), timeout=30)
    ended = await runtime.EndSession(runtime_pb2.EndSessionRequest(session_id="s", principal="ada"), timeout=30)

    assert json.loads(kept.result_json) == 21
    assert other.outcome == runtime_pb2.RAISED
    assert [(session.session_id, session.runs) for session in listed.sessions] == [("s", 2)]
    assert [(variable.name, variable.type, variable.repr) for variable in seen.variables] == [("x", "int", "20")]
    assert ended.ended


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (runtime_pb2.RunRequest(), grpc.StatusCode.INVALID_ARGUMENT),
        (runtime_pb2.RunRequest(code="1", upstream_json=b"{"), grpc.StatusCode.INVALID_ARGUMENT),
        (runtime_pb2.RunRequest(code="1", limits=runtime_pb2.Limits(memory_mib=-1)), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_what_cannot_be_run_is_an_invalid_argument(runtime, request_, code):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        [event async for event in runtime.Run(request_, timeout=30)]

    assert caught.value.code() is code


async def test_a_run_nobody_knows_cannot_be_attached_to(runtime):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        [event async for event in runtime.Attach(runtime_pb2.AttachRequest(execution_id="x"), timeout=30)]

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_capabilities_tell_what_holds_a_run(runtime):
    [event async for event in runtime.Run(runtime_pb2.RunRequest(code="1"), timeout=30)]

    told = await runtime.Capabilities(runtime_pb2.CapabilitiesRequest(), timeout=30)

    assert told.sandbox in ("full", "landlock", "limits")
    assert told.python_version.startswith("3.")
    assert "grpc" in told.modules
    assert told.running_max > 0


async def test_health_checking_and_reflection_are_served(start):
    plugin = await start()
    health = plugin.stub(health_pb2.DESCRIPTOR.services_by_name["Health"])
    reflection = plugin.stub(reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"])

    served = await health.Check(health_pb2.HealthCheckRequest(service="protocol.PythonService"), timeout=30)

    async def asked():
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    answers = [answer async for answer in reflection.ServerReflectionInfo(asked(), timeout=30)]
    names = {service.name for service in answers[0].list_services_response.service}
    assert served.status == health_pb2.HealthCheckResponse.SERVING
    assert names >= {
        "protocol.DomainPluginService",
        "protocol.PythonService",
        "qntx.runtime.v1.PythonRuntime",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_a_new_configuration_holds_for_the_next_run(start):
    plugin = await start()
    domain, python = plugin.stub(DOMAIN), plugin.stub(PYTHON)

    await domain.Initialize(domain_pb2.InitializeRequest(config={"timeout_secs": "0.500000"}), timeout=30)
    cut = await python.Execute(python_pb2.PythonExecuteRequest(code="while True: pass"), timeout=30)
    await domain.Initialize(domain_pb2.InitializeRequest(config={"timeout_secs": "soon"}), timeout=30)
    health = await domain.Health(domain_pb2.Empty(), timeout=30)

    assert "0.5 s" in cut.error
    assert health.healthy
    assert health.details["configuration"].startswith("timeout_secs: 'soon' is not a number")


@pytest.fixture
def directory(repository) -> Iterator[Path]:
    """A directory outside /tmp, which a script sees as its own."""
    (repository / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=repository / "build") as made:
        # Scripts run as another user than the plugin.
        Path(made).chmod(0o755)
        yield Path(made)


async def test_modules_of_a_configured_path_are_importable_in_the_next_run(start, directory):
    (directory / "mine.py").write_text("answer = 42")
    plugin = await start()
    config = {"python_paths": str(directory)}
    await plugin.stub(DOMAIN).Initialize(domain_pb2.InitializeRequest(config=config), timeout=30)

    answer = await plugin.stub(PYTHON).Execute(
        python_pb2.PythonExecuteRequest(code="import mine; mine.answer"), timeout=30
    )

    assert json.loads(answer.result)["result"] == 42, answer.error
