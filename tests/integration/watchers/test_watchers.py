"""Watchers in real hosts, with real plugins."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from tests.integration.host.conftest import RunningHost
from tests.processes import still_alive


def watch(host: RunningHost, **fields: Any) -> Any:
    body = {"name": fields["id"], "max_fires_per_second": 1000, **fields}
    answer = host.http.post("/api/watchers", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def attest(host: RunningHost, subject: str, predicate: str, **fields: Any) -> str:
    answer = host.http.post("/api/attestations", json={"subjects": [subject], "predicates": [predicate], **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def found(host: RunningHost, **params: Any) -> Any:
    return host.http.get("/api/attestations", params={"limit": 1000, **params}).json()


def every(host: RunningHost, predicate: str) -> list[Any]:
    lines = host.http.get(
        "/api/attestations", params={"predicate": predicate}, headers={"Accept": "application/x-ndjson"}
    )
    return [json.loads(line) for line in lines.text.splitlines()]


def watcher(host: RunningHost, name: str, **params: Any) -> Any:
    return host.http.get(f"/api/watchers/{name}", params=params).json()


def test_a_python_action_runs_with_the_attestation_that_fired_it(host: RunningHost) -> None:
    code = (
        "attest(upstream.subjects, ['doubled'], ['t'], attributes={'n': attestation.attributes.n * 2}); print('seen')"
    )
    watch(host, id="double", action_type="python", action_data=code, predicates=["number"])

    fired_by = attest(host, "a", "number", attributes={"n": 21})

    (made,) = host.until(lambda: found(host, predicate="doubled"))
    assert made["attributes"]["n"] == 42
    (fire,) = host.until(lambda: watcher(host, "double", fires=3)["recent_fires"])
    assert fire["attestation"]["id"] == fire["attestation_id"] == fired_by
    assert fire["output"] == "seen\n"
    assert watcher(host, "double")["fire_count"] == 1


def test_an_action_goes_to_the_provider_its_glyph_names_and_chains_across_them(host: RunningHost) -> None:
    translate = """
from Bio.Seq import Seq
attest(upstream.subjects, ["translated"], ["t"], attributes={"protein": str(Seq(upstream.attributes.dna).translate())})
"""
    tabulate = """
import pandas
counts = pandas.Series(list(upstream.attributes.protein)).value_counts()
attest(upstream.subjects, ["counted"], ["t"], attributes={"counts": {str(k): int(v) for k, v in counts.items()}})
"""
    watch(host, id="translate", action_type="python", glyph="py:bio", action_data=translate, predicates=["dna"])
    watch(host, id="tabulate", action_type="python", glyph="py:data", action_data=tabulate, predicates=["translated"])

    attest(host, "gene", "dna", attributes={"dna": "ATGGCCATG"})

    (counted,) = host.until(lambda: found(host, predicate="counted"))
    assert counted["attributes"]["counts"] == {"M": 2, "A": 1}
    assert counted["subjects"] == ["gene"]


def test_a_failing_action_is_retried_and_its_output_is_there(host: RunningHost) -> None:
    code = "print('before'); 1 / 0"
    watch(host, id="failing", action_type="python", action_data=code, predicates=["fail"])
    attest(host, "a", "fail")

    failing = host.until(lambda: (now := watcher(host, "failing"))["error_count"] >= 2 and now)

    assert "ZeroDivisionError" in failing["last_error"]
    assert (failing["fire_count"], failing["waiting"]) == (0, 1)
    assert host.http.get("/api/watchers/queue/stats").json()["by_watcher"] == {"failing": 1}
    assert host.http.delete("/api/watchers/failing").status_code == 204
    assert host.http.get("/api/watchers/queue/stats").json()["waiting"] == 0


class Hooked(BaseHTTPRequestHandler):
    calls: list[tuple[str, Any]]
    answers: list[int]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.calls.append((self.headers["X-QNTX-Firing"], json.loads(body)))
        self.send_response(self.answers.pop(0))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing of this belongs on the test's output."""


