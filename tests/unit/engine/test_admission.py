"""Places among the runs under way are given back, whatever becomes of those who wait."""

from __future__ import annotations

import asyncio

from qntx.engine.admission import Admission


async def test_all_who_run_and_wait_may_leave_at_once_and_every_place_is_free_again():
    admission = Admission(2, 10)

    async def hold() -> None:
        async with admission.turn(""):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(hold()) for _ in range(6)]
    await asyncio.sleep(0)

    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
    assert (admission.running, admission.queued) == (0, 0)
