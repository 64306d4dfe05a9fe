"""The chain: records in the order they were sealed, each linked to the one before."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from uuid import UUID

from qp_capsule.capsule import Capsule

from qntx.capsules import capsule as capsules
from qntx.capsules import cps, merkle
from qntx.capsules.checkpoint import Checkpoint, issue, origin_of, read
from qntx.capsules.head import Head
from qntx.capsules.intents import Standing
from qntx.capsules.proof import ConsistencyProof, InclusionProof, gather
from qntx.capsules.record import Record
from qntx.capsules.seal import Seal
from qntx.capsules.storage.base import ChainStorage
from qntx.capsules.verify import Broken, ChainVerificationResult, Level, Walk
from qntx.errors import ChainError, NotFound, StorageError

log = logging.getLogger("qntx.capsules.chain")

PAGE_RECORDS = 1_000
PAGE_BYTES = 16 * 1024 * 1024
"""What verification holds at once, about."""


class CapsuleChain:
    """Seals into a storage, and verifies what is there."""

    def __init__(self, storage: ChainStorage, seal: Seal | None = None) -> None:
        self.storage = storage
        self.seal = seal or Seal()

    def submit(self, capsule: Capsule, tenant_id: str | None = None, seal: Seal | None = None) -> Future[Record]:
        """Queue a capsule as it is now. Never raises; the future is done when the record is committed."""
        return self.storage.append(capsules.draft(capsule), seal or self.seal, tenant_id)

    async def seal_and_store(self, capsule: Capsule, seal: Seal | None = None, tenant_id: str | None = None) -> Capsule:
        """Place, seal and store a capsule; it is committed when this returns."""
        record = await asyncio.shield(asyncio.wrap_future(self.submit(capsule, tenant_id, seal)))
        return capsules.settle(capsule, record)

    async def add(self, capsule: Capsule, tenant_id: str | None = None) -> Capsule:
        """Give a capsule the place that is next just now, without sealing or storing it."""
        latest = await self.storage.get_latest(tenant_id)
        capsule.sequence = 0 if latest is None else latest.sequence + 1
        capsule.previous_hash = None if latest is None else latest.hash
        return capsule

    async def get_chain_length(self, tenant_id: str | None = None) -> int:
        latest = await self.storage.get_latest(tenant_id)
        return 0 if latest is None else latest.sequence + 1

    async def get_chain_head(self, tenant_id: str | None = None) -> Capsule | None:
        return await self.storage.get_latest(tenant_id)

    async def verify_capsule_in_chain(self, capsule: Capsule, tenant_id: str | None = None) -> bool:
        """Is this capsule where it says it is, and linked to the one before?"""
        place = capsule.sequence
        found = await self.storage.hashes(max(place - 1, 0), place + 1, tenant_id)
        return list(found) == [*([capsule.previous_hash] if place else []), capsule.hash] and (
            place > 0 or capsule.previous_hash is None
        )

    async def verify(
        self,
        tenant_id: str | None = None,
        *,
        verify_content: bool = True,
        seal: Seal | None = None,
        level: Level | None = None,
        public_key: bytes | None = None,
        checkpoint: str | None = None,
        incremental: bool = False,
        standing: Standing | None = None,
    ) -> ChainVerificationResult:
        """Both verdicts on the whole chain, or with `incremental` on what came since the last good verdict.

        `seal` or `public_key` asks for signatures too. A signed `checkpoint` that was kept elsewhere shows whether the
        chain still begins as it did then. `standing` reads which runs have not ended.
        """
        if level is None:
            signatures = seal is not None or public_key is not None
            level = Level.SIGNATURES if signatures else Level.CONTENT if verify_content else Level.STRUCTURAL
        head = await self.storage.head(tenant_id)
        expected = self._expected(head, checkpoint)
        walk = Walk(level, seal or self.seal, public_key, expected)
        if incremental and public_key is None:
            await self._resume(walk, tenant_id)
        try:
            await self._take_new(walk, tenant_id)
            before = walk.runs.seen()
            started, open_runs = await asyncio.to_thread(standing.read) if standing is not None else ({}, {})
            await self._take_new(walk, tenant_id)
        except Broken as broken:
            return self._result(walk, str(broken), broken.capsule_id)
        if tenant_id is not None:
            # What this machine has started for other chains is not missing in this one.
            here = walk.runs.seen()
            started = {name: count for name, count in started.items() if name in here}
            open_runs = {name: numbers for name, numbers in open_runs.items() if name in here}
        result = self._result(walk, _ending(walk, head, expected))
        if result.complete is not None:
            known = {name: max(started.get(name, 0), before.get(name, 0)) for name in {*started, *before}}
            result.incomplete = walk.runs.missing(known, open_runs) or None
            result.complete = result.incomplete is None
            result.started = max(sum(known.values()), result.sealed)
            result.running = walk.runs.running(open_runs)
        if result.valid and public_key is None:
            await self._remember(walk, tenant_id)
        return result

    async def checkpoint(self, tenant_id: str | None = None) -> str:
        """A signed note of how long the chain is and of the root over it. Keep it elsewhere."""
        head = await self._current(tenant_id)
        return issue(Checkpoint(await self._origin(tenant_id), head.size, head.frontier.root()), self.seal)

    async def inclusion(
        self, capsule_id: str | UUID, tenant_id: str | None = None, *, size: int | None = None
    ) -> InclusionProof:
        """The proof that this capsule is in the chain, as it is or as it was with `size` records."""
        capsule = await self.storage.get(capsule_id, tenant_id)
        if capsule is None:
            raise NotFound(f"there is no capsule {capsule_id}")
        size, root = await self._root(size, tenant_id)
        if capsule.sequence >= size:
            raise ChainError(f"capsule {capsule_id} came after the chain had {size} records")
        path = await gather(self.storage, tenant_id, lambda fetch: merkle.inclusion(capsule.sequence, size, fetch))
        proof = InclusionProof(await self._origin(tenant_id), capsule.sequence, size, capsule.hash, tuple(path), root)
        if not proof.holds():
            raise ChainError("what is kept of the tree disagrees with the records; `qntx capsule verify` says where")
        return proof

    async def consistency(self, old: int, tenant_id: str | None = None) -> ConsistencyProof:
        """The proof that the chain still begins with its first `old` records."""
        size, root = await self._root(None, tenant_id)
        if not 0 < old <= size:
            raise ChainError(f"the chain has {size} records; it cannot be an extension of {old}")
        path = await gather(self.storage, tenant_id, lambda fetch: merkle.consistency(old, size, fetch))
        _, old_root = await self._root(old, tenant_id)
        return ConsistencyProof(await self._origin(tenant_id), old, size, old_root, root, tuple(path))

    async def _root(self, size: int | None, tenant_id: str | None) -> tuple[int, bytes]:
        head = await self._current(tenant_id)
        if size is None or size == head.size:
            return head.size, head.frontier.root()
        if not 0 < size <= head.size:
            raise ChainError(f"the chain has {head.size} records, not {size}")
        (root,) = await gather(self.storage, tenant_id, lambda fetch: [merkle.range_root(0, size, fetch)])
        return size, root

    async def _origin(self, tenant_id: str | None) -> str:
        found = await self.storage.hashes(0, 1, tenant_id)
        if not found:
            raise ChainError("nothing has been sealed yet, so there is nothing to state or prove")
        return origin_of(found[0])

    async def _current(self, tenant_id: str | None) -> Head:
        """The head, with what others have written since it was kept."""
        head = await self.storage.head(tenant_id)
        while found := await self.storage.hashes(head.size, head.size + PAGE_RECORDS, tenant_id):
            for hash_hex in found:
                head.grow(hash_hex)
        return head

    def _expected(self, head: Head, note: str | None) -> Mapping[int, tuple[bytes, str]]:
        expected = {head.size: (head.frontier.root(), "the chain's own account")} if head.size else {}
        if note is not None:
            stated = read(note, self.seal.public_keys())
            expected[stated.size] = (stated.root, "the checkpoint")
        return expected

    async def _take_new(self, walk: Walk, tenant_id: str | None) -> None:
        limit = PAGE_RECORDS // 10
        while records := await self.storage.page(walk.frontier.size - 1, limit, tenant_id):
            await asyncio.to_thread(walk.take_all, records)
            mean = sum(len(record.data) for record in records) // len(records) + 1
            limit = max(1, min(PAGE_RECORDS, PAGE_BYTES // mean))

    async def _resume(self, walk: Walk, tenant_id: str | None) -> None:
        kept = await self.storage.recall(_mark(walk.level, tenant_id))
        if not isinstance(kept, str):
            return
        text, _, signature = kept.rpartition("\n")
        if not any(cps.signed(key, text, signature) for key in self.seal.public_keys()):
            return
        size = json.loads(text)["size"]
        last = await self.storage.hashes(size - 1, size, tenant_id)
        if list(last) == [json.loads(text)["hash"]] and all(size <= stated for stated in walk.expected):
            walk.resume(text)

    async def _remember(self, walk: Walk, tenant_id: str | None) -> None:
        text = walk.dumps()
        signature = self.seal.sign(text.encode()).hex()
        try:
            await self.storage.remember(_mark(walk.level, tenant_id), f"{text}\n{signature}")
        except StorageError as error:
            # Whoever may only read has the verdict all the same.
            log.info("the next verification begins at the first record again: %s", error)

    def _result(self, walk: Walk, error: str = "", broken_at: str | None = None) -> ChainVerificationResult:
        runs = walk.runs
        return ChainVerificationResult(
            valid=not error,
            error=error or None,
            broken_at=broken_at,
            capsules_verified=walk.frontier.size,
            level=walk.level,
            complete=None if error or walk.level is Level.STRUCTURAL else True,
            started=max(runs.started, runs.sealed),
            sealed=runs.sealed,
            failed=runs.failed,
            root=base64.b64encode(walk.frontier.root()).decode(),
        )


def _mark(level: Level, tenant_id: str | None) -> str:
    return f"verified:{level}:{tenant_id or ''}"


def _ending(walk: Walk, head: Head, expected: Mapping[int, tuple[bytes, str]]) -> str:
    """What is wrong with a chain whose every record is right."""
    if head.fault:
        return f"A writer found: {head.fault}"
    beyond: Sequence[int] = [size for size in expected if size > walk.frontier.size]
    if beyond:
        witness = expected[max(beyond)][1]
        return f"The tail is missing: {walk.frontier.size} records are there, {max(beyond)} by {witness}"
    return ""
