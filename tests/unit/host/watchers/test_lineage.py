from __future__ import annotations

from qntx.host.watchers.lineage import Lineage
from qntx.model.attestation import Attestation


def claim(at_ms: int, contexts: tuple[str, ...] = ("_",), actors: tuple[str, ...] = ()) -> Attestation:
    return Attestation("AS-1", ("a",), ("p",), contexts, actors, 0, at_ms)


def test_what_a_run_files_is_one_deeper_than_the_run() -> None:
    lineage = Lineage()
    run = lineage.started(["count"], 4, 100)

    assert lineage.depth(claim(150, contexts=("lab", "count"))) == 5
    run.ended_ms = 200
    assert lineage.depth(claim(200, contexts=("count",))) == 5


def test_what_comes_from_outside_is_not_deep() -> None:
    lineage = Lineage()
    lineage.started(["count"], 4, 100).ended_ms = 200

    assert lineage.depth(claim(150, contexts=("lab",))) == 0
    assert lineage.depth(claim(99, contexts=("count",))) == 0
    assert lineage.depth(claim(201, contexts=("count",))) == 0


def test_a_glyph_is_known_by_its_actor() -> None:
    lineage = Lineage()
    lineage.started(["glyph:7"], 0, 100)

    assert lineage.depth(claim(100, actors=("me", "glyph:7"))) == 1
