"""What is under /api/NAME/ reaches the plugin once, as it came, and its answer comes back as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import RunningHost

Start = Callable[..., RunningHost]
Install = Callable[..., Path]


@pytest.fixture
def other(start_host: Start, install: Install) -> RunningHost:
    install("other")
    host = start_host()
    host.until_state("other", "running")
    return host


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_is_passed_on(other: RunningHost, method: str) -> None:
    assert other.http.request(method, "/api/other/x").json()["method"] == method


def test_the_path_is_decoded_and_keeps_its_query(other: RunningHost) -> None:
    assert other.http.get("/api/other/a%20b/c?d=%20e&f").json()["path"] == "/a b/c?d=%20e&f"
    assert other.http.get("/api/other").json()["path"] == "/"


def test_headers_are_canonical_and_come_without_the_host(other: RunningHost) -> None:
    headers = [("x-one", "1"), ("x-one", "2"), ("content-type", "application/json")]

    seen = other.http.post("/api/other/x", headers=headers, content=b"{}").json()

    assert seen["headers"]["X-One"] == ["1", "2"]
    assert seen["headers"]["Content-Type"] == ["application/json"]
    assert "Host" not in seen["headers"]
    assert seen["body"] == "{}"


def test_headers_of_the_answer_are_kept_all(other: RunningHost) -> None:
    assert other.http.get("/api/other/x").headers.get_list("x-several") == ["one", "two"]


def test_what_the_plugin_does_not_know_is_a_404(other: RunningHost) -> None:
    answer = other.http.get("/api/other/missing")

    assert (answer.status_code, answer.json()) == (404, {"error": "no such page"})


def test_a_404_after_work_is_not_asked_again(start_host: Start, install: Install) -> None:
    install("other", status=404)
    host = start_host()
    host.until_state("other", "running")

    assert host.http.get("/api/other/x").json()["path"] == "/x"


@pytest.mark.parametrize("status", [0, 42, 100, 1000])
def test_an_impossible_status_is_the_plugins_fault(start_host: Start, install: Install, status: int) -> None:
    install("other", status=status)
    host = start_host()
    host.until_state("other", "running")

    answer = host.http.get("/api/other/x")

    assert answer.status_code == 503
    assert "no final HTTP status" in answer.json()["error"]
