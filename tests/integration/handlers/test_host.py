"""The whole way: qntx handler, a real host, a real plugin."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.host.conftest import RunningHost

Qntx = Callable[..., subprocess.CompletedProcess[str]]
Known = Callable[[str], Any]

CODE = "print('Hello from vacancies handler')"


def logs(host: RunningHost) -> Any:
    return host.http.get("/api/plugins/python/logs").json()


def test_creating_a_handler_prints_the_attestation_and_needs_no_restart(
    host: RunningHost, qntx: Qntx, known: Known
) -> None:
    printed = qntx("handler", "create", "vacancies", "--code", CODE).stdout.splitlines()

    assert printed[0] == "✓ Handler 'vacancies' created"
    assert printed[1].startswith("  ASID: AS-")
    assert printed[2:] == [
        "  Subject: [vacancies]",
        "  Predicate: [handler]",
        "  Context: [python]",
        "  Actor: [vacancies] (self-certifying)",
        "  Attributes:",
        "  {",
        f'    "code": {json.dumps(CODE)}',
        "  }",
    ]
    host.until(lambda: known("vacancies"))
    host.until(lambda: "announced: python.script, python.vacancies" in json.dumps(logs(host)))


def test_a_handler_that_was_made_before_the_host_was_started_is_discovered_by_its_plugin(
    host: RunningHost, qntx: Qntx
) -> None:
    host.until(lambda: "handlers discovered: zoe; announced: python.script, python.zoe" in json.dumps(logs(host)))

    assert qntx("handler", "run", "zoe").stdout == "early\n"


def test_what_a_watcher_set_off_is_in_the_handlers_logs(host: RunningHost, qntx: Qntx) -> None:
    code = "@watch('logged', context='logs')\ndef note(upstream):\n    print('noted', upstream.subjects[0])\n"
    qntx("handler", "create", "noting", "--code", code)
    host.until(lambda: any("noting" in each["id"] for each in host.http.get("/api/watchers").json()))
    body = {"subjects": ["it"], "predicates": ["logged"], "contexts": ["logs"]}
    fired_by = host.http.post("/api/attestations", json=body).json()["id"]

    told = host.until(lambda: json.loads(qntx("handler", "logs", "noting", "--json").stdout))
    assert [(each["id"], each["status"]) for each in told] == [(fired_by, "completed")]
    assert "noted it" in qntx("handler", "logs", "noting").stdout


def test_two_more_made_while_it_runs_are_announced_without_a_restart(host: RunningHost, qntx: Qntx) -> None:
    for name in ("second", "third"):
        qntx("handler", "create", name, "--code", CODE)

    def announced() -> Any:
        routes = host.http.get("/api/plugins/routes").json()["routes"]
        return next(each["handlers"] for each in routes if each["name"] == "python")

    host.until(lambda: {"python.second", "python.third"} <= set(announced()))


def test_a_deleted_handler_is_gone_and_its_history_stays(host: RunningHost, qntx: Qntx, known: Known) -> None:
    qntx("handler", "create", "gone", "--code", "x = 1")
    host.until(lambda: known("gone"))

    qntx("handler", "delete", "gone")

    host.until(lambda: not known("gone"))
    assert "there is no handler 'gone'" in qntx("handler", "show", "gone", expect=1).stderr
    assert "there is no handler 'gone'" in qntx("handler", "delete", "gone", expect=1).stderr
    assert len(json.loads(qntx("handler", "history", "gone", "--json").stdout)) == 2


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "either --code or --file must be provided"),
        (("--code", "x", "--file", "y"), "cannot specify both --code and --file"),
        (("--file", "/not/there.py"), "failed to read file /not/there.py"),
    ],
)
def test_what_create_lacks_is_said(qntx: Qntx, arguments: tuple[str, ...], fault: str) -> None:
    assert fault in qntx("handler", "create", "x", *arguments, expect=2).stderr


def test_code_that_the_plugin_will_not_load_is_warned_of(host: RunningHost, qntx: Qntx, known: Known) -> None:
    made = qntx("handler", "create", "broken", "--code", "def (:")

    assert "Warning: the plugin will not load it: line 1: SyntaxError" in made.stderr
    host.until(lambda: (each := known("broken")) and each["status"] == "faulted")


def test_a_watch_made_while_the_host_runs_fires(host: RunningHost, qntx: Qntx) -> None:
    code = (
        "@watch('sequence:new', context='lab')\n"
        "def count(upstream):\n"
        "    attest(upstream.subjects, ['sequence:counted'], attributes={'of': upstream.id})\n"
    )
    qntx("handler", "create", "counting", "--code", code)
    host.until(lambda: any("counting" in each["id"] for each in host.http.get("/api/watchers").json()))

    sent = host.http.post(
        "/api/attestations", json={"subjects": ["s1"], "predicates": ["sequence:new"], "contexts": ["lab"]}
    )

    def counted() -> Any:
        return host.http.get("/api/attestations", params={"predicate": "sequence:counted"}).json()

    (made,) = host.until(counted)
    assert made["attributes"]["of"] == sent.json()["id"]
    assert made["contexts"] == ["counting"]


def test_of_a_file_with_a_watch_and_a_schedule_each_function_runs_under_its_own_trigger_only(
    host: RunningHost, qntx: Qntx
) -> None:
    code = (
        "@watch('knock', context='door')\n"
        "def answer(upstream):\n"
        "    attest(upstream.subjects, 'answered')\n"
        "@schedule(every=1)\n"
        "def look(given='nothing'):\n"
        "    attest('clock', 'looked', attributes={'given': given})\n"
    )

    def found(predicate: str) -> Any:
        return host.http.get("/api/attestations", params={"predicate": predicate}).json()

    qntx("handler", "create", "porter", "--code", code)
    host.until(lambda: len(found("looked")) > 1)
    assert found("answered") == []
    host.http.post("/api/attestations", json={"subjects": ["guest"], "predicates": ["knock"], "contexts": ["door"]})
    (answered,) = host.until(lambda: found("answered"))

    assert answered["subjects"] == ["guest"]
    assert {each["attributes"]["given"] for each in found("looked")} == {"nothing"}
    qntx("handler", "delete", "porter")


def test_what_a_handler_declares_while_the_host_runs_fires_and_goes_with_its_declaration(
    host: RunningHost, qntx: Qntx
) -> None:
    tick = "@schedule(every=1)\ndef tick():\n    attest('clock', 'ticked')\n"
    echo = "@watch('ticked', context='ticking')\ndef echo(upstream):\n    attest(upstream.subjects, 'echoed')\n"

    def schedules() -> Any:
        told = host.http.get("/api/pulse/schedules").json()["jobs"]
        return [each["interval_seconds"] for each in told if each["handler_name"] == "python/ticking"]

    def watchers() -> Any:
        return [each["predicates"] for each in host.http.get("/api/watchers").json() if "echoing" in each["id"]]

    qntx("handler", "create", "ticking", "--code", tick)
    qntx("handler", "create", "echoing", "--code", echo)
    (echoed, *_) = host.until(lambda: host.http.get("/api/attestations", params={"predicate": "echoed"}).json())
    assert (echoed["subjects"], echoed["contexts"]) == (["clock"], ["echoing"])
    assert (schedules(), watchers()) == ([1], [["ticked"]])

    qntx("handler", "create", "ticking", "--code", tick.replace("1", "3600"))
    qntx("handler", "create", "echoing", "--code", echo.replace("ticked", "never"))
    host.until(lambda: (schedules(), watchers()) == ([3600], [["never"]]))

    qntx("handler", "create", "ticking", "--code", tick.partition("\n")[2])
    qntx("handler", "delete", "echoing")
    host.until(lambda: (schedules(), watchers()) == ([], []))
