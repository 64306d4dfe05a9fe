"""A variant: what one plugin.toml says.

Pure: whoever reads the folder hands over the text. Nix reads the same file by the same rules (variants/manifest.nix)
and words each fault alike. So what is here keeps to what Nix can say too: POSIX expressions, keys taken in alphabetical
order, the first fault wins.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from qntx.errors import InvalidManifest
from qntx.model.execution import Limits

NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
NAMES = "(lower-case letters, digits and single hyphens, a letter first)"
MODULE = r"[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*"
PACKAGE = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
RELEASE = r"[0-9]+([.][0-9]+)*((a|b|rc|[.]post|[.]dev)[0-9]+)?"
CONSTRAINT = rf"((>=|<=|==|!=|>|<) *{RELEASE}|~= *[0-9]+[.]{RELEASE})"
PORT_MAX = 65535
REQUIREMENT = rf" *({PACKAGE}) *({CONSTRAINT} *(, *{CONSTRAINT} *)*)?"


@dataclass(frozen=True, slots=True)
class Requirement:
    """A Python package and the versions of it that will do, such as numpy>=1.26,<3."""

    name: str
    """As its author spells it."""
    constraints: str = ""

    @property
    def key(self) -> str:
        """The name by which packages are compared (PEP 503)."""
        return re.sub(r"[-_.]+", "-", self.name).lower()

    def __str__(self) -> str:
        return self.name + self.constraints


@dataclass(frozen=True, slots=True)
class Smoke:
    """Code that shows the variant works, and what it must return."""

    code: str
    result: Any


@dataclass(frozen=True, slots=True)
class Variant:
    """One member of the family: what is different about it."""

    name: str
    version: str
    description: str
    glyph: str
    dependencies: tuple[Requirement, ...] = ()
    optional: tuple[Requirement, ...] = ()
    """Taken where they can be had."""
    preload: tuple[str, ...] = ()
    """Modules imported once, before the first worker is forked."""
    imports: tuple[str, ...] = ()
    """Modules that must import for the variant to count as built."""
    tools: tuple[str, ...] = ()
    """Programs that must be on its PATH."""
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    nix: Mapping[str, str] = field(default_factory=dict)
    """Packages that nixpkgs knows under another attribute."""
    smoke: Smoke | None = None

    @property
    def program(self) -> str:
        """Its plugin's program, by whose name QNTX finds it."""
        return f"qntx-{self.name}-plugin"


def parse(name: str, text: str, where: str) -> Variant:
    """The variant of that name, from the text of its manifest. `where` is the file, for errors."""
    if not re.fullmatch(NAME, name):
        raise InvalidManifest(where, f"'{name}' is no variant name {NAMES}")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidManifest(where, f"not TOML: {error}") from error
    if fault := _fault("", raw, KEYS) or _fault_between_keys(raw):
        raise InvalidManifest(where, fault)
    return Variant(
        name=name,
        version=raw.get("version", "0.0.0"),
        description=raw.get("description", f"QNTX {name} plugin"),
        glyph=raw.get("glyph", f"py:{name}"),
        dependencies=_requirements(raw, "dependencies"),
        optional=_requirements(raw, "optional"),
        preload=tuple(raw.get("preload", ())),
        imports=tuple(raw.get("imports", ())),
        tools=tuple(raw.get("tools", ())),
        environment=raw.get("env", {}),
        limits=_limits(raw.get("limits", {})),
        nix=raw.get("nix", {}),
        smoke=Smoke(raw["smoke"]["code"], raw["smoke"].get("result")) if "smoke" in raw else None,
    )


def refuse_shadowed(names: Collection[str], where: str) -> None:
    """No name may be another's plus a hyphen: QNTX deletes a plugin's watchers by the prefix `NAME-`."""
    for long in sorted(names):
        for short in sorted(names):
            if long.startswith(f"{short}-"):
                raise InvalidManifest(
                    where,
                    f"variant '{long}' begins with '{short}-', so QNTX would take its watchers for those of '{short}'",
                )


@dataclass(frozen=True, slots=True)
class _Kind:
    wanted: str
    """Completes the sentence "must be …"."""
    holds: Callable[[Any], bool]
    many: bool = False
    """A list of such."""


