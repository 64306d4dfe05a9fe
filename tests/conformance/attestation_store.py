"""What every attestation store promises, as tests.

A store passes by a subclass whose `open` gives a fresh, empty one:

    class TestMemoryStore(AttestationStoreSuite):
        async def open(self, tmp_path, signer, now_ms):
            return MemoryStore(signer, now_ms)
"""

from __future__ import annotations

import asyncio
import datetime
import math
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qntx.errors import InvalidRequest
from qntx.host.store.base import AttestationStore
from qntx.host.store.claim import Signer
from qntx.host.store.node_key import NodeKey, verify
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.model.identity import is_asid

NOON_MS = 1_800_000_000_000

KEY = NodeKey(bytes(range(32)))

FOREIGN = Attestation(
    id="AS-ELSEWHERE-1",
    subjects=("gene",),
    predicates=("imported",),
    contexts=("archive",),
    actors=("somebody",),
    timestamp_ms=NOON_MS - 5000,
    created_at_ms=NOON_MS - 4000,
    source="elsewhere",
    attributes={"kept": True},
    signature=b"\x01\x02",
    signer_did="did:key:zElsewhere",
)


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"in": value}
    return value


def _cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


UNFIT = {
    "no subjects": (Draft(subjects=()), "subjects"),
    "one text for a list": (Draft(subjects="gene"), "subjects"),
    "no list": (Draft(subjects=5), "subjects"),  # type: ignore[arg-type]
    "a number for a term": (Draft(subjects=["a"], predicates=["b", 5]), "predicates[1]"),  # type: ignore[list-item]
    "an empty term": (Draft(subjects=["a"], contexts=[""]), "contexts[0]"),
    "half a surrogate": (Draft(subjects=["a\ud800"]), "subjects[0]"),
    "a term of ten kilobytes": (Draft(subjects=["a" * 10_001]), "subjects[0]"),
    "attributes no object": (Draft(subjects=["a"], attributes=[1]), "attributes"),  # type: ignore[arg-type]
    "a key that is no text": (Draft(subjects=["a"], attributes={"x": {1: 2}}), "attributes.x"),
    "not a number": (Draft(subjects=["a"], attributes={"x": [0, math.nan]}), "attributes.x[1]"),
    "infinity": (Draft(subjects=["a"], attributes={"x": -math.inf}), "attributes.x"),
    "an integer no double holds": (Draft(subjects=["a"], attributes={"x": 10**400}), "attributes.x"),
    "a date": (Draft(subjects=["a"], attributes={"day": datetime.date(2026, 1, 1)}), "attributes.day"),
    "surrogate in a value": (Draft(subjects=["a"], attributes={"x": "\udfff"}), "attributes.x"),
    "surrogate in a key": (Draft(subjects=["a"], attributes={"\udfff": 1}), "attributes"),
    "a cycle": (Draft(subjects=["a"], attributes=_cyclic()), "attributes"),
    "31 levels": (Draft(subjects=["a"], attributes=_nested(31)), "attributes"),
    "two megabytes": (Draft(subjects=["a"], attributes={"x": "y" * 2_000_000}), "attributes"),
    "a fractional time": (Draft(subjects=["a"], timestamp_ms=1.5), "timestamp"),  # type: ignore[arg-type]
    "the year 10000": (Draft(subjects=["a"], timestamp_ms=253_402_300_800_000), "timestamp"),
}


