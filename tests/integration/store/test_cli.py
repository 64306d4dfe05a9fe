"""`qntx attest` and `qntx query` against a running server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qntx.host.api import app, attestations, events
from qntx.host.config import HostSection
from qntx.host.events import Hub
from qntx.host.serving import HttpServer
from qntx.host.store.sqlite import SQLiteStore
from qntx.model.attestation import Draft


class Shell:
    def __init__(self, url: str, store: SQLiteStore, home: Path) -> None:
        self.store = store
        self._environment = {"QNTX_URL": url, "QNTX_HOME": str(home), "COLUMNS": "300"}

    async def start(self, *arguments: str | bytes) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "qntx.cli", *arguments,
            env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    async def run(self, *arguments: str | bytes) -> tuple[int | None, str, str]:
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode, out.decode(), err.decode()


@pytest_asyncio.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with SQLiteStore(tmp_path / "attestations.db") as store:
        routers = [attestations.router(store), events.router(store, Hub())]
        async with HttpServer(app.create(HostSection(), routers), "127.0.0.1", 0) as server:
            yield Shell(server.url, store, tmp_path)


async def test_what_is_attested_can_be_queried(shell: Shell) -> None:
    code, out, err = await shell.run(
        "attest", "BRCA1", "TP53", "-p", "gc", "-c", "lab", "-a", "me",
        "--attribute", "gc=0.42", "--attribute", "note=well = done", "--attribute", "tags=[1, null]",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.startswith("created AS-BRCAI-GC-LAB-")

    code, out, _ = await shell.run("query", "tp53", "-p", "gc", "--since", "1h", "--json")
    (record,) = json.loads(out)
    assert record["attributes"] == {"gc": 0.42, "note": "well = done", "tags": [1, None]}
    assert (record["actors"], record["source"]) == (["me"], "qntx-cli")

    code, out, _ = await shell.run("query")
    assert code == 0
    assert "BRCA1, TP53" in out


async def test_hostile_text_does_not_reach_the_terminal_as_it_is(shell: Shell) -> None:
    await shell.store.add(Draft(subjects=["\x1b]0;owned\x07[bold]x[/bold]"]))

    _, out, _ = await shell.run("query")

    assert "\x1b]0" not in out
    assert "[bold]x[/bold]" in out


async def test_a_refusal_is_one_line_and_an_exit_code(shell: Shell) -> None:
    assert await shell.run("query", "--since", "whenever") == (
        1,
        "",
        "Error: since: 'whenever' is no time; write 2026-01-15, 2026-01-15T09:30:00Z, '3 days ago', 90m or yesterday\n",
    )
    code, _, err = await shell.run("attest", "a", "-p", "p", "--attribute", "novalue")
    assert code == 2
    assert "name=value" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["attest", "", "-p", "p"], 1, "subjects[0]: empty"),
        (["attest", b"\xff\xfe", "-p", "p"], 1, "not Unicode text"),
        (["attest", "a", "-p", "p", "--attribute", 'x="\\ud800"'], 1, "not Unicode text"),
        (["attest", "a", "-p", "p", "--attribute", "x=[1e999]"], 1, "no number that is infinite"),
        (["attest", "a", "-p", "p", "--attribute", "x=" + "[" * 60_000 + "]" * 60_000], 2, "nested too deep"),
        (["query", b"\xff"], 1, "not Unicode text"),
        (["query", "--follow", "-c", b"\xff"], 1, "not Unicode text"),
    ],
)
async def test_what_cannot_be_said_is_one_line_and_no_traceback(
    shell: Shell, arguments: list[str | bytes], code: int, said: str
) -> None:
    ended, out, err = await shell.run(*arguments)

    assert (ended, out) == (code, "")
    assert said in err.splitlines()[-1]


async def test_what_only_looks_like_a_number_is_kept_as_a_text(shell: Shell) -> None:
    await shell.run("attest", "a", "-p", "p", "--attribute", "x=NaN")

    _, out, _ = await shell.run("query", "--json")
    assert json.loads(out)[0]["attributes"] == {"x": "NaN"}


async def test_follow_prints_what_arrives(shell: Shell) -> None:
    process = await shell.start("query", "--follow", "--json", "-p", "wanted")
    assert process.stdout is not None

    async def attest_until_seen() -> Any:
        reading = asyncio.create_task(process.stdout.readline())
        while not reading.done():
            await shell.store.add(Draft(subjects=["a"], predicates=["other"]))
            await shell.store.add(Draft(subjects=["a"], predicates=["wanted"]))
            await asyncio.wait({reading}, timeout=0.2)
        return json.loads(reading.result())

    record = await asyncio.wait_for(attest_until_seen(), 30)
    process.terminate()
    await process.wait()

    assert record["predicates"] == ["wanted"]


async def test_an_export_is_a_parquet_file_of_all_that_match(shell: Shell, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra [frames] is not installed")
    added = await shell.store.add_many(
        [Draft(subjects=["a", "b"], predicates=["p"], attributes={"n": n}) for n in range(1200)]
    )
    await shell.store.add(Draft(subjects=["a"], predicates=["other"]))

    code, out, err = await shell.run("export", str(tmp_path / "all.parquet"), "-p", "p")

    assert (code, out) == (0, f"1200 attestations in {tmp_path / 'all.parquet'}\n"), err
    table = parquet.read_table(tmp_path / "all.parquet")
    assert table["id"].to_pylist() == [one.id for one in added[::-1]]
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["subjects"], json.loads(first["attributes"])) == (["a", "b"], {"n": 1199})
    assert int(first["timestamp"].timestamp() * 1000) == added[-1].timestamp_ms
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]
