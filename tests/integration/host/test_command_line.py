"""qntx run, eval, plugin and doctor: on a running host, and without one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from qntx.host.home import Home

from .conftest import RunningHost

Start = Callable[..., RunningHost]
Install = Callable[..., Path]
CommandLine = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["on a host", "alone"])
def other(request: pytest.FixtureRequest, install: Install, start_host: Start) -> None:
    """The plugin `other` is there, behind a running host or only installed."""
    install("other")
    if request.param == "on a host":
        start_host().until_state("other", "running")


@pytest.mark.usefixtures("other")
class TestWithAndWithoutHost:
    def test_run_prints_output_and_value(self, command_line: CommandLine) -> None:
        ended = command_line("run", "--glyph", "py:other", "-", stdin="print('hello')\n_result = {'a': 1}")

        assert (ended.returncode, ended.stderr) == (0, "")
        assert "hello" in command_line("run", "--json", "-", stdin="print('hello')").stdout
        assert ended.stdout.endswith('{"a": 1}\n')

    def test_run_fails_as_the_script_does(self, command_line: CommandLine) -> None:
        ended = command_line("run", "-", stdin="1 / 0")

        assert ended.returncode == 1
        assert "ZeroDivisionError" in ended.stderr

    def test_eval_prints_the_value(self, command_line: CommandLine) -> None:
        assert command_line("eval", "2 ** 10").stdout == "1024\n"
        assert command_line("eval", "'M' + 'A'").stdout == "MA\n"

    def test_json_is_the_flat_answer(self, command_line: CommandLine) -> None:
        answer = json.loads(command_line("eval", "--json", "2 ** 10").stdout)

        assert (answer["success"], answer["result"], answer["provider"]) == (True, 1024, "other")

    def test_an_unknown_glyph_lists_what_there_is(self, command_line: CommandLine) -> None:
        ended = command_line("run", "--glyph", "py:chem", "-", stdin="1")

        assert ended.returncode != 0
        assert "no plugin provides glyph 'py:chem' (provided: py, py:other)" in ended.stderr


def test_run_reads_a_file(command_line: CommandLine, install: Install, tmp_path: Path) -> None:
    install("other")
    (script := tmp_path / "script.py").write_text("_result = 'from a file'")

    assert command_line("run", str(script)).stdout == "from a file\n"


def test_running_alone_leaves_no_host_behind(command_line: CommandLine, install: Install, bare_home: Home) -> None:
    install("other")

    command_line("eval", "1")

    assert not bare_home.presence.exists()


def test_without_any_plugin_the_way_to_get_one_is_said(command_line: CommandLine) -> None:
    ended = command_line("eval", "1")

    assert ended.returncode != 0
    assert "qntx variant sync" in ended.stderr


def test_a_named_host_that_does_not_answer_is_an_error(command_line: CommandLine, install: Install) -> None:
    install("other")

    ended = command_line("eval", "1", env={"QNTX_URL": "http://127.0.0.1:9"})

    assert ended.returncode != 0
    assert "http://127.0.0.1:9 does not answer" in ended.stderr


def test_plugins_are_listed_restarted_and_read(command_line: CommandLine, install: Install, start_host: Start) -> None:
    install("other")
    host = start_host()
    before = host.until_state("other", "running")["pid"]

    [listed] = json.loads(command_line("plugin", "list", "--json").stdout)
    restarted = json.loads(command_line("plugin", "restart", "other", "--json").stdout)

    assert (listed["name"], listed["state"], listed["pid"]) == ("other", "running", before)
    assert restarted["state"] == "running"
    assert restarted["pid"] != before
    host.until(lambda: command_line("plugin", "logs", "other").stdout.count("it begins") == 2)


def test_commands_that_need_a_host_say_how_to_start_one(command_line: CommandLine) -> None:
    ended = command_line("plugin", "list")

    assert ended.returncode != 0
    assert "start one with `qntx up`" in ended.stderr


def test_doctor_says_what_is_missing_and_how_to_get_it(command_line: CommandLine) -> None:
    ended = command_line("doctor", "--json")

    findings = {finding["subject"]: finding for finding in json.loads(ended.stdout)}
    assert ended.returncode == 1
    assert findings["Python"]["status"] == "ok"
    assert (findings["plugins"]["status"], findings["plugins"]["remedy"]) == ("missing", "qntx variant sync")
    assert findings["host"]["remedy"] == "qntx up"


def test_doctor_is_content_with_a_running_host(command_line: CommandLine, install: Install, start_host: Start) -> None:
    install("other")
    start_host().until_state("other", "running")

    ended = command_line("doctor", "--json")

    findings = {finding["subject"]: finding for finding in json.loads(ended.stdout)}
    assert ended.returncode == 0
    assert findings["host"]["status"] == "ok"
    assert "other running" in findings["host"]["found"]


def test_doctor_says_whose_the_keys_are(command_line: CommandLine, bare_home: Home) -> None:
    private = json.loads(command_line("doctor", "--json").stdout)
    bare_home.keys.chmod(0o755)
    open_to_all = json.loads(command_line("doctor", "--json").stdout)

    [before] = [finding for finding in private if finding["subject"] == "keys"]
    [after] = [finding for finding in open_to_all if finding["subject"] == "keys"]
    assert before["status"] == "ok"
    assert (after["status"], after["remedy"]) == ("wrong", f"chmod 700 {bare_home.keys}")


def test_an_unknown_key_of_the_configuration_stops_the_host(command_line: CommandLine, bare_home: Home) -> None:
    bare_home.config.write_text("[host]\nprot = 1")

    ended = command_line("up")

    assert ended.returncode != 0
    assert f"{bare_home.config}: host.prot: no such key; did you mean 'port'?" in ended.stderr


def test_an_address_off_loopback_is_refused(command_line: CommandLine) -> None:
    ended = command_line("up", "--address", "0.0.0.0")

    assert ended.returncode != 0
    assert "not a loopback address" in ended.stderr


def test_every_key_is_documented(command_line: CommandLine) -> None:
    reference = command_line("up", "--config-reference").stdout

    assert "#port = 8777" in reference
    assert "# The port to listen on" in reference


def test_doctor_says_who_may_call_the_host(command_line: CommandLine, bare_home: Home) -> None:
    def access() -> tuple[str, str]:
        findings = json.loads(command_line("doctor", "--json").stdout)
        return next((f["status"], f["found"]) for f in findings if f["subject"] == "access")

    alone = access()
    bare_home.config.write_text('[host]\naddress = "0.0.0.0"\nproxies = ["10.0.0.1"]\n')
    tokenless = access()
    command_line("token", "create", "laptop", "--role", "run")
    guarded = access()
    bare_home.config.write_text('[host]\ntls_certificate = "/nowhere.pem"\ntls_key = "/nowhere.key"\n')
    broken = access()

    assert (alone[0], "without tokens" in alone[1]) == ("ok", True)
    assert (tokenless[0], "qntx token create" in tokenless[1]) == ("wrong", True)
    assert (guarded[0], "with one of 1 tokens" in guarded[1]) == ("ok", True)
    assert (broken[0], "/nowhere.pem" in broken[1]) == ("wrong", True)


def test_doctor_says_which_extras_are_there(command_line: CommandLine) -> None:
    extras = next(f for f in json.loads(command_line("doctor", "--json").stdout) if f["subject"] == "extras")

    assert extras["status"] == "ok"
    assert "frames" in extras["found"]
