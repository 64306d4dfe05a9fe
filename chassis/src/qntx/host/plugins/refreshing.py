"""Initialises a plugin again when its handlers have changed, so that their names, watchers and schedules are known.

A plugin attests `handlers:changed`, in a context of its own name, once what it announced no longer holds. What the
attestation says is not trusted, since any script could have written it: the plugin is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from qntx.errors import ChassisError
from qntx.host.store.base import AttestationStore
from qntx.model.attestation import Filter

CHANGED = "handlers:changed"
PAUSE_SECONDS = 0.5
"""Between two looks: however much is attested, plugins are not asked more often."""
SEEN_MAX = 100

log = structlog.get_logger("qntx.host.plugins")


async def refresh(store: AttestationStore, reinitialize: Callable[[str], Awaitable[None]]) -> None:
    """Follow the store until cancelled."""
    position = await store.position()
    wanted = Filter(predicates=(CHANGED,))
    seen = {each.id for each in await store.find(wanted, limit=SEEN_MAX)}
    while True:
        await store.arrived(position)
        position = await store.position()
        found = await store.find(wanted, limit=SEEN_MAX)
        for name in sorted({context for each in found if each.id not in seen for context in each.contexts}):
            try:
                await reinitialize(name)
            except ChassisError as refusal:
                log.warning("plugin could not be initialised again", plugin=name, reason=str(refusal))
        seen = {each.id for each in found}
        await asyncio.sleep(PAUSE_SECONDS)
