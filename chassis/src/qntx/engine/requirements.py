"""What a person asks to have installed: names with extras, versions and hashes, each checked before uv sees it.

Pure. Whatever else uv would take (options, files, addresses) is refused: a request says what it wants from the package
index, not where that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from qntx.errors import InvalidRequest

FIELD = "package"
REQUIREMENTS_MAX = 100

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"(?:===|==|~=|!=|<=|>=|<|>)[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME})(?P<extras>\[{_NAME}(?:,{_NAME})*\])?(?P<versions>{_VERSION}(?:,{_VERSION})*)?"
)
_SPACED = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>|,|\[|\])\s*")
_AFTER_EXTRAS = re.compile(r"\](?=[A-Za-z0-9])")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package that is wanted."""

    name: str
    """As indexes normalise it."""
    text: str
    hashes: tuple[str, ...] = ()


def normalised(name: str) -> str:
    """The form in which names of packages are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(texts: Iterable[str]) -> list[Requirement]:
    """The requirements in these texts, each of which may hold several: `a b==1.2 c[extra]>=3,<4 --hash=sha256:…`."""
    found: list[Requirement] = []
    for text in texts:
        for word in _words(text):
            found = _with(found, word)
    if not found:
        raise InvalidRequest(FIELD, "names no package")
    if len(found) > REQUIREMENTS_MAX:
        raise InvalidRequest(FIELD, f"{len(found)} packages at once; at most {REQUIREMENTS_MAX} are taken")
    names = [requirement.name for requirement in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidRequest(FIELD, f"{', '.join(twice)}: named twice")
    return found


def names(texts: Iterable[str]) -> list[str]:
    """The names in these texts, which say nothing else."""
    asked = read(texts)
    for requirement in asked:
        if normalised(requirement.text) != requirement.name or requirement.hashes:
            raise InvalidRequest(FIELD, f"{requirement.text}: only the name is wanted here")
    return [requirement.name for requirement in asked]


def _words(text: str) -> list[str]:
    closed = _SPACED.sub(r"\1", text.strip())
    return _AFTER_EXTRAS.sub("] ", closed).split()


def _with(found: list[Requirement], word: str) -> list[Requirement]:
    if word.startswith("--hash"):
        hashed = _HASH.fullmatch(word)
        if hashed is None or not found:
            raise InvalidRequest(FIELD, f"{word[:100]!r} is no --hash=sha256:… of the package before it")
        last = found[-1]
        return [*found[:-1], Requirement(last.name, last.text, (*last.hashes, hashed[1]))]
    match = _REQUIREMENT.fullmatch(word)
    if match is None:
        raise InvalidRequest(FIELD, f"{word[:100]!r} is not a package as in 'name', 'name==1.2' or 'name[extra]>=1,<2'")
    return [*found, Requirement(normalised(match["name"]), word)]