class AttestationStoreSuite:
    """Subclass it, and write `open`."""

    async def open(self, tmp_path: Path, signer: Signer, now_ms: Callable[[], int]) -> AttestationStore:
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Iterator[list[int]]:
        return [NOON_MS]

    @pytest_asyncio.fixture
    async def store(self, tmp_path: Path, clock: list[int]) -> AsyncIterator[AttestationStore]:
        async with await self.open(tmp_path, KEY, lambda: clock[0]) as store:
            yield store

    async def test_what_was_added_is_found_by_its_id(self, store: AttestationStore) -> None:
        draft = Draft(
            subjects=["BRCA1", "TP53"],
            predicates=["gc"],
            contexts=["lab"],
            actors=["glyph:7"],
            attributes={"gc": 0.42, "n": 3, "none": None, "ok": True, "list": [1, "ä", {"deep": 2**60}]},
            source="script",
            source_version="1.2",
            timestamp_ms=NOON_MS - 10,
        )

        added = await store.add(draft)

        assert await store.get(added.id) == added
        assert (added.subjects, added.predicates) == (("BRCA1", "TP53"), ("gc",))
        assert (added.contexts, added.actors, added.source) == (("lab",), ("glyph:7",), "script")
        assert (added.timestamp_ms, added.created_at_ms) == (NOON_MS - 10, NOON_MS)
        assert added.attributes == {**draft.attributes, "source_version": "1.2"}

    async def test_an_unknown_id_is_none(self, store: AttestationStore) -> None:
        assert await store.get("AS-NOBODY") is None

    async def test_ids_have_the_documented_form_and_never_repeat(self, store: AttestationStore) -> None:
        added = await store.add_many([Draft(subjects=["Müller"], predicates=["007 code"])] * 500)

        assert all(is_asid(attestation.id) for attestation in added)
        assert added[0].id.startswith("AS-MULER-CODE--")
        assert len({attestation.id for attestation in added}) == 500

    async def test_what_is_not_given_gets_its_default(self, store: AttestationStore) -> None:
        added = await store.add(Draft(subjects=["a"]))

        assert (added.predicates, added.contexts, added.actors) == (("_",), ("_",), ())
        assert (added.source, added.attributes, added.timestamp_ms) == ("plugin", {}, NOON_MS)
        assert await store.find(Filter(predicates=["_"])) == [added]

    async def test_a_time_of_zero_is_now(self, store: AttestationStore) -> None:
        assert (await store.add(Draft(subjects=["a"], timestamp_ms=0))).timestamp_ms == NOON_MS

    async def test_what_is_kept_carries_the_nodes_signature(self, store: AttestationStore) -> None:
        await store.add(Draft(subjects=["a"], attributes={"x": 1.5, "y": 3.0}))

        (kept,) = await store.find(Filter())

        assert kept.signer_did == KEY.did
        assert verify(kept)
        assert not verify(replace(kept, attributes={"x": 1.6, "y": 3.0}))

    @pytest.mark.parametrize("case", UNFIT)
    async def test_an_unfit_draft_is_refused_with_the_field_and_nothing_is_kept(
        self, store: AttestationStore, case: str
    ) -> None:
        draft, field = UNFIT[case]

        with pytest.raises(InvalidRequest) as refused:
            await store.add(draft)

        assert refused.value.field.startswith(field)
        assert len(str(refused.value)) < 300
        assert await store.find(Filter()) == []

    async def test_one_unfit_draft_refuses_the_whole_batch_and_is_named(self, store: AttestationStore) -> None:
        with pytest.raises(InvalidRequest) as refused:
            await store.add_many([Draft(subjects=["a"]), Draft(subjects=[])])

        assert refused.value.field == "[1].subjects"
        assert await store.position() == 0

    async def test_an_empty_batch_is_nothing(self, store: AttestationStore) -> None:
        assert await store.add_many([]) == []

    async def test_thirty_levels_of_attributes_are_kept(self, store: AttestationStore) -> None:
        added = await store.add(Draft(subjects=["a"], attributes=_nested(30)))

        assert await store.get(added.id) == added

    async def test_fields_are_ORed_within_and_ANDed_across(self, store: AttestationStore) -> None:
        one = await store.add(Draft(subjects=["a", "b"], predicates=["p"], contexts=["c"], actors=["x"]))
        two = await store.add(Draft(subjects=["b"], predicates=["q"], contexts=["c"], actors=["y"]))

        async def found(**wanted: list[str]) -> list[Attestation]:
            return await store.find(Filter(**wanted))

        assert await found(subjects=["a", "b"]) == [two, one]
        assert await found(subjects=["a", "none"]) == [one]
        assert await found(subjects=["b"], predicates=["p"]) == [one]
        assert await found(subjects=["a"], predicates=["q"]) == []
        assert await found(contexts=["c"], actors=["x", "y"]) == [two, one]
        assert await found(predicates=["b"]) == []

    async def test_a_term_is_compared_whole(self, store: AttestationStore) -> None:
        await store.add(Draft(subjects=["sequence:new", "ab cd"]))

        for part in ("sequence", "sequence:ne", "ab", "cd", "", " ab cd", "*", '"', "sequence:new OR x"):
            assert await store.find(Filter(subjects=[part])) == []
        assert len(await store.find(Filter(subjects=["ab cd"]))) == 1

    async def test_only_the_case_of_ascii_letters_is_ignored(self, store: AttestationStore) -> None:
        added = await store.add(Draft(subjects=["Käse É K"]))

        assert await store.find(Filter(subjects=["käSE É k"])) == [added]
        assert await store.find(Filter(subjects=["kÄse É k"])) == []
        assert await store.find(Filter(subjects=["käse é k"])) == []

    @pytest.mark.parametrize(
        "term", ["🧬", "a\x00b", "\n", "'; DROP TABLE attestation; --", "x" * 9_000, "日本語", "\x00"]
    )
    async def test_any_text_is_a_term(self, store: AttestationStore, term: str) -> None:
        await store.add(Draft(subjects=["other"]))
        added = await store.add(Draft(subjects=[term]))

        assert await store.find(Filter(subjects=[term])) == [added]

    async def test_long_terms_that_differ_at_their_end_are_not_mixed_up(self, store: AttestationStore) -> None:
        await store.add(Draft(subjects=["x" * 9_999 + "a"]))

        assert await store.find(Filter(subjects=["x" * 9_999 + "b"])) == []

    async def test_a_thousand_subjects_can_be_asked_for_at_once(self, store: AttestationStore) -> None:
        await store.add_many([Draft(subjects=[f"s{number}"]) for number in range(1500)])

        found = await store.find(Filter(subjects=[f"s{number}" for number in range(1000)]))

        assert len(found) == 1000

    async def test_the_newest_comes_first(self, store: AttestationStore, clock: list[int]) -> None:
        added = []
        for step in (0, 0, 1, 0):
            clock[0] += step
            added += await store.add_many([Draft(subjects=["a"]), Draft(subjects=["a", "b"])])

        assert await store.find(Filter(subjects=["a"])) == added[::-1]
        assert await store.find(Filter()) == added[::-1]

    async def test_newest_is_by_when_it_was_taken_not_by_when_it_is_said_to_hold(self, store: AttestationStore) -> None:
        early = await store.add(Draft(subjects=["a"], timestamp_ms=NOON_MS + 1_000_000))
        late = await store.add(Draft(subjects=["a"], timestamp_ms=1))

        assert await store.find(Filter(subjects=["a"])) == [late, early]

    async def test_a_clock_set_back_does_not_hide_the_newest(self, store: AttestationStore, clock: list[int]) -> None:
        before = await store.add(Draft(subjects=["a"]))
        clock[0] -= 60_000
        after = await store.add(Draft(subjects=["a"]))

        assert await store.find(Filter(), limit=1) == [after]
        assert after.created_at_ms >= before.created_at_ms

    async def test_limits(self, store: AttestationStore) -> None:
        added = await store.add_many([Draft(subjects=["a"])] * 10)

        assert await store.find(Filter(), limit=0) == []
        assert await store.find(Filter(), limit=3) == added[:-4:-1]
        assert await store.find(Filter(subjects=["a"]), limit=3) == added[:-4:-1]
        assert len(await store.find(Filter(), limit=None)) == 10
        assert [found async for found in store.stream(Filter(), limit=0)] == []
        assert [found async for found in store.stream(Filter(), limit=3)] == added[:-4:-1]

    async def test_time_bounds_are_inclusive_and_on_the_timestamp(self, store: AttestationStore) -> None:
        at = {time: await store.add(Draft(subjects=["a"], timestamp_ms=time)) for time in (100, 200, 300)}

        for terms in ({}, {"subjects": ["a"]}):
            assert await store.find(Filter(**terms, since_ms=200)) == [at[300], at[200]]
            assert await store.find(Filter(**terms, until_ms=200)) == [at[200], at[100]]
            assert await store.find(Filter(**terms, since_ms=101, until_ms=299)) == [at[200]]
            assert await store.find(Filter(**terms, since_ms=0, until_ms=99)) == []
            assert await store.find(Filter(**terms, since_ms=100), limit=1) == [at[300]]

    async def test_a_stream_gives_all_of_many_pages_once_and_in_order(self, store: AttestationStore) -> None:
        added = await store.add_many([Draft(subjects=["a"], attributes={"n": n}) for n in range(4100)])

        streamed = []
        async for attestation in store.stream(Filter(subjects=["a"])):
            if not streamed:
                await store.add(Draft(subjects=["a"]))
            streamed.append(attestation)

        assert streamed == added[::-1]

    async def test_arrivals_are_counted_without_gaps_and_read_in_order(self, store: AttestationStore) -> None:
        assert (await store.position(), await store.after(0, limit=10)) == (0, [])
        added = await store.add_many([Draft(subjects=["a"])] * 3)
        with pytest.raises(InvalidRequest):
            await store.add(Draft(subjects=[]))
        added.append(await store.add(Draft(subjects=["a"])))

        assert await store.position() == 4
        assert await store.after(0, limit=2) == [(1, added[0]), (2, added[1])]
        assert await store.after(2, limit=10) == [(3, added[2]), (4, added[3])]

    async def test_what_comes_with_an_older_time_is_still_the_latest_arrival(self, store: AttestationStore) -> None:
        newest = await store.add(Draft(subjects=["gene"]))

        assert await store.put(FOREIGN)

        assert await store.find(Filter(subjects=["gene"])) == [newest, FOREIGN]
        assert await store.after(1, limit=10) == [(2, FOREIGN)]

    async def test_an_id_is_kept_once_and_never_replaced(self, store: AttestationStore) -> None:
        assert await store.put(FOREIGN)

        assert not await store.put(replace(FOREIGN, source="impostor"))

        assert await store.get(FOREIGN.id) == FOREIGN
        assert await store.position() == 1

    async def test_an_unsigned_attestation_is_signed_when_it_is_put(self, store: AttestationStore) -> None:
        await store.put(replace(FOREIGN, signature=b"", signer_did=""))

        kept = await store.get(FOREIGN.id)

        assert kept is not None
        assert kept.signer_did == KEY.did
        assert verify(kept)

    async def test_an_attestation_put_without_times_gets_them(self, store: AttestationStore) -> None:
        await store.put(replace(FOREIGN, timestamp_ms=0, created_at_ms=0))

        kept = await store.get(FOREIGN.id)

        assert kept is not None
        assert (kept.timestamp_ms, kept.created_at_ms) == (NOON_MS, NOON_MS)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("id", ""),
            ("id", "\ud800"),
            ("id", "x" * 513),
            ("id", "a\x00b"),
            ("source", "a\x00b"),
            ("signer_did", "\x00"),
            ("subjects", ()),
            ("created_at_ms", -1),
            ("created_at_ms", 2**62),
        ],
    )
    async def test_an_unfit_attestation_is_refused(self, store: AttestationStore, field: str, value: Any) -> None:
        with pytest.raises(InvalidRequest):
            await store.put(replace(FOREIGN, **{field: value}))

        assert await store.position() == 0

    async def test_attestations_put_into_the_present_mix_with_drafts(self, store: AttestationStore) -> None:
        ids = []
        for number in range(20):
            ids.append((await store.add(Draft(subjects=["a"]))).id)
            await store.put(replace(FOREIGN, id=f"put-{number}", created_at_ms=NOON_MS))
            ids.append(f"put-{number}")

        assert [found.id for found in await store.find(Filter())] == ids[::-1]

    async def test_many_at_once_are_all_kept(self, store: AttestationStore) -> None:
        added = await asyncio.gather(*(store.add(Draft(subjects=[f"s{number}"])) for number in range(300)))

        arrived = await store.after(0, limit=1000)

        assert [position for position, _ in arrived] == list(range(1, 301))
        assert {attestation.id for _, attestation in arrived} == {attestation.id for attestation in added}

    async def test_a_watcher_of_arrivals_is_woken(self, store: AttestationStore) -> None:
        waiting = asyncio.create_task(store.arrived(0))
        await asyncio.sleep(0.01)
        assert not waiting.done()

        await store.add(Draft(subjects=["a"]))

        await asyncio.wait_for(waiting, 10)
        await asyncio.wait_for(store.arrived(0), 10)

    async def test_closing_twice_is_the_same_as_once(self, store: AttestationStore) -> None:
        await store.aclose()
        await store.aclose()
