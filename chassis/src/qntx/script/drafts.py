"""A claim checked and written as JSON.

Scripts attest in loops, and what a loop claims is one form, filled in anew each time: the same predicates, contexts,
actors and names of attributes. A form is checked and written once and kept; filling it in checks the values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple, NoReturn, cast

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

_FORMS_MAX = 256


class Form(NamedTuple):
    """What claims that differ in their subjects and the attributes' values have in common."""

    predicates: tuple[str, ...]
    contexts: tuple[str, ...]
    actors: tuple[str, ...]
    text: str
    """The claim as JSON, with a %s for the subjects and for each attribute's value."""


Claim = tuple[list[str], Form, dict[str, Any]]
"""Its subjects, its form and its attributes as they are sent."""


def draft(
    context: Context, subjects: Texts, predicates: Texts, contexts: Texts, actors: Texts, attributes: Any
) -> tuple[Claim, bytes]:
    """The claim's parts as they will be stored, and its JSON text."""
    if type(subjects) is list and len(subjects) == 1 and type(subjects[0]) is str and subjects[0]:
        about = [subjects[0]]
        written_about = quoted(subjects[0])
    else:
        about = _subjects(subjects)
        written_about = _list(about)
    kept, written = ({}, ()) if attributes is None else _attributes(attributes)
    # A form is looked up by what it is made of; that each part is a text is checked when it is made.
    key = (
        tuple(predicates) if type(predicates) is list else _repeated("predicates", predicates),
        tuple(contexts) if type(contexts) is list else _repeated("contexts", contexts),
        tuple(actors) if type(actors) is list else _repeated("actors", actors),
        tuple(kept),
    )
    try:
        form = context.forms.get(key) or _new_form(context, *key)
    except TypeError:
        # What cannot be looked up is no text either.
        _check_repeated(*key[:3])
        raise
    try:
        encoded = (form.text % (written_about, *written)).encode()
    except UnicodeEncodeError:
        _refuse_half_characters((about, [*form.predicates], [*form.contexts], [*form.actors], kept))
    if len(encoded) > DRAFT_BYTES_MAX:
        raise ValueError(
            f"attest: the claim is {len(encoded) / 2**20:.1f} MiB as JSON and the store takes 1 MiB; "
            "keep the data in a file and attest where it is"
        )
    return (about, form, kept), encoded


def _subjects(given: Texts) -> list[str]:
    about = texts("attest", "subjects", given)
    if not about:
        raise ValueError("attest: subjects is empty; say what the claim is about")
    return about


def _repeated(name: str, given: Texts) -> tuple[str, ...]:
    return () if given is None else tuple(texts("attest", name, given))


def _check_repeated(predicates: tuple[str, ...], contexts: tuple[str, ...], actors: tuple[str, ...]) -> None:
    for name, given in (("predicates", predicates), ("contexts", contexts), ("actors", actors)):
        texts("attest", name, given)


def _new_form(
    context: Context,
    predicates: tuple[str, ...],
    contexts: tuple[str, ...],
    actors: tuple[str, ...],
    names: tuple[str, ...],
) -> Form:
    """The form with what is added to its parts, kept with the run."""
    _check_repeated(predicates, contexts, actors)
    key = predicates, contexts, actors, names
    if context.handler and context.handler not in contexts:
        contexts = (*contexts, context.handler)
    if not contexts:
        raise RuntimeError(_NO_CONTEXT)
    # What the store makes of a claim without a predicate.
    predicates = predicates or ("_",)
    if context.glyph_id and not actors:
        actors = (f"glyph:{context.glyph_id}",)
    fixed = f'"predicates":[{_list(predicates)}],"contexts":[{_list(contexts)}],"actors":[{_list(actors)}]'
    members = ",".join(f"{_literally(quoted(name))}:%s" for name in names)
    text = f'{{"subjects":[%s],{_literally(fixed)},"attributes":{{{members}}}}}'
    if len(context.forms) >= _FORMS_MAX:
        context.forms.clear()
    form = context.forms[key] = Form(predicates, contexts, actors, text)
    return form


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


def _refuse_half_characters(fields: tuple[Any, ...]) -> NoReturn:
    for name, value in zip(("subjects", "predicates", "contexts", "actors", "attributes"), fields, strict=True):
        try:
            plain(value, name)
        except ValueError as fault:
            raise ValueError(f"attest: {fault}") from None
    raise ValueError("attest: the claim holds text that is not Unicode")
