"""What QNTX's core expects of a Python plugin, as tests over the wire; any executable can be put to them.

    python -m pytest tests/conformance/plugin.py --plugin /path/to/qntx-bio-plugin

Without --plugin: every launcher in QNTX_HOME, and the package as it lies in this checkout. Nothing here looks inside a
plugin; what it knows of one is what it says on its port.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from tests.conformance.core import PORT_LINE_SECONDS, Core, Started, upstream_json
from tests.processes import free_port, still_alive

from qntx.host.home import Home
from qntx.protocol import domain_pb2 as domain
from qntx.protocol import python_pb2 as python
from qntx.wire.services import MESSAGE_OPTIONS, Stub

pytestmark = pytest.mark.alone

REPOSITORY = Path(__file__).parents[2]
MANIFEST = REPOSITORY / "variants" / "python" / "plugin.toml"

DOMAIN = domain.DESCRIPTOR.services_by_name["DomainPluginService"]
PYTHON = python.DESCRIPTOR.services_by_name["PythonService"]
RECORD_KEYS = {"success", "stdout", "stderr", "result", "error", "duration_ms", "variables"}
END_SECONDS = 3.0
NEXT_PORTS = 64
"""As many as QNTX's own plugins try."""
MIB = 1024 * 1024
YEAR_ONE_MS = -62_135_596_800_000

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HTTP2_SETTINGS, HTTP2_PING, HTTP2_GOAWAY = 4, 6, 7

COUNTER = """
@watch("sequence:new", context="lab")
def count(upstream):
    print("counting", upstream["id"])
    attest(subjects=upstream["subjects"], predicates=["sequence:counted"], contexts=["lab"], attributes={"n": 3})
    return len(upstream["subjects"])
"""


def http2_frame(kind: int, payload: bytes = b"") -> bytes:
    """A frame of the connection itself, without flags."""
    return len(payload).to_bytes(3, "big") + bytes((kind, 0, 0, 0, 0, 0)) + payload


async def http2_kind(reader: asyncio.StreamReader, among: tuple[int, ...]) -> int:
    """The kind of the next frame that is one of these."""
    while True:
        head = await asyncio.wait_for(reader.readexactly(9), 5)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        if head[3] in among:
            return head[3]


@dataclass(frozen=True, slots=True)
class Subject:
    """A plugin under test: how it is started and what it is called."""

    command: tuple[str, ...]
    name: str


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" in metafunc.fixturenames:
        subjects = _subjects(metafunc.config)
        metafunc.parametrize("subject", subjects, ids=[Path(each.command[0]).name for each in subjects], scope="module")


def _subjects(config: pytest.Config) -> list[Subject]:
    if given := config.getoption("--plugin", default=None):
        name = config.getoption("--plugin-name") or _name_of(Path(given))
        return [Subject((str(Path(given).absolute()),), name)]
    launchers = sorted(Home.find().plugins.glob("qntx-*-plugin"))
    here = (sys.executable, "-IB", "-m", "qntx.plugin", "--name", "python", "--manifest", str(MANIFEST))
    return [Subject(here, "python"), *(Subject((str(each),), _name_of(each)) for each in launchers)]


def _name_of(program: Path) -> str:
    match = re.fullmatch(r"qntx-(.+)-plugin", program.name)
    return match.group(1) if match else "python"


@dataclass(slots=True)
class Driven:
    """A running plugin, its core, and the calls on it."""

    started: Started
    core: Core
    domain: Stub
    python: Stub

    @property
    def name(self) -> str:
        return self.started.name

    async def execute(self, code: str, **more: Any) -> tuple[Any, dict[str, Any]]:
        answer = await self.python.Execute(python.PythonExecuteRequest(code=code, **more), timeout=60)
        return answer, json.loads(answer.result)

    async def http(self, method: str, path: str, body: Any = b"") -> tuple[int, Any]:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await self.domain.HandleHTTP(domain.HTTPRequest(method=method, path=path, body=sent), timeout=60)
        types = [header.values[0] for header in answer.headers if header.name == "Content-Type"]
        is_json = types and types[0].startswith("application/json")
        return answer.status_code, json.loads(answer.body) if is_json else answer.body

    async def job(self, handler: str, payload: Any = b"", **more: Any) -> domain.ExecuteJobResponse:
        sent = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        request = domain.ExecuteJobRequest(job_id="JB-1", handler_name=f"{self.name}.{handler}", payload=sent, **more)
        answer: domain.ExecuteJobResponse = await self.domain.ExecuteJob(request, timeout=60)
        return answer


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> float:
    """How many times the seconds of the contract a plugin has: once, unless it is said to be about something else."""
    return request.config.getoption("--patience", default=None) or 1.0


@pytest_asyncio.fixture
async def core() -> AsyncIterator[Core]:
    async with Core() as core:
        yield core
        assert core.crashes == []


@pytest_asyncio.fixture
async def start(subject: Subject) -> AsyncIterator[Callable[..., Any]]:
    """Starts the plugin once more, for tests that end it. Nothing of it may be left."""
    started: list[Started] = []

    async def start(**how: Any) -> Started:
        plugin = await Started(subject.command, subject.name).start(**how)
        started.append(plugin)
        return plugin

    yield start

    families = [process for plugin in started for process in plugin.family()]
    for plugin in started:
        await plugin.stop()
    assert still_alive(families) == []


