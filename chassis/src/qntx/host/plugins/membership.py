"""Which replicas of plugins there are, as hosts that share a database keep it there: `qntx plugin join` and `leave`.

Hosts note there which of them they reach. One that died without leaving is forgotten once no host has reached it for
long; by then a machine that was only cut off would have come back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

import structlog
from psycopg import Connection

from qntx.db.postgres import notify
from qntx.db.postgres_database import Database
from qntx.db.postgres_room import PostgresRoom
from qntx.errors import InvalidRequest, NotFound
from qntx.model.attached import Address, parse_address

FIELD = "address"
NAME = "replicas"
SCHEMA = (
    (
        """
        CREATE TABLE qntx.replica (
            plugin text NOT NULL, address text NOT NULL, PRIMARY KEY (plugin, address)
        )
        """,
    ),
    ("ALTER TABLE qntx.replica ADD COLUMN reached_at timestamptz NOT NULL DEFAULT now()",),
)
TOPIC = "replicas"
NOTED_EVERY = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(hours=1)

log = structlog.get_logger("qntx.host.plugins")


class Membership(PostgresRoom):
    """An async context manager, which brings its table along."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, NAME, SCHEMA)

    async def of(self, plugin: str) -> list[Address]:
        """Those that have joined and not left."""
        rows = await self._read("SELECT address FROM qntx.replica WHERE plugin = %s ORDER BY address", (plugin,))
        return [parse_address(FIELD, text) for (text,) in rows]

    async def join(self, plugin: str, address: str) -> None:
        """Joining again only puts off that it is forgotten. Raises InvalidRequest for what nobody could call."""
        joining = parse_address(FIELD, address)
        if joining.unspecified or joining.port == 0:
            raise InvalidRequest(FIELD, f"{address!r} cannot be called; name where hosts reach the replica")

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO qntx.replica (plugin, address) VALUES (%s, %s) "
                "ON CONFLICT (plugin, address) DO UPDATE SET reached_at = now()",
                (plugin, str(joining)),
            )
            notify(connection, TOPIC)

        await self._database.write(work)

    async def leave(self, plugin: str, address: str) -> None:
        """Raises NotFound where it has not joined."""
        leaving = str(parse_address(FIELD, address))

        def work(connection: Connection) -> bool:
            rows = connection.execute(
                "DELETE FROM qntx.replica WHERE plugin = %s AND address = %s", (plugin, leaving)
            ).rowcount
            notify(connection, TOPIC)
            return rows > 0

        if not await self._database.write(work):
            raise NotFound(f"no replica of {plugin!r} has joined at {leaving}; see `qntx plugin list`")

    async def note(self, plugin: str, reached: Sequence[Address], lost: Sequence[Address]) -> None:
        """This host reaches the ones, and has tried the others in vain for FORGOTTEN_AFTER: where all have, they go."""

        def work(connection: Connection) -> None:
            connection.execute(
                "UPDATE qntx.replica SET reached_at = now() "
                "WHERE plugin = %s AND address = ANY(%s) AND reached_at < now() - %s",
                (plugin, [str(each) for each in reached], NOTED_EVERY),
            )
            gone = connection.execute(
                "DELETE FROM qntx.replica WHERE plugin = %s AND address = ANY(%s) AND reached_at < now() - %s "
                "RETURNING address",
                (plugin, [str(each) for each in lost], FORGOTTEN_AFTER),
            ).fetchall()
            if gone:
                notify(connection, TOPIC)
                log.warning("replicas are forgotten", plugin=plugin, addresses=[address for (address,) in gone])

        await self._database.write(work)

    def listen(self, heard: Callable[[], None]) -> AbstractContextManager[None]:
        """Inside, `heard` is called when one may have joined or left, and every few seconds."""
        return self._database.listen(TOPIC, heard)
