"""Which handlers the attestations make, and what the host is told of them."""

from itertools import count

import pytest

from qntx.model.attestation import Attestation
from qntx.plugin.handler_table import Reading, announcement

WATCH = '@watch("sequence:new", context="lab")\ndef count(upstream): ...\n'
TICK = '@schedule(every="5m", description="Ticks.")\ndef tick(): ...\n'
_ids = count()


def row(subject, *predicates, **attributes):
    return Attestation(
        id=f"AS-{next(_ids)}",
        subjects=(subject,) if subject else (),
        predicates=predicates or ("handler",),
        contexts=("python",),
        actors=(),
        timestamp_ms=0,
        created_at_ms=0,
        attributes=attributes,
    )


def read(*newest_first):
    reading = Reading()
    for each in newest_first:
        reading.take(each)
    return reading


def told(*newest_first):
    return announcement("python", read(*newest_first).handlers, ["python"])


def test_the_newest_code_of_a_subject_is_its_handler():
    reading = read(row("a", code="new = 1"), row("b", code="x = 1"), row("a", code="old = 1"))

    assert {name: handler.code for name, handler in reading.handlers.items()} == {"a": "new = 1", "b": "x = 1"}


def test_rows_without_code_hide_nothing():
    reading = read(row("a"), row("a", code=5), row("a", code="x = 1"), row("", code="y = 1"))

    assert list(reading.handlers) == ["a"]


def test_a_deleted_handler_is_gone_until_it_is_published_again():
    deleted = row("a", "handler", "handler:deleted")

    assert read(deleted, row("a", code="x = 1")).handlers == {}
    assert list(read(row("a", code="x = 2"), deleted).handlers) == ["a"]


def test_a_fault_is_attested_once():
    broken, fault = row("a", code="x = ("), "line 1: SyntaxError: '(' was never closed"

    assert [each.fault for each in read(broken).unreported()] == [fault]
    assert read(row("a", "handler:faulted", reason=fault), broken).unreported() == []
    assert len(read(row("a", "handler:faulted", reason="another"), broken).unreported()) == 1
    assert len(read(broken, row("a", "handler:faulted", reason=fault)).unreported()) == 1


def test_a_handler_that_somebody_else_found_faulty_is_judged_anew():
    reading = read(row("a", "handler:faulted", reason="ModuleNotFoundError"), row("a", code="import later"))

    assert reading.handlers["a"].fault == ""


@pytest.mark.parametrize("name", ["script", "__reload", "a/b"])
def test_a_name_that_could_never_be_called_is_a_fault(name):
    assert "cannot be called" in read(row(name, code="x = 1")).handlers[name].fault


def test_one_function_keeps_the_plain_name():
    found = told(row("vacancies", code=WATCH))

    assert found.handler_names == ("python.script", "python.vacancies", "python.__reload", "vacancies")
    assert [(each.id, each.handler_name) for each in found.watchers] == [
        ("vacancies-count", "vacancies"),
        ("handler-reload", "python.__reload"),
    ]
    watcher = found.watchers[0]
    assert (list(watcher.predicates), list(watcher.contexts)) == (["sequence:new"], ["lab"])
    assert watcher.max_fires_per_second == 1


def test_each_of_several_functions_has_an_address_of_its_own():
    found = told(row("vacancies", code=WATCH + TICK), row("alone", code="x = 1"))

    assert found.handler_names == (
        "python.script",
        "python.alone",
        "python.vacancies",
        "python.vacancies.count",
        "python.vacancies.tick",
        "python.__reload",
        "alone",
        "vacancies",
    )
    assert found.watchers[0].handler_name == "vacancies"
    schedule = found.schedules[0]
    assert (schedule.handler_name, schedule.interval_seconds) == ("vacancies", 300)
    assert (schedule.enabled_by_default, schedule.description) == (True, "Ticks.")


def test_a_trigger_names_its_function_where_the_handlers_own_name_could_mean_another():
    by_hand = "@handler\ndef now(): ...\n"
    two_watches = WATCH + WATCH.replace("count", "sum")
    two_ticks = TICK + TICK.replace("tick", "tock")

    found = told(row("a", code=two_watches), row("b", code=two_ticks), row("c", code=TICK + by_hand))

    assert [each.handler_name for each in found.watchers[:2]] == ["python.a.count", "python.a.sum"]
    assert [each.handler_name for each in found.schedules] == ["python.b.tick", "python.b.tock", "python.c.tick"]


def test_a_handler_whose_name_reads_as_anothers_is_fired_by_its_whole_name():
    found = told(row("python.b", code=WATCH), row("b", code="x = 1"))

    assert found.watchers[0].handler_name == "python.python.b"


def test_no_name_is_announced_twice():
    two = "@handler\ndef b(): ...\n@handler\ndef c(): ...\n"

    names = told(row("a", code=two), row("a.b", code="x = 1")).handler_names

    assert len(names) == len(set(names))


def test_an_attestation_that_two_watches_of_a_function_match_fires_once():
    code = '@watch("p", context="c")\n@watch("q", context="c")\n@watch("p", context="d")\ndef f(u): ...\n'

    watchers = told(row("a", code=code)).watchers

    assert [(each.id, list(each.predicates), list(each.contexts)) for each in watchers[:2]] == [
        ("a-f", ["p", "q"], ["c"]),
        ("a-f-2", ["p"], ["d"]),
    ]


def test_no_watcher_takes_the_id_of_another():
    """A host keeps one of each id: the later would take the earlier's place."""
    reload = '@watch("p", context="c")\n@watch("q", context="d")\ndef reload(u): ...\n'

    ids = [each.id for each in told(row("handler", code=reload), row("a-b", code=WATCH), row("a", code=WATCH)).watchers]

    assert ids == ["a-count", "a-b-count", "handler-reload-2", "handler-reload-3", "handler-reload"]


def test_a_faulty_handler_is_announced_without_triggers():
    found = told(row("broken", code="x = ("), row("fine", code=WATCH))

    assert "python.broken" in found.handler_names
    assert [each.id for each in found.watchers] == ["fine-count", "handler-reload"]


def test_two_announcements_are_told_apart_by_what_a_host_would_see():
    before = told(row("a", code=WATCH))

    assert told(row("a", code=WATCH + "\nx = 1")).fingerprint() == before.fingerprint()
    assert told(row("a", code=WATCH.replace("lab", "field"))).fingerprint() != before.fingerprint()