@pytest.fixture(scope="module")
def shared(subject: Subject) -> Iterator[subprocess.Popen[bytes]]:
    """One process for all tests that do not end it."""
    process = subprocess.Popen(
        [*subject.command, "--port", "0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    yield process
    process.terminate()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture(scope="module")
def port(shared: subprocess.Popen[bytes]) -> int:
    assert shared.stdout is not None
    for line in shared.stdout:
        if line.startswith(b"QNTX_PLUGIN_PORT="):
            return int(line.split(b"=")[1])
    raise AssertionError("no port line")


@pytest_asyncio.fixture
async def driven(subject: Subject, port: int, core: Core) -> AsyncIterator[Driven]:
    """The shared process, initialised for this test's own core."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=MESSAGE_OPTIONS) as channel:
        started = Started(subject.command, subject.name)
        plugin = Driven(started, core, Stub(channel, DOMAIN), Stub(channel, PYTHON))
        await plugin.domain.Initialize(core.initialize_request(), timeout=10)
        yield plugin


# Start --------------------------------------------------------------------------------------------------------------


async def test_the_port_line_comes_within_two_seconds_and_metadata_bears_the_configured_name(start, subject, patience):
    """Appendix B 1: the line is flushed in time, and Metadata answers at once with the name. Hazard 0.6."""
    seconds = PORT_LINE_SECONDS * patience
    plugin = await start(patience_seconds=seconds)

    assert plugin.port_line_seconds <= seconds
    told = plugin.metadata
    assert told.name == subject.name
    # What QNTX's registry reads: versions that it can compare, and who made it.
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", told.version)
    assert (told.qntx_version, told.author, told.license) == (">=0.1.0", "QNTX Contributors", "MIT")
    assert told.description


async def test_a_port_in_use_is_passed_over_for_the_next(start):
    """Appendix B 1: bind retries following ports and announces the one it took."""
    first = await start()

    second = await start(port=first.port)

    assert first.port < second.port <= first.port + NEXT_PORTS


async def test_it_listens_on_loopback_only(start):
    """Appendix B 1: bind 127.0.0.1."""
    plugin = await start()

    addresses = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in plugin.family()
        for connection in process.net_connections("inet")
        if connection.status == "LISTEN"
    }

    assert addresses == {"127.0.0.1"}


async def test_unknown_arguments_are_tolerated(subject):
    """Appendix B 1: whatever else the configuration puts on the command line."""
    plugin = Started((*subject.command, "--no-such-flag", "value", "stray"), subject.name)

    await plugin.start()

    assert plugin.metadata.name == subject.name
    await plugin.stop()


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_printed_and_that_is_all(subject, flag):
    """Appendix B 1: --version -V."""
    asked = subprocess.run([*subject.command, flag], capture_output=True, text=True, timeout=30, check=False)

    assert asked.returncode == 0
    assert re.fullmatch(rf"qntx-{subject.name}-plugin \d+\.\d+\.\d+\S*\n", asked.stdout)


def test_a_port_may_be_given_by_the_short_flag(subject):
    """Appendix B 1: -p."""
    port = free_port()

    with subprocess.Popen([*subject.command, "-p", str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as one:
        assert one.stdout is not None
        announced = one.stdout.readline()
        one.terminate()

    assert announced == f"QNTX_PLUGIN_PORT={port}\n".encode()


async def test_an_address_beats_the_port_and_other_flags_are_understood(subject):
    """Appendix B 1: -a, which beats the port that the core gives; --name and --log-level."""
    address = free_port()
    flags = ("-a", f"127.0.0.1:{address}", "--name", "another", "--log-level", "error")
    plugin = Started((*subject.command, *flags), "another")

    await plugin.start()

    await plugin.stub(DOMAIN).Initialize(domain.InitializeRequest(config={"no_such_key": "1"}), timeout=10)
    assert (plugin.port, plugin.metadata.name) == (address, "another")
    await plugin.stop()
    assert plugin.stderr == []


async def test_log_lines_are_json_with_a_level(start):
    """The core reads the level of a line from its JSON."""
    plugin = await start()

    await plugin.stub(DOMAIN).Initialize(domain.InitializeRequest(config={"no_such_key": "1"}), timeout=10)

    await plugin.stop()
    levels = {json.loads(line)["level"] for line in plugin.stderr}
    assert levels <= {"debug", "info", "warn", "error"}
    assert "warn" in levels


# Wire ---------------------------------------------------------------------------------------------------------------


async def test_a_message_of_nearly_a_hundred_mebibytes_is_taken(driven):
    """Appendix B 2: 100 MiB inbound, where gRPC's default is 4."""
    body = b'{"content": "_result = 1", "padding": "' + b"x" * (99 * MIB) + b'"}'

    status, record = await driven.http("POST", "/execute", body)

    assert (status, record["result"]) == (200, 1)


async def test_a_large_answer_is_given(driven):
    """Appendix B 2: outbound, far past gRPC's default of 4 MiB; what one result may have is the plugin's to say."""
    _, record = await driven.execute("_result = 'x' * (20 * 1024 * 1024)")

    assert len(record["result"]) == 20 * MIB


async def test_keepalive_pings_without_calls_are_no_reason_to_hang_up(port):
    """Appendix B 2: the core pings idle connections; a default server answers the third early one with GOAWAY.

    Spoken by hand: gRPC's own client does not ping as often as a test can wait.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HTTP2_PREFACE + http2_frame(HTTP2_SETTINGS))

    answers: list[int] = []
    for _ in range(8):
        writer.write(http2_frame(HTTP2_PING, b"keepaliv"))
        answers.append(await http2_kind(reader, among=(HTTP2_PING, HTTP2_GOAWAY)))

    writer.close()
    assert answers == [HTTP2_PING] * 8


async def test_both_services_answer_on_one_port_and_what_is_not_offered_says_unimplemented(driven):
    """Appendix B 3: ParseAxQuery is nobody's here."""
    answer, _ = await driven.execute("1")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await driven.domain.ParseAxQuery(domain.ParseAxQueryRequest(query="x"), timeout=5)

    assert answer.success
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_glyphs_have_paths_that_can_follow_a_prefix(driven):
    """Appendix B 3: RegisterGlyphs may be empty; what it names must start with a slash and be served."""
    answer = await driven.domain.RegisterGlyphs(domain.Empty(), timeout=5)

    for glyph in answer.glyphs:
        for path in filter(None, (glyph.content_path, glyph.css_path, glyph.module_path)):
            status, _ = await driven.http("GET", path)
            assert (path[0], status) == ("/", 200)


# Initialize ---------------------------------------------------------------------------------------------------------


async def test_initialize_may_come_again_and_answers_the_same(driven):
    """Appendix B 4: idempotent, and in less than the ten seconds a change of configuration gets."""
    began = time.perf_counter()

    answers = [
        await driven.domain.Initialize(driven.core.initialize_request({"timeout_secs": "0.500000"}), timeout=10)
        for _ in range(3)
    ]

    assert answers[0] == answers[1] == answers[2]
    assert time.perf_counter() - began < 10
    assert answers[0].python_provider
    health = await driven.domain.Health(domain.Empty(), timeout=5)
    assert not any("args" in text for text in health.details.values())


async def test_handler_names_are_unique_and_include_the_script(driven):
    """Appendix B 4 and hazard 0.3: a duplicate takes the core down, whatever handlers are called."""
    for code in ("_result = 1", "_result = 2"):
        driven.core.publish(["twice"], ["handler"], [driven.name], {"code": code})
    for subject in ("script", "__reload", f"{driven.name}.script", f"{driven.name}.twice", "counter.count", "\0", ""):
        driven.core.publish([subject], ["handler"], [driven.name], {"code": "_result = 1"})
    several = COUNTER + "\n@schedule(every=60)\ndef other(): ...\n"
    driven.core.publish(["counter"], ["handler"], [driven.name], {"code": several})

    answer = await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)

    names = list(answer.handler_names)
    assert len(names) == len(set(names))
    assert {f"{driven.name}.script", f"{driven.name}.__reload", f"{driven.name}.twice"} <= set(names)


async def test_watchers_are_never_none_and_each_fires_and_filters(driven):
    """Appendix B 4: an empty list would prune nothing, zero fires a second is never (0.10), no filter is refused."""
    bare = await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)
    assert bare.watchers
    driven.core.publish(["counter"], ["handler"], [driven.name], {"code": COUNTER})
    driven.core.publish(["handler"], ["handler"], [driven.name], {"code": COUNTER.replace("def count", "def reload")})

    answer = await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)

    assert len(answer.watchers) == len(bare.watchers) + 2
    for watcher in answer.watchers:
        assert watcher.max_fires_per_second >= 1
        assert watcher.subjects or watcher.predicates or watcher.contexts or watcher.actors
        assert watcher.handler_name in answer.handler_names
    assert len({watcher.id for watcher in answer.watchers}) == len(answer.watchers)