def test_a_webhook_gets_the_attestation_and_can_tell_a_repeat(host: RunningHost) -> None:
    Hooked.calls, Hooked.answers = [], [500, 204]
    with HTTPServer(("127.0.0.1", 0), Hooked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/hook"
        watch(host, id="hook", action_type="webhook", action_data=url, predicates=["call"])
        fired_by = attest(host, "a", "call")
        hooked = host.until(lambda: (now := watcher(host, "hook"))["fire_count"] == 1 and now)
        server.shutdown()

    (first, payload), (second, _) = Hooked.calls
    assert first == second
    assert payload["id"] == fired_by
    assert payload["timestamp"].endswith("Z")
    assert hooked["last_error"].endswith("answered 500")


def test_watchers_are_listed_changed_and_deleted(host: RunningHost) -> None:
    made = watch(host, id="mine", action_type="python", action_data="1", subjects=["S"], time_start="2026-01-01")
    assert (made["subjects"], made["time_start"]) == (["S"], "2026-01-01T00:00:00.000Z")

    changed = host.http.put("/api/watchers/mine", json={"enabled": False, "contexts": ["c"], "time_start": ""}).json()
    assert (changed["enabled"], changed["contexts"], changed["subjects"]) == (False, ["c"], ["S"])
    assert changed["time_start"] is None
    assert "mine" in [one["id"] for one in host.http.get("/api/watchers").json()]
    assert "mine" not in [one["id"] for one in host.http.get("/api/watchers", params={"enabled": True}).json()]

    assert host.http.delete("/api/watchers/mine").status_code == 204
    missing = host.http.get("/api/watchers/mine")
    assert (missing.status_code, "mine" in missing.json()["error"]) == (404, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action_type"),
        ({"action_type": "semantic_match"}, "action_type"),
        ({"action_type": "pyton"}, "action_type"),
        ({"action_type": "python", "action_data": "1", "predicates": ["p"], "name": "x"}, "id"),
        ({"action_type": "python", "action_data": "1", "predicates": ["p"], "id": "x"}, "name"),
        ({"action_type": "python", "action_data": "1", "id": "x", "name": "x"}, "subjects"),
        ({"action_type": "python", "predicates": ["p"], "id": "x", "name": "x"}, "action_data"),
        ({"action_type": "python", "predicate": ["p"]}, "predicate"),
    ],
)
def test_a_watcher_that_could_never_work_is_refused(host: RunningHost, body: dict[str, Any], field: str) -> None:
    answer = host.http.post("/api/watchers", json=body)

    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_the_command_line_manages_watchers(host: RunningHost) -> None:
    def qntx(*arguments: str) -> str:
        environment = {"QNTX_URL": host.url, "QNTX_HOME": str(host.home.root), "COLUMNS": "200"}
        ran = subprocess.run(
            [sys.executable, "-m", "qntx.cli", "watcher", *arguments],
            env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    qntx("create", "by-shell", "-p", "shell", "--code", "attest(['x'], ['shelled'], ['t'])")
    attest(host, "a", "shell")
    host.until(lambda: found(host, predicate="shelled"))

    assert "by-shell" in qntx("list")
    host.until(lambda: json.loads(qntx("show", "by-shell", "--json"))["fire_count"] == 1)
    qntx("disable", "by-shell")
    assert not watcher(host, "by-shell")["enabled"]
    qntx("delete", "by-shell")
    assert host.http.get("/api/watchers/by-shell").status_code == 404


def test_firings_are_told_as_events(host: RunningHost) -> None:
    watch(host, id="told", action_type="python", action_data="1", predicates=["tell"])
    with host.http.stream("GET", "/api/events", params={"kinds": "firing"}) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith(":")
        attest(host, "a", "tell")
        data = (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))
        mine = (one["status"] for one in data if one["watcher_id"] == "told")
        told = [next(mine), next(mine)]

    assert told == ["started", "success"]


def test_handlers_of_two_variants_fire_one_another(host: RunningHost) -> None:
    count = """
from Bio.SeqUtils import gc_fraction
@watch("sequence:new", context="lab")
def count(upstream):
    attest(upstream.subjects, ["sequence:counted"], ["lab"], attributes={"gc": gc_fraction(upstream.attributes.dna)})
"""
    describe = """
import pandas
@watch("sequence:counted", context="lab")
def describe(upstream):
    found = pandas.Series([row.attributes.gc for row in attestations(predicates="sequence:counted")])
    attest(upstream.subjects, ["sequence:described"], ["lab"], attributes={"mean": float(found.mean())})
"""
    for plugin, name, code in (("bio", "counting", count), ("data", "describing", describe)):
        attest(host, name, "handler", contexts=[plugin], attributes={"code": code})
    declared = {"bio-counting-count", "data-describing-describe"}
    host.until(lambda: declared <= {one["id"] for one in host.http.get("/api/watchers").json()})

    attest(host, "gene", "sequence:new", contexts=["lab"], attributes={"dna": "ATGC"})

    (described,) = host.until(lambda: found(host, predicate="sequence:described"))
    assert (described["subjects"], described["attributes"]["mean"]) == (["gene"], 0.5)
    assert described["contexts"] == ["lab", "describing"]
    # What it attested may fire the next before it is told to have ended itself.
    host.until(lambda: watcher(host, "bio-counting-count")["fire_count"] == 1)


