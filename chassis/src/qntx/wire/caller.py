"""Who calls and who answers, where several hosts and several replicas of a plugin do: names in a call's metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

HOST = "qntx-host"
"""Of a call on a plugin: which host asks. What runs for it calls home to that one."""

INSTANCE = "qntx-instance"
"""In the initial metadata of a run's answer: which process of the plugin took it, as Capabilities names it."""

SAID = "qntx-error"
"""In the trailing metadata of a refusal: the plugin itself said so, where otherwise its connection may have broken."""

PRINCIPAL = "qntx-principal-bin"
"""Of a call: who asked for what it sets going, where QNTX's message has no place for that. Bytes: any letters do."""

NAME_CHARACTERS = 16
PRINCIPAL_CHARACTERS_MAX = 256


def host_name(token: str) -> str:
    """What a host is called by: a digest of the token it gave by Initialize, which tells nothing of the token."""
    return hashlib.sha256(token.encode()).hexdigest()[:NAME_CHARACTERS] if token else ""


def by(principal: str) -> tuple[tuple[str, bytes], ...]:
    """The metadata of a call that is made for somebody; none where nobody had to say who they are."""
    return ((PRINCIPAL, principal.encode("utf-8", "replace")),) if principal else ()


def of_handler(plugin: str, handler_name: str) -> str:
    """Who asks for what a handler's file declares: that handler, by its bare name. No token can be named so."""
    return f"handler:{handler_name.removeprefix(f'{plugin}.')}"


def principal_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """Whom a call is made for. Only who has the host's token, or is the host, is to be believed."""
    said = dict(metadata or ()).get(PRINCIPAL, b"")
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return text[:PRINCIPAL_CHARACTERS_MAX]