async def test_a_scheduled_handler_is_declared_each_time_with_a_name_that_is_announced(driven):
    """Hazard 0.9: whatever is not among the schedules of an Initialize is deleted by it."""
    code = "@schedule(every=3600)\ndef hourly():\n    return 1"
    driven.core.publish(["clock"], ["handler"], [driven.name], {"code": code})

    for _ in range(2):
        answer = await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)

        (declared,) = answer.schedules
        assert declared.handler_name in answer.handler_names
        assert (declared.interval_seconds, declared.enabled_by_default) == (3600, True)


async def test_a_handler_that_the_command_line_dated_to_the_year_one_is_found(driven):
    """Hazard 0.14: `qntx handler create` leaves its times unset."""
    row = driven.core.publish(["ancient"], ["handler"], [driven.name], {"code": "_result = 'found'"})
    row.timestamp = row.created_at = YEAR_ONE_MS

    answer = await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)

    assert f"{driven.name}.ancient" in answer.handler_names
    assert json.loads((await driven.job("ancient")).result)["result"] == "found"


async def test_watcher_ids_leave_the_plugins_name_to_the_core(driven):
    """Hazard 0.8: the core keeps them as NAME-ID and prunes by that prefix, so none may bring the name along."""
    driven.core.publish(["counter"], ["handler"], [driven.name], {"code": COUNTER})

    answer = await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)

    ids = {watcher.id for watcher in answer.watchers}
    assert ids == {"counter-count", "handler-reload"}


