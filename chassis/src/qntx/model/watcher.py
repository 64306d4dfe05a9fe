"""A watcher: which attestations it waits for, and what it fires."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from qntx.errors import InvalidRequest
from qntx.model.attestation import Filter

FIRES_PER_SECOND_DEFAULT = 3.0
ID_CHARACTERS_MAX = 200


class Action(Enum):
    """What a watcher fires. Its `action_data` says which."""

    PYTHON = "python"
    """Code: the data itself, run by the provider of the watcher's glyph."""
    PLUGIN_EXECUTE = "plugin_execute"
    """A plugin's handler: `{"plugin_name", "handler_name"}`."""
    GLYPH_EXECUTE = "glyph_execute"
    """A glyph of the canvas: `{"target_glyph_id"}`. What is written in it runs, as it is when the watcher fires.

    `code` and `target_glyph_type` beside it are taken instead of what the canvas has.
    """
    WEBHOOK = "webhook"
    """A URL, which gets the attestation by POST."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Fires for every attestation that arrives after `from_position` and matches `wanted`."""

    id: str
    name: str
    wanted: Filter
    action: Action
    action_data: str
    glyph: str = "py"
    """Who runs a python action."""
    max_fires_per_second: float = FIRES_PER_SECOND_DEFAULT
    """Zero is never."""
    enabled: bool = True
    plugin: str = ""
    """Who declared it at Initialize, and may take it away again. Empty: a person."""
    from_position: int = 0
    created_at_ms: int = 0
    updated_at_ms: int = 0
    principal: str = ""
    """Who made it, or changed what it does: what it fires runs in their name."""

    @property
    def fires(self) -> bool:
        return self.enabled and self.max_fires_per_second > 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What a watcher has done so far."""

    fire_count: int = 0
    error_count: int = 0
    last_error: str = ""
    last_fired_at_ms: int = 0
    waiting: int = 0
    """Firings that are still to run."""


def check(watcher: Watcher) -> None:
    """Raise InvalidRequest where it could never fire, or not do what it says."""
    if not watcher.id or len(watcher.id) > ID_CHARACTERS_MAX or not watcher.id.isprintable():
        raise InvalidRequest("id", f"has to be 1 to {ID_CHARACTERS_MAX} printable characters")
    if not watcher.name:
        raise InvalidRequest("name", "is required")
    wanted = watcher.wanted
    times = (wanted.since_ms, wanted.until_ms)
    if not any((wanted.subjects, wanted.predicates, wanted.contexts, wanted.actors)) and times == (None, None):
        raise InvalidRequest(
            "subjects", "a watcher needs at least one filter: subjects, predicates, contexts or actors"
        )
    if not math.isfinite(watcher.max_fires_per_second) or watcher.max_fires_per_second < 0:
        raise InvalidRequest("max_fires_per_second", f"{watcher.max_fires_per_second} is no rate; zero is never")
    _check_action(watcher)


def _check_action(watcher: Watcher) -> None:
    match watcher.action:
        case Action.PYTHON:
            if not watcher.action_data.strip():
                raise InvalidRequest("action_data", "is required for python: the code to run")
        case Action.WEBHOOK:
            if not watcher.action_data.startswith(("http://", "https://")):
                raise InvalidRequest("action_data", "is required for webhook: a URL of http or https")
        case Action.PLUGIN_EXECUTE:
            action_fields(watcher, "plugin_name", "handler_name")
        case Action.GLYPH_EXECUTE:
            action_fields(watcher, "target_glyph_id")


def action_fields(watcher: Watcher, *required: str) -> Mapping[str, Any]:
    """The action's data, where it is JSON. Raises InvalidRequest where one of those texts is missing."""
    shape = "{" + ", ".join(f'"{name}"' for name in required) + "}"
    try:
        fields = json.loads(watcher.action_data)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise InvalidRequest("action_data", f"has to be JSON for {watcher.action.value}: {shape}")
    for name in required:
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise InvalidRequest("action_data", f"{name} is required for {watcher.action.value}: {shape}")
    return fields
