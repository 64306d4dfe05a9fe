"""A host that does nothing but attest: `python -m tests.integration.store.writer URL NAME COUNT`.

Prints the id of each attestation once it is acknowledged.
"""

from __future__ import annotations

import asyncio
import sys

from qntx.db.postgres_database import Database
from qntx.host.store.postgres import PostgresStore
from qntx.model.attestation import Draft

CALLERS = 8


async def write(url: str, name: str, count: int) -> None:
    async with Database(url) as database, PostgresStore(database) as store:

        async def call(own: int) -> None:
            for number in range(own, count, CALLERS):
                added = await store.add(Draft(subjects=[f"{name}:{number}"], predicates=["shared"], contexts=[name]))
                print(added.id, flush=True)

        await asyncio.gather(*map(call, range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3])))
