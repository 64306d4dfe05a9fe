"""A claim checked and written as JSON.

Scripts attest in loops, and most of what a loop claims is the same each time: its predicates, contexts and actors. They
are checked and written once and kept; the subjects and the attributes are each claim's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring as quoted
from typing import Any, NoReturn

from qntx.script.arguments import Texts, texts
from qntx.script.attributes import EXACT_INT_MAX, plain
from qntx.script.context import Context

DRAFT_BYTES_MAX = 1024 * 1024
"""What a store takes as one attestation."""

_NO_CONTEXT = (
    "attest: no context: this execution is not a discovered handler, so nothing says where the claim belongs; "
    "pass contexts=[...]"
)
EXACT_INT_MIN = -EXACT_INT_MAX
_WORDS = {None: "null", True: "true", False: "false"}

_REPEATED_MAX = 256


def draft(
    context: Context, subjects: Texts, predicates: Texts, contexts: Texts, actors: Texts, attributes: Any
) -> bytes:
    """The claim as it will be stored, as JSON text."""
    if type(subjects) is str:
        subjects = [subjects]
    if type(subjects) is list and len(subjects) == 1 and type(subjects[0]) is str and subjects[0]:
        about = quoted(subjects[0])
    else:
        subjects = _subjects(subjects)
        about = _list(subjects)
    members = "" if attributes is None else _simple_members(attributes) or _members(attributes)
    # Looked up by what it is made of; that each part is a text is checked when it is made.
    key = (
        tuple(predicates) if type(predicates) is list else _fields("predicates", predicates),
        tuple(contexts) if type(contexts) is list else _fields("contexts", contexts),
        () if actors is None else tuple(actors) if type(actors) is list else _fields("actors", actors),
    )
    try:
        repeated = context.repeated.get(key) or _written(context, *key)
    except TypeError:
        # What cannot be looked up is no text either.
        _check(*key)
        raise
    try:
        encoded = f'{{"subjects":[{about}],{repeated},"attributes":{{{members}}}}}'.encode()
    except UnicodeEncodeError:
        _refuse_half_characters(subjects, *key, attributes)
    if len(encoded) > DRAFT_BYTES_MAX:
        raise ValueError(
            f"attest: the claim is {len(encoded) / 2**20:.1f} MiB as JSON and the store takes 1 MiB; "
            "keep the data in a file and attest where it is"
        )
    return encoded


def _subjects(given: Texts) -> list[str]:
    about = texts("attest", "subjects", given)
    if not about:
        raise ValueError("attest: subjects is empty; say what the claim is about")
    return about


def _fields(name: str, given: Texts) -> tuple[str, ...]:
    if type(given) is str:
        return (given,)
    return tuple(texts("attest", name, given))


def _check(predicates: tuple[str, ...], contexts: tuple[str, ...], actors: tuple[str, ...]) -> None:
    for name, given in (("predicates", predicates), ("contexts", contexts), ("actors", actors)):
        texts("attest", name, given)


def _written(context: Context, predicates: tuple[str, ...], contexts: tuple[str, ...], actors: tuple[str, ...]) -> str:
    """These as JSON, with what is added to them, kept with the run."""
    _check(predicates, contexts, actors)
    key = predicates, contexts, actors
    if context.handler and context.handler not in contexts:
        contexts = (*contexts, context.handler)
    if not contexts:
        raise RuntimeError(_NO_CONTEXT)
    # What the store makes of a claim without a predicate.
    predicates = predicates or ("_",)
    if context.glyph_id and not actors:
        actors = (f"glyph:{context.glyph_id}",)
    if len(context.repeated) >= _REPEATED_MAX:
        context.repeated.clear()
    written = f'"predicates":[{_list(predicates)}],"contexts":[{_list(contexts)}],"actors":[{_list(actors)}]'
    context.repeated[key] = written
    return written


def _list(parts: Iterable[str]) -> str:
    return ",".join(map(quoted, parts))


def _simple_members(attributes: Any) -> str | None:
    """The attributes as the members of a JSON object; None where a value has to be converted first."""
    if type(attributes) is not dict:
        return None
    members = []
    for key, value in attributes.items():
        kind = type(value)
        if type(key) is not str:
            return None
        if kind is str:
            members.append(f"{quoted(key)}:{quoted(value)}")
        elif kind is int and EXACT_INT_MIN <= value <= EXACT_INT_MAX:
            members.append(f"{quoted(key)}:{value}")
        elif kind is float and value - value == 0:
            members.append(f"{quoted(key)}:{value!r}")
        elif value is None or kind is bool:
            members.append(f"{quoted(key)}:{_WORDS[value]}")
        else:
            return None
    return ",".join(members)


def _members(attributes: Any) -> str:
    if not isinstance(attributes, Mapping):
        raise TypeError(f"attest: attributes must be a dict, not {type(attributes).__name__} ({attributes!r:.60})")
    try:
        converted = plain(attributes)
    except (TypeError, ValueError) as fault:
        raise type(fault)(f"attest: {fault}") from None
    return json.dumps(converted, ensure_ascii=False, separators=(",", ":"))[1:-1]


def _refuse_half_characters(*fields: Any) -> NoReturn:
    for name, value in zip(("subjects", "predicates", "contexts", "actors", "attributes"), fields, strict=True):
        try:
            plain(value, name)
        except ValueError as fault:
            raise ValueError(f"attest: {fault}") from None
    raise ValueError("attest: the claim holds text that is not Unicode")
