"""qntx.testing, as the author of a handler uses it."""

from __future__ import annotations

import asyncio
import re
import sys
from textwrap import dedent
from typing import Any

import pytest

import qntx
import qntx.testing
from qntx import enqueue, fetch, get_ingest_script, list_ingest_scripts, pause_schedule, publish_as_ingest
from qntx.script.calls import CALLS, checked
from qntx.script.context import current
from qntx.testing import FakeHost, Page, run_script, running

NEW = {"subjects": ["s1"], "predicates": ["sequence:new"], "contexts": ["lab"], "attributes": {"sequence": "ATG"}}
CODE = '''
"""Counts."""
from __future__ import annotations

@watch("sequence:new", context="lab")
def count(upstream: Unknown):
    print("counting", __name__)
    attest(upstream.subjects, ["sequence:counted"], attributes={"length": len(upstream.attributes.sequence)})

@schedule(every="1h")
async def tick():
    progress(1, 2, "half")
    log("ticked", level="warn", n={1})
    display({"a": 1})
    return "ticked"
'''


def test_the_function_that_was_triggered_runs() -> None:
    ran = run_script(CODE, upstream=NEW)

    assert ran.stdout == "counting __main__\n"
    assert ran.attestations[0]["contexts"] == ["handler"]
    assert ran.attestations[0]["attributes"] == {"length": 3}


def test_without_an_upstream_the_scheduled_one_runs() -> None:
    ran = run_script(CODE)

    assert (ran.result, ran.attestations) == ("ticked", [])
    assert ran.progress == [{"current": 1, "total": 2, "message": "half"}]
    assert (ran.logs[0]["message"], ran.logs[0]["level"], ran.logs[0]["fields"]) == ("ticked", "warning", {"n": [1]})
    assert ran.displays == [{"text/plain": "{'a': 1}"}]


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("x = 1\nx + 1", 2),
        ("_result = 5\n6", 5),
        ("import asyncio\nawait asyncio.sleep(0, 7)", 7),
        ("def main():\n    return 8", 8),
        ("x = 1", None),
    ],
)
def test_a_result_is_what_a_worker_would_find(code: str, result: Any) -> None:
    assert run_script(code).result == result


def test_what_the_script_raises_is_raised_with_its_lines() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_script("x = 1\n1 / 0\n", handler="broken")

    assert str(caught.traceback[-1].path).endswith("<broken>")
    assert caught.traceback[-1].lineno == 1  # counted from 0


def test_afterwards_nothing_of_the_run_is_left() -> None:
    main = sys.modules["__main__"]
    with pytest.raises(NameError):
        run_script("nope")

    assert sys.modules["__main__"] is main
    with pytest.raises(RuntimeError, match="nothing is running here"):
        current("attest")


def test_a_handlers_function_can_be_called_by_itself() -> None:
    @qntx.watch("p")
    def double(upstream: Any) -> Any:
        return qntx.attest(upstream["subjects"], ["doubled"])

    with running(handler="double") as host:
        double({"subjects": ["s"]})

    assert host.attested[0]["contexts"] == ["double"]


def test_a_page_is_fetched_and_attested_without_a_network() -> None:
    host = FakeHost(pages={"https://x.example": Page("hello", 203)})

    ran = run_script("fetch('https://x.example', ['x']).body", host=host)

    assert ran.result == "hello"
    assert host.attestations[0]["attributes"]["status_code"] == 203
    assert ran.attestations == []
    with pytest.raises(
        RuntimeError, match=r"fetch: no page for https://y\.example here \(there are: https://x\.example"
    ):
        run_script("fetch('https://y.example')", host=host)


def test_ingest_scripts_have_versions() -> None:
    host = FakeHost()
    run_script("publish_as_ingest('fasta')\n", host=host)
    with running(host):
        assert publish_as_ingest("fasta", "def execute(payload): ...")["version"] == 2

        assert get_ingest_script("fasta")["code"] == "def execute(payload): ..."
        assert get_ingest_script("fasta", version=1).code == "publish_as_ingest('fasta')\n"
        assert get_ingest_script("csv") is None
        assert [(each.name, "code" in each) for each in list_ingest_scripts()] == [("fasta", False)]


@pytest.mark.parametrize("name", ["Fasta", "", "a b", "a\n", 5, "ä"])
def test_a_name_that_ix_could_not_say_is_refused(name: Any) -> None:
    with running(), pytest.raises(ValueError, match=r"publish_as_ingest: .* is not a script's name"):
        publish_as_ingest(name, "x = 1")


def test_jobs_and_schedules_are_kept_for_the_test_to_see() -> None:
    with running() as host:
        enqueue("vacancies", {"n": {1}}, source="test")
        with pytest.raises(RuntimeError, match="pause_schedule: there is no schedule 'S'"):
            pause_schedule("S")
        pause_schedule(qntx.schedule("vacancies", every=60))

    assert host.jobs == [{"handler": "vacancies", "payload": {"n": [1]}, "source": "test"}]
    assert host.schedules["SPJ_1"]["state"] == "paused"


def test_a_host_that_is_away_refuses_every_call() -> None:
    with running(FakeHost(away="connection failed")):
        for call in (lambda: fetch("https://x.example"), lambda: enqueue("h"), lambda: qntx.attest("s", "p", "c")):
            with pytest.raises(RuntimeError, match="connection failed"):
                call()


def test_the_fake_answers_every_call_there_is() -> None:
    assert [name for name in CALLS if not hasattr(FakeHost, f"_{name}")] == []


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("eval", {}, "scripts cannot call 'eval'"),
        ("fetch", {}, "url: is missing; pass a text"),
        ("fetch", {"url": 5}, "url: must be a text, not int"),
        ("fetch", {"url": "u", "subjects": ["a", 5]}, "subjects: must be a list of texts"),
        ("last", {"nope": 1}, "nope: last has no such argument"),
        ("list_ingest_scripts", {"nope": 1}, r"\(it has: none\)"),
        ("attestations", {"limit": True}, "limit: must be a whole number or null, not bool"),
    ],
)
def test_a_call_that_is_not_in_the_table_is_refused_by_name(name: str, arguments: Any, fault: str) -> None:
    with pytest.raises(Exception, match=fault):
        checked(name, arguments)


def test_what_is_left_out_of_a_call_has_its_default() -> None:
    assert checked("last", {"subjects": ["s"]}) == {"subjects": ["s"], "predicates": [], "contexts": [], "actors": []}
    assert checked("last", {})["subjects"] is not checked("last", {})["subjects"]


def examples(module: Any) -> str:
    """The indented code in the module's docstring."""
    return "\n".join(map(dedent, re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", module.__doc__)))


def test_the_example_of_qntx_does_what_it_says() -> None:
    ran = run_script(examples(qntx), upstream=NEW)

    assert ran.attestations[0]["attributes"] == {"length": 3}


def test_the_example_of_qntx_testing_passes() -> None:
    names: dict[str, Any] = {"CODE": examples(qntx)}

    exec(compile(examples(qntx.testing), "<example>", "exec", dont_inherit=True), names)

    names["test_counts_the_bases"]()


def test_it_works_beside_a_running_event_loop() -> None:
    async def within() -> Any:
        return await asyncio.to_thread(run_script, CODE)

    assert asyncio.run(within()).result == "ticked"