async def test_the_handlers_panel_shows_each_handler_with_what_fires_it(driven):
    """Section 3.7: schedules join by CONTEXT/SUBJECT, watchers by the plugin's name and the bare subject."""
    code = COUNTER + "\n@schedule(every=3600)\ndef hourly():\n    return 'hourly'\n"
    driven.core.publish(["counter"], ["handler"], [driven.name], {"code": "old = True"})
    driven.core.publish(["counter"], ["handler"], [driven.name], {"code": code})
    driven.core.publish(["plain"], ["handler"], [driven.name], {"code": "_result = 1"})
    fired = driven.core.publish(["a"], ["sequence:new"], ["lab"])

    answer = await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)

    assert driven.core.handlers_panel(driven.name, answer) == [
        ("plain", "_result = 1", [], []),
        ("counter", code, [3600], [("sequence:new",)]),
    ]
    assert "counter" in answer.handler_names
    for payload, result in ((upstream_json(fired), 1), (b"", "hourly")):
        request = domain.ExecuteJobRequest(job_id="JB-1", handler_name="counter", payload=payload)
        ran = await driven.domain.ExecuteJob(request, timeout=60)
        assert json.loads(ran.result)["result"] == result


async def test_a_dead_attestation_store_does_not_keep_initialize_from_answering(driven):
    """Appendix B 4: within the ten seconds, whatever is away."""
    request = domain.InitializeRequest(auth_token="t", ats_store_endpoint="127.0.0.1:1")

    answer = await driven.domain.Initialize(request, timeout=10)

    assert answer.python_provider


async def test_one_bad_handler_is_attested_as_faulted_and_the_others_work(driven):
    """Appendix B 8: rows without code are skipped; pyre: `handler:faulted` names the reason."""
    driven.core.publish(["broken"], ["handler"], [driven.name], {"code": "def oops(:\n"})
    driven.core.publish(["folded"], ["handler"], [driven.name])
    driven.core.publish(["fine"], ["handler"], [driven.name], {"code": "_result = 'fine'"})

    answer = await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)

    job = await driven.job("fine")
    faults = driven.core.with_predicate("handler:faulted")
    assert json.loads(job.result)["result"] == "fine"
    assert f"{driven.name}.folded" not in answer.handler_names
    assert [(list(fault.subjects), list(fault.contexts), fault.source) for fault in faults] == [
        (["broken"], [driven.name], "python")
    ]
    told = dict(faults[0].attributes)
    assert (told["plugin"], told["handler"]) == (driven.name, "broken")
    assert told["reason"]


# Health -------------------------------------------------------------------------------------------------------------


async def test_it_is_unhealthy_before_initialize_and_healthy_right_after(start):
    """Appendix B 5 and hazard 0.12: twice unhealthy is killed."""
    plugin = await start()
    before = await plugin.stub(DOMAIN).Health(domain.Empty(), timeout=5)

    await plugin.stub(DOMAIN).Initialize(domain.InitializeRequest(), timeout=10)
    after = await plugin.stub(DOMAIN).Health(domain.Empty(), timeout=5)

    assert (before.healthy, before.message) == (False, "Not initialized")
    assert after.healthy
    assert after.message.startswith("Python 3.")
    assert after.details[plugin.name].startswith("3.")


async def test_a_busy_plugin_still_says_it_is_healthy(driven):
    """The core's poll gives up after five seconds."""
    busy = [asyncio.create_task(driven.execute("while True: pass")) for _ in range(4)]
    await asyncio.sleep(0.3)

    health = await driven.domain.Health(domain.Empty(), timeout=5)

    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)
    assert health.healthy


async def test_configuration_fields_have_types_the_page_accepts(driven):
    """integer, number, boolean or string; anything else is refused by the core."""
    schema = await driven.domain.ConfigSchema(domain.Empty(), timeout=5)

    assert {field.type for field in schema.fields.values()} <= {"integer", "number", "boolean", "string"}
    assert {"python_paths", "default_modules", "timeout_secs", "max_workers", "enable_debug"} <= set(schema.fields)


# HTTP ---------------------------------------------------------------------------------------------------------------


async def test_the_query_is_split_off_the_path(driven):
    """Appendix B 6: path and query come in one field."""
    status, told = await driven.http("GET", "/uv/check?module=json&other=1?2")

    assert (status, told) == (200, {"module": "json", "available": True})


async def test_an_answer_is_json_and_says_so(driven):
    """Appendix B 6: whether it is one or a refusal."""
    for path, body in (("/execute", b'{"content": "1"}'), ("/execute", b"{"), ("/version", b""), ("/nope", b"")):
        method = "POST" if body else "GET"
        answer = await driven.domain.HandleHTTP(domain.HTTPRequest(method=method, path=path, body=body), timeout=60)

        assert {h.name: list(h.values) for h in answer.headers}["Content-Type"] == ["application/json"], path
        json.loads(answer.body)


