"""The thread that does what several ask for, and what it does when nobody asks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from qntx.db.group import Group, Work

SOON_SECONDS = 0.01
PATIENCE_SECONDS = 20


def group(done: list[str], upkeep: Callable[[], bool]) -> Group[str]:
    def commit(works: list[Work[str]]) -> None:
        done.extend(work.job for work in works)

    return Group(commit, lambda: done.append("end"), "test", upkeep=upkeep, rest_seconds=SOON_SECONDS)


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, PATIENCE_SECONDS)


async def test_upkeep_is_done_at_rest_until_nothing_is_left_and_not_again_before_the_next_commit() -> None:
    done: list[str] = []
    left = [True, True, False]
    over = threading.Event()

    def upkeep() -> bool:
        done.append("upkeep")
        if not (more := left.pop(0)):
            over.set()
        return more

    own = group(done, upkeep)
    await asyncio.sleep(5 * SOON_SECONDS)
    await own.submit("a")
    await until(over)
    await asyncio.sleep(5 * SOON_SECONDS)
    left.append(False)
    over.clear()
    await own.submit("b")
    await until(over)
    own.close()

    assert done == ["a", "upkeep", "upkeep", "upkeep", "b", "upkeep", "end"]


async def test_who_asks_during_upkeep_waits_for_one_step_of_it() -> None:
    done: list[str] = []
    step, go_on = threading.Event(), threading.Event()

    def upkeep() -> bool:
        done.append("upkeep")
        step.set()
        return go_on.wait(PATIENCE_SECONDS)

    own = group(done, upkeep)
    await own.submit("a")
    await until(step)
    asked = asyncio.create_task(own.submit("b"))
    await asyncio.sleep(0)
    go_on.set()
    await asked
    await asyncio.to_thread(own.close)

    assert done[:3] == ["a", "upkeep", "b"]


async def test_closing_leaves_the_rest_of_the_upkeep_undone() -> None:
    done: list[str] = []
    step = threading.Event()

    def upkeep() -> bool:
        step.set()
        return True

    own = group(done, upkeep)
    await own.submit("a")
    await until(step)
    await asyncio.wait_for(asyncio.to_thread(own.close), PATIENCE_SECONDS)

    assert done == ["a", "end"]
