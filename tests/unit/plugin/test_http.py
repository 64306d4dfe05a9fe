"""Requests find their route; what goes wrong there is a status and a sentence."""

from __future__ import annotations

import json
import sys

import pytest

from qntx.errors import Busy, InvalidRequest, NotFound, WorkerLost
from qntx.plugin import modules
from qntx.plugin.http import Request, Route, Router, answer
from qntx.protocol import domain_pb2


def _router(outcome: Exception | None = None) -> Router:
    async def call(request: Request):
        if outcome is not None:
            raise outcome
        return answer({"query": dict(request.query)})

    return Router([Route("POST", "/do", "", call), Route("GET", "/look", "", call)])


@pytest.mark.parametrize(
    ("path", "seen", "query"),
    [
        ("/do?a=1&b=%20x&c", "/do", {"a": "1", "b": " x", "c": ""}),
        ("/do/?a=1?2", "/do", {"a": "1?2"}),
        ("do", "/do", {}),
        ("/", "/", {}),
        ("", "/", {}),
        ("/do?a=%FF", "/do", {"a": "�"}),
    ],
)
def test_the_path_ends_at_the_first_question_mark(path, seen, query):
    request = Request.from_proto(domain_pb2.HTTPRequest(method="post", path=path))

    assert (request.method, request.path, request.query) == ("POST", seen, query)


async def test_a_head_is_answered_as_a_get():
    assert (await _router().handle(Request("HEAD", "/look"))).status == 200


async def test_another_method_is_405_with_those_that_are_allowed():
    response = await _router().handle(Request("DELETE", "/do"))

    assert (response.status, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (InvalidRequest("code", "no text"), 400),
        (NotFound("no such session"), 400),
        (Busy("256 wait already"), 429),
        (WorkerLost("the zygote is gone"), 503),
        (RuntimeError("a fault of ours"), 500),
    ],
)
async def test_whatever_happens_in_a_route_is_an_answer_and_never_404(outcome, status):
    response = await _router(outcome).handle(Request("POST", "/do"))

    assert response.status == status
    assert str(outcome) in json.loads(response.body)["error"]


async def test_a_refused_field_is_named_beside_the_sentence():
    response = await _router(InvalidRequest("code", "no text")).handle(Request("POST", "/do"))

    assert json.loads(response.body) == {"error": "code: no text", "field": "code"}


@pytest.mark.parametrize(
    ("module", "there"),
    [
        ("json", True),
        ("json.decoder", True),
        ("sys", True),
        ("os.path", True),
        ("os.path.x", False),
        ("no_such_module_here", False),
        ("json.nope", False),
        ("../etc", False),
        ("", False),
        ("a..b", False),
    ],
)
def test_a_module_is_looked_for_without_being_imported(module, there):
    assert modules.available(module, sys.path) is there


def test_looking_for_a_module_runs_none_of_its_code(tmp_path):
    package = tmp_path / "trap"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "inner.py").write_text("raise SystemExit('imported')")

    assert modules.available("trap.inner", [str(tmp_path)])