async def test_a_module_to_check_may_be_named_in_the_body_of_a_get(driven):
    """pyre: a GET with a JSON body."""
    status, told = await driven.http("GET", "/pip/check", {"module": "no_such_module_here"})

    assert (status, told) == (200, {"module": "no_such_module_here", "available": False})


@pytest.mark.parametrize("key", ["content", "code"])
async def test_code_is_executed_under_either_of_its_names(driven, key):
    """Appendix B 6 and 7: the record is flat over the plugin's own HTTP."""
    status, record = await driven.http("POST", "/execute", {key: "print('out')\n_result = {'n': 1}"})

    assert status == 200
    assert record.keys() >= RECORD_KEYS - {"variables"}
    assert (record["success"], record["stdout"], record["result"]) == (True, "out\n", {"n": 1})


async def test_code_is_executed_as_its_request_says(driven):
    """pyre: the glyph, what fired it, and a deadline of its own."""
    asked = {"content": "_result = [upstream, attest(['x'], ['seen'], ['lab'])['id']]", "glyph_id": "g7"}

    status, record = await driven.http("POST", "/execute", {**asked, "upstream_attestation": [1, {"a": None}]})
    late, stopped = await driven.http("POST", "/execute", {"content": "while True: pass", "timeout_secs": 1})

    (row,) = driven.core.with_predicate("seen")
    assert (status, record["result"]) == (200, [[1, {"a": None}], row.id])
    assert (late, stopped["success"], stopped["result"]) == (400, False, None)


async def test_code_that_raises_is_400_with_its_output_and_traceback(driven):
    """pyre: 400 where the script raised, never 404 and never a failed call."""
    status, record = await driven.http("POST", "/execute", {"content": "print('before')\nraise ValueError('no')"})

    assert (status, record["success"], record["stdout"]) == (400, False, "before\n")
    assert record["error"].rstrip().endswith("ValueError: no")
    assert "line 2" in record["error"]


@pytest.mark.parametrize("key", ["expr", "content"])
async def test_an_expression_is_evaluated(driven, key):
    """Under the name of pyre's route, and under that of all others: the core passes on what its users send."""
    status, record = await driven.http("POST", "/evaluate", {key: "2 ** 10"})

    assert (status, record["result"]) == (200, 1024)


async def test_variables_are_captured_where_asked_for(driven):
    status, record = await driven.http("POST", "/execute", {"content": "x = 41 + 1", "capture_variables": True})

    assert (status, record["variables"]) == (200, {"x": "42"})


async def test_a_file_is_executed(driven, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("_result = __name__")

    status, record = await driven.http("POST", "/execute-file", {"path": str(script)})

    assert (status, record["result"]) == (200, "__main__")


async def test_versions_modules_packages_and_handlers_are_told(driven):
    _, version = await driven.http("GET", "/version")
    _, modules = await driven.http("GET", "/modules", {"modules": ["json", "no_such_module_here"]})
    _, packages = await driven.http("GET", "/packages")
    _, handlers = await driven.http("GET", "/handlers")

    assert version["python_version"].startswith("3.")
    assert version["plugin_version"]
    assert modules == {"modules": {"json": True, "no_such_module_here": False}}
    assert {"grpcio", "protobuf"} <= {package["name"] for package in packages["packages"]}
    assert handlers == {"handlers": []}


async def test_the_modules_that_are_configured_are_those_looked_for(driven):
    """pyre: default_modules, separated by commas, is what GET /modules is about where no names are sent."""
    request = driven.core.initialize_request({"default_modules": "json, no_such_module_here"})
    await driven.domain.Initialize(request, timeout=10)

    assert await driven.http("GET", "/modules") == (200, {"modules": {"json": True, "no_such_module_here": False}})


async def test_every_announced_route_answers_with_a_legal_status_and_is_not_404(driven):
    """Appendix B 6 and hazards 0.4 and 0.5."""
    answer = await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)

    for route in answer.http_routes:
        status, _ = await driven.http(route.method, route.path)
        assert 200 <= status < 500, route.path
        assert status != 404, route.path


async def test_an_unknown_path_is_404_each_time_the_core_asks(driven):
    """Hazard 0.4: the same request comes up to three times, under three paths, and nothing may happen."""
    for path in ("/nope", "/api/nope", f"/api/{driven.name}/nope"):
        assert await driven.http("POST", path, {"content": "1"}) == (404, {"error": f"Unknown endpoint: POST {path}"})


@pytest.mark.parametrize(
    ("path", "body", "fault"),
    [
        ("/execute", {}, "Missing 'content' field"),
        ("/execute", {"content": 7}, "content"),
        ("/execute", {"content": "1", "timeout_secs": "soon"}, "timeout_secs"),
        ("/execute", {"content": "1", "timeout_secs": -1}, "timeout_secs"),
        ("/execute", {"content": "1", "timeout_secs": [3]}, "timeout_secs"),
        ("/execute", {"content": "1", "capture_variables": 3}, "capture_variables"),
        ("/execute", {"content": "\ud800"}, "content"),
        ("/execute", b"{not json", "Invalid JSON body"),
        ("/execute", b"[1, 2]", "body"),
        ("/execute", b"[" * 100_000, "Invalid JSON body"),
        ("/execute", b"\xff\xfe", "Invalid JSON body"),
        ("/evaluate", {}, "Missing 'expr' field"),
        ("/execute-file", {}, "Missing 'path' field"),
        ("/execute-file", {"path": "/no/such/file.py"}, "Failed to read file"),
        ("/execute-file", {"path": "/etc/hostname"}, "path"),
        ("/uv/check", {}, "Missing 'module' field"),
        ("/uv/install", {}, "Missing 'package' field"),
    ],
)
async def test_bad_input_is_400_and_names_the_field(driven, path, body, fault):
    status, told = await driven.http("POST", path, body)

    assert status == 400
    assert fault in told["error"]


