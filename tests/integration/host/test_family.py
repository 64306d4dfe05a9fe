"""The host with the real family: bio, data and python."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.processes import still_alive

from qntx.host.home import Home

from .conftest import RunningHost

TRANSLATE = "from Bio.Seq import Seq\n_result = str(Seq('ATGGCC').translate())"


def test_bio_translates_a_sequence(host: RunningHost) -> None:
    answer = host.execute(TRANSLATE, "py:bio")

    assert (answer["success"], answer["result"], answer["provider"]) == (True, "MA", "bio")


def test_a_missing_module_names_the_glyph_that_has_it(host: RunningHost) -> None:
    answer = host.execute(TRANSLATE, "py:data")

    assert answer["success"] is False
    assert "py:bio has Bio" in answer["error"]
    assert answer["try_glyphs"] == ["py:bio"]


def test_a_module_that_nobody_has_gets_no_hint(host: RunningHost) -> None:
    answer = host.execute("import no_such_module_anywhere")

    assert "no_such_module_anywhere" in answer["error"]
    assert "has no_such" not in answer["error"]
    assert "try_glyphs" not in answer


def test_the_answer_is_flat(host: RunningHost) -> None:
    answer = host.execute("import sys\nprint('out'); print('err', file=sys.stderr); [1, {'a': None}]")

    assert answer["stdout"] == "out\n"
    assert answer["stderr"] == "err\n"
    assert answer["result"] == [1, {"a": None}]
    assert answer["error"] is None
    assert answer["displays"] == []
    assert answer["glyph"] == "py"
    assert answer["provider"] == "python"
    assert answer["execution_id"]
    assert answer["duration_ms"] > 0
    assert "variables" not in answer


def test_variables_come_where_they_are_asked_for(host: RunningHost) -> None:
    answer = host.execute("answer = 42", capture_variables=True)

    assert answer["variables"] == {"answer": "42"}


@pytest.mark.parametrize("field", ["expr", "content", "code"])
def test_an_expression_is_evaluated_under_any_name_of_its_field(host: RunningHost, field: str) -> None:
    answer = host.http.post("/api/python/evaluate", json={field: "2 ** 10"}).json()

    assert answer["success"] is True
    assert answer["result"] == 1024


def test_upstream_reaches_the_script(host: RunningHost) -> None:
    answer = host.execute("upstream['subjects'][0]", upstream={"subjects": ["gene"]})

    assert answer["result"] == "gene"


def test_an_endless_loop_ends_at_its_deadline_and_leaves_nothing(host: RunningHost) -> None:
    answer = host.execute("import os\nprint(os.getpid(), flush=True)\nwhile True: pass", timeout_secs=1)

    assert answer["success"] is False
    assert answer["outcome"] == "timed_out"
    assert 1000 <= answer["duration_ms"] < 20_000, "the default is 30 s"
    assert host.execute("6 * 7")["result"] == 42


@pytest.mark.parametrize("deadly", ["import os; os._exit(1)", "import ctypes; ctypes.string_at(0)"])
def test_a_script_that_kills_its_process_is_an_answer(host: RunningHost, deadly: str) -> None:
    before = host.plugin("python")["pid"]

    answer = host.execute(deadly)

    assert answer["success"] is False
    assert answer["error"]
    assert host.plugin("python")["pid"] == before
    assert host.execute("1 + 1")["result"] == 2


def test_output_without_end_is_cut_and_says_so(host: RunningHost) -> None:
    answer = host.execute("for _ in range(100): print('x' * 1_000_000)")

    assert answer["success"] is True
    assert answer["truncated"] is True
    assert len(answer["stdout"]) < 10_000_000


def test_no_output_crosses_between_runs(host: RunningHost) -> None:
    def marked(number: int) -> bool:
        answer = host.execute(f"for _ in range(50): print('marker-{number}')")
        return bool(answer["stdout"] == f"marker-{number}\n" * 50)

    with ThreadPoolExecutor(32) as callers:
        assert all(callers.map(marked, range(32)))


def test_a_script_attests_through_the_host(host: RunningHost) -> None:
    answer = host.execute(
        "from qntx import attest, last\n"
        "made = attest(subjects=['GENE-1'], predicates=['sequenced'], contexts=['lab'])\n"
        "_result = last(subjects=['GENE-1'])['id'] == made['id']",
        "py:bio",
    )

    assert answer["error"] is None
    assert answer["result"] is True


def test_a_script_cannot_fetch_from_this_machine(host: RunningHost) -> None:
    answer = host.execute(f"from qntx import fetch\nfetch('{host.url}/health')")

    assert answer["success"] is False
    assert "not on the internet" in answer["error"]


def test_output_streams_while_the_code_runs(host: RunningHost) -> None:
    """It goes on only once its first line was heard."""
    code = (
        "import time\nprint('first', flush=True)\n"
        "while not last(subjects=['heard']): time.sleep(0.05)\n"
        "print('second')\n_result = 3"
    )
    heard = {"subjects": ["heard"], "predicates": ["it"], "contexts": ["lab"]}
    arrived: list[tuple[str, object]] = []

    with host.http.stream("POST", "/api/python/execute", json={"content": code, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("event: "):
                arrived.append((line.removeprefix("event: "), None))
            elif line.startswith("data: "):
                data = json.loads(line.removeprefix("data: "))
                arrived[-1] = (arrived[-1][0], data)
                if data == {"text": "first\n"}:
                    host.http.post("/api/attestations", json=heard).raise_for_status()

    kind, end = arrived[-1]
    assert kind == "end"
    assert isinstance(end, dict)
    assert (end["result"], end["stdout"]) == (3, "first\nsecond\n")


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_stops_the_code(host: RunningHost, stream: bool) -> None:
    body = {"content": "import time; print('up', flush=True); time.sleep(60)", "stream": stream, "timeout_secs": 50}

    with host.caller(**body):
        host.until(lambda: _running(host) == "1")
        time.sleep(2)  # it has long begun

    host.until(lambda: _running(host) == "0", 40)


def _running(host: RunningHost) -> str:
    """Runs under way in the python plugin, as its Health counts them."""
    details: dict[str, str] = host.http.get("/api/python/health").json()["details"]
    return details["running"]


def test_a_run_can_be_cancelled_by_its_id(host: RunningHost) -> None:
    with ThreadPoolExecutor(1) as callers:
        running = callers.submit(host.execute, "import time; time.sleep(60)", execution_id="cancel-me")
        cancel = {"execution_id": "cancel-me"}
        host.until(lambda: host.http.post("/api/python/cancel", json=cancel).status_code == 200, 10)

        assert running.result(20)["outcome"] == "cancelled"


def test_cancelling_what_does_not_run_is_a_404(host: RunningHost) -> None:
    answer = host.http.post("/api/python/cancel", json={"execution_id": "nobody"})

    assert answer.status_code == 404


def test_a_plugin_killed_is_back_by_itself_and_says_so_meanwhile(host: RunningHost, home: Home, tmp_path: Path) -> None:
    before = host.plugin("bio")
    # It cannot be back before it was asked.
    launcher, asked = "qntx-bio-plugin", tmp_path / "asked"
    waits = f'while [ ! -e "{asked}" ]; do sleep 0.05; done\nexec "{home.plugins / launcher}" "$@"\n'
    (waiting := tmp_path / launcher).write_text(f"#!/bin/sh\n{waits}")
    waiting.chmod(0o755)
    waiting.replace(host.home.plugins / launcher)
    psutil.Process(before["pid"]).kill()

    def refused() -> Any:
        answer = host.http.post("/api/python/execute", json={"content": "1", "glyph": "py:bio"})
        return "unavailable, restarting" in str(answer.json()["error"]) and answer

    answer = host.until(refused)
    asked.touch()

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    after = host.until(
        lambda: (now := host.plugin("bio"))["state"] == "running" and now["pid"] != before["pid"] and now
    )
    assert after["restarts"] == before["restarts"] + 1
    assert host.execute(TRANSLATE, "py:bio")["result"] == "MA"
    assert '"reason": "its process ended by signal 9", "event": "plugin restarting"' in host.log.read_text()


def test_a_plugins_routes_are_reached_under_its_name(host: RunningHost) -> None:
    answer = host.http.get("/api/bio/version")

    assert answer.status_code == 200
    assert answer.json()["name"] == "bio"


def test_every_variant_brings_its_glyph(host: RunningHost) -> None:
    glyphs = host.http.get("/api/plugins/glyphs").json()

    assert {(glyph["plugin"], glyph["symbol"]) for glyph in glyphs} == {
        ("bio", "py:bio"),
        ("data", "py:data"),
        ("python", "py"),
    }


def test_the_host_is_well_and_says_so(host: RunningHost) -> None:
    health = host.http.get("/health").json()

    assert health["status"] == "ok"
    assert health["plugins"] == {"bio": "running", "data": "running", "python": "running"}


def test_the_host_ends_on_ctrl_c_with_nothing_left(host: RunningHost) -> None:
    # Last in this file: the next test module gets a host of its own.
    host.execute("import time; time.sleep(0.1)")

    code = host.end(signal.SIGINT)

    assert code == 0
    assert not host.home.presence.exists()


def test_a_host_killed_leaves_no_orphan(own_home: Home) -> None:
    running = RunningHost(own_home, '[plugin]\nenabled = ["python"]')
    running.until_state("python", "running")
    running.execute("1 + 1")
    family = running.family()

    running.process.kill()
    running.process.wait()
    running.close()

    assert still_alive(family, within_seconds=10) == []


def test_more_than_may_wait_is_refused_as_busy(own_home: Home) -> None:
    running = RunningHost(own_home, '[plugin]\nenabled = ["python"]\n[python]\nmax_workers = 1\nmax_queued = 0')
    running.until_state("python", "running")
    running.execute("1")
    body = {"content": "import time; time.sleep(60)", "execution_id": "long"}
    with ThreadPoolExecutor(1) as callers:
        long = callers.submit(running.http.post, "/api/python/execute", json=body)
        running.until(lambda: _running(running) == "1", 10)

        refused = running.http.post("/api/python/execute", json={"content": "1"})
        running.http.post("/api/python/cancel", json={"execution_id": "long"})
        assert long.result(20).json()["outcome"] == "cancelled"

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    running.close()
