"""The lines of a journal: what was started, how it ended, which of it is sealed.

A line is a JSON list whose first item says which of these it is. What cannot be read is passed over: of the last line a
power cut may have left a part, and a run that is lost with its line is missed by its number.

Pure: whoever owns the file writes the lines, and whoever wonders what it holds folds them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LEDGER, ENVIRONMENT, BEGIN, END, SEALED = "ledger", "environment", "begin", "end", "sealed"


class Intent(NamedTuple):
    """A run that has no record yet. `ended` when its outcome is known and only the seal is missing."""

    ledger: str
    number: int
    id: str
    tenant_id: str | None
    document: dict[str, Any]
    """The capsule's sections as far as they are known."""
    ended: bool


@dataclass(slots=True)
class Account:
    """What a journal says."""

    started: int = 0
    open: dict[int, Intent] = field(default_factory=dict)
    lines: dict[int, list[bytes]] = field(default_factory=dict)
    """Of the open ones: the lines that say it."""


def ledger(started: int) -> bytes:
    """How many had been started before what follows."""
    return f'["{LEDGER}",{started}]\n'.encode()


def environment(key: int, text: str) -> bytes:
    """What many runs have in common in their context's environment; JSON text."""
    return f'["{ENVIRONMENT}",{key},{text}]\n'.encode()


def begin(number: int, capsule_id: str, tenant_id: str | None, key: int, opening: str) -> bytes:
    """This is about to start. `opening` is the JSON text of what is known of its capsule; key 0 is no environment."""
    tenant = "null" if tenant_id is None else json.dumps(tenant_id)
    return f'["{BEGIN}",{number},{json.dumps(capsule_id)},{tenant},{key},{opening}]\n'.encode()


def end(number: int, ending: str) -> bytes:
    """This has ended. `ending` is the JSON text of the sections that say how."""
    return f'["{END}",{number},{ending}]\n'.encode()


def sealed(numbers: Sequence[int]) -> bytes:
    """These have their records."""
    return f'["{SEALED}",{json.dumps(numbers)}]\n'.encode()


def fold(name: str, data: bytes) -> Account:
    """What the journal of this name holds."""
    account = Account()
    environments: dict[int, Any] = {0: {}}
    for line in data.split(b"\n"):
        try:
            _take(account, environments, name, json.loads(line), line + b"\n")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return account


def whole(opening: Mapping[str, Any], shared: Mapping[str, Any], ending: Mapping[str, Any]) -> dict[str, Any]:
    """The capsule's document, of its pieces."""
    context = opening.get("context") or {}
    context = {**context, "environment": {**shared, **(context.get("environment") or {})}}
    return {**opening, "context": context, **ending}


def _take(account: Account, environments: dict[int, Any], name: str, entry: list[Any], line: bytes) -> None:
    match entry:
        case ["ledger", int(started)]:
            account.started = max(account.started, started)
        case ["environment", int(key), dict(shared)]:
            environments[key] = shared
        case ["begin", int(number), str(capsule_id), str() | None as tenant_id, int(key), dict(opening)]:
            # A run counts as started whatever else its line fails to say.
            account.started = max(account.started, number)
            document = whole(opening, environments.get(key, {}), {})
            account.open[number] = Intent(name, number, capsule_id, tenant_id, document, False)
            account.lines[number] = [environment(key, json.dumps(environments[key])), line] if key else [line]
        case ["end", int(number), dict(ending)] if number in account.open:
            begun = account.open[number]
            account.open[number] = begun._replace(document={**begun.document, **ending}, ended=True)
            account.lines[number].append(line)
        case ["sealed", list(numbers)]:
            for number in numbers:
                account.open.pop(number, None)
                account.lines.pop(number, None)


def retained(account: Account) -> Iterator[bytes]:
    """The lines of a journal that says the same and is as short as it can be."""
    yield ledger(account.started)
    for lines in account.lines.values():
        yield from lines
