"""Whose signatures count in an audit trail that hosts share: each leaves its public key in the database.

A host takes the keys of the others into its keyring, and keeps them there. So whoever may write to the table of keys
decides whose records are believed; that is who may write to the chain itself. A checkpoint that is kept elsewhere
still shows what was changed.
"""

from __future__ import annotations

import asyncio

import structlog
from psycopg import Connection

from qntx.capsules import Seal
from qntx.db.postgres_database import Database
from qntx.db.postgres_migrations import migrate
from qntx.errors import Unavailable

NAME = "sealers"
SCHEMA = (
    (
        """
        CREATE TABLE qntx.sealer (
            public_key text PRIMARY KEY, since timestamptz NOT NULL DEFAULT now()
        )
        """,
    ),
)
LOOK_SECONDS = 2.0

log = structlog.get_logger("qntx.host.sealers")


async def follow(database: Database, seal: Seal) -> None:
    """Leave this host's key there, and take those of the others as they come; never ends by itself."""
    own = await asyncio.to_thread(seal.get_public_key)

    def introduce(connection: Connection) -> None:
        migrate(connection, NAME, SCHEMA)
        connection.execute("INSERT INTO qntx.sealer (public_key) VALUES (%s) ON CONFLICT DO NOTHING", (own,))

    introduced = False
    while True:
        try:
            if not introduced:
                await database.write(introduce)
                introduced = True
            await asyncio.to_thread(seal.trust, await database.read(_keys))
        except Unavailable as error:
            log.warning("the keys of other hosts could not be read", reason=str(error))
        await asyncio.sleep(LOOK_SECONDS)


def _keys(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT public_key FROM qntx.sealer").fetchall()]