# Execute ------------------------------------------------------------------------------------------------------------


async def test_the_record_is_whole_and_in_result(driven):
    """Appendix B 7: `result` is the record that QNTX's page parses, with all seven keys."""
    answer, record = await driven.execute(
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\n_result = [1, None]"
    )

    assert answer.success
    assert answer.output == "out\n"
    assert answer.error == ""
    assert record.keys() == RECORD_KEYS
    assert (record["stderr"], record["result"], record["error"]) == ("err\n", [1, None], None)


async def test_code_that_fails_is_told_in_the_message(driven):
    """Appendix B 7: never a gRPC error."""
    answer, record = await driven.execute("print('kept')\n1/0")

    assert not answer.success
    assert answer.output == "kept\n"
    assert "ZeroDivisionError" in answer.error
    assert record["error"] == answer.error


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('\\ud800')",
        "import sys; sys.stdout.buffer.write(b'\\xff\\xfe'); _result = 1",
        "_result = {'half': '\\ud800', 'nan': float('nan'), 'big': 10 ** 40, 'bytes': b'x', 'set': {1}}",
        "_result = object()",
        "class Liar(str):\n    def encode(self, *a): raise RuntimeError\n_result = Liar('x')",
    ],
)
async def test_whatever_code_leaves_the_record_is_json(driven, code):
    """Appendix B 7: text that is no text, values that are no JSON."""
    _, record = await driven.execute(code)

    assert record.keys() == RECORD_KEYS


