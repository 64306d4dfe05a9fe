"""How the host treats plugins, misbehaving ones above all. The plugin is a stand-in that somebody else might write."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.processes import still_alive

from .conftest import RunningHost

Start = Callable[..., RunningHost]
Install = Callable[..., Path]
CommandLine = Callable[..., subprocess.CompletedProcess[str]]


def test_a_provider_without_the_streaming_service_runs_code_too(start_host: Start, install: Install) -> None:
    install("other")
    host = start_host()
    host.until_state("other", "running")

    answer = host.execute("print('out')\n_result = 6 * 7", "py:other")

    assert (answer["success"], answer["stdout"], answer["result"]) == (True, "out\n", 42)


def test_such_a_provider_is_the_plain_one_where_it_is_the_only_one(start_host: Start, install: Install) -> None:
    install("other")
    host = start_host()
    host.until_state("other", "running")

    assert host.execute("1")["provider"] == "other"
    assert host.http.post("/api/python/evaluate", json={"expr": "2 ** 10"}).json()["result"] == 1024


def test_failing_code_of_such_a_provider_is_an_answer(start_host: Start, install: Install) -> None:
    install("other")
    host = start_host()
    host.until_state("other", "running")

    answer = host.execute("print('before'); 1 / 0")

    assert (answer["success"], answer["stdout"]) == (False, "before\n")
    assert "ZeroDivisionError" in answer["error"]


def test_a_plugin_that_is_no_provider_gets_no_glyphs(start_host: Start, install: Install) -> None:
    install("other", provider=False)
    host = start_host()
    host.until_state("other", "running")

    answer = host.http.post("/api/python/execute", json={"content": "1", "glyph": "py:other"})

    assert answer.status_code == 404
    assert "provided: none" in answer.json()["error"]


def test_without_a_port_line_the_requested_port_stands(start_host: Start, install: Install) -> None:
    install("other", silent=True)

    host = start_host()

    assert host.until_state("other", "running")["version"] == "1.2.3"


def test_a_plugin_that_says_another_name_is_refused(start_host: Start, install: Install) -> None:
    install("other", says="impostor")

    host = start_host()

    failed = host.until_state("other", "failed")
    assert "'impostor'" in failed["message"]
    assert "'other'" in failed["message"]
    refused = host.http.post("/api/python/execute", json={"content": "1"})
    assert refused.status_code == 503
    assert "failed to start" in refused.json()["error"]


def test_a_plugin_that_exits_at_its_start_is_tried_again_ever_later(start_host: Start, install: Install) -> None:
    install("other", exits=3)

    host = start_host()

    failed = host.until(lambda: (plugin := host.plugin("other"))["restarts"] >= 2 and plugin)
    assert failed["state"] == "failed"
    assert "exit code 3" in failed["message"]


def test_a_launcher_that_cannot_be_executed_fails_alone(start_host: Start, install: Install) -> None:
    install("well")
    broken = install("broken")
    broken.write_bytes(b"\x7fELF no program")

    host = start_host()

    host.until_state("well", "running")
    assert "cannot be started" in host.until_state("broken", "failed")["message"]
    assert host.http.get("/health").json()["status"] == "degraded"


def test_an_enabled_plugin_that_is_not_installed_says_where_it_was_looked_for(start_host: Start) -> None:
    host = start_host('[plugin]\nenabled = ["absent"]')

    message = host.until_state("absent", "failed")["message"]
    assert str(host.home.plugins) in message
    assert "qntx variant sync absent" in message


def test_a_plugin_that_is_still_loading_says_so_at_once(start_host: Start, install: Install) -> None:
    install("other", slow=20)
    host = start_host()

    answer = host.http.post("/api/python/execute", json={"content": "1", "glyph": "py:other"})

    assert answer.status_code == 503
    assert answer.json() == {"error": "plugin 'other' is unavailable, still loading, please retry"}
    assert answer.headers["retry-after"] == "1"


def test_only_enabled_plugins_are_started(start_host: Start, install: Install) -> None:
    install("one")
    install("two")

    host = start_host('[plugin]\nenabled = ["two"]')

    assert [plugin["name"] for plugin in host.http.get("/api/plugins").json()["plugins"]] == ["two"]


def test_an_unhealthy_plugin_is_restarted(start_host: Start, install: Install) -> None:
    install("other", sick=1)
    host = start_host("[plugin]\nhealth_interval_seconds = 0.5")
    first = host.until_state("other", "running")["pid"]

    again = host.until(lambda: (plugin := host.plugin("other"))["pid"] not in (0, first) and plugin)

    assert again["restarts"] >= 1
    assert "unhealthy 2 times in a row" in host.log.read_text()


def test_a_restart_that_is_asked_for_happens(start_host: Start, install: Install) -> None:
    install("other")
    host = start_host()
    before = host.until_state("other", "running")["pid"]

    answer = host.http.post("/api/plugins/other/restart")

    assert (answer.status_code, answer.json()) == (202, {"name": "other", "state": "restarting"})
    assert host.until(lambda: host.plugin("other")["pid"] not in (0, before))
    assert not psutil.pid_exists(before)


def test_a_plugin_deaf_to_shutdown_and_interrupt_is_killed(start_host: Start, install: Install) -> None:
    install("other", deaf=True)
    host = start_host()
    host.until_state("other", "running")

    assert host.end() == 0  # which sees that nothing is left


def test_a_host_killed_while_a_plugin_is_deaf_leaves_no_orphan(start_host: Start, install: Install) -> None:
    install("other", deaf=True)
    host = start_host()
    host.until_state("other", "running")
    family = host.family()

    host.process.kill()
    host.process.wait()

    assert still_alive(family) == []


def test_a_stale_presence_stops_nobody(start_host: Start, install: Install) -> None:
    install("other")
    killed = start_host()
    killed.until_state("other", "running")
    killed.process.kill()
    killed.process.wait()
    assert killed.home.presence.exists()

    anew = start_host()

    assert json.loads(anew.home.presence.read_text())["pid"] == anew.process.pid
    assert anew.http.get("/health").status_code == 200


def test_a_second_host_of_the_same_home_is_refused(start_host: Start, command_line: CommandLine) -> None:
    first = start_host()

    second = command_line("up", "--port", "0")

    assert second.returncode != 0
    assert first.url in second.stderr
    assert first.http.get("/health").status_code == 200


def test_the_presence_is_the_owners_alone(start_host: Start) -> None:
    host = start_host()

    assert stat.S_IMODE(host.home.presence.stat().st_mode) == 0o600
    assert json.loads(host.home.presence.read_text())["pid"] == host.process.pid


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_host_cleanly(start_host: Start, install: Install, number: int) -> None:
    install("other")
    host = start_host()
    host.until_state("other", "running")

    assert host.end(number) == 0
    assert not host.home.presence.exists()


def test_a_signal_during_the_start_ends_it_cleanly_too(start_host: Start, install: Install) -> None:
    install("other")
    host = start_host()

    assert host.end() == 0


def test_an_open_log_stream_does_not_hold_the_host_back(start_host: Start, install: Install) -> None:
    install("other")
    host = start_host()
    host.until_state("other", "running")

    with host.http.stream("GET", "/api/plugins/other/logs", headers={"Accept": "text/event-stream"}) as answer:
        line = next(line for line in answer.iter_lines() if line.startswith("data:"))
        os.kill(host.process.pid, signal.SIGTERM)
        started = time.monotonic()
        host.process.wait(20)

    assert "it begins" in line
    assert time.monotonic() - started < 15


def test_lines_have_the_level_they_claim_and_are_kept_in_a_file(start_host: Start, install: Install) -> None:
    install("other")
    host = start_host()
    host.until_state("other", "running")

    # It says so after its port, so it may run before this is read.
    [line] = host.until(lambda: host.http.get("/api/plugins/other/logs").json()["lines"])
    kept = host.until(lambda: "\tWARN\t" in (text := (host.home.logs / "other.log").read_text()) and text)

    assert (line["level"], line["source"]) == ("warn", "stdout")
    assert "it begins" in line["line"]
    assert "OTHER START" in kept


def test_configuration_reaches_the_plugin_flattened(start_host: Start, install: Install) -> None:
    install("other")
    host = start_host(
        '[host]\naudit_durable = "power"\n'
        '[other]\nhalf = 0.5\ncount = 3\nnames = ["a", "b"]\nempty = ""\n[other.nested]\nDeep = true'
    )
    host.until_state("other", "running")

    config = host.http.get("/api/other/anything").json()["config"]

    # What the host tells every plugin.
    assert config.pop("capsules") == str(host.home.capsules)
    assert config.pop("node").startswith("did:key:z")
    assert config.pop("audit_durable") == "power"
    assert config == {"half": "0.500000", "count": "3", "names": '["a", "b"]', "nested.deep": "true"}


def test_configuration_set_over_http_is_used_and_kept(start_host: Start, install: Install) -> None:
    install("other")
    host = start_host("[other]\ncount = 3")
    host.until_state("other", "running")

    changed = host.http.put("/api/plugins/other/config", json={"count": 5})

    assert changed.status_code == 200
    assert changed.json()["fields"]["count"]["value"] == "5"
    assert host.http.get("/api/other/x").json()["config"]["count"] == "5"
    assert "count" in (host.home.plugins / "other.toml").read_text()


@pytest.mark.parametrize(
    ("settings", "fault"),
    [({"cuont": 5}, "did you mean 'count'"), ({"count": "5"}, "must be integer"), ({"count": 10}, "at most 9")],
)
def test_configuration_that_cannot_be_is_refused(
    start_host: Start, install: Install, settings: dict[str, object], fault: str
) -> None:
    install("other")
    host = start_host()
    host.until_state("other", "running")

    refused = host.http.put("/api/plugins/other/config", json=settings)

    assert refused.status_code == 400
    assert fault in refused.json()["error"]
    assert refused.json()["field"] == next(iter(settings))


def test_names_that_would_delete_each_others_watchers_are_refused(install: Install, command_line: CommandLine) -> None:
    install("python")
    install("python-bio")

    refused = command_line("up", "--port", "0")

    assert refused.returncode != 0
    assert "'python-bio' starts with the name of 'python'" in refused.stderr