def place(host: RunningHost, glyph_id: str, **fields: Any) -> None:
    host.http.put(f"/api/canvas/{glyph_id}", json=fields).raise_for_status()


def test_a_glyph_of_the_canvas_is_fired_as_it_is_then_and_its_answer_is_told_and_kept(host: RunningHost) -> None:
    target = json.dumps({"target_glyph_id": "fired"})
    watch(host, id="to-glyph", action_type="glyph_execute", action_data=target, predicates=["fire glyph"])
    place(host, "fired", symbol="py", content="1 / 0")
    place(host, "fired", symbol="py:data", content="import pandas\nprint(attestation.id)\nupstream.attributes.n * 2")
    with host.http.stream("GET", "/api/events", params={"kinds": "glyph_fired"}) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith(":")
        fired_by = attest(host, "a", "fire glyph", attributes={"n": 21})
        data = (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data:"))
        started, ended = next(data), next(data)

    assert (started["glyph_id"], started["status"], started["attestation_id"]) == ("fired", "started", fired_by)
    assert (ended["watcher_id"], ended["status"], ended["error"]) == ("to-glyph", "success", "")
    assert started["execution_id"] == ended["execution_id"]
    told = json.loads(ended["result"])
    assert (told["result"], told["stdout"], told["provider"]) == (42, fired_by + "\n", "data")
    assert host.http.get("/api/canvas/fired/result").json()["result"]["result"] == 42


def test_melded_glyphs_of_two_variants_fire_one_another(host: RunningHost) -> None:
    translate = (
        "from Bio.Seq import Seq\n"
        "attest(['gene'], ['translated here'], ['t'], attributes={'protein': str(Seq('ATGGCC').translate())})\n"
    )
    place(host, "translating", symbol="py:bio", content=translate)
    place(host, "counting", symbol="py:data", fed_by="translating", content="len(upstream.attributes.protein)")

    host.http.post("/api/python/execute", json={"content": translate, "glyph": "py:bio", "glyph_id": "translating"})

    kept = host.until(lambda: host.http.get("/api/canvas/counting/result").json()["result"])
    assert (kept["provider"], kept["result"]) == ("data", 2)


def test_a_watcher_of_a_glyph_that_is_not_there_says_so(host: RunningHost) -> None:
    target = json.dumps({"target_glyph_id": "nowhere"})
    watch(host, id="to-nowhere", action_type="glyph_execute", action_data=target, predicates=["fire nothing"])
    attest(host, "a", "fire nothing")

    failing = host.until(lambda: (now := watcher(host, "to-nowhere"))["error_count"] and now)

    assert "no glyph on the canvas has the id 'nowhere'" in failing["last_error"]
    host.http.delete("/api/watchers/to-nowhere").raise_for_status()


def killed_while_pouring(host: RunningHost, echoes: int, acknowledged: dict[str, str]) -> None:
    """Attest without end, and kill the host as soon as so many have fired."""

    def pour() -> None:
        while True:
            subject = f"s{len(acknowledged)}"
            try:
                acknowledged[attest(host, subject, "ping")] = subject
            except httpx.HTTPError:
                return

    pouring = threading.Thread(target=pour)
    pouring.start()
    host.until(lambda: len(found(host, predicate="echo")) >= echoes)
    family = host.family()
    host.process.send_signal(signal.SIGKILL)
    host.process.wait(10)
    pouring.join()
    assert still_alive(family, within_seconds=10) == []


def test_a_host_killed_while_attestations_arrive_keeps_what_it_acknowledged_and_fires_for_each(
    start_host: Callable[[], RunningHost],
) -> None:
    host = start_host()
    host.until_state("python", "running")
    code = "attest(upstream.subjects, ['echo'], ['t'])"
    watch(host, id="echo", action_type="python", action_data=code, predicates=["ping"])
    acknowledged: dict[str, str] = {}

    killed_while_pouring(host, 5, acknowledged)
    host = start_host()
    killed_while_pouring(host, 25, acknowledged)
    host = start_host()

    kept = {record["id"] for record in every(host, "ping")}
    assert len(acknowledged) > 20
    assert acknowledged.keys() <= kept
    host.until(lambda: set(acknowledged.values()) <= {one["subjects"][0] for one in every(host, "echo")})
