"""Whatever asks a host for a run, and whoever dies meanwhile, there is exactly one record of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from tests.integration.audit.conftest import Trail
from tests.integration.host.conftest import RunningHost
from tests.processes import still_alive

from qntx.host.home import Home

SLEEPS = "import time; time.sleep(60)"
HANDLER = "@watch('sample:new')\ndef seen(upstream):\n    return 1\n"

Start = Callable[[], RunningHost]


def qntx(home: Home, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "qntx.cli", *arguments],
        env={**os.environ, "QNTX_HOME": str(home.root)},
        cwd=home.root, input=stdin, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def stream(host: RunningHost) -> Any:
    body = {"content": "print('x')", "stream": True}
    with host.http.stream("POST", "/api/python/execute", json=body) as answer:
        return list(answer.iter_lines())


def job(host: RunningHost) -> Any:
    payload = {"script_code": "def execute(payload): return 1", "script_type": "t"}
    return ended(host, post(host, "/api/pulse/jobs", handler_name="python/python.script", payload=payload))


def ix(host: RunningHost) -> Any:
    post(host, "/api/scripts/publish", name="letters", code="def execute(payload): return payload['input']")
    return ended(host, post(host, "/api/ix", line="ix letters abc"))


def python_watcher(host: RunningHost) -> Any:
    watch = {"id": "w", "name": "w", "predicates": ["number"], "action_type": "python", "action_data": "1"}
    post(host, "/api/watchers", **watch)
    post(host, "/api/attestations", subjects=["a"], predicates=["number"])


def handler_watcher(host: RunningHost) -> Any:
    qntx(host.home, "handler", "create", "seen", "--code", HANDLER)
    host.until(lambda: [each for each in host.http.get("/api/watchers").json() if "seen" in each["id"]])
    post(host, "/api/attestations", subjects=["a"], predicates=["sample:new"], contexts=["lab"])


def post(host: RunningHost, route: str, /, **body: Any) -> Any:
    answer = host.http.post(route, json=body)
    assert answer.is_success, answer.text
    return answer.json()


def ended(host: RunningHost, job: Any) -> Any:
    def over() -> Any:
        found = host.http.get(f"/api/pulse/jobs/{job['id']}").json()
        return found["status"] in ("completed", "failed") and found

    return host.until(over)


class Way(NamedTuple):
    """One way in, and what its record says of it."""

    ask: Callable[[RunningHost], Any]
    trigger: str
    source: str
    cause: str = "user_request"


WAYS = {
    "HTTP": Way(lambda host: host.execute("1"), "http", "http"),
    "a glyph of the page": Way(
        lambda host: post(host, "/api/python/execute", content="1", glyph_id="g-1"), "http", "glyph:g-1"
    ),
    "a stream": Way(stream, "http", "http"),
    "an expression": Way(lambda host: post(host, "/api/python/evaluate", expr="2 ** 10"), "http", "http"),
    "the plugin's own route": Way(
        lambda host: post(host, "/api/python/execute-file", path=_file(host)), "http", "http"
    ),
    "the command line": Way(lambda host: qntx(host.home, "run", "-", stdin="1"), "cli", "cli"),
    "the command line's expression": Way(lambda host: qntx(host.home, "eval", "1"), "cli", "cli"),
    "a job": Way(job, "job", "script:t", "system"),
    "ix": Way(ix, "job", "script:letters", "system"),
    "a watcher of code": Way(python_watcher, "watcher", "glyph:watcher:w", "system"),
    "a watcher of a handler": Way(handler_watcher, "job", "handler:seen", "system"),
}


@pytest.mark.parametrize("name", WAYS)
def test_every_way_in_leaves_exactly_one_record_that_says_who_asked_for_what(busy_host: RunningHost, name: str) -> None:
    way = WAYS[name]
    trail = Trail(busy_host.home)
    before = len(trail.records())

    way.ask(busy_host)

    record = trail.of(before + 1)[-1]
    assert record["outcome"]["status"] == "success"
    asked = record["trigger"]
    assert (asked["type"], asked["source"], asked["request"][:7]) == (way.cause, way.source, "sha256:")
    environment = record["context"]["environment"]
    assert (environment["trigger"], environment["node"][:8]) == (way.trigger, "did:key:")


def test_what_a_client_says_it_is_is_recorded_only_where_it_is_known(busy_host: RunningHost) -> None:
    trail = Trail(busy_host.home)
    before = len(trail.records())

    answer = busy_host.http.post("/api/python/execute", json={"content": "1"}, headers={"QNTX-Client": "root"})

    assert answer.is_success
    assert trail.of(before + 1)[-1]["trigger"]["source"] == "http"


def test_a_run_without_a_host_has_its_record_and_json_names_it(audited_home: Home, trail: Trail) -> None:
    answer = json.loads(qntx(audited_home, "eval", "--json", "2 ** 10"))

    [record] = trail.of(1)
    assert record["id"] == answer["capsule_id"]
    assert record["context"]["environment"]["trigger"] == "cli"


def test_the_answer_names_the_record_and_the_host_shows_proves_and_verifies_it(start_host: Start, trail: Trail) -> None:
    host = start_host()
    answer = host.execute("1")
    trail.of(1)

    shown = host.http.get(f"/api/v1/capsules/{answer['capsule_id']}").json()
    verdict = host.http.get("/api/v1/capsules/verify").json()

    assert shown["context"]["agent_id"] == "python"
    assert (verdict["valid"], verdict["capsules_verified"]) == (True, 1)
    assert host.http.get(f"/api/v1/capsules/{answer['capsule_id']}/proof").is_success
    assert host.http.get("/api/v1/capsules/", headers={"Origin": "http://evil.example"}).status_code == 403


def test_a_run_whose_caller_went_away_has_one_failure_record(start_host: Start, trail: Trail) -> None:
    host = start_host()

    with host.caller(content=SLEEPS):
        host.until(lambda: trail.verdict().running)

    [record] = trail.of(1)
    assert record["outcome"]["status"] == "failure"


def test_runs_of_a_plugin_that_was_killed_are_failures_before_it_is_back(start_host: Start, trail: Trail) -> None:
    host = start_host()
    host.execute("1")
    calls = [_begin(host) for _ in range(2)]
    host.until(lambda: trail.verdict().running == 2)

    os.kill(host.plugin("python")["pid"], signal.SIGKILL)

    records = trail.of(3)
    for call in calls:
        call.join()
    assert [record["outcome"]["status"] for record in records] == ["success", "failure", "failure"]
    host.until_state("python", "running")
    host.execute("1")
    trail.of(4)


def test_a_host_that_was_killed_leaves_no_run_without_its_record(start_host: Start, trail: Trail) -> None:
    host = start_host()
    call = _begin(host)
    host.until(lambda: trail.verdict().running)
    family = host.family()

    host.process.send_signal(signal.SIGKILL)
    host.process.wait()
    call.join()
    assert still_alive(family, within_seconds=10) == []
    start_host().execute("1")

    assert [record["outcome"]["status"] for record in trail.of(2)] == ["failure", "success"]


def _begin(host: RunningHost) -> threading.Thread:
    """A run that is under way until something dies."""

    def ask() -> None:
        try:
            httpx.post(f"{host.url}/api/python/execute", json={"content": SLEEPS}, timeout=90, trust_env=False)
        except httpx.TransportError:
            return

    call = threading.Thread(target=ask)
    call.start()
    return call


def _file(host: RunningHost) -> str:
    path: Path = host.home.root / "script.py"
    path.write_text("1 + 1\n")
    return str(path)
