"""Configurations of any text: each is read, or refused with a reason."""

from __future__ import annotations

import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.errors import ChassisError
from qntx.host import config
from qntx.host.home import Home

TABLES = st.sampled_from(["host", "plugin", "pulse", "bio", "database", "plugin.websocket", "nonsense"])
KEYS = st.sampled_from(
    ["address", "port", "enabled", "paths", "allowed_hosts", "proxies", "require_token", "tls_key", "running_max", "x"]
)
VALUES = st.sampled_from(
    ["1", "-1", "1e400", "nan", "true", '""', '"a"', "[]", '["a"]', "[1]", "{}", "{a = 1}", '"\\u0000"', "1979-05-27"]
)
LINES = st.tuples(KEYS, VALUES).map(" = ".join) | TABLES.map(lambda name: f"[{name}]")


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.binary(max_size=100) | st.lists(LINES, max_size=6).map(lambda lines: "\n".join(lines).encode()))
def test_any_configuration_is_read_or_refused(tmp_path, text):
    home = Home(tmp_path)
    home.config.write_bytes(text)
    with contextlib.suppress(ChassisError):
        assert home.config in config.load(home).files
