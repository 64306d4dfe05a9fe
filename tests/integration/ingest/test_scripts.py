"""Ingest scripts on a real host: published, versioned, run by `ix`, shared, deleted."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import IngestHost, Qntx, told

_numbers = itertools.count()
ROWS = """\
import csv, os
from qntx import attest

def execute(payload):
    with open(payload["input"], newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        attest([row["name"]], ["PREDICATE"], [os.path.basename(payload["input"])], attributes=row)
    return {"rows": len(rows), "version": payload["version"]}
"""


@pytest.fixture
def table(folder: Path) -> Path:
    (file := folder / "data.csv").write_text("name,length\nHBB,147\nTP53,393\n")
    return file


def test_a_published_csv_runs_on_py_data_and_each_version_can_be_asked_for(
    host: IngestHost, qntx: Qntx, table: Path
) -> None:
    first = host.publish("csv", ROWS.replace("PREDICATE", "row:first"), glyph="py:data")
    assert (first["name"], first["version"]) == ("csv", 1)

    assert told(qntx("ix", "csv", str(table))) == {"rows": 2, "version": 1}

    [job] = host.http.get("/api/pulse/jobs", params={"source": f"ix csv {table}"}).json()["jobs"]
    assert job["handler_name"] == "data/data.script"
    assert {each["subjects"][0] for each in host.attestations(predicate="row:first")} == {"HBB", "TP53"}

    second = host.publish("csv", ROWS.replace("PREDICATE", "row:second"), glyph="py:data")
    assert second["version"] == 2
    assert told(qntx("ix", "csv", "data.csv", cwd=table.parent)) == {"rows": 2, "version": 2}
    assert len(host.attestations(predicate="row:second")) == 2

    assert "row:first" in host.http.get("/api/scripts/csv", params={"version": 1}).json()["code"]
    assert told(qntx("ix", "--script-version", "1", "csv", str(table)))["version"] == 1
    assert len(host.attestations(predicate="row:first")) == 4
    missing = host.http.get("/api/scripts/csv", params={"version": 9})
    assert (missing.status_code, missing.json()["error"]) == (404, "no version 9 of ingest script 'csv'")


def test_code_is_tried_as_its_type_would_run_and_is_none_of_its_runs(host: IngestHost, table: Path) -> None:
    host.publish("tried", "def execute(payload):\n    return 'published'\n", glyph="py:data")
    code = "def execute(payload):\n    return open(payload['input']).read().splitlines()[1]\n"

    assert host.ingested(line=f"ix tried {table}", code=code) == "HBB,147"

    assert host.http.get("/api/scripts/tried/statistics").json()["runs"] == 0
    assert host.ingested(line=f"ix tried {table}") == "published"
    unknown = host.http.post("/api/ix", json={"line": "ix untried x", "code": code})
    assert unknown.status_code == 404


def test_an_unknown_type_says_so_in_these_words_and_what_is_near(host: IngestHost, qntx: Qntx) -> None:
    ended = qntx("ix", "xyz", "thing", expect=1)
    near = host.http.post("/api/ix", json={"line": "ix fastaa genes.fa"})

    assert ended.stderr.splitlines()[0] == "Error: No ingest script 'xyz' found. Create one using Python glyph."
    assert near.status_code == 404
    assert near.json()["error"].startswith(
        "No ingest script 'fastaa' found. Create one using Python glyph. Nearest: fasta"
    )


def test_a_script_of_a_variant_is_refused_without_an_input(host: IngestHost) -> None:
    answer = host.http.post("/api/ix", json={"line": "ix fasta"})

    assert answer.status_code == 400
    assert "`ix fasta` names no input; say of what, as in `ix fasta PATH`" in answer.json()["error"]


def test_a_script_that_raises_says_which_it_was_with_its_whole_traceback(host: IngestHost, qntx: Qntx) -> None:
    host.publish("abc", "def inner(text):\n    return int(text)\n\ndef execute(payload):\n    inner('x1')\n")

    job = host.ended(host.ix(line="ix abc thing")["id"])
    shown = qntx("ix", "abc", "thing", expect=1).stderr

    assert job["status"] == "failed"
    assert job["error"].startswith("Script 'abc' failed: Traceback (most recent call last):\n")
    for part in ("in execute", "in inner", "ValueError: invalid literal for int() with base 10: 'x1'"):
        assert part in job["error"]
        assert part in shown


def test_only_a_script_s_job_names_a_script(host: IngestHost) -> None:
    job = host.ended(host.enqueue("python/python.script", {"content": "1 / 0"})["id"])

    assert job["error"].startswith("Traceback")


def test_the_same_input_is_one_job_while_it_is_active(host: IngestHost) -> None:
    host.publish("slow", "import time\ndef execute(payload):\n    time.sleep(60)\n")

    first, again = host.ix(line="ix slow a"), host.ix(line="ix slow a")
    other, optioned = host.ix(line="ix slow b"), host.ix(line="ix slow a --deep")

    assert again["id"] == first["id"]
    assert len({first["id"], other["id"], optioned["id"]}) == 3
    for job in (first, other, optioned):
        host.http.post(f"/api/pulse/jobs/{job['id']}/cancel")


def test_a_failing_ingestion_is_tried_as_often_as_asked(host: IngestHost) -> None:
    host.publish("failing", "def execute(payload):\n    raise RuntimeError('no')\n")

    job = host.ended(host.ix(line="ix failing x", retries=1)["id"])

    assert (job["status"], job["attempts"]) == ("failed", 2)


def test_statistics_count_runs_and_keep_the_last_error(host: IngestHost, qntx: Qntx) -> None:
    host.publish("counted", "def execute(payload):\n    assert payload['input'] != 'bad', 'bad input'\n")
    for given in ("a", "b", "bad"):
        host.ended(host.ix(type="counted", input=given)["id"])

    counts = told(qntx("script", "stats", "counted", "--json"))

    assert (counts["runs"], counts["succeeded"], counts["failed"]) == (3, 2, 1)
    assert counts["success_rate"] == pytest.approx(2 / 3)
    assert counts["duration_ms_p50"] > 0
    assert counts["last_error"].endswith("AssertionError: bad input\n")


def test_a_deleted_script_is_gone_and_its_versions_stay(host: IngestHost, qntx: Qntx) -> None:
    host.publish("gone", "def execute(payload): ...\n")

    qntx("script", "delete", "gone")

    assert "gone" not in {each["name"] for each in told(qntx("script", "list", "--json"))}
    assert host.http.get("/api/scripts/gone").status_code == 404
    assert host.http.get("/api/scripts/gone", params={"version": 1}).status_code == 200
    assert "No ingest script 'gone' found" in qntx("ix", "gone", "x", expect=1).stderr
    assert host.publish("gone", "def execute(payload): ...\n")["version"] == 2


def test_scripts_publish_find_and_list_ingest_scripts(host: IngestHost) -> None:
    ran = host.execute(
        "from qntx import publish_as_ingest, get_ingest_script, list_ingest_scripts\n"
        "def execute(payload):\n"
        "    return 'ran ' + payload['input']\n"
        "made = publish_as_ingest('itself', description='publishes itself')\n"
        "_result = [made.version, get_ingest_script('itself')['glyph'], get_ingest_script('nobody'),\n"
        "           [each['name'] for each in list_ingest_scripts()]]\n",
        glyph="py:bio",
    )

    assert ran["success"], ran["error"]
    version, glyph, nobody, names = ran["result"]
    assert (version, glyph, nobody) == (1, "py:bio", None)
    assert "itself" in names
    host.until(lambda: host.http.get("/api/scripts/itself").status_code == 200)


def test_a_handler_runs_by_its_name(host: IngestHost, qntx: Qntx) -> None:
    qntx("handler", "create", "greeter", "--code", "_result = {'got': upstream['arguments']}")

    def announced() -> bool:
        routes = host.http.get("/api/plugins/routes").json()["routes"]
        return any("python.greeter" in each["handlers"] for each in routes)

    host.until(announced)

    assert told(qntx("ix", "greeter", "one", "two")) == {"got": ["one", "two"]}


class TestShared:
    """Export and import."""

    CODE = "def execute(payload):\n    return 'ran'\n"

    @pytest.fixture
    def file(self, host: IngestHost, qntx: Qntx, folder: Path) -> Path:
        name = f"shared-{next(_numbers)}"
        host.publish(name, self.CODE, needs=["network"], description="to be shared")
        said = qntx("script", "export", name, "-o", str(folder / "it.json")).stdout
        assert "signed by did:key:z" in said
        return folder / "it.json"

    def test_what_was_exported_is_imported_with_its_signer(self, host: IngestHost, qntx: Qntx, file: Path) -> None:
        content = json.loads(file.read_text())

        made = told(qntx("script", "import", str(file), "--allow", "network", "--json"))

        assert (made["signer_did"], made["version"]) == (content["signer_did"], 2)
        kept = host.http.get(f"/api/scripts/{made['name']}").json()
        assert (kept["code"], kept["needs"], kept["created_by"]) == (self.CODE, ["network"], made["signer_did"])

    @pytest.mark.parametrize(
        ("where", "changed"),
        [("code", "import os\n"), ("needs", []), ("name", "fasta"), ("glyph", "py:bio")],
    )
    def test_what_was_tampered_with_is_refused(
        self, host: IngestHost, qntx: Qntx, file: Path, where: str, changed: Any
    ) -> None:
        content = json.loads(file.read_text())
        content["script"][where] = changed
        file.write_text(json.dumps(content))

        refused = qntx("script", "import", str(file), "--allow", "network", expect=1)

        assert f"signature: is not {content['signer_did']}'s for this script" in refused.stderr

    def test_a_need_that_was_not_allowed_is_refused(self, qntx: Qntx, file: Path) -> None:
        refused = qntx("script", "import", str(file), expect=1)

        assert "allow: the script needs network" in refused.stderr

    def test_another_signer_than_the_expected_one_is_refused(self, qntx: Qntx, file: Path) -> None:
        refused = qntx("script", "import", str(file), "--allow", "network", "--signer", "did:key:zOther", expect=1)

        assert "signer: the file was signed by did:key:z" in refused.stderr

    def test_a_file_of_another_kind_is_refused(self, qntx: Qntx, folder: Path) -> None:
        (other := folder / "other.json").write_text('{"a": 1}')

        assert "file: is no exported ingest script" in qntx("script", "import", str(other), expect=1).stderr


class TestGit:
    """`ix /path` on a repository of this machine."""

    @pytest.fixture
    def cloned(self, folder: Path) -> Path:
        project = folder / "project"
        project.mkdir()

        def git(*arguments: str) -> None:
            who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
            subprocess.run(["git", *who, "-C", str(project), *arguments], check=True, capture_output=True)

        git("init", "--quiet", "--initial-branch", "main")
        (project / "a.py").write_text("print('a')\n")
        git("add", ".")
        git("commit", "--quiet", "-m", "first")
        (project / "notes").mkdir()
        (project / "notes" / "b.md").write_text("# b\n")
        git("add", ".")
        git("commit", "--quiet", "-m", "second")
        # Nothing that a repository configures may be run.
        git("config", "core.fsmonitor", f"touch {folder}/ran; false")
        return project

    def test_files_and_commits_are_attested_by_the_built_in_one_and_then_by_a_published_one(
        self, host: IngestHost, qntx: Qntx, cloned: Path
    ) -> None:
        found = told(qntx("ix", str(cloned)))

        assert found == {"repository": "project", "commits": 2, "files": 2}
        commits = host.attestations(predicate="committed", context="project")
        assert {each["attributes"]["subject"] for each in commits} == {"first", "second"}
        files = host.attestations(predicate="file", context="project")
        assert {each["attributes"]["path"] for each in files} == {"a.py", "notes/b.md"}
        assert not (cloned.parent / "ran").exists()

        host.publish("git", "def execute(payload):\n    return ['mine', payload['input']]\n")
        assert told(qntx("ix", ".", cwd=cloned)) == ["mine", str(cloned)]
        qntx("script", "delete", "git")

    def test_what_is_no_repository_is_said(self, qntx: Qntx, folder: Path) -> None:
        (empty := folder / "empty").mkdir()

        refused = qntx("ix", str(empty), expect=1)

        assert "Script 'git' failed:" in refused.stderr
        assert "not a git repository" in refused.stderr


class TestGrants:
    """A job may use what the host grants it, and what it says of itself grants nothing."""

    PROBE = """\
import os, socket
def execute(payload):
    told = {}
    for path in payload["look"]:
        try:
            told[path] = open(path).read()
        except OSError as refused:
            told[path] = type(refused).__name__
    for name, port in (("network", 443), ("host", payload["port"])):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            told[name] = True
        except OSError as refused:
            # Nobody need be there: to be told so takes a network too.
            told[name] = isinstance(refused, ConnectionRefusedError)
    return told
"""

    def test_the_files_it_is_pointed_at_can_be_read_and_no_others(self, host: IngestHost, folder: Path) -> None:
        (given := folder / "given.txt").write_text("given")
        (other := folder / "other.txt").write_text("other")
        host.publish("probe", self._probe(host, given, other))

        told = host.ingested(type="probe", input=str(given))

        assert told[str(given)] == "given"
        assert told[str(other)] in ("PermissionError", "FileNotFoundError")
        assert told["network"] is False

    def test_the_network_is_there_for_a_script_that_needs_it(self, host: IngestHost) -> None:
        host.publish("reaching", self._probe(host), needs=["network"])

        assert host.ingested(type="reaching", input="x")["network"] is True

    def test_what_may_use_the_network_does_not_reach_the_host_that_runs_it(self, host: IngestHost) -> None:
        host.publish("turning", self._probe(host), needs=["network"])

        assert host.ingested(type="turning", input="x")["host"] is False

    def test_a_script_cannot_grant_anything_to_a_job_it_enqueues(self, host: IngestHost, folder: Path) -> None:
        (secret := folder / "secret.txt").write_text("secret")
        payload = {
            "script_code": self._probe(host, secret),
            "script_type": "probe",
            "input": str(secret),
            "inputs": [str(secret)],
            "needs": ["network", "subprocess"],
            "grants": {"network": True, "subprocess": True, "readable_paths": [str(secret)]},
            "limits": {"network": True, "readable_paths": [str(secret)]},
            "readable_paths": [str(secret)],
            "network": True,
        }

        ran = host.execute(f"from qntx import enqueue\n_result = enqueue('script', {payload!r})")

        told = host.ended(ran["result"])["result"]
        assert told[str(secret)] in ("PermissionError", "FileNotFoundError")
        assert told["network"] is False

    def test_a_script_cannot_grant_anything_to_one_that_it_publishes(self, host: IngestHost) -> None:
        code = self._probe(host)
        claim = {"code": code, "version": 7, "needs": ["network"], "source": "ingest"}
        host.execute(
            "from qntx import attest\n"
            "attest(['script:ingest:sly'], ['defines', 'handles'], ['python', 'sly-ingestion'],"
            f" attributes={claim!r})"
        )

        assert host.http.get("/api/scripts/sly").json()["needs"] == []
        assert host.ingested(type="sly", input="x")["network"] is False

    def test_a_script_cannot_take_the_place_of_an_ingestion_by_its_source(self, host: IngestHost, folder: Path) -> None:
        (given := folder / "given.txt").write_text("given")
        host.publish("honest", "def execute(payload):\n    return 'honest'\n")
        sly = {"content": "import time\ntime.sleep(20)\n_result = 'sly'"}
        source = f"ix honest {given}"
        ran = host.execute(f"from qntx import enqueue\n_result = enqueue('script', {sly!r}, source={source!r})")

        assert host.ingested(type="honest", input=str(given)) == "honest"
        host.http.post(f"/api/pulse/jobs/{ran['result']}/cancel")

    def _probe(self, host: IngestHost, *look: Path) -> str:
        known = f"payload = {{**payload, 'look': {[str(path) for path in look]!r}, 'port': {_port(host)}}}"
        return self.PROBE.replace("    told = {}\n", f"    {known}\n    told = {{}}\n")


@pytest.mark.alone
def test_a_running_script_is_really_stopped_within_a_second(host: IngestHost, folder: Path) -> None:
    (beat := folder / "beat").touch()
    host.publish(
        "stubborn",
        "import time\nfrom qntx import attest, progress\n"
        "def execute(payload):\n"
        "    while True:\n"
        "        try:\n"
        "            progress(1)\n"
        "            attest(['beat'], ['beat'], ['stubborn'])['id']\n"
        "            time.sleep(0.02)\n"
        "        except KeyboardInterrupt:\n"
        "            pass\n",
    )
    job = host.ix(line=f"ix stubborn {beat}")
    host.until(lambda: host.attestations(predicate="beat"))

    host.http.post(f"/api/pulse/jobs/{job['id']}/cancel").raise_for_status()
    time.sleep(1.0)
    stopped_at = _newest_beat(host)
    time.sleep(0.5)

    assert _newest_beat(host) == stopped_at
    assert host.job(job["id"])["status"] == "cancelled"


def _newest_beat(host: IngestHost) -> Any:
    return host.attestations(predicate="beat", limit="1")[0]["id"]


def _port(host: IngestHost) -> int:
    port = host.http.base_url.port
    assert port is not None
    return port
