"""The routes answer as documented, and nothing that a caller or a tampered row does makes them crash."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from qntx.capsules import Capsule, Capsules, CapsuleType, mount_capsules
from qntx.capsules.checkpoint import read
from qntx.capsules.proof import InclusionProof

PREFIX = "/api/v1/capsules"


@pytest_asyncio.fixture
async def client(capsules: Capsules) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    mount_capsules(app, capsules)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


def fill(capsules: Capsules, count: int) -> list[str]:
    kinds = [CapsuleType.AGENT, CapsuleType.TOOL]
    acks = [capsules.chain.submit(Capsule(type=kinds[number % 2])) for number in range(count)]
    return [ack.result().id for ack in acks]


async def test_the_list_is_newest_first_with_total_limit_and_offset(
    capsules: Capsules, client: httpx.AsyncClient
) -> None:
    ids = fill(capsules, 25)

    answer = (await client.get(f"{PREFIX}/")).json()
    second = (await client.get(f"{PREFIX}/", params={"offset": 20, "type": "tool"})).json()

    assert [capsule["id"] for capsule in answer["capsules"]] == ids[:4:-1]
    assert (answer["total"], answer["limit"], answer["offset"]) == (25, 20, 0)
    assert (second["capsules"], second["total"]) == ([], 12)
    assert {"hash", "signature", "signature_pq", "signed_at", "signed_by", "trigger"} <= set(answer["capsules"][0])


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1", "type=bogus", f"offset={2**70}"])
async def test_a_bad_query_is_the_callers_fault(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"{PREFIX}/?{query}")).status_code == 422


async def test_one_capsule_or_not_found(capsules: Capsules, client: httpx.AsyncClient) -> None:
    (capsule_id,) = fill(capsules, 1)

    assert (await client.get(f"{PREFIX}/{capsule_id.upper()}")).json()["id"] == capsule_id
    assert (await client.get(f"{PREFIX}/nothing")).status_code == 404


async def test_verification_answers_in_the_documented_shape_with_both_verdicts(
    capsules: Capsules, client: httpx.AsyncClient
) -> None:
    fill(capsules, 3)

    answer = (await client.get(f"{PREFIX}/verify", params={"level": "signatures"})).json()

    assert {"valid": True, "capsules_verified": 3, "error": None, "broken_at": None}.items() <= answer.items()
    assert answer["complete"] is True
    assert (await client.get(f"{PREFIX}/verify?level=deep")).status_code == 422


async def test_a_tampered_row_is_reported_and_takes_nothing_down(
    capsules: Capsules, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    ids = fill(capsules, 3)
    await capsules.close()
    with sqlite3.connect(tmp_path / "audit.db") as connection:
        connection.execute("update capsules set data = '{' where sequence = 1")
    connection.close()

    verdict = (await client.get(f"{PREFIX}/verify")).json()

    assert (verdict["valid"], verdict["broken_at"]) == (False, ids[1])
    assert "sequence 1" in (await client.get(f"{PREFIX}/{ids[1]}")).json()["detail"]
    assert "sequence 1" in (await client.get(f"{PREFIX}/{ids[1]}/proof")).json()["detail"]
    assert (await client.get(f"{PREFIX}/{ids[2]}")).status_code == 200


async def test_a_proof_from_one_route_holds_against_the_checkpoint_from_the_other(
    capsules: Capsules, client: httpx.AsyncClient
) -> None:
    ids = fill(capsules, 9)
    note = await client.get(f"{PREFIX}/checkpoint")
    fill(capsules, 4)

    stated = read(note.text, capsules.seal.public_keys())
    proof = (await client.get(f"{PREFIX}/{ids[2]}/proof", params={"size": stated.size})).json()
    grown = (await client.get(f"{PREFIX}/consistency", params={"old": stated.size})).json()

    assert note.headers["content-type"].startswith("text/plain")
    assert InclusionProof.from_dict(proof).holds(stated.root)
    assert (grown["old"], grown["size"]) == (9, 13)
    assert (await client.get(f"{PREFIX}/nothing/proof")).status_code == 404
    assert (await client.get(f"{PREFIX}/consistency?old=99")).status_code == 409


async def test_an_empty_trail_has_no_checkpoint(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{PREFIX}/checkpoint")).status_code == 409
    assert (await client.get(f"{PREFIX}/")).json()["total"] == 0


def test_without_fastapi_mounting_says_what_to_install() -> None:
    program = """
import sys
sys.modules["fastapi"] = None
from qntx.capsules import CapsuleError, Capsules, MemoryStorage, mount_capsules
try:
    mount_capsules(object(), Capsules(storage=MemoryStorage()))
except CapsuleError as error:
    print(error)
"""
    printed = subprocess.run([sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True)

    assert printed.stdout == "mounting capsules needs FastAPI: pip install fastapi\n"
