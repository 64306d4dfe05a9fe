"""Who calls and who answers, where several hosts and several replicas of a plugin do: names in a call's metadata."""

from __future__ import annotations

import hashlib

HOST = "qntx-host"
"""Of a call on a plugin: which host asks. What runs for it calls home to that one."""

INSTANCE = "qntx-instance"
"""In the initial metadata of a run's answer: which process of the plugin took it, as Capabilities names it."""

SAID = "qntx-error"
"""In the trailing metadata of a refusal: the plugin itself said so, where otherwise its connection may have broken."""

NAME_CHARACTERS = 16


def host_name(token: str) -> str:
    """What a host is called by: a digest of the token it gave by Initialize, which tells nothing of the token."""
    return hashlib.sha256(token.encode()).hexdigest()[:NAME_CHARACTERS] if token else ""
