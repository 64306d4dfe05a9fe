"""attest(), attest_many(), attestations() and last(), as a script calls them."""

import datetime as dt
import json
import threading

import pytest

import qntx
from qntx import attest, attest_many, attestations, last
from qntx.script.attributes import EXACT_INT_MAX
from qntx.testing import FakeHost, running


@pytest.fixture
def host():
    with running() as host:
        yield host


def test_a_claim_is_stored_as_it_was_made(host):
    made = attest(["BRCA1"], ["gene:length"], ["lab"], ["me"], {"bp": 81189, "of": "Homo sapiens", "sure": None})

    assert made == {
        "id": host.attested[0]["id"],
        "subjects": ["BRCA1"],
        "predicates": ["gene:length"],
        "contexts": ["lab"],
        "actors": ["me"],
        "timestamp": host.attested[0]["timestamp"],
        "source": "python",
        "attributes": {"bp": 81189, "of": "Homo sapiens", "sure": None},
    }
    assert {key: host.attested[0][key] for key in made} == made


@pytest.mark.parametrize(
    "attributes",
    [
        {"quote": 'say "hi"\n\t\\ %s %%', "line": "\u2028", "snow": "☃", "nul": "\x00"},
        {'key "%d"\n': 1},
        {"f": 1e300, "i": -EXACT_INT_MAX, "b": False, "z": -0.0},
        {"when": dt.date(2026, 1, 2), "plain": 'still "quoted" %'},
        {"deep": {"%s": [1, {"x": None}]}, "text": "t", "n": 1.5},
        {},
    ],
)
def test_what_arrives_is_what_was_said(host, attributes):
    made = attest(["s"], ["p"], ["c"], attributes=attributes)

    expected = {key: "2026-01-02" if isinstance(value, dt.date) else value for key, value in attributes.items()}
    assert host.attested[0]["attributes"] == made["attributes"] == expected


@pytest.mark.parametrize(
    "given", ["s", ["s"], ("s",), {"s"}, frozenset(["s"]), iter(["s"])], ids=lambda given: type(given).__name__
)
def test_one_text_and_other_collections_stand_for_a_list(host, given):
    assert attest(given, "p", ("c",))["subjects"] == ["s"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (([], ["p"], ["c"]), "attest: subjects is empty; say what the claim is about"),
        ((None, ["p"], ["c"]), "attest: subjects is empty"),
        (([""], ["p"], ["c"]), r"attest: subjects\[0\] is an empty text"),
        ((["s", 5], ["p"], ["c"]), r"attest: subjects\[1\] must be a text, not int \(5\)"),
        ((["s"], ["p", None], ["c"]), r"attest: predicates\[1\] must be a text, not NoneType"),
        ((["s"], [{}], ["c"]), r"attest: predicates\[0\] must be a text, not dict"),
        ((["s"], ["p"], [b"c"]), r"attest: contexts\[0\] must be a text, not bytes"),
        (({"s": 1}, ["p"], ["c"]), "attest: subjects must be a list of texts, not dict"),
        ((b"s", ["p"], ["c"]), "attest: subjects must be a list of texts, not bytes"),
        ((5, ["p"], ["c"]), "attest: subjects must be a list of texts, not int"),
        ((["s"], ["p"], ["c"], [3]), r"attest: actors\[0\] must be a text, not int"),
        ((["s"], ["p"], ["c"], None, [1]), "attest: attributes must be a dict, not list"),
        ((["s"], ["p"], ["c"], None, {"x": object()}), r"attest: attributes\.x is a builtins\.object"),
        ((["s\ud800"], ["p"], ["c"]), r"attest: subjects\[0\] holds '\\ud800'"),
        ((["s"], ["p"], ["c\udfff"]), r"attest: contexts\[0\] holds '\\udfff'"),
        ((["s"], ["p"], ["c"], None, {"x": "\ud800"}), r"attest: attributes\.x holds '\\ud800'"),
        ((["s"], ["p"], ["c"], None, {"x": "x" * 2**21}), "attest: the claim is 2.0 MiB as JSON and the store takes 1"),
        ((["s"], ["p"]), r"attest: no context: this execution is not a discovered handler, .* pass contexts=\[...\]"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_wrong_argument_is_named_where_it_is_passed(host, arguments, fault):
    with pytest.raises((TypeError, ValueError, RuntimeError), match=f"^{fault}"):
        attest(*arguments)

    assert host.attested == []


def test_half_a_character_is_named_where_an_iterator_brought_it(host):
    with pytest.raises(ValueError, match=r"attest: subjects\[0\] holds '\\ud800'"):
        attest(iter(["s\ud800"]), ["p"], ["c"])


def test_a_claim_without_a_predicate_is_what_the_store_makes_of_it(host):
    assert attest(["s"], [], ["c"])["predicates"] == ["_"]


def test_inside_a_handler_its_name_is_appended_once():
    with running(handler="vacancies"):
        assert attest(["s"], ["p"])["contexts"] == ["vacancies"]
        assert attest(["s"], ["p"], ["lab"])["contexts"] == ["lab", "vacancies"]
        assert attest(["s"], ["p"], ["vacancies", "lab"])["contexts"] == ["vacancies", "lab"]


def test_a_glyph_is_the_actor_of_what_names_none():
    with running(glyph_id="g1"):
        assert attest(["s"], ["p"], ["c"])["actors"] == ["glyph:g1"]
        assert attest(["s"], ["p"], ["c"], ["me"])["actors"] == ["me"]


def test_changing_what_was_returned_changes_no_later_claim(host):
    first = attest(["s"], ["p"], ["c"], attributes={"n": [1]})
    for name in ("predicates", "contexts", "actors"):
        first[name].append("changed")

    again = attest(["s"], ["p"], ["c"])

    assert [again[name] for name in ("predicates", "contexts", "actors")] == [["p"], ["c"], []]
    assert [host.attested[1][name] for name in ("predicates", "contexts", "actors")] == [["p"], ["c"], []]


def test_the_callers_attributes_and_lists_stay_the_callers(host):
    subjects, attributes = ["s"], {"n": 1}
    made = attest(subjects, ["p"], ["c"], attributes=attributes)
    subjects.append("t")
    attributes["n"] = 2

    assert (made["subjects"], made["attributes"]) == (["s"], {"n": 1})


def test_it_works_from_any_thread(host):
    threads = [threading.Thread(target=attest, args=([f"s{n}"], ["p"], ["c"])) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {row["subjects"][0] for row in host.attested} == {f"s{n}" for n in range(8)}


def test_outside_of_a_run_it_says_so():
    with pytest.raises(RuntimeError, match="attest: nothing is running here"):
        attest(["s"], ["p"], ["c"])


def test_many_rows_are_checked_before_the_first_is_sent(host):
    rows = [{"subjects": ["a"], "predicates": ["p"], "contexts": ["c"]}, {"subjects": [], "predicates": ["p"]}]

    with pytest.raises(ValueError, match=r"^attest_many: row 1: subjects is empty"):
        attest_many(rows)

    assert host.attested == []


@pytest.mark.parametrize(
    ("row", "fault"), [({"subject": ["a"]}, "row 0: has 'subject', which attest"), ("a", "row 0: must be a dict")]
)
def test_a_row_that_is_none_is_named(host, row, fault):
    with pytest.raises((TypeError, ValueError), match=fault):
        attest_many([row])


def test_many_rows_come_back_in_order(host):
    made = attest_many({"subjects": [f"s{n}"], "predicates": ["p"], "contexts": ["c"]} for n in range(3))

    assert [row["subjects"] for row in made] == [["s0"], ["s1"], ["s2"]]
    assert [row["id"] for row in made] == [row["id"] for row in host.attested]


def test_attestations_come_newest_first_over_any_number_of_pages():
    clock = iter(range(1, 5000))
    with running(FakeHost(now_ms=lambda: next(clock))) as host:
        for number in range(1201):
            host.add([f"s{number}"], ["p"], ["c"])

        found = [row.subjects[0] for row in attestations(predicates="P")]

    assert found == [f"s{number}" for number in reversed(range(1201))]


@pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 1), (500, 500), (501, 501), (None, 700)])
def test_no_more_than_the_limit_are_given(host, limit, expected):
    for number in range(700):
        host.add([f"s{number}"], ["p"], ["c"])

    assert len(list(attestations(limit=limit))) == expected