async def test_no_code_and_a_broken_upstream_are_invalid_arguments(driven):
    """pyre: its texts."""
    for request, text in (
        (python.PythonExecuteRequest(), "Missing 'code' field"),
        (python.PythonExecuteRequest(code="1", upstream_attestation=b"{"), "upstream attestation is not valid JSON"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await driven.python.Execute(request, timeout=10)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.details().startswith(text)


async def test_code_that_never_ends_is_ended_by_the_plugin(driven):
    """Appendix B 7: the core sends no deadline, so the plugin's own holds."""
    await driven.domain.Initialize(driven.core.initialize_request({"timeout_secs": "1.000000"}), timeout=10)
    await driven.execute("1")
    began = time.perf_counter()

    answer, _ = await driven.execute("while True: pass")

    assert not answer.success
    assert time.perf_counter() - began < 5
    assert (await driven.execute("_result = 2"))[1]["result"] == 2


async def test_code_before_initialize_is_executed(start):
    """pyre: the provider works as soon as it is there."""
    plugin = await start()

    answer = await plugin.stub(PYTHON).Execute(python.PythonExecuteRequest(code="_result = 6 * 7"), timeout=30)

    assert json.loads(answer.result)["result"] == 42


async def test_the_upstream_of_a_watcher_is_a_dict_with_attributes(driven):
    """Times are RFC 3339 text there, and lists may be null."""
    row = driven.core.publish(["gene"], ["sequence:new"], ["lab"], {"length": 3})

    _, record = await driven.execute(
        "_result = [upstream['id'], upstream.subjects, upstream['timestamp'], upstream['attributes']['length'],\n"
        "    upstream.actors or [], isinstance(upstream, dict)]",
        upstream_attestation=upstream_json(row),
    )

    assert record["result"] == [row.id, ["gene"], "2026-08-21T21:18:29.123456789+02:00", 3, [], True]


async def test_watcher_code_sees_its_attestation_as_the_core_injects_it(driven):
    """The core puts three lines before the code of a python action."""
    row = driven.core.publish(["gene"], ["new"], ["lab"])
    prefix = f"import json\n_attestation_json = {json.dumps(upstream_json(row).decode())}\n"
    code = (
        f"{prefix}attestation = json.loads(_attestation_json)\n\n# User code below\n_result = attestation['subjects']"
    )

    _, record = await driven.execute(code, upstream_attestation=upstream_json(row))

    assert record["result"] == ["gene"]


@pytest.mark.parametrize(
    "code",
    [
        "import os; os._exit(1)",
        "import ctypes; ctypes.string_at(0)",
        "import os; os.abort()",
        "import os; os.closerange(0, 4096)",
        "raise SystemExit(3)",
        "x = []\nwhile True: x.append(' ' * 10_000_000)",
    ],
)
async def test_code_that_dies_is_an_answer_and_the_next_works(driven, code):
    answer, record = await driven.execute(code)

    following, _ = await driven.execute("1")
    assert (answer.success, record["success"]) == (False, False)
    assert answer.error
    assert following.success


async def test_a_flood_of_output_is_cut_and_says_so(driven):
    answer, record = await driven.execute("for _ in range(100): print('x' * (1024 * 1024))\n_result = 'done'")

    assert (answer.success, record["result"]) == (True, "done")
    assert 0 < len(record["stdout"]) < 20 * MIB


async def test_output_of_many_at_once_never_crosses(driven):
    async def one(number: int) -> None:
        code = f"import time\nfor _ in range(20): print('marker-{number}'); time.sleep(0.001)"
        answer, _ = await driven.execute(code)
        assert answer.output == f"marker-{number}\n" * 20

    await asyncio.gather(*map(one, range(32)))


async def test_no_secret_of_the_plugin_reaches_a_script(start, core):
    plugin = await start()
    await plugin.stub(DOMAIN).Initialize(core.initialize_request(), timeout=10)

    code = "import os\n_result = dict(os.environ)"
    answer = await plugin.stub(PYTHON).Execute(python.PythonExecuteRequest(code=code), timeout=30)

    assert core.token not in answer.result.decode()
    assert "must not reach a script" not in answer.result.decode()


# Jobs ---------------------------------------------------------------------------------------------------------------


async def test_a_script_job_leaves_its_result_and_its_lines(driven):
    """Four keys in the result; log entries are all that the core keeps of a job."""
    job = await driven.job("script", {"content": "print('one')\nprint('two')\n_result = 5"}, timeout_secs=300)

    assert job.success
    assert json.loads(job.result).keys() == {"stdout", "stderr", "duration_ms", "result"}
    assert json.loads(job.result)["result"] == 5
    assert [entry.message for entry in job.log_entries][:2] == ["one", "two"]
    assert all(re.match(r"\d{4}-\d\d-\d\dT", entry.timestamp) for entry in job.log_entries)
    assert job.plugin_version


async def test_a_job_that_fails_keeps_its_lines_and_names_its_error(driven):
    job = await driven.job("script", {"content": "print('before')\nraise KeyError('gone')"})

    assert not job.success
    assert "KeyError: 'gone'" in job.error
    assert job.log_entries[0].message == "before"


async def test_an_ingest_script_is_called_with_its_payload(driven):
    code = "def execute(payload):\n    return payload['script_type'] + ':' + payload['input']"

    job = await driven.job("script", {"script_code": code, "script_type": "fasta", "input": "a.fa"})

    assert json.loads(job.result)["result"] == "fasta:a.fa"


async def test_a_jobs_timeout_is_enforced(driven):
    """Appendix B 7: timeout_secs is the plugin's to keep."""
    began = time.perf_counter()

    job = await driven.job("script", {"content": "while True: pass"}, timeout_secs=1)

    assert not job.success
    assert time.perf_counter() - began < 5


async def test_bad_payloads_and_unknown_handlers_are_grpc_errors_with_the_known_texts(driven):
    for handler, payload, code, text in (
        ("script", b"{", grpc.StatusCode.INVALID_ARGUMENT, "Invalid payload JSON"),
        ("script", {}, grpc.StatusCode.INVALID_ARGUMENT, "Missing content in payload"),
        ("nobody", {}, grpc.StatusCode.NOT_FOUND, "Handler nobody not found in discovered handlers"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await driven.job(handler, payload)
        assert caught.value.code() is code
        assert caught.value.details().startswith(text)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await driven.domain.ExecuteJob(domain.ExecuteJobRequest(handler_name="other.nobody"), timeout=10)
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.NOT_FOUND,
        "Unknown handler: other.nobody",
    )


async def test_a_handler_runs_for_what_fired_it_and_names_itself_where_it_attests(driven):
    """Appendix B 10: the same attestation may come six times; each is answered alike, without a timeout sent."""
    driven.core.publish(["counter"], ["handler"], [driven.name], {"code": COUNTER})
    fired = driven.core.publish(["a", "b"], ["sequence:new"], ["lab"])
    await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)

    jobs = [await driven.job("counter", upstream_json(fired)) for _ in range(6)]

    assert [json.loads(job.result)["result"] for job in jobs] == [2] * 6
    counted = driven.core.with_predicate("sequence:counted")
    assert len(counted) == 6
    assert {tuple(row.contexts) for row in counted} == {("lab", "counter")}


async def test_a_new_version_is_taken_by_a_reload(driven):
    driven.core.publish(["news"], ["handler"], [driven.name], {"code": "_result = 'old'"})
    await driven.domain.Initialize(driven.core.initialize_request(), timeout=10)
    driven.core.publish(["news"], ["handler"], [driven.name], {"code": "_result = 'new'"})

    reloaded = await driven.job("__reload")

    assert json.loads(reloaded.result)["reloaded"] == 1
    assert json.loads((await driven.job("news")).result)["result"] == "new"


# Calls home ---------------------------------------------------------------------------------------------------------


async def test_an_attestation_is_stored_with_its_provenance_and_comes_back_with_its_id(driven):
    """Appendix B 8: the token goes in field 1, actors come back overwritten."""
    _, record = await driven.execute(
        "a = attest(['gene'], ['is'], contexts=['lab'], attributes={'n': 1, 'deep': {'x': [0.5]}})\n"
        "kept = last(subjects=['gene'])\n"
        "n, deep = kept['attributes']['n'], kept['attributes']['deep']\n"
        "_result = [a['id'], a['timestamp'], repr(n), deep, kept['actors']]",
        glyph_id="g1",
    )

    (row,) = driven.core.with_predicate("is")
    assert record["result"] == [row.id, row.timestamp, "1", {"x": [0.5]}, [row.id]]
    assert abs(row.timestamp - time.time() * 1000) < 60_000
    assert (row.source, list(row.actors)) == ("python", [row.id])
    assert row.attributes["source_version"]


async def test_many_attestations_arrive_all_and_the_last_of_a_subject_is_the_newest(driven):
    _, record = await driven.execute(
        "for n in range(300): attest(['gene', 'other'][n % 2], ['counted'], contexts=['lab'], attributes={'n': n})\n"
        "_result = [last(subjects=['gene'])['attributes']['n'], len(list(attestations(predicates=['counted'])))]"
    )

    assert record["result"] == [298, 300]
    assert len(driven.core.with_predicate("counted")) == 300


async def test_attesting_without_a_context_is_refused_with_what_to_do(driven):
    answer, _ = await driven.execute("attest(['gene'], ['is'])")

    assert "attest: no context" in answer.error
    assert "pass contexts=[...]" in answer.error


async def test_a_store_that_is_away_is_an_error_of_the_call_and_hangs_nothing(driven):
    request = domain.InitializeRequest(auth_token="t", ats_store_endpoint="127.0.0.1:1")
    await driven.domain.Initialize(request, timeout=10)
    began = time.perf_counter()

    answer, _ = await driven.execute("try:\n    last(subjects=['x'])\nexcept RuntimeError as e:\n    print(e)")

    assert answer.output.startswith("last: connection failed: ")
    assert time.perf_counter() - began < 15


async def test_a_wrong_token_is_refused_in_the_cores_words(driven):
    request = driven.core.initialize_request()
    request.auth_token = "wrong"
    await driven.domain.Initialize(request, timeout=10)

    answer, _ = await driven.execute("attest(['x'], ['is'], contexts=['lab'])['id']")

    assert "attest: refused: invalid authentication token" in answer.error


async def test_jobs_schedules_and_pages_are_reached(driven):
    """Hazard 0.11: what a message must hold is always set."""
    _, record = await driven.execute(
        "job = enqueue('counter', {'n': 1})\n"
        "s = schedule('counter', every=60)\n"
        "pause_schedule(s)\nresume_schedule(s)\n"
        "page = fetch('https://example.org/')\n"
        "_result = [job, s, page['status_code']]"
    )

    assert record["success"], record["error"]
    (job,) = driven.core.jobs
    assert (job.handler_name, job.status, json.loads(job.payload)) == (
        f"{driven.name}/{driven.name}.counter",
        "queued",
        {"n": 1},
    )
    assert [each.state for each in driven.core.schedules.values()] == ["active"]
    assert driven.core.fetched[0].url == "https://example.org/"


# WebSocket ----------------------------------------------------------------------------------------------------------


async def test_a_ping_is_answered_with_a_pong_of_the_same_time(driven):
    """Appendix B 3: a plugin may leave WebSockets out; where it has them, it answers PING and CLOSE."""
    message = domain.WebSocketMessage

    async def sent() -> AsyncIterator[domain.WebSocketMessage]:
        yield message(type=message.CONNECT, timestamp=1)
        yield message(type=message.PING, timestamp=123_456_789)
        yield message(type=message.CLOSE)

    received = [answer async for answer in driven.domain.HandleWebSocket(sent(), timeout=10)]

    assert (received[0].type, received[0].timestamp) == (message.PONG, 123_456_789)
    assert received[-1].type == message.CLOSE


# End ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["Shutdown", "SIGINT", "SIGTERM"])
async def test_it_ends_in_three_seconds_with_no_process_left_even_while_code_runs(start, how, patience):
    """Appendix B 9: Shutdown, SIGINT and SIGTERM; children are killed."""
    plugin = await start()
    await plugin.stub(PYTHON).Execute(python.PythonExecuteRequest(code="1"), timeout=30)
    call = plugin.stub(PYTHON).Execute(python.PythonExecuteRequest(code="while True: pass"), timeout=60)
    stuck = asyncio.ensure_future(call)
    await asyncio.sleep(0.3)
    family = plugin.family()

    if how == "Shutdown":
        await plugin.stub(DOMAIN).Shutdown(domain.Empty(), timeout=5)
    else:
        plugin.process.send_signal(signal.Signals[how])
    status = await plugin.ended(END_SECONDS * patience)

    await asyncio.gather(stuck, return_exceptions=True)
    assert status == 0
    assert len(family) > 1
    assert still_alive(family, END_SECONDS * patience) == []


async def test_a_plugin_killed_with_nine_leaves_no_process(start):
    """Appendix B 9: it may be SIGKILLed at any time."""
    plugin = await start()
    await plugin.stub(PYTHON).Execute(python.PythonExecuteRequest(code="1"), timeout=30)
    family = plugin.family()

    plugin.process.kill()

    await plugin.ended(10.0)
    assert still_alive(family, END_SECONDS) == []
