"""A claim checked and written as JSON.

Scripts attest in loops, and what a loop claims is one form, filled in anew each time: the same predicates, contexts,
actors and names of attributes. A form is checked and written once and kept; filling it in checks the values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any, NoReturn, cast

from qntx.script.arguments import Texts, texts
from qntx.script.attributes import EXACT_INT_MAX, plain
from qntx.script.context import Context

DRAFT_BYTES_MAX = 1024 * 1024
"""What a store takes as one attestation."""

_NO_CONTEXT = (
    "attest: no context: this execution is not a discovered handler, so nothing says where the claim belongs; "
    "pass contexts=[...]"
)
_WORDS = {None: "null", True: "true", False: "false"}

Fields = tuple[list[str], list[str], list[str], list[str], dict[str, Any]]
"""Subjects, predicates, contexts, actors and attributes as they are sent."""


def draft(
    context: Context, subjects: Texts, predicates: Texts, contexts: Texts, actors: Texts, attributes: Any
) -> tuple[Fields, bytes]:
    """The claim's parts as they will be stored, and its JSON text."""
    about = texts("attest", "subjects", subjects)
    if not about:
        raise ValueError("attest: subjects is empty; say what the claim is about")
    kept, written = _attributes(attributes)
    repeated = (_repeated("predicates", predicates), _repeated("contexts", contexts), _repeated("actors", actors))
    try:
        what, where, by, form = _form(context.handler, context.glyph_id, *repeated, tuple(kept))
    except TypeError:
        # What cannot be looked up is no text either.
        _check_repeated(*repeated)
        raise
    fields = about, [*what], [*where], [*by], kept
    try:
        encoded = (form % (quoted(about[0]) if len(about) == 1 else _list(about), *written)).encode()
    except UnicodeEncodeError:
        _refuse_half_characters(fields)
    if len(encoded) > DRAFT_BYTES_MAX:
        raise ValueError(
            f"attest: the claim is {len(encoded) / 2**20:.1f} MiB as JSON and the store takes 1 MiB; "
            "keep the data in a file and attest where it is"
        )
    return fields, encoded


def _repeated(name: str, given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    # A form is looked up by what it is made of; that each part is a text is checked when it is made.
    return tuple(given) if type(given) is list else tuple(texts("attest", name, given))


def _check_repeated(predicates: tuple[str, ...], contexts: tuple[str, ...], actors: tuple[str, ...]) -> None:
    for name, given in (("predicates", predicates), ("contexts", contexts), ("actors", actors)):
        texts("attest", name, given)


@lru_cache(maxsize=256)
def _form(
    handler: str,
    glyph_id: str,
    predicates: tuple[str, ...],
    contexts: tuple[str, ...],
    actors: tuple[str, ...],
    names: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]:
    """Predicates, contexts and actors with what is added to them, and the claim with a %s for each value."""
    _check_repeated(predicates, contexts, actors)
    if handler and handler not in contexts:
        contexts = (*contexts, handler)
    if not contexts:
        raise RuntimeError(_NO_CONTEXT)
    # What the store makes of a claim without a predicate.
    predicates = predicates or ("_",)
    if glyph_id and not actors:
        actors = (f"glyph:{glyph_id}",)
    fixed = f'"predicates":[{_list(predicates)}],"contexts":[{_list(contexts)}],"actors":[{_list(actors)}]'
    members = ",".join(f"{_literally(quoted(name))}:%s" for name in names)
    return predicates, contexts, actors, f'{{"subjects":[%s],{_literally(fixed)},"attributes":{{{members}}}}}'


def _list(parts: Iterable[str]) -> str:
    return ",".join(map(quoted, parts))


def _literally(text: str) -> str:
    return text.replace("%", "%%")


def _attributes(given: Any) -> tuple[dict[str, Any], list[str]]:
    """The attributes as they are kept, and the JSON text of each value."""
    if given is None:
        return {}, []
    if type(given) is dict:
        written = _written(given)
        if written is not None:
            return given.copy(), written
    if not isinstance(given, Mapping):
        raise TypeError(f"attest: attributes must be a dict, not {type(given).__name__} ({given!r:.60})")
    try:
        kept = cast("dict[str, Any]", plain(given))
    except (TypeError, ValueError) as fault:
        raise type(fault)(f"attest: {fault}") from None
    return kept, [json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in kept.values()]


def _written(attributes: dict[Any, Any]) -> list[str] | None:
    """The JSON text of each value, as long as none needs converting; None where one does."""
    written = []
    for key, value in attributes.items():
        kind = type(value)
        if type(key) is not str:
            return None
        if kind is str:
            written.append(quoted(value))
        elif kind is int and -EXACT_INT_MAX <= value <= EXACT_INT_MAX:
            written.append(str(value))
        elif kind is float and value - value == 0:
            written.append(repr(value))
        elif value is None or kind is bool:
            written.append(_WORDS[value])
        else:
            return None
    return written


def _refuse_half_characters(fields: Fields) -> NoReturn:
    for name, value in zip(("subjects", "predicates", "contexts", "actors", "attributes"), fields, strict=True):
        try:
            plain(value, name)
        except ValueError as fault:
            raise ValueError(f"attest: {fault}") from None
    raise ValueError("attest: the claim holds text that is not Unicode")
