"""What every capsule storage promises, as tests.

A storage passes by a subclass whose `open` gives a fresh, empty one:

    class TestMemoryStorage(CapsuleStorageSuite):
        async def open(self, tmp_path):
            return MemoryStorage()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from qntx.capsules import Capsule, CapsuleType, ChainConflictError, Seal, StorageError, compute_hash
from qntx.capsules import capsule as capsules
from qntx.capsules.merkle import TILE_LEVELS, Frontier, capsule_leaf
from qntx.capsules.record import Record
from qntx.capsules.storage.base import ChainStorage


class CapsuleStorageSuite:
    """The promises of qntx.capsules.storage.base."""

    many_tenants = True

    async def open(self, tmp_path: Path) -> ChainStorage:
        raise NotImplementedError

    @pytest.fixture
    def seal(self, tmp_path: Path) -> Seal:
        return Seal(tmp_path / "keys" / "key")

    @pytest_asyncio.fixture
    async def storage(self, tmp_path: Path) -> AsyncIterator[ChainStorage]:
        storage = await self.open(tmp_path)
        yield storage
        await storage.close()

    async def fill(self, storage: ChainStorage, seal: Seal, count: int, tenant_id: str | None = None) -> list[Record]:
        acks = [storage.append(capsules.draft(Capsule()), seal, tenant_id) for _ in range(count)]
        return [await asyncio.wrap_future(ack) for ack in acks]

    def test_it_satisfies_the_protocol(self, storage: ChainStorage) -> None:
        assert isinstance(storage, ChainStorage)

    async def test_an_empty_one_has_nothing(self, storage: ChainStorage) -> None:
        assert await storage.get_latest() is None
        assert await storage.count() == 0
        assert list(await storage.list()) == []
        assert (await storage.head()).size == 0

    async def test_records_are_placed_in_the_order_they_were_appended(self, storage: ChainStorage, seal: Seal) -> None:
        records = await self.fill(storage, seal, 20)

        assert [record.sequence for record in records] == list(range(20))
        assert [record.previous_hash for record in records] == [None, *(record.hash for record in records[:-1])]

    async def test_what_is_read_back_verifies(self, storage: ChainStorage, seal: Seal) -> None:
        (record,) = await self.fill(storage, seal, 1)

        capsule = await storage.get(record.id)

        assert capsule is not None
        assert seal.verify(capsule)
        assert compute_hash(capsule.to_dict()) == record.hash

    async def test_an_id_is_found_in_either_case_and_an_unknown_one_is_not(
        self, storage: ChainStorage, seal: Seal
    ) -> None:
        (record,) = await self.fill(storage, seal, 1)

        assert await storage.get(record.id.upper()) is not None
        assert await storage.get("nothing") is None

    async def test_the_same_capsule_twice_fails_alone_among_its_neighbours(
        self, storage: ChainStorage, seal: Seal
    ) -> None:
        twice = capsules.draft(Capsule())

        acks = [
            storage.append(draft, seal)
            for draft in (twice, capsules.draft(Capsule()), twice, capsules.draft(Capsule()))
        ]
        done = await asyncio.gather(*map(asyncio.wrap_future, acks), return_exceptions=True)

        assert [isinstance(answer, ChainConflictError) for answer in done] == [False, False, True, False]
        assert [record.sequence for record in await storage.page(-1, 10)] == [0, 1, 2]

    async def test_an_unsealed_capsule_is_refused(self, storage: ChainStorage) -> None:
        with pytest.raises(StorageError, match="not sealed"):
            await storage.store(Capsule())

    async def test_a_sealed_capsule_is_stored_at_its_place_once(self, storage: ChainStorage, seal: Seal) -> None:
        first = seal.seal(Capsule())
        await storage.store(first)

        with pytest.raises(ChainConflictError):
            await storage.store(seal.seal(Capsule()))
        second = seal.seal(Capsule(sequence=1, previous_hash=first.hash))
        await storage.store(second)

        assert [capsule.id for capsule in await storage.get_all_ordered()] == [first.id, second.id]
        assert (await storage.head()).size == 2

    async def test_lists_are_newest_first_in_pages_and_by_type(self, storage: ChainStorage, seal: Seal) -> None:
        records = await self.fill(storage, seal, 5)
        await asyncio.wrap_future(storage.append(capsules.draft(Capsule(type=CapsuleType.TOOL)), seal))

        page = await storage.list(limit=2, offset=1, type_filter=CapsuleType.AGENT)

        assert [str(capsule.id) for capsule in page] == [records[3].id, records[2].id]
        assert await storage.count(CapsuleType.AGENT) == 5
        assert await storage.count() == 6

    async def test_pages_and_hashes_follow_the_sequence(self, storage: ChainStorage, seal: Seal) -> None:
        records = await self.fill(storage, seal, 7)

        assert [record.sequence for record in await storage.page(2, 3)] == [3, 4, 5]
        assert list(await storage.hashes(1, 4)) == [record.hash for record in records[1:4]]

    async def test_the_head_is_the_tree_over_all_hashes(self, storage: ChainStorage, seal: Seal) -> None:
        frontier = Frontier()
        nodes = []
        for record in await self.fill(storage, seal, 600):
            nodes += frontier.append(capsule_leaf(record.hash))

        head = await storage.head()

        assert head.frontier.root() == frontier.root()
        assert list(await storage.nodes(TILE_LEVELS, 0, 99)) == [value for _, value in nodes]

    async def test_a_kept_text_is_replaced(self, storage: ChainStorage) -> None:
        await storage.remember("name", "one")
        await storage.remember("name", "two")

        assert await storage.recall("name") == "two"
        assert await storage.recall("other") is None

    async def test_closing_twice_is_closing_once_and_seals_what_was_queued(
        self, storage: ChainStorage, seal: Seal
    ) -> None:
        acks = [storage.append(capsules.draft(Capsule()), seal) for _ in range(50)]

        await storage.close()
        await storage.close()

        assert all(ack.done() and ack.exception() is None for ack in acks)

    async def test_each_tenant_has_a_chain_and_so_has_nobody(self, storage: ChainStorage, seal: Seal) -> None:
        if not self.many_tenants:
            pytest.skip("one file is one chain here")
        long = "tenant " * 20
        for tenant_id in (long, None, "b", long, None):
            await self.fill(storage, seal, 1, tenant_id)

        assert [record.sequence for record in await storage.page(-1, 9, long)] == [0, 1]
        assert [record.sequence for record in await storage.page(-1, 9, None)] == [0, 1]
        assert [record.sequence for record in await storage.page(-1, 9, "b")] == [0]
        assert await storage.count(tenant_id="b") == 1
        assert await storage.count() == 5

    @pytest.mark.parametrize("name", ["a\0b", "é\ud800", "".join(map(chr, range(0x4E00, 0x4E00 + 5_000)))])
    async def test_a_session_and_a_tenant_of_any_name_are_kept_among_their_neighbours(
        self, storage: ChainStorage, seal: Seal, name: str
    ) -> None:
        of_a_session = Capsule()
        of_a_session.context.session_id = name
        drafts = [capsules.draft(capsule) for capsule in (Capsule(), of_a_session, Capsule())]

        of_a_tenant = await self.fill(storage, seal, 1, name)
        acks = [storage.append(draft, seal) for draft in drafts]
        records = await asyncio.gather(*map(asyncio.wrap_future, acks))

        found = [await storage.get(record.id) for record in records]
        assert all(capsule is not None and seal.verify(capsule) for capsule in found)
        assert [record.id for record in await storage.page(-1, 1, name)] == [of_a_tenant[0].id]

    async def test_a_capsule_whose_text_cannot_be_kept_is_refused_and_its_neighbours_are_kept(
        self, storage: ChainStorage, seal: Seal
    ) -> None:
        odd = seal.seal(Capsule(sequence=7))
        odd.signed_by = "\ud800"

        acks = [storage.append(capsules.draft(Capsule()), seal) for _ in range(2)]
        with pytest.raises(StorageError, match="cannot be kept"):
            await storage.store(odd)

        assert [(await asyncio.wrap_future(ack)).sequence for ack in acks] == [0, 1]

    async def test_records_that_others_wrote_join_the_tree(self, storage: ChainStorage, seal: Seal) -> None:
        first = seal.seal(Capsule())
        await storage.store(first)
        records = await self.fill(storage, seal, 3)

        frontier = Frontier()
        for hash_hex in (first.hash, *(record.hash for record in records)):
            frontier.append(capsule_leaf(hash_hex))

        assert (await storage.head()).frontier.root() == frontier.root()
