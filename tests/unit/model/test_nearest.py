"""Which name was probably meant."""

from __future__ import annotations

from qntx.model.nearest import meant


def test_a_near_name_is_suggested() -> None:
    assert meant("prot", ["port", "address"]) == "did you mean 'port'?"


def test_without_a_near_one_all_are_listed() -> None:
    assert meant("xyz", ["port", "address"]) == "known: address, port"


def test_nothing_known_is_said() -> None:
    assert meant("xyz", []) == "known: none"
