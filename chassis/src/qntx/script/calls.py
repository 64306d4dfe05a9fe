"""What a script may ask of its plugin: the name of each call, its arguments and what it answers.

The worker sends by this table, the engine lets nothing else through, the plugin's executor and `qntx.testing` answer by
it. Arguments and answers are JSON values. `attest` is not here: drafts travel in a stream of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qntx.errors import InvalidRequest, NotFound
from qntx.script.context import current

REQUIRED: Any = object()
"""In place of a default: the caller must say."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: what it must be, in words and as a check, and what it is when left out."""

    shape: str
    fits: Callable[[Any], bool]
    default: Any = REQUIRED


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(default: Any = REQUIRED) -> Argument:
    return Argument("a text", _is_text, default)


def _or_null(argument: Argument) -> Argument:
    return Argument(f"{argument.shape} or null", lambda value: value is None or argument.fits(value), None)


_TEXTS = Argument("a list of texts", _is_texts, ())
_WHOLE = Argument("a whole number", _is_whole)
_FLAG = Argument("true or false", _is_flag, False)
_JSON = Argument("any JSON value", lambda _: True, None)
_FILTER = {"subjects": _TEXTS, "predicates": _TEXTS, "contexts": _TEXTS, "actors": _TEXTS}
_SCHEDULE_ID = {"schedule_id": _text()}

CALLS: Mapping[str, Mapping[str, Argument]] = {
    # {"rows": [attestation, …], "next": cursor or null}: newest first, at most `page` rows an answer and `limit` in
    # all. The cursor is the answerer's own and good for one call.
    "attestations": {
        **_FILTER,
        "since": _or_null(_WHOLE),  # milliseconds since the epoch, both bounds inclusive
        "until": _or_null(_WHOLE),
        "limit": _or_null(_WHOLE),
        "page": Argument("a whole number", _is_whole, 500),
        "cursor": _or_null(_text()),
    },
    # The newest attestation that matches, or null.
    "last": _FILTER,
    # {"body", "status_code", "attestation_id"}
    "fetch": {
        "url": _text(),
        "subjects": _TEXTS,
        "predicate": _text("http:get"),
        "context": _text(""),
        "fresh": _FLAG,
        "actor": _text(""),
        "source": _text(""),
    },
    # The schedule's id. `handler` as in `enqueue`.
    "schedule": {"handler": _text(), "every_seconds": _WHOLE, "payload": _JSON, "description": _text("")},
    # null
    "pause_schedule": _SCHEDULE_ID,
    "resume_schedule": _SCHEDULE_ID,
    "delete_schedule": _SCHEDULE_ID,
    # The job's id. `handler` is `vacancies` (of this plugin) or `data/data.vacancies` (of any).
    "enqueue": {"handler": _text(), "payload": _JSON, "source": _text("")},
    # {"id", "name", "version"}
    "publish_as_ingest": {
        "name": _text(),
        "code": _text(),
        "language": _text("python"),
        "glyph": _text(""),  # empty: the glyph of the plugin that publishes
        "created_by": _text(""),
        "description": _text(""),
    },
    # {"id", "name", "code", "version", "language", "glyph", "created_by", "created_at"} or null.
    "get_ingest_script": {"name": _text(), "version": _or_null(_WHOLE)},
    # The same, without "code", of the newest version of each.
    "list_ingest_scripts": {},
}


def checked(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of that call, defaults filled in; NotFound or InvalidRequest where the table says otherwise."""
    expected = CALLS.get(name)
    if expected is None:
        raise NotFound(f"scripts cannot call {name!r} (they can: {', '.join(CALLS)})")
    unknown = sorted(arguments.keys() - expected.keys())
    if unknown:
        raise InvalidRequest(unknown[0], f"{name} has no such argument (it has: {', '.join(expected) or 'none'})")
    return {key: _value(key, argument, arguments) for key, argument in expected.items()}


def _value(key: str, argument: Argument, arguments: Mapping[str, Any]) -> Any:
    if key not in arguments:
        if argument.default is REQUIRED:
            raise InvalidRequest(key, f"is missing; pass {argument.shape}")
        return list(argument.default) if isinstance(argument.default, tuple) else argument.default
    value = arguments[key]
    if not argument.fits(value):
        raise InvalidRequest(key, f"must be {argument.shape}, not {type(value).__name__}")
    return value


def ask(name: str, /, **arguments: Any) -> Any:
    """Make that call for the run under way and wait for its answer; a refusal is a RuntimeError that names the call."""
    channel = current(name).channel
    try:
        return channel.call(name, arguments)
    except RuntimeError as refusal:
        reason = str(refusal)
        raise RuntimeError(reason if reason.startswith(f"{name}: ") else f"{name}: {reason}") from None
