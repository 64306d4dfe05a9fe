"""What attest() returns is a dict to everybody who looks, and waits for the store only then."""

import copy
import json
import pickle

import pytest

from qntx.script.stored import PENDING, Stored

WHOLE = {"id": "AS-1", "subjects": ["s"], "timestamp": 7, "attributes": {"n": 1}}


class Line:
    """Answers one draft's id, and counts who asked."""

    def __init__(self, refusal: str = "") -> None:
        self.asked = 0
        self.refusal = refusal

    def stored(self, _number: int) -> tuple[str, int]:
        self.asked += 1
        if self.refusal:
            raise RuntimeError(self.refusal)
        return "AS-1", 7


def make(line: Line) -> Stored:
    stored = Stored(id=PENDING, subjects=["s"], timestamp=PENDING, attributes={"n": 1})
    stored._channel = line  # type: ignore[assignment]
    stored._claim = None
    stored._number = 0
    return stored


def unpacked(**values):
    return values


def updated(stored):
    target = {}
    target.update(stored)
    return target


def matched(stored):
    match stored:
        case {"id": found, **rest}:
            return {"id": found, **rest}


@pytest.mark.parametrize(
    "look",
    [
        lambda stored: {**stored},
        dict,
        updated,
        matched,
        copy.copy,
        copy.deepcopy,
        lambda stored: stored.copy(),
        lambda stored: unpacked(**stored),
        lambda stored: stored | {},
        lambda stored: {} | stored,
        lambda stored: dict(stored.items()),
        lambda stored: dict(zip(stored.keys(), stored.values(), strict=True)),
        lambda stored: {key: stored[key] for key in stored},
        lambda stored: {key: stored.get(key) for key in reversed(stored)},
        lambda stored: {key: stored.pop(key) for key in list(stored)},
        lambda stored: dict(stored.popitem() for _ in range(4)),
        lambda stored: {key: stored.setdefault(key, "other") for key in WHOLE},
        lambda stored: json.loads(json.dumps(stored)),
        lambda stored: json.loads(json.dumps({"in": [stored]}, sort_keys=True, indent=1))["in"][0],
        lambda stored: pickle.loads(pickle.dumps(stored)),
        lambda stored: eval(repr(stored)),
    ],
)
def test_every_way_to_look_at_it_sees_the_id_and_the_timestamp(look):
    assert look(make(Line())) == WHOLE


def test_it_equals_the_dict_it_stands_for_in_both_directions():
    assert make(Line()) == WHOLE
    assert make(Line()) == make(Line())
    assert make(Line()) == WHOLE
    assert make(Line()) != {**WHOLE, "id": "AS-2"}


def test_what_is_known_already_is_given_without_waiting():
    line = Line()
    stored = make(line)

    assert (stored["subjects"], stored.get("attributes"), len(stored), "id" in stored) == (["s"], {"n": 1}, 4, True)
    assert line.asked == 0


def test_the_store_is_asked_once():
    line = Line()
    stored = make(line)

    assert [stored["id"], stored["timestamp"], repr(stored) != "", stored["id"]] == ["AS-1", 7, True, "AS-1"]
    assert line.asked == 1


def test_what_the_script_put_there_itself_is_not_overwritten():
    stored = make(Line())

    stored["id"] = "mine"

    assert (stored["id"], stored["timestamp"]) == ("mine", 7)


def test_a_refused_claim_is_raised_by_whoever_reads_its_id():
    with pytest.raises(RuntimeError, match=r"^attest: the store is full$"):
        make(Line("the store is full"))["id"]


def test_pickled_it_is_a_plain_dict():
    assert type(pickle.loads(pickle.dumps(make(Line())))) is dict
