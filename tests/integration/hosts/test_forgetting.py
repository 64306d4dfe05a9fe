"""What joined and died without leaving is forgotten once no host has reached it for long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from qntx.db.postgres_database import Database
from qntx.host.plugins.membership import FORGOTTEN_AFTER, Membership
from qntx.model.attached import Address

PLUGIN = "bio"
HERE, CUT_OFF, DEAD = (Address("10.0.0.5", port) for port in (1, 2, 3))


@pytest.fixture
async def joined(postgres_url: str) -> AsyncIterator[Membership]:
    """Three of them, none of which was reached for as long as it takes."""
    async with Database(postgres_url) as database, Membership(database) as members:
        for each in (HERE, CUT_OFF, DEAD):
            await members.join(PLUGIN, str(each))
        await database.write(
            lambda connection: connection.execute("UPDATE qntx.replica SET reached_at = now() - %s", (FORGOTTEN_AFTER,))
        )
        yield members


async def reached(members: Membership, *these: Address, lost: Sequence[Address] = ()) -> list[Address]:
    """What there is, once a host has told how it fares with them."""
    await members.note(PLUGIN, these, lost)
    return await members.of(PLUGIN)


async def test_only_what_no_host_reaches_is_forgotten(joined: Membership) -> None:
    by_the_other = await reached(joined, HERE, CUT_OFF)

    assert by_the_other == [HERE, CUT_OFF, DEAD]
    assert await reached(joined, HERE, lost=[CUT_OFF, DEAD]) == [HERE, CUT_OFF]


async def test_a_host_that_has_not_tried_for_long_forgets_nothing(joined: Membership) -> None:
    assert await reached(joined) == [HERE, CUT_OFF, DEAD]


async def test_joining_again_puts_it_off(joined: Membership) -> None:
    await joined.join(PLUGIN, str(DEAD))

    assert await reached(joined, lost=[CUT_OFF, DEAD]) == [HERE, DEAD]


async def test_another_plugins_replica_at_the_same_address_is_its_own(joined: Membership) -> None:
    await joined.join("data", str(DEAD))
    await reached(joined, lost=[DEAD])

    assert await joined.of("data") == [DEAD]
