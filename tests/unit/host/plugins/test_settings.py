"""How a plugin's configuration is flattened for Initialize."""

from __future__ import annotations

from typing import Any

import pytest

from qntx.errors import InvalidConfig
from qntx.host.plugins.settings import flattened


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (-1, "-1"), (0.5, "0.500000"), (True, "true"), (False, "false"), ("x", "x"), ([1, "a"], '[1, "a"]')],
)
def test_values_are_written_as_the_core_writes_them(value: Any, text: str) -> None:
    assert flattened("bio", {"key": value}, {}) == {"key": text}


def test_nested_keys_are_joined_and_lower_case() -> None:
    assert flattened("bio", {"A": {"B": {"c": 1}}}, {}) == {"a.b.c": "1"}


def test_private_and_empty_keys_are_left_out() -> None:
    assert flattened("bio", {"_secret": 1, "empty": "", "nested": {"_x": 1}, "kept": 0}, {}) == {"kept": "0"}


def test_references_to_the_environment_are_resolved() -> None:
    assert flattened("bio", {"key": "env:TOKEN"}, {"TOKEN": "abc"}) == {"key": "abc"}


@pytest.mark.parametrize("reference", ["env:ABSENT", "ssm://path"])
def test_a_reference_that_leads_nowhere_is_refused_with_its_key(reference: str) -> None:
    with pytest.raises(InvalidConfig, match=r"bio\.key: failed to resolve the reference"):
        flattened("bio", {"key": reference}, {})
