"""Where the value of a script comes from."""

from __future__ import annotations

import pytest

from qntx.worker.source import Evaluator, parse, parse_expression

LAST = [
    ("1 + 1", 2),
    ("x = 1\nx + 1", 2),
    ("x = 1", None),
    ("x = 1\nx;", None),
    ("x = 1\nx ;  # quiet", None),
    ("'a;b'", "a;b"),
    ("x = 1\nx  # not; quiet", 1),
    ("(1 +\n 2)", 3),
    ("", None),
    ("# nothing", None),
    ("import asyncio\nawait asyncio.sleep(0, 5)", 5),
]


@pytest.mark.parametrize(("code", "value"), LAST)
def test_the_last_expression_has_the_value_unless_a_semicolon_silences_it(code, value):
    evaluator = Evaluator({})
    body, last = parse(code, "<test>")

    if body is not None:
        evaluator.evaluate(body)
    found = evaluator.evaluate(last) if last is not None else None
    evaluator.close()

    assert found == value


def test_all_that_is_awaited_shares_one_event_loop():
    code = "import asyncio\nfirst = asyncio.get_running_loop()\nawait asyncio.sleep(0)\n"
    evaluator = Evaluator(namespace := {})
    body, last = parse(code + "(await asyncio.sleep(0, first)) is asyncio.get_running_loop()", "<test>")

    evaluator.evaluate(body)
    value = evaluator.evaluate(last)
    evaluator.close()

    assert value is True
    assert namespace["first"].is_closed()


def test_an_expression_is_one_expression():
    with pytest.raises(SyntaxError):
        parse_expression("x = 1", "<test>")