@pytest.mark.parametrize(
    "since", [dt.datetime(2026, 1, 2), dt.date(2026, 1, 2), "2026-01-02", "2026-01-02T00:00:00Z", 1767312000000]
)
def test_a_bound_may_be_said_in_several_ways(host, since):
    host.add(["old"], ["p"], ["c"], timestamp=1767311999999)
    host.add(["new"], ["p"], ["c"], timestamp=1767312000000)

    assert [row.subjects[0] for row in attestations(since=since)] == ["new"]


@pytest.mark.parametrize(
    ("question", "fault"),
    [
        ({"limit": -1}, "limit must be a number of rows"),
        ({"limit": "3"}, "limit must be a number of rows"),
        ({"since": "yesterday"}, "since is not an ISO 8601 time"),
        ({"until": 1.5}, "until must be a datetime"),
        ({"subjects": [1]}, r"subjects\[0\] must be a text"),
    ],
)
def test_a_wrong_question_is_refused_before_it_is_asked(host, question, fault):
    with pytest.raises((TypeError, ValueError), match=f"attestations: {fault}"):
        attestations(**question)


def test_last_is_the_newest_or_none(host):
    host.add(["s"], ["p"], ["c"], attributes={"n": 1})
    host.add(["s"], ["p"], ["c"], attributes={"n": 2})

    assert last(subjects=["s"])["attributes"] == {"n": 2}
    assert last(["nobody"]) is None


def test_a_store_that_is_away_is_never_mistaken_for_an_empty_one():
    with running(FakeHost(away="connection failed")):
        with pytest.raises(RuntimeError, match="last: connection failed"):
            last(["s"])
        with pytest.raises(RuntimeError, match="attestations: connection failed"):
            list(attestations())


def test_a_frame_has_a_row_for_each(host):
    pandas = pytest.importorskip("pandas", reason="pandas is no dependency of the chassis")
    host.add(["s"], ["p"], ["c"], timestamp=1767312000000, attributes={"n": 1})

    frame = attestations().to_frame()

    assert frame["attributes.n"].tolist() == [1]
    assert frame["timestamp"][0] == pandas.Timestamp("2026-01-02", tz="UTC")


def test_what_is_returned_can_be_sent_on(host):
    made = attest(["s"], ["p"], ["c"])

    assert json.loads(json.dumps(made)) == made


def test_upstream_is_looked_up_in_the_run():
    assert qntx.upstream is None
    with running(upstream={"subjects": ["s"], "contexts": None, "attributes": {"deep": {"er": 1}}}):
        assert qntx.upstream.attributes.deep.er == 1
        assert qntx.attestation == {"subjects": ["s"], "contexts": [], "predicates": [], "actors": []} | {
            "attributes": {"deep": {"er": 1}}
        }
        with pytest.raises(AttributeError, match="no 'nothing' here"):
            qntx.upstream.nothing  # noqa: B018
