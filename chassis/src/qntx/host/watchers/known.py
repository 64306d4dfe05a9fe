"""The watchers as this host knows them: those in the store, as of a version of it."""

from __future__ import annotations

from collections.abc import Iterable

from qntx.host.keeping import WatcherStorage
from qntx.host.watchers.matching import Index
from qntx.model.attestation import Attestation
from qntx.model.watcher import Watcher


class Known:
    """By id, in the order they were made."""

    def __init__(self, kept: WatcherStorage) -> None:
        self._kept = kept
        self._index: Index | None = None
        self.by_id: dict[str, Watcher] = {}
        self.version = 0

    async def load(self) -> None:
        # The version first: what changes in between is loaded again, and not missed.
        self.version = await self._kept.version()
        self.by_id = {watcher.id: watcher for watcher in await self._kept.watchers()}
        self._index = None

    async def catch_up(self) -> None:
        """Know of the watchers that other hosts have made, changed and deleted."""
        if await self._kept.version() != self.version:
            await self.load()

    async def save(self, watcher: Watcher) -> None:
        await self._kept.save([watcher])
        self.by_id[watcher.id] = watcher
        self._index = None

    async def forget(self, ids: Iterable[str]) -> None:
        gone = list(ids)
        for watcher_id in gone:
            self.by_id.pop(watcher_id, None)
        self._index = None
        await self._kept.delete(gone)

    def fired(self, position: int, claim: Attestation) -> list[Watcher]:
        """Those that the attestation at that position fires."""
        if self._index is None:
            self._index = Index(self.by_id.values())
        return [watcher for watcher in self._index.fired(claim) if position > watcher.from_position]
