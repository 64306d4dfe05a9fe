"""Jobs and schedules on a real host: over HTTP, on the command line, from scripts, and as events."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from .conftest import IngestHost, Qntx, told

SLEEPER = "import time\nprint('begun')\ntime.sleep(60)"


def sleeping(host: IngestHost, **fields: Any) -> Any:
    """A job that runs until it is stopped."""
    job = host.enqueue("python/python.script", {"content": SLEEPER}, **fields)
    host.until(lambda: host.job(job["id"])["status"] == "running")
    return job


def test_what_a_job_enqueues_is_its_child(host: IngestHost, qntx: Qntx) -> None:
    code = "from qntx import enqueue\n_result = enqueue('script', {'content': '_result = 7'}, source='the child')"

    parent = host.ended(host.enqueue("python/python.script", {"content": code})["id"])

    child = host.ended(parent["result"])
    assert (child["parent_id"], child["result"]) == (parent["id"], 7)
    [listed] = host.http.get(f"/api/pulse/jobs/{parent['id']}/children").json()["jobs"]
    assert listed["id"] == child["id"]
    assert told(qntx("job", "children", parent["id"], "--json"))["count"] == 1


def test_what_a_script_enqueues_twice_under_one_source_is_one_job(host: IngestHost) -> None:
    payload = {"content": SLEEPER}
    code = f"from qntx import enqueue\n_result = [enqueue('script', {payload!r}, source='once') for _ in range(2)]"

    first, again = host.execute(code)["result"]

    assert first == again
    host.http.post(f"/api/pulse/jobs/{first}/cancel")


def test_progress_and_states_are_events_as_they_happen(host: IngestHost) -> None:
    """It goes on until two of its steps were heard."""
    code = (
        "import itertools, time\nfrom qntx import last, progress\n"
        "for n in itertools.count():\n"
        "    progress(n, None, 'step')\n    time.sleep(0.2)\n    if last(subjects=['heard']): break\n"
    )
    seen: list[Any] = []
    listening = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", f"{host.url}/api/events?kinds=job", timeout=60, trust_env=False) as answer:
            for line in answer.iter_lines():
                listening.set()
                if line.startswith("data:"):
                    seen.append(json.loads(line.removeprefix("data:")))
                    if seen[-1]["status"] in ("completed", "failed"):
                        return

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(30)
    job = host.enqueue("python/python.script", {"content": code}, timeout_seconds=60)

    def steps() -> set[float]:
        told = [event["progress"] for event in list(seen) if event["id"] == job["id"]]
        return {progress["current"] for progress in told if progress["message"] == "step"}

    host.until(lambda: len(steps()) >= 2)
    heard = {"subjects": ["heard"], "predicates": ["it"], "contexts": ["lab"]}
    host.http.post("/api/attestations", json=heard).raise_for_status()
    thread.join(60)

    mine = [event for event in seen if event["id"] == job["id"]]
    assert [mine[0]["status"], mine[-1]["status"]] == ["queued", "completed"]
    assert all("payload" not in event for event in mine)


def test_lines_have_stages_and_say_what_the_run_took(host: IngestHost, qntx: Qntx) -> None:
    code = "import sys, qntx; print('out'); print('err', file=sys.stderr); qntx.log('noted', 'warning', row=7)"

    job = host.ended(host.enqueue("python/python.script", {"content": code})["id"])

    lines = {line["stage"]: line for line in host.lines(job["id"])}
    assert (lines["stdout"]["message"], lines["stderr"]["message"]) == ("out", "err")
    noted = lines["log"]
    assert (noted["message"], noted["level"], noted["metadata"]) == ("noted", "warning", {"row": 7})
    assert lines["summary"]["metadata"]["peak_rss_bytes"] > 0
    shown = qntx("job", "logs", job["id"], "--follow").stdout
    assert "warning noted" in shown
    assert job["plugin_version"] == host.plugin("python")["version"]


def test_thousands_of_lines_are_all_followed(host: IngestHost, qntx: Qntx) -> None:
    code = "for n in range(3500):\n    print('line', n)\n"
    job = host.ended(host.enqueue("python/python.script", {"content": code})["id"])

    for arguments in (("job", "logs", job["id"]), ("job", "logs", job["id"], "--follow")):
        assert qntx(*arguments).stdout.count(" line ") == 3500


def test_a_job_is_paused_resumed_cancelled_and_retried_on_the_command_line(host: IngestHost, qntx: Qntx) -> None:
    job = sleeping(host)

    assert qntx("job", "pause", job["id"]).stdout == f"{job['id']} is paused\n"
    time.sleep(0.5)
    assert host.job(job["id"])["status"] == "paused"
    qntx("job", "resume", job["id"])
    host.until(lambda: host.job(job["id"])["status"] == "running")
    assert host.job(job["id"])["attempts"] == 2
    assert qntx("job", "cancel", job["id"]).stdout == f"{job['id']} is cancelled\n"
    assert "so it cannot become cancelled" in qntx("job", "cancel", job["id"], expect=1).stderr
    qntx("job", "retry", job["id"])
    host.until(lambda: host.job(job["id"])["status"] == "running")
    qntx("job", "cancel", job["id"])
    listed = told(qntx("job", "list", "--status", "cancelled", "--json"))["jobs"]
    assert job["id"] in {each["id"] for each in listed}
    assert "cancelled" in qntx("job", "show", job["id"]).stdout


def test_a_failed_job_is_retried_over_http(host: IngestHost) -> None:
    job = host.ended(host.enqueue("python/python.script", {"content": "1 / 0"}, retries=1)["id"])
    assert (job["status"], job["attempts"]) == ("failed", 2)

    again = host.http.post(f"/api/pulse/jobs/{job['id']}/retry").json()

    assert (again["status"], again["error"]) == ("queued", "")
    assert host.ended(job["id"])["attempts"] == 3


def test_a_timeout_says_where_the_script_was(host: IngestHost) -> None:
    job = host.ended(host.enqueue("python/python.script", {"content": SLEEPER}, timeout_seconds=1.5)["id"])

    assert job["status"] == "failed"
    assert "time.sleep(60)" in job["error"]
    assert "the deadline of 1.5 s passed" in job["error"]


def test_a_job_of_an_unknown_handler_waits_and_says_for_what(host: IngestHost, qntx: Qntx) -> None:
    job = host.enqueue("chem/chem.script", {})

    host.until(lambda: host.job(job["id"])["waiting_for"])

    assert host.job(job["id"])["status"] == "queued"
    assert "chem" in host.job(job["id"])["waiting_for"]
    assert "chem" in qntx("job", "list", "--handler", "chem/chem.script").stdout
    qntx("job", "cancel", job["id"])


def test_an_ix_line_is_scheduled_and_looks_back_to_its_last_run(host: IngestHost, qntx: Qntx) -> None:
    host.publish("feed", "def execute(payload):\n    return payload['options']['since']\n")
    body = {"ats_code": "ix feed here --since last_run", "interval_seconds": 3600}

    made = host.http.post("/api/pulse/schedules", json=body).json()
    first = host.until(lambda: _schedule(host, made["id"])["last_execution_id"])
    began = host.ended(first)
    second = host.ended(host.http.post(f"/api/pulse/schedules/{made['id']}/trigger").json()["id"])

    assert (made["ats_code"], made["state"]) == (body["ats_code"], "active")
    assert began["result"] is None
    assert second["result"][:19] <= second["created_at"][:19]
    assert second["result"] >= began["created_at"]
    assert "ix feed here" in qntx("schedule", "list").stdout


def test_the_newest_script_is_what_a_schedule_runs(host: IngestHost) -> None:
    host.publish("dated", "def execute(payload):\n    return 1\n")
    made = host.http.post("/api/pulse/schedules", json={"ats_code": "ix dated x", "interval_seconds": 3600}).json()
    first = host.until(lambda: _schedule(host, made["id"])["last_execution_id"])
    host.ended(first)
    host.publish("dated", "def execute(payload):\n    return 2\n")

    again = host.http.post(f"/api/pulse/schedules/{made['id']}/trigger").json()

    assert host.ended(again["id"])["result"] == 2


def test_schedules_are_made_paused_resumed_changed_and_deleted(host: IngestHost, qntx: Qntx) -> None:
    payload = json.dumps({"content": "_result = 'tick'"})
    made = told(
        qntx("schedule", "create", "python/python.script", "--cron", "0 6 * * 1", "--payload", payload, "--json")
    )
    path = f"/api/pulse/schedules/{made['id']}"

    assert (made["cron"], made["interval_seconds"], made["last_execution_id"]) == ("0 6 * * 1", 0, "")
    qntx("schedule", "pause", made["id"])
    assert _schedule(host, made["id"])["state"] == "paused"
    qntx("schedule", "resume", made["id"])
    changed = host.http.patch(path, json={"interval_seconds": 900}).json()
    assert (changed["interval_seconds"], changed["cron"], changed["state"]) == (900, "", "active")
    back = host.http.patch(path, json={"cron": "30 6 * * 1"}).json()
    assert (back["interval_seconds"], back["cron"]) == (0, "30 6 * * 1")
    assert host.http.patch(path, json={"cron": "monday"}).json()["field"] == "cron"
    assert host.http.get("/api/pulse/schedules/next?cron=30 6 * * 1").json()["next_runs"][0] == back["next_run_at"]
    assert host.http.get("/api/pulse/schedules/next?cron=6").json()["field"] == "cron"
    fired = qntx("schedule", "trigger", made["id"]).stdout.split()[0]
    assert host.ended(fired)["result"] == "tick"
    qntx("schedule", "delete", made["id"])
    assert host.http.get(path).status_code == 404


def test_what_is_no_schedule_is_refused_in_the_words_of_the_core(host: IngestHost) -> None:
    def refused(**body: Any) -> str:
        answer = host.http.post("/api/pulse/schedules", json=body)
        assert answer.status_code == 400
        return str(answer.json()["error"])

    assert "ats_code or handler_name is required" in refused(interval_seconds=5)
    assert "interval_seconds cannot be negative" in refused(handler_name="python/x", interval_seconds=-1)
    assert "interval_seconds must be positive for recurring jobs" in refused(handler_name="python/x")
    assert "empty ATS code" in refused(ats_code="  ", interval_seconds=5)
    assert "unknown command: as (supported: ix)" in refused(ats_code="as x", interval_seconds=5)
    assert "ix command requires a subcommand" in refused(ats_code="ix", interval_seconds=5)
    assert "is no cron expression" in refused(handler_name="python/x", cron="every day")


def test_a_forced_run_is_one_job_at_once(host: IngestHost) -> None:
    host.publish("forced", "def execute(payload):\n    return payload['input']\n")

    answer = host.http.post("/api/pulse/schedules", json={"ats_code": "ix forced 'a b'", "force": True})

    assert answer.status_code == 201
    made = answer.json()
    assert (made["force"], made["id"], made["source_url"]) == (True, made["async_job_id"], "ix forced 'a b'")
    assert host.ended(made["id"])["result"] == "a b"


def test_a_script_schedules_a_handler_and_takes_it_back(host: IngestHost) -> None:
    made = host.execute(
        "from qntx import schedule, pause_schedule, resume_schedule\n"
        "_result = schedule('script', every='1h', payload={'content': '_result = 5'})\n"
        "pause_schedule(_result)\nresume_schedule(_result)\n"
    )
    assert made["success"], made["error"]

    kept = _schedule(host, made["result"])
    fired = host.http.post(f"/api/pulse/schedules/{kept['id']}/trigger").json()

    assert (kept["handler_name"], kept["interval_seconds"], kept["state"]) == ("python/python.script", 3600, "active")
    assert host.ended(fired["id"])["result"] == 5
    assert host.execute(f"from qntx import delete_schedule\ndelete_schedule({kept['id']!r})")["success"]
    assert host.http.get(f"/api/pulse/schedules/{kept['id']}").status_code == 404


def test_jobs_are_kept_in_a_file_of_their_own(host: IngestHost) -> None:
    assert (host.home.root / "pulse.db").exists()
    assert (host.home.root / "jobs.db").exists()


class TestEightyColumns:
    """What a person sees in a narrow terminal: every id whole, no line too long."""

    def test_job_list(self, host: IngestHost, qntx: Qntx, folder: Path) -> None:
        long = folder / ("a-rather-long-name-of-a-file-" * 3 + ".csv")
        job = host.enqueue("python/python.script", {"content": "1"}, source=f"ix csv {long}")

        self._is_readable(qntx("job", "list").stdout, job["id"])

    def test_query(self, host: IngestHost, qntx: Qntx) -> None:
        claim = {"subjects": ["gene-" * 20], "predicates": ["is"], "contexts": ["lab"], "attributes": {"n": "x" * 150}}
        made = host.http.post("/api/attestations", json=claim).json()

        self._is_readable(qntx("query", "gene-" * 20).stdout, made["id"])

    def test_script_list(self, host: IngestHost, qntx: Qntx) -> None:
        host.publish("narrow", "def execute(payload): ...\n", description="what it does " * 12, created_by="somebody")

        self._is_readable(qntx("script", "list").stdout, "narrow")

    def test_a_wide_terminal_has_one_line_for_each(self, host: IngestHost, qntx: Qntx) -> None:
        host.ended(host.enqueue("python/python.script", {"content": "1"}, source="in a wide one")["id"])

        [line] = [line for line in qntx("job", "list", columns=300).stdout.splitlines() if "in a wide one" in line]

        assert "completed" in line

    def _is_readable(self, shown: str, whole: str) -> None:
        assert any(whole in line for line in shown.splitlines())
        assert max(map(len, shown.splitlines())) <= 80


def _schedule(host: IngestHost, schedule_id: str) -> Any:
    return host.http.get(f"/api/pulse/schedules/{schedule_id}").json()
