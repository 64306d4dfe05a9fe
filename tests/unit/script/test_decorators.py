"""A decorated function stays the function it was."""

from datetime import timedelta

import pytest

from qntx import handler, schedule, watch
from qntx.script.durations import whole_seconds
from qntx.testing import FakeHost, running


def double(number):
    return 2 * number


@pytest.mark.parametrize(
    "decorate", [handler, handler("name"), watch("p", context="c"), schedule(every="5m"), schedule(60)]
)
def test_a_decorator_gives_back_the_very_function(decorate):
    assert decorate(double) is double
    assert double(2) == 4


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (lambda: watch(""), "@watch: predicate must be a text"),
        (lambda: watch(None), "@watch: predicate is missing"),
        (lambda: watch("p", context=5), "@watch: context must be a text"),
        (lambda: schedule(every="soon"), "@schedule: 'soon' is not a period"),
        (lambda: schedule("vacancies"), "@schedule: 'vacancies' is not a period"),
        (lambda: schedule(), "@schedule: None is not a period"),
    ],
)
def test_a_decorator_that_says_nothing_sensible_is_refused(wrong, fault):
    with pytest.raises(ValueError, match=fault):
        wrong()


def test_with_a_handlers_name_schedule_acts():
    with running(FakeHost()) as host:
        made = schedule("vacancies", every="1h", payload={"n": 1})

    assert host.schedules == {
        made: {"handler": "vacancies", "every_seconds": 3600, "payload": {"n": 1}, "description": "", "state": "active"}
    }


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("", "1h", None), "schedule: handler is empty"),
        ((5, "1h", None), "schedule: handler must be a text, not int"),
        (("vacancies", "soon", None), "schedule: 'soon' is not a period"),
        (("vacancies", "1h", object()), "schedule: payload is a builtins.object"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_by_its_argument(arguments, fault):
    handler_name, every, payload = arguments

    with running(), pytest.raises((TypeError, ValueError), match=fault):
        schedule(handler_name, every=every, payload=payload)


@pytest.mark.parametrize(
    ("every", "seconds"),
    [
        (1, 1),
        (90.0, 90),
        ("45", 45),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("2 d", 172800),
        (timedelta(hours=1), 3600),
    ],
)
def test_a_period_may_be_said_in_several_ways(every, seconds):
    assert whole_seconds(every) == seconds


@pytest.mark.parametrize("every", [0, -5, 0.5, True, "", "x5m", "5m!", "m", "1.5h", None, float("nan"), [5], 2**31])
def test_what_is_no_period_is_refused(every):
    with pytest.raises(ValueError, match=r"period|whole number|longer"):
        whole_seconds(every)
