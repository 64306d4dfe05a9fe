"""What a script may call, for editors: `/api/python/names`, read off the script API itself."""

from __future__ import annotations

import inspect
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

import qntx

VALUES = {
    "upstream": ("Record | None", "The attestation that fired this run, or what the glyph before answered, or None."),
    "attestation": ("Record | None", "The same as `upstream`, as watcher actions call it."),
}
"""These belong to a run, so there is nothing here to read them off."""


class Name(BaseModel):
    """A name that every script has."""

    name: str
    kind: Literal["function", "value"]
    signature: str = Field(description="As it would be written, such as `attest(subjects, …) -> Attested`.")
    doc: str


def router() -> APIRouter:
    routes = APIRouter(prefix="/api/python", tags=["python"])
    known = names()

    @routes.get("/names")
    async def script_names() -> list[Name]:
        """What a script may call, with signatures and documentation."""
        return known

    return routes


def names() -> list[Name]:
    """Everything in `qntx.__all__`."""
    return [_value(name) if name in VALUES else _function(name) for name in qntx.__all__]


def _value(name: str) -> Name:
    annotation, doc = VALUES[name]
    return Name(name=name, kind="value", signature=f"{name}: {annotation}", doc=doc)


def _function(name: str) -> Name:
    function = getattr(qntx, name)
    signature = inspect.signature(function)
    plain = [
        parameter.replace(annotation=_unquoted(parameter.annotation)) for parameter in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=plain, return_annotation=_unquoted(signature.return_annotation)))
    return Name(name=name, kind="function", signature=f"{name}{text}", doc=inspect.getdoc(function) or "")


class _Written:
    """An annotation that shows as it was written, without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _unquoted(annotation: object) -> object:
    return _Written(annotation) if isinstance(annotation, str) else annotation
