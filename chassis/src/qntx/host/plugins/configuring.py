"""A plugin's configuration, read and changed while it runs.

What is set here is kept, and goes over what `am.toml` says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qntx.errors import InvalidRequest
from qntx.host.config import Config
from qntx.host.home import Home
from qntx.host.plugins import kept
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
        return schema, kept.settings(name, self._config, self._home)

    async def write(self, name: str, changes: Mapping[str, Any]) -> tuple[Schema, dict[str, str]]:
        """Check these against what the plugin knows, keep them, and initialise it with them."""
        schema = dict(await self._registry.get(name).reached().config_schema())
        for key, value in changes.items():
            if key not in schema:
                raise InvalidRequest(key, f"Unknown configuration field; {meant(key, schema)}")
            _check(key, value, schema[key])
        path = kept.file(name, self._home)
        kept.write(path, kept.read(path) | flattened(name, changes, {}))
        await self._manager.reinitialize(name)
        return schema, kept.settings(name, self._config, self._home)


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
