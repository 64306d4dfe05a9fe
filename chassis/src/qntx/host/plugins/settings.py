"""A plugin's own configuration keys, flattened to the strings that Initialize carries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from qntx.errors import InvalidConfig
from qntx.model.attached import HOSTS_KEYS


def flattened(plugin: str, section: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Nested keys joined by dots, values as the QNTX core writes them, `env:NAME` replaced by that variable.

    Keys that start with `_`, those that are the host's own and empty values are left out. Raises InvalidConfig for a
    reference that leads nowhere.
    """
    settings = {}
    for key, value in _leaves(section):
        text = _text(value)
        if key in HOSTS_KEYS or key.split(".")[-1].startswith("_") or not text:
            continue
        settings[key] = resolved(plugin, key, text, environment)
    return settings


def _leaves(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        name = f"{prefix}{key.lower()}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return f"{value:f}"
        case None:
            return ""
        case _:
            return json.dumps(value, default=str)


def resolved(plugin: str, key: str, text: str, environment: Mapping[str, str]) -> str:
    """The text, or the variable that it refers to."""
    where = f"{plugin}.{key}"
    if text.startswith("ssm://"):
        raise InvalidConfig(where, "failed to resolve the reference: ssm:// is not available here; use env:NAME")
    if not text.startswith("env:"):
        return text
    variable = text.removeprefix("env:")
    if variable not in environment:
        raise InvalidConfig(where, f"failed to resolve the reference: the variable {variable} is not set")
    return environment[variable]
