"""Requests that should not get in, and how the host says so."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import RunningHost

EXECUTE = "/api/python/execute"


@pytest.mark.parametrize(
    ("body", "field", "fault"),
    [
        ({}, "content", "Missing 'content' field"),
        ({"content": ""}, "content", "Missing 'content' field"),
        ({"content": 1}, "content", "must be a string"),
        ({"content": "1", "glyph": None}, "glyph", "must be a string"),
        ({"content": "1", "timeout_secs": "3"}, "timeout_secs", "must be a number"),
        ({"content": "1", "timeout_secs": True}, "timeout_secs", "must be a number"),
        ({"content": "1", "timeout_secs": -1}, "timeout_secs", "greater than or equal to 0"),
        ({"content": "1", "capture_variables": "yes"}, "capture_variables", "must be true or false"),
        ({"content": "1", "glpyh": "py"}, "glpyh", "did you mean 'glyph'?"),
        ({"content": "1", "code": "2"}, "code", "send one of them"),
    ],
)
def test_a_wrong_field_is_named_with_its_fault(host: RunningHost, body: Any, field: str, fault: str) -> None:
    answer = host.http.post(EXECUTE, json=body)

    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert fault in answer.json()["error"]


@pytest.mark.parametrize("text", ["{bad", "", "nul", '{"content": "1"', "\x00"])
def test_a_body_that_is_not_json_is_a_400(host: RunningHost, text: str) -> None:
    answer = host.http.post(EXECUTE, content=text, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert "error" in answer.json()


@pytest.mark.parametrize("text", ["[]", "null", "1", '"text"'])
def test_a_body_that_is_no_object_is_a_400(host: RunningHost, text: str) -> None:
    answer = host.http.post(EXECUTE, content=text, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_of_another_type_is_a_415(host: RunningHost, kind: str) -> None:
    answer = host.http.post(EXECUTE, content='{"content": "1"}', headers={"Content-Type": kind})

    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]


def test_an_unknown_glyph_is_a_404_that_lists_what_there_is(host: RunningHost) -> None:
    answer = host.http.post(EXECUTE, json={"content": "1", "glyph": "py:chem"})

    assert answer.status_code == 404
    assert answer.json()["error"] == "no plugin provides glyph 'py:chem' (provided: py, py:bio, py:data)"


@pytest.mark.parametrize("declared", [True, False])
def test_a_huge_body_is_a_413(host: RunningHost, declared: bool) -> None:
    body = b'{"content": "' + b"#" * (17 * 1024 * 1024) + b'"}'
    content = body if declared else (body[start : start + 65536] for start in range(0, len(body), 65536))

    answer = host.http.post(EXECUTE, content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 413
    assert "host.body_bytes_max" in answer.json()["error"]


def test_an_unknown_plugin_is_a_404_that_names_those_there_are(host: RunningHost) -> None:
    for answer in (host.http.get("/api/bioo/version"), host.http.get("/api/plugins/bioo")):
        assert answer.status_code == 404
        assert "did you mean 'bio'?" in answer.json()["error"]


def test_an_unknown_path_is_a_404_in_the_same_shape(host: RunningHost) -> None:
    answer = host.http.get("/no/such/page")

    assert (answer.status_code, answer.json()) == (404, {"error": "nothing is served at /no/such/page"})


def test_every_failure_is_documented(host: RunningHost) -> None:
    document = host.http.get("/openapi.json").json()

    responses = document["paths"][EXECUTE]["post"]["responses"]
    assert {"200", "400", "403", "404", "413", "415", "429", "503"} <= set(responses)
    assert "422" not in responses
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_a_rebound_host_name_is_refused(host: RunningHost, name: str) -> None:
    answer = host.http.get("/health", headers={"Host": name})

    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["localhost:1", "127.0.0.1", "[::1]:8777", "127.9.9.9"])
def test_names_of_this_machine_are_served(host: RunningHost, name: str) -> None:
    assert host.http.get("/health", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000", "https://127.0.0.1"])
def test_pages_of_other_origins_are_refused(host: RunningHost, origin: str) -> None:
    answer = host.http.post(EXECUTE, json={"content": "1"}, headers={"Origin": origin})

    assert answer.status_code == 403
    assert "host.allowed_origins" in answer.json()["error"]


def test_pages_of_the_host_are_served(host: RunningHost) -> None:
    answer = host.http.post(EXECUTE, json={"content": "1"}, headers={"Origin": host.url})

    assert answer.status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_requests_without_an_origin_from_other_sites_are_refused(host: RunningHost, site: str) -> None:
    answer = host.http.get("/api/bio/version", headers={"Sec-Fetch-Site": site})

    assert answer.status_code == 403


def test_answers_of_the_api_are_inert_as_pages(host: RunningHost) -> None:
    answer = host.http.get("/api/bio/version")

    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_other_origin_may_read_an_answer(host: RunningHost) -> None:
    assert "access-control-allow-origin" not in host.http.get("/health").headers
