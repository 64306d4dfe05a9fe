"""What plugins were configured to do while they ran: `plugins/NAME.toml` of QNTX_HOME, section `[config]`.

The QNTX core keeps it there too. It goes over what `am.toml` says.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qntx.errors import InvalidConfig
from qntx.host.config import Config
from qntx.host.home import Home
from qntx.host.plugins.settings import flattened


def settings(name: str, config: Config, home: Home) -> dict[str, str]:
    """What the plugin is initialised with."""
    return flattened(name, {**config.of_plugins.get(name, {}), **read(file(name, home))}, os.environ)


def file(name: str, home: Home) -> Path:
    return home.plugins / f"{name}.toml"


def read(path: Path) -> dict[str, Any]:
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


def write(path: Path, values: Mapping[str, str]) -> None:
    """Whole or not at all. A JSON string is a TOML string too, but for one character."""
    lines = [f"{_quoted(key)} = {_quoted(value)}" for key, value in sorted(values.items())]
    temporary = path.with_suffix(".toml.new")
    temporary.write_text("\n".join(["[config]", *lines, ""]))
    os.replace(temporary, path)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
