from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qntx.errors import InvalidRequest
from qntx.model.attestation import Filter
from qntx.model.watcher import Action, Watcher, check

WATCHER = Watcher("w", "w", Filter(predicates=("p",)), Action.PYTHON, "print(1)")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"max_fires_per_second": 0},
        {"wanted": Filter(since_ms=0)},
        {"action": Action.WEBHOOK, "action_data": "https://example.org/x"},
        {"action": Action.PLUGIN_EXECUTE, "action_data": '{"plugin_name": "bio", "handler_name": "bio.count"}'},
        {"action": Action.GLYPH_EXECUTE, "action_data": '{"target_glyph_id": "7"}'},
    ],
)
def test_a_watcher_that_can_fire_is_fine(change: dict[str, Any]) -> None:
    check(replace(WATCHER, **change))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 201}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"name": ""}, "name"),
        ({"wanted": Filter()}, "subjects"),
        ({"max_fires_per_second": -1.0}, "max_fires_per_second"),
        ({"max_fires_per_second": float("nan")}, "max_fires_per_second"),
        ({"action_data": " "}, "action_data"),
        ({"action": Action.WEBHOOK, "action_data": "file:///etc/passwd"}, "action_data"),
        ({"action": Action.PLUGIN_EXECUTE, "action_data": "bio.count"}, "action_data"),
        ({"action": Action.PLUGIN_EXECUTE, "action_data": '["bio"]'}, "action_data"),
        ({"action": Action.PLUGIN_EXECUTE, "action_data": '{"plugin_name": "bio"}'}, "action_data"),
        ({"action": Action.GLYPH_EXECUTE, "action_data": '{"target_glyph_id": 7}'}, "action_data"),
    ],
)
def test_one_that_cannot_is_refused_with_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(replace(WATCHER, **change))

    assert refused.value.field == field
