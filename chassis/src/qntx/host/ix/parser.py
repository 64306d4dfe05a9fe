"""What does an `ix` line ask for?

Pure. `ix TYPE INPUT…` names the type; an address or a path alone means `git`; `--name value` and `--flag` are options.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from qntx.errors import InvalidRequest

GIT = "git"
ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:)", re.IGNORECASE)
PATH = re.compile(r"(?:/|\./|\.\./|~|\.$|\.\.$)")


@dataclass(frozen=True, slots=True)
class Command:
    """One ingestion that is asked for."""

    type: str
    inputs: tuple[str, ...]
    options: dict[str, str | bool] = field(default_factory=dict)
    detected: bool = False
    """Whether the type was found from the input rather than named."""

    @property
    def source(self) -> str:
        """What jobs of this are known by: two with the same source are the same work."""
        chosen = (f"--{name}" if value is True else f"--{name}={value}" for name, value in sorted(self.options.items()))
        return shlex.join(["ix", self.type, *self.inputs, *chosen])


def parse_line(line: str) -> Command:
    """Read `ix …` as a person types it. Quotes group; a backslash is only a backslash outside of them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    try:
        words = list(lexer)
    except ValueError as fault:
        raise InvalidRequest("ats_code", f"a quote is opened and never closed in {line!r}") from fault
    if not words:
        raise InvalidRequest("ats_code", "empty ATS code")
    if words[0] != "ix":
        raise InvalidRequest("ats_code", f"unknown command: {words[0]} (supported: ix)")
    return parse_words(words[1:])


def parse_words(words: Sequence[str]) -> Command:
    """Read what follows `ix`, already split."""
    if not words:
        raise InvalidRequest("ats_code", "ix command requires a subcommand, as in `ix csv data.csv`")
    if words[0].startswith("--"):
        raise InvalidRequest("ats_code", f"ix command requires a subcommand before its options, got {words[0]}")
    inputs, options = _options(words)
    if ADDRESS.match(inputs[0]) or PATH.match(inputs[0]):
        return Command(GIT, tuple(inputs), options, detected=True)
    return Command(inputs[0], tuple(inputs[1:]), options)


def _options(words: Sequence[str]) -> tuple[list[str], dict[str, str | bool]]:
    inputs: list[str] = []
    options: dict[str, str | bool] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            inputs += rest
            break
        if not word.startswith("--"):
            inputs.append(word)
            continue
        name, given, value = word[2:].partition("=")
        if given:
            options[name] = value
        elif rest and not rest[0].startswith("--"):
            options[name] = rest.pop(0)
        else:
            options[name] = True
    return inputs, options
