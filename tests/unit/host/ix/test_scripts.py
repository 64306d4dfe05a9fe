from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from qntx.errors import InvalidRequest, NotFound
from qntx.host.ix.scripts import Scripts
from qntx.host.store.memory import MemoryStore
from qntx.model.attestation import Draft, Filter
from qntx.model.ingest import IngestScript

CODE = "def execute(payload):\n    return payload['input']\n"


async def bundled() -> Iterable[IngestScript]:
    return [IngestScript("fasta", "def execute(payload): ...", 0, glyph="py:bio")]


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    async with MemoryStore() as store:
        yield store


@pytest.fixture
def scripts(store: MemoryStore) -> Scripts:
    return Scripts(store, bundled)


async def test_a_publication_is_found_in_both_documented_ways(scripts: Scripts, store: MemoryStore) -> None:
    script = await scripts.publish(IngestScript("csv", CODE, 0, glyph="py:data", created_by="glyph:7"))

    by_subject = await store.find(Filter(subjects=["script:ingest:csv"], predicates=["defines"]))
    by_predicate = await store.find(Filter(predicates=["handles"], contexts=["csv-ingestion"]))

    assert [claim.id for claim in by_subject] == [claim.id for claim in by_predicate] == [script.id]
    assert by_subject[0].attributes["code"] == CODE


async def test_publishing_again_makes_the_next_version_and_keeps_the_one_before(scripts: Scripts) -> None:
    await scripts.publish(IngestScript("csv", CODE, 0))
    second = await scripts.publish(IngestScript("csv", CODE + "# better\n", 0))

    assert second.version == 2
    assert (await scripts.get("csv")).code.endswith("# better\n")
    assert (await scripts.get("csv", version=1)).code == CODE


async def test_publishing_at_once_gives_each_a_version_of_its_own(scripts: Scripts) -> None:
    published = await asyncio.gather(*(scripts.publish(IngestScript("csv", CODE, 0)) for _ in range(10)))

    assert sorted(script.version for script in published) == list(range(1, 11))


async def test_a_published_script_wins_over_a_bundled_one(scripts: Scripts) -> None:
    assert (await scripts.get("fasta")).version == 0

    await scripts.publish(IngestScript("fasta", CODE, 0))

    assert (await scripts.get("fasta")).code == CODE


async def test_a_deleted_name_is_gone_until_it_is_published_again(scripts: Scripts) -> None:
    await scripts.publish(IngestScript("csv", CODE, 0))
    await scripts.withdraw("csv")

    with pytest.raises(NotFound, match="no ingest script 'csv'"):
        await scripts.get("csv")
    assert [script.name for script in await scripts.list()] == ["fasta"]
    assert (await scripts.publish(IngestScript("csv", CODE, 0))).version == 2


async def test_the_list_has_the_newest_of_each(scripts: Scripts) -> None:
    for name in ("tsv", "csv", "csv"):
        await scripts.publish(IngestScript(name, CODE, 0))

    assert [(script.name, script.version) for script in await scripts.list()] == [("csv", 2), ("fasta", 0), ("tsv", 1)]


async def test_a_claim_without_code_is_no_publication(scripts: Scripts, store: MemoryStore) -> None:
    await scripts.publish(IngestScript("csv", CODE, 0))
    await store.add(Draft(["script:ingest:csv"], ["defines", "handles"], ["python"], source="distill"))

    assert (await scripts.get("csv")).code == CODE


@pytest.mark.parametrize(
    ("script", "field"),
    [
        (IngestScript("CSV", CODE, 0), "name"),
        (IngestScript("", CODE, 0), "name"),
        (IngestScript("csv", "  \n", 0), "code"),
        (IngestScript("csv", "def execute(payload:", 0), "code"),
        (IngestScript("csv", "x" * 600_000, 0), "code"),
        (IngestScript("csv", CODE, 0, language="perl"), "language"),
    ],
)
async def test_what_cannot_be_run_is_refused_with_its_field(scripts: Scripts, script: IngestScript, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await scripts.publish(script)

    assert caught.value.field == field


async def test_a_bundled_script_cannot_be_deleted(scripts: Scripts) -> None:
    with pytest.raises(InvalidRequest, match="came with a variant"):
        await scripts.withdraw("fasta")
