"""Configuration as QNTX sends it: text for everything."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from qntx.model.variant import parse
from qntx.plugin.config import configure, fields_of

BIO = parse("bio", 'preload = ["json"]\n[env]\nA = "b"\n[limits]\ntimeout_seconds = 60\nnetwork = true', "plugin.toml")


def test_nothing_configured_is_the_variants_own():
    configuration = configure(BIO, {})

    assert configuration.faults == ()
    assert replace(configuration.settings.limits, readable_paths=()) == BIO.limits
    assert (configuration.settings.preload, configuration.settings.environment) == (("json",), {"A": "b"})


def test_values_are_read_as_the_core_writes_them():
    given = {
        "timeout_secs": "0.500000",
        "max_workers": "4",
        "memory_mib": "512.000000",
        "network": "false",
        "network_ports": "443, 8080",
        "python_paths": "/a:/b",
        "default_modules": '["numpy","pandas"]',
        "site_dir": "/site",
        "enable_debug": "true",
    }

    configuration = configure(BIO, given)

    settings = configuration.settings
    assert configuration.faults == ()
    assert (settings.limits.timeout_seconds, settings.limits.memory_mib, settings.limits.network) == (0.5, 512, False)
    here = f"/site/py{sys.version_info.major}.{sys.version_info.minor}"
    assert settings.limits.network_ports == (443, 8080)
    assert (settings.running_max, settings.paths) == (4, ("/a", "/b", f"{here}/current/ahead"))
    assert settings.paths_after == (f"{here}/current/packages",)
    assert settings.limits.readable_paths == ("/a", "/b", here)
    assert configuration.default_modules == ("numpy", "pandas")
    assert configuration.debug


@pytest.mark.parametrize(
    ("key", "text", "fault"),
    [
        ("timeout_secs", "soon", "not a number"),
        ("timeout_secs", "0", "not between"),
        ("timeout_secs", "nan", "not between"),
        ("max_workers", "1.5", "not a whole number"),
        ("network", "yes", "neither true nor false"),
        ("network_ports", "443,https", "not a number"),
        ("network_ports", "[443,70000]", "not between 1 and 65535"),
        ("site_dir", "relative", "not an absolute path"),
        ("python_paths", "/a:b", "not an absolute path"),
        ("python_paths", "[1]", "more than texts"),
        ("python_paths", "[", "not a list"),
        ("python_paths", "[" * 100_000, "not a list"),
        ("require_sandbox", "none", "none of full"),
        ("audit_durable", "always", "none of process, power"),
    ],
)
def test_a_value_that_cannot_be_read_leaves_the_variants_own_and_is_said(key, text, fault):
    configuration = configure(BIO, {key: text})

    assert configuration.settings == configure(BIO, {}).settings
    assert len(configuration.faults) == 1
    assert configuration.faults[0].startswith(f"{key}: ")
    assert fault in configuration.faults[0]


def test_what_notes_of_runs_outlast_is_configured():
    assert configure(BIO, {}).audit.durable == "process"
    assert configure(BIO, {"audit_durable": "power"}).audit.durable == "power"


def test_an_unknown_key_is_said_with_the_one_that_was_meant():
    assert configure(BIO, {"timeout_sec": "1"}).faults == ("timeout_sec: no such key; did you mean 'timeout_secs'?",)


def test_the_command_line_among_the_values_is_no_fault():
    assert configure(BIO, {"args": '["--x"]', "site_dir": " "}).faults == ()


def test_every_default_can_be_read_back():
    for name, field in fields_of(BIO).items():
        if field.default:
            assert configure(BIO, {name: field.default}).faults == ()


@pytest.mark.parametrize("text", ["10.0.0.9:8786", "http://10.0.0.9", "tcp://", "tcp://x:port", "tcp://x:0"])
def test_what_is_no_scheduler_is_said(text):
    configured = configure(BIO, {"dask_scheduler": text})

    assert "not such as tcp://10.0.0.9:8786" in configured.faults[0]
    assert "QNTX_DASK_SCHEDULER" not in configured.settings.environment


def test_a_scheduler_opens_its_port_where_there_is_dask_and_none_where_not(tmp_path):
    (tmp_path / "distributed.py").touch()
    given = {"dask_scheduler": "tcp://10.0.0.9"}

    plain = parse("plain", "", "plugin.toml")
    without = configure(plain, given).settings
    having = configure(plain, {**given, "python_paths": str(tmp_path)}).settings
    networked = configure(BIO, {**given, "python_paths": str(tmp_path), "network": "true"}).settings

    assert not without.limits.network
    assert (having.limits.network, having.limits.network_ports) == (True, (8786,))
    assert networked.limits.network_ports == (*BIO.limits.network_ports, 8786)
    assert without.environment["QNTX_DASK_SCHEDULER"] == "tcp://10.0.0.9"


def test_keys_that_are_for_the_host_are_no_fault():
    assert configure(BIO, {"address": "10.0.0.5:38701", "token_file": "/run/token"}).faults == ()
