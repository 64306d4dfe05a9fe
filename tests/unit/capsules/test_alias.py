"""Programs that were written against qp_capsule run on ours, as their documentation shows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import qp_capsule

import qntx.capsules

DOCUMENTED = """
import asyncio
import qntx.capsules.alias

from fastapi import FastAPI
from qp_capsule import Capsule, CapsuleChain, CapsuleStorage, CapsuleType, Capsules, Seal, TriggerSection
from qp_capsule.audit import Capsules as SameCapsules
from qp_capsule.integrations.fastapi import mount_capsules
from qp_capsule.storage_pg import PostgresCapsuleStorage
from qp_capsule import PostgresCapsuleStorage as SamePostgres

import qntx.capsules
assert Capsules is SameCapsules is qntx.capsules.Capsules
assert PostgresCapsuleStorage is SamePostgres


class LLM:
    class Answer(str):
        text = property(lambda self: self)

    async def complete(self, prompt):
        return self.Answer(f"about {prompt}")


llm = my_llm = LLM()
capsules = Capsules()  # SQLite, zero config


@capsules.audit(type="agent")
async def run_agent(task: str):
    result = await my_llm.complete(task)
    return result


@capsules.audit(type="agent", tenant_from="site_id")
async def run(task: str, *, site_id: str) -> str:
    return await llm.complete(task)


@capsules.audit(type="tool", source="content-writer-v2")
async def write(topic: str) -> str:
    return await llm.complete(f"Write about {topic}")


@capsules.audit(type="tool")
def compute(value: int) -> int:
    return value * 2


@capsules.audit(type="agent")
async def enriched(task: str, *, site_id: str):
    cap = capsules.current()
    cap.reasoning.model = "gpt-4o"
    cap.reasoning.confidence = 0.92
    cap.context.session_id = "session-abc"
    result = await llm.complete(task)
    cap.outcome.summary = f"Generated {len(result.text)} chars"
    cap.execution.resources_used = {"tokens": 1500, "cost_usd": 0.003}
    return result


async def main():
    await run_agent("Write a blog post about AI safety")
    await run("Write", site_id="tenant-123")
    await write("chains")
    assert compute(21) == 42
    await enriched("Write a summary", site_id="tenant-123")
    try:
        capsules.current()
    except RuntimeError as error:
        print(error)
    mount_capsules(FastAPI(), capsules, prefix="/api/v1/capsules")

    storage = CapsuleStorage()
    chain = CapsuleChain(storage)
    seal = Seal()
    capsule = Capsule(
        type=CapsuleType.AGENT,
        trigger=TriggerSection(source="deploy-bot", request="Deploy v2.4"),
    )
    capsule = await chain.seal_and_store(capsule, seal)
    assert seal.verify(capsule)
    result = await chain.verify()
    assert result.valid
    print(result.capsules_verified)
    await storage.close()
    await capsules.close()


capsule = Capsule(type=CapsuleType.AGENT, trigger=TriggerSection(type="user_request", source="bot", request="Deploy"))
seal = Seal()
seal.seal(capsule)
assert seal.verify(capsule)
asyncio.run(main())
"""


def test_the_documented_examples_run_as_written(data_directory: Path) -> None:
    ran = subprocess.run([sys.executable, "-W", "error", "-c", DOCUMENTED], timeout=60, capture_output=True, text=True)

    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "No active capsule — are you inside an @audit decorated function?",
        "6",
    ]
    assert (data_directory / "capsules.db").exists()


def test_every_public_name_has_its_counterpart() -> None:
    missing = [name for name in qp_capsule.__all__ if name != "__version__" and not hasattr(qntx.capsules, name)]

    assert missing == []


def test_every_public_name_is_there() -> None:
    assert [name for name in qntx.capsules.__all__ if not hasattr(qntx.capsules, name)] == []


def test_the_format_is_the_pinned_version() -> None:
    assert qp_capsule.__version__ == "1.5.4"
