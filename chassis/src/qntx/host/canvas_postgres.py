"""The canvas in PostgreSQL, where several hosts show the same one."""

from __future__ import annotations

from dataclasses import astuple, fields

import msgspec
from psycopg import Connection

from qntx.db.postgres_database import Database
from qntx.db.postgres_room import PostgresRoom
from qntx.errors import InvalidRequest, NotFound
from qntx.host.canvas import CONTENT_CHARACTERS_MAX, GLYPHS_MAX, RESULT_BYTES_MAX, Glyph

NAME = "canvas"

SCHEMA = (
    (
        """
        CREATE TABLE qntx.glyph (
            number bigint GENERATED ALWAYS AS IDENTITY,
            id text PRIMARY KEY,
            symbol text NOT NULL,
            title text NOT NULL,
            x double precision NOT NULL,
            y double precision NOT NULL,
            width double precision NOT NULL,
            height double precision NOT NULL,
            content text NOT NULL,
            timeout_seconds double precision,
            fed_by text NOT NULL
        )
        """,
        "CREATE INDEX glyph_fed_by ON qntx.glyph (fed_by)",
        """
        CREATE TABLE qntx.result (
            glyph_id text PRIMARY KEY REFERENCES qntx.glyph (id) ON DELETE CASCADE,
            answer bytea NOT NULL,
            job_id text NOT NULL
        )
        """,
        "CREATE INDEX result_of_job ON qntx.result (job_id) WHERE job_id <> ''",
        # A page that is closed saves once more, and that may arrive after the glyph was removed elsewhere.
        "CREATE TABLE qntx.removed (glyph_id text PRIMARY KEY)",
    ),
)

_COLUMNS = ", ".join(field.name for field in fields(Glyph))
_PLACES = ", ".join("%s" for _ in fields(Glyph))
_CHANGES = ", ".join(f"{field.name} = excluded.{field.name}" for field in fields(Glyph) if field.name != "id")
_SAVE = f"INSERT INTO qntx.glyph ({_COLUMNS}) VALUES ({_PLACES}) ON CONFLICT (id) DO UPDATE SET {_CHANGES}"
_ANSWER = """
    INSERT INTO qntx.result VALUES (%s, %s, %s)
    ON CONFLICT (glyph_id) DO UPDATE SET answer = excluded.answer, job_id = excluded.job_id
"""


class PostgresCanvas(PostgresRoom):
    """An async context manager over an open database; methods as of Canvas."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, NAME, SCHEMA)

    async def glyphs(self) -> list[Glyph]:
        return [Glyph(*row) for row in await self._read(f"SELECT {_COLUMNS} FROM qntx.glyph ORDER BY number")]

    async def glyph(self, glyph_id: str) -> Glyph | None:
        rows = await self._read(f"SELECT {_COLUMNS} FROM qntx.glyph WHERE id = %s", (glyph_id,))
        return Glyph(*rows[0]) if rows else None

    async def fed_by(self, glyph_id: str) -> list[str]:
        rows = await self._read("SELECT id FROM qntx.glyph WHERE fed_by = %s ORDER BY number", (glyph_id,))
        return [row[0] for row in rows]

    async def ingesting(self, job_id: str) -> list[str]:
        asked = "SELECT id FROM qntx.glyph JOIN qntx.result ON glyph_id = id WHERE symbol = 'ix' AND job_id = %s"
        return [row[0] for row in await self._read(asked, (job_id,))]

    async def put(self, glyph: Glyph, version: str = "") -> None:
        if len(glyph.content) > CONTENT_CHARACTERS_MAX:
            raise InvalidRequest("content", f"is longer than {CONTENT_CHARACTERS_MAX} characters")

        def write(connection: Connection) -> None:
            if connection.execute("SELECT 1 FROM qntx.removed WHERE glyph_id = %s", (glyph.id,)).fetchone():
                raise NotFound(f"glyph {glyph.id!r} was removed from the canvas; place a new one under another id")
            asked = f"SELECT {_COLUMNS} FROM qntx.glyph WHERE id = %s FOR UPDATE"
            row = connection.execute(asked, (glyph.id,)).fetchone()
            glyph.check(Glyph(*row) if row else None, version)
            connection.execute(_SAVE, astuple(glyph))
            counted = connection.execute("SELECT count(*) FROM qntx.glyph").fetchone()
            if counted is not None and counted[0] > GLYPHS_MAX:
                raise InvalidRequest("id", f"the canvas holds {GLYPHS_MAX} glyphs already; remove some first")

        await self._database.write(write)

    async def remove(self, glyph_id: str) -> None:
        def write(connection: Connection) -> None:
            if not connection.execute("DELETE FROM qntx.glyph WHERE id = %s", (glyph_id,)).rowcount:
                raise _unknown(glyph_id)
            connection.execute("INSERT INTO qntx.removed VALUES (%s) ON CONFLICT DO NOTHING", (glyph_id,))
            connection.execute("UPDATE qntx.glyph SET fed_by = '' WHERE fed_by = %s", (glyph_id,))

        await self._database.write(write)

    async def answer(self, glyph_id: str) -> bytes | None:
        rows = await self._read("SELECT answer FROM qntx.result WHERE glyph_id = %s", (glyph_id,))
        return bytes(rows[0][0]) if rows else None

    async def keep_answer(self, glyph_id: str, answer: bytes) -> None:
        if len(answer) > RESULT_BYTES_MAX:
            raise InvalidRequest("result", f"is larger than {RESULT_BYTES_MAX} bytes, and is not kept")

        def write(connection: Connection) -> None:
            # Held, so that it is not removed meanwhile.
            if not connection.execute("SELECT 1 FROM qntx.glyph WHERE id = %s FOR SHARE", (glyph_id,)).fetchone():
                raise _unknown(glyph_id)
            connection.execute(_ANSWER, (glyph_id, answer, job_of(answer)))

        await self._database.write(write)


def job_of(answer: bytes) -> str:
    """The job that an answer speaks of; empty where of none."""
    try:
        told = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        return ""
    job_id = told.get("job_id") if isinstance(told, dict) else None
    return job_id if isinstance(job_id, str) and "\x00" not in job_id else ""


def _unknown(glyph_id: str) -> NotFound:
    return NotFound(f"no glyph on the canvas has the id {glyph_id!r}")
