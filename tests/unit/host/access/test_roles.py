"""The table of roles: how a path finds its row."""

from __future__ import annotations

import pytest

from qntx.host.access.roles import Role, needed


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/", None),
        ("GET", "/assets/index-1.js", None),
        ("POST", "/api/session", None),
        ("GET", "/health", Role.READ),
        ("GET", "/api/attestations", Role.READ),
        ("POST", "/api/attestations", Role.RUN),
        ("POST", "/api/python/execute", Role.RUN),
        ("POST", "/api/bio/execute", Role.RUN),
        ("GET", "/api/bio/version", Role.READ),
        ("DELETE", "/api/watchers/a/b", Role.RUN),
        ("PATCH", "/api/pulse/schedules/a/b", Role.RUN),
        ("GET", "/api/plugins/bio", Role.READ),
        ("POST", "/api/plugins/bio/restart", Role.ADMIN),
        ("PUT", "/api/plugins/bio/replicas/10.0.0.5:1", Role.ADMIN),
        ("DELETE", "/api/plugins/bio/replicas/[fd00::5]:1", Role.ADMIN),
        ("GET", "/api/plugins/bio/config", Role.ADMIN),
        ("PUT", "/api/plugins/bio/config", Role.ADMIN),
        ("POST", "/api/plugins/bio/anything-new", Role.ADMIN),
        ("POST", "/api/bio/uv/install", Role.ADMIN),
        ("POST", "/api/bio/pip/install", Role.ADMIN),
        ("POST", "/api/bio/uv/remove", Role.ADMIN),
        ("POST", "/api/bio/uv//install", Role.ADMIN),
        ("POST", "/api/bio/execute/../uv/install", Role.ADMIN),
        ("POST", "/api/bio/execute/", Role.ADMIN),
        ("POST", "/api/bio/execute\n", Role.ADMIN),
        ("DELETE", "/api/bio/execute", Role.ADMIN),
        ("WEBSOCKET", "/ws/bio", Role.RUN),
        ("GET", "/nowhere", Role.ADMIN),
        ("TRACE", "/", Role.ADMIN),
        ("", "", Role.ADMIN),
    ],
)
def test_the_least_role_that_may(method: str, path: str, role: Role | None) -> None:
    assert needed(method, path) is role


def test_each_role_may_what_those_before_it_may() -> None:
    assert Role.READ < Role.RUN < Role.ADMIN
    assert [role.word for role in Role] == ["read", "run", "admin"]
