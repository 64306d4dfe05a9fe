"""Sessions: variables that stay, for those whose they are."""

from __future__ import annotations

import asyncio

import pytest

from qntx.errors import NotFound
from qntx.model.execution import Limits, Outcome


async def test_a_session_keeps_its_variables(run, pool):
    await run("x = 41", session_id="s", principal="ada")

    assert (await run("x + 1", session_id="s", principal="ada")).result_json == b"42"
    assert (await run("'x' in globals()")).result_json == b"false"


async def test_a_session_is_never_shared_between_principals(run, pool):
    await run("x = 41", session_id="s", principal="ada")

    assert (await run("'x' in globals()", session_id="s", principal="eve")).result_json == b"false"
    assert [session["runs"] for session in pool.sessions("ada")] == [1]
    assert pool.sessions("nobody") == []
    with pytest.raises(NotFound):
        await pool.inspect_session("nobody", "s")


async def test_a_sessions_variables_can_be_seen_and_forgotten(run, pool):
    await run("x = 41\nwords = ['a']", session_id="s", principal="ada")

    assert await pool.inspect_session("ada", "s") == [
        {"name": "x", "type": "int", "repr": "41"},
        {"name": "words", "type": "list", "repr": "['a']"},
    ]
    assert pool.end_session("ada", "s")
    assert (await run("'x' in globals()", session_id="s", principal="ada")).result_json == b"false"


async def test_a_run_whose_session_is_ended_ends_with_it(run, pool):
    ada = {"session_id": "s", "principal": "ada"}
    await run("x = 1", **ada)
    under_way = asyncio.create_task(run("import time; time.sleep(60)", **ada))
    await asyncio.sleep(0)

    assert pool.end_session("ada", "s")

    result = await asyncio.wait_for(under_way, 20)
    assert (result.outcome, result.error) == (Outcome.KILLED, "The worker was killed: its session was ended.\n")
    assert (await run("'x' in globals()", **ada)).result_json == b"false"


async def test_an_interrupted_session_keeps_its_variables_and_a_killed_one_starts_anew(run):
    ada = {"session_id": "s", "principal": "ada"}
    await run("x = 1", **ada)

    interrupted = await run("while True: pass", limits=Limits(timeout_seconds=1), **ada)
    kept = await run("x", **ada)
    killed = await run("import os; os._exit(1)", **ada)
    anew = await run("'x' in globals()", **ada)

    assert interrupted.outcome is Outcome.TIMED_OUT
    assert kept.result_json == b"1"
    assert killed.outcome is Outcome.KILLED
    assert anew.result_json == b"false"


async def test_runs_of_one_session_wait_for_each_other(run):
    ada = {"session_id": "s", "principal": "ada"}
    await run("seen = []", **ada)

    await asyncio.gather(*(run(f"seen.append({n})", **ada) for n in range(5)))

    assert sorted((await run("seen", **ada)).result_json) == sorted(b"[0, 1, 2, 3, 4]")


async def test_attestations_of_a_second_run_have_their_own_ids(run, home):
    ada = {"session_id": "s", "principal": "ada"}
    await run("attest(['one'], ['p'], ['c'])", **ada)

    second = await run("attest(['two'], ['p'], ['c'])['id']", **ada)

    assert second.result_json == b'"AS1"'
