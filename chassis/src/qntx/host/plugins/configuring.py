"""A plugin's configuration, read and changed while it runs.

What is set here is kept in `plugins/NAME.toml` of QNTX_HOME, section `[config]`, where the QNTX core keeps it too, and
goes over what `am.toml` says.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qntx.errors import InvalidConfig, InvalidRequest
from qntx.host.config import Config
from qntx.host.home import Home
from qntx.host.plugins.manager import Manager
from qntx.host.plugins.registry import Registry
from qntx.host.plugins.settings import flattened
from qntx.model.nearest import meant
from qntx.protocol import domain_pb2

Schema = dict[str, domain_pb2.ConfigFieldSchema]


class Configuring:
    """Reads and writes the keys of plugins."""

    def __init__(self, config: Config, home: Home, registry: Registry, manager: Manager) -> None:
        self._config = config
        self._home = home
        self._registry = registry
        self._manager = manager

    async def read(self, name: str) -> tuple[Schema, dict[str, str]]:
        """The keys that the plugin knows, and what they are set to."""
        schema = dict(await self._registry.get(name).reached().config_schema())
        return schema, settings(name, self._config, self._home)

    async def write(self, name: str, changes: Mapping[str, Any]) -> tuple[Schema, dict[str, str]]:
        """Check these against what the plugin knows, keep them, and initialise it with them."""
        schema = dict(await self._registry.get(name).reached().config_schema())
        for key, value in changes.items():
            if key not in schema:
                raise InvalidRequest(key, f"Unknown configuration field; {meant(key, schema)}")
            _check(key, value, schema[key])
        path = _file(name, self._home)
        kept = _kept(path) | flattened(name, changes, {})
        _write(path, kept)
        await self._manager.reinitialize(name)
        return schema, settings(name, self._config, self._home)


def settings(name: str, config: Config, home: Home) -> dict[str, str]:
    """What the plugin is initialised with."""
    return flattened(name, {**config.of_plugins.get(name, {}), **_kept(_file(name, home))}, os.environ)


def _file(name: str, home: Home) -> Path:
    return home.plugins / f"{name}.toml"


def _kept(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InvalidConfig(str(path), str(error)) from error
    section = document.get("config", {})
    if not isinstance(section, dict):
        raise InvalidConfig(f"{path}: config", "is a section, written [config]")
    return section


def _write(path: Path, values: Mapping[str, str]) -> None:
    """Whole or not at all. A JSON string is a TOML string too, but for one character."""
    lines = [f"{_quoted(key)} = {_quoted(value)}" for key, value in sorted(values.items())]
    temporary = path.with_suffix(".toml.new")
    temporary.write_text("\n".join(["[config]", *lines, ""]))
    os.replace(temporary, path)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _check(key: str, value: Any, field: domain_pb2.ConfigFieldSchema) -> None:
    kinds: dict[str, tuple[type, ...]] = {
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "string": (str,),
    }
    wanted = kinds.get(field.type, (str,))
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise InvalidRequest(key, f"must be {field.type or 'string'}")
    number = value if isinstance(value, int | float) else None
    if field.min_value and number is not None and number < float(field.min_value):
        raise InvalidRequest(key, f"must be at least {field.min_value}")
    if field.max_value and number is not None and number > float(field.max_value):
        raise InvalidRequest(key, f"must be at most {field.max_value}")
    if field.pattern and isinstance(value, str) and not re.fullmatch(field.pattern, value):
        raise InvalidRequest(key, f"must match {field.pattern}")
