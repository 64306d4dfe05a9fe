"""Which replica keeps which session: its runs go there and nowhere else."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from qntx.errors import PluginUnavailable
from qntx.host.plugins.replica import Replica
from qntx.model.attached import Address

KEPT_MAX = 10_000


class Sessions:
    """The sessions of one plugin, as far as this host has seen them; of others the replicas are asked."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self._kept: OrderedDict[tuple[str, str], tuple[Address, str]] = OrderedDict()

    async def place(self, session_id: str, principal: str, replicas: Sequence[Replica]) -> Replica:
        """The replica that has the session, or is to have it. Raises PluginUnavailable where the one that has it is
        away, and, once, where it is gone for good and the session with it."""
        key = principal, session_id
        if (kept := self._kept.get(key)) is not None:
            return self._same(key, *kept, replicas)
        serving = [replica for replica in replicas if replica.serving]
        if not serving:
            raise PluginUnavailable(f"no replica of {self._plugin!r} takes new sessions at the moment")
        asked = await asyncio.gather(
            *(replica.client.has_session(session_id, principal) for replica in serving), return_exceptions=True
        )
        having = [replica for replica, has in zip(serving, asked, strict=True) if has is True]
        # Every host would choose the same one.
        chosen = having[0] if having else max(serving, key=lambda replica: _weight(key, replica.address))
        self._kept[key] = chosen.address, chosen.client.instance
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return chosen

    def _same(self, key: tuple[str, str], address: Address, instance: str, replicas: Sequence[Replica]) -> Replica:
        self._kept.move_to_end(key)
        where = f"session {key[1]!r} is kept by the replica of {self._plugin!r} at {address}"
        replica = next((each for each in replicas if each.address == address), None)
        if replica is None or (replica.joined and replica.client.instance != instance):
            del self._kept[key]
            raise PluginUnavailable(
                f"{where}, which is not there any more: its variables are lost; run it again to begin"
            )
        if not replica.joined:
            raise PluginUnavailable(
                f"{where}, which is away ({replica.message}): wait for it, or begin another session"
            )
        return replica


def _weight(key: tuple[str, str], address: Address) -> bytes:
    return hashlib.sha256("\0".join((*key, str(address))).encode()).digest()