def _matching(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _port(value: Any) -> bool:
    return _whole(1)(value) and value <= PORT_MAX


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


_STRING = _Kind("a string", lambda value: isinstance(value, str))
_SWITCH = _Kind("true or false", lambda value: isinstance(value, bool))
_ABOVE_ZERO = _Kind("a whole number above 0", _whole(1))
_WHOLE = _Kind("a whole number, 0 or more", _whole(0))
_MODULES = _Kind("a list of modules such as 'Bio.Seq'", _matching(MODULE), many=True)
_REQUIREMENTS = _Kind(
    "a list of packages such as 'numpy>=1.26,<3', without extras or markers", _matching(REQUIREMENT), many=True
)

KEYS: Mapping[str, Any] = {
    "version": _Kind("a version such as '0.1.0'", _matching(r"[0-9]+[.][0-9]+[.][0-9]+([-+][0-9A-Za-z.+-]+)?")),
    "description": _STRING,
    "glyph": _Kind("'py' or such as 'py:bio'", _matching(f"py(:{NAME})?")),
    "dependencies": _REQUIREMENTS,
    "optional": _REQUIREMENTS,
    "preload": _MODULES,
    "imports": _MODULES,
    "tools": _Kind("a list of programs such as 'samtools'", _matching(r"[A-Za-z0-9][A-Za-z0-9._+-]*"), many=True),
    "env": _STRING,
    "limits": {
        "timeout_seconds": _Kind("a number above 0", _seconds),
        "memory_mib": _ABOVE_ZERO,
        "processes": _ABOVE_ZERO,
        "output_bytes": _WHOLE,
        "scratch_mib": _WHOLE,
        "network": _SWITCH,
        "network_ports": _Kind("a list of port numbers, 1 to 65535", _port, many=True),
        "subprocess": _SWITCH,
        "readable_paths": _Kind("a list of absolute paths", _matching("/.*"), many=True),
    },
    "nix": _STRING,
    "smoke": {"code": _STRING, "result": _Kind("any value", lambda value: True)},
}
"""What each key must be. A key with a table of its own has keys of its own."""

_FREE_TABLES = ("env", "nix")
"""Tables whose keys the author chooses."""


def _fault(prefix: str, table: Mapping[str, Any], keys: Mapping[str, Any]) -> str:
    """The first thing wrong with a table, keys in alphabetical order; empty where nothing is."""
    for key in sorted(table):
        if key not in keys:
            return f"unknown key '{prefix}{key}' (nearest: {prefix}{nearest(key, keys)})"
        wanted, value = keys[key], table[key]
        if prefix == "" and (key in _FREE_TABLES or isinstance(wanted, Mapping)):
            fault = _table_fault(key, value, wanted)
        else:
            fault = _value_fault(prefix + key, value, wanted)
        if fault:
            return fault
    return ""


def _table_fault(key: str, value: Any, wanted: Any) -> str:
    if not isinstance(value, Mapping):
        return f"'{key}' must be a table, got {shown(value)}"
    if isinstance(wanted, Mapping):
        return _fault(f"{key}.", value, wanted)
    return _fault(f"{key}.", value, dict.fromkeys(value, wanted))


def _value_fault(key: str, value: Any, wanted: _Kind) -> str:
    if wanted.many and isinstance(value, list):
        bad = [item for item in value if not wanted.holds(item)]
        return f"'{key}' must be {wanted.wanted}, got {shown(bad[0])} in it" if bad else ""
    if wanted.many or not wanted.holds(value):
        return f"'{key}' must be {wanted.wanted}, got {shown(value)}"
    return ""


def _fault_between_keys(raw: Mapping[str, Any]) -> str:
    """What is wrong with keys that are each right."""
    if "smoke" in raw and "code" not in raw["smoke"]:
        return "'smoke.code' is missing"
    keys = [requirement.key for table in ("dependencies", "optional") for requirement in _requirements(raw, table)]
    for key in sorted(keys):
        if keys.count(key) > 1:
            return f"'{key}' is named twice in 'dependencies' and 'optional'"
    for name in sorted(raw.get("nix", {})):
        if Requirement(name).key not in keys:
            near = f" (nearest: {nearest(name, keys)})" if keys else ""
            return f"'nix.{name}' is about no package of 'dependencies' or 'optional'{near}"
    return ""


def shown(value: Any) -> str:
    """A value as the errors show it."""
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return "a date or time"


def nearest(name: str, known: Collection[str]) -> str:
    """The known name that the smallest share of edits leads to; of several, the alphabetically first."""
    return min(sorted(known), key=lambda other: 1000 * _edits(name, other) // max(len(name), len(other), 1))


def _edits(a: str, b: str) -> int:
    """Insertions, deletions and replacements that turn a into b (Levenshtein), as nixpkgs' lib counts them."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        above, row = row, [i]
        for j, right in enumerate(b, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (left != right)))
    return row[-1]


def _requirements(raw: Mapping[str, Any], key: str) -> tuple[Requirement, ...]:
    texts = (text.replace(" ", "") for text in raw.get(key, ()))
    return tuple(Requirement(*re.split(r"(?=[<>=!~])", text, maxsplit=1)) for text in texts)


def _limits(raw: Mapping[str, Any]) -> Limits:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    return Limits(**values)
