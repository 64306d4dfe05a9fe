"""The canvas: which glyphs lie where, what is written in them and what they last answered, in one SQLite file."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from qntx.db.file import File
from qntx.errors import Conflict, InvalidRequest, NotFound

GLYPHS_MAX = 1000
VERSION_CHARACTERS = 16
CONTENT_CHARACTERS_MAX = 1_000_000
RESULT_BYTES_MAX = 8 * 1024 * 1024

SCHEMA = (
    (
        """
        CREATE TABLE glyph (
            id TEXT PRIMARY KEY,
            symbol TEXT NOT NULL,
            title TEXT NOT NULL,
            x REAL NOT NULL,
            y REAL NOT NULL,
            width REAL NOT NULL,
            height REAL NOT NULL,
            content TEXT NOT NULL,
            timeout_seconds REAL,
            fed_by TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE result (
            glyph_id TEXT PRIMARY KEY REFERENCES glyph (id) ON DELETE CASCADE,
            answer BLOB NOT NULL
        ) STRICT
        """,
    ),
    (
        # A page that is closed saves once more, and that may arrive after the glyph was removed elsewhere.
        "CREATE TABLE removed (glyph_id TEXT PRIMARY KEY) STRICT",
        "CREATE INDEX glyph_fed_by ON glyph (fed_by)",
    ),
)


@dataclass(frozen=True, slots=True)
class Glyph:
    """One thing on the canvas."""

    id: str
    symbol: str
    """`py`, `py:bio`, …, or `ix`."""
    title: str = ""
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    content: str = ""
    """The code, or the line, that is written in it."""
    timeout_seconds: float | None = None
    """The deadline of its runs; None for the variant's own."""
    fed_by: str = ""
    """The glyph it is melded to: what that one answers is `upstream` here."""

    @property
    def version(self) -> str:
        """The same for the same glyph, and another once anything of it is changed."""
        return hashlib.sha256(msgspec.json.encode(astuple(self))).hexdigest()[:VERSION_CHARACTERS]

    def check(self, kept: Glyph | None, version: str) -> None:
        """Raise Conflict where what is kept under its id is not of that version; of none, anything is."""
        if version and (kept is None or kept.version != version):
            raise Conflict(f"glyph {self.id!r} was changed meanwhile; look at it, and change it as it is now")


_COLUMNS = ", ".join(field.name for field in fields(Glyph))
_PLACES = ", ".join("?" for _ in fields(Glyph))
_CHANGES = ", ".join(f"{field.name} = excluded.{field.name}" for field in fields(Glyph) if field.name != "id")
_SAVE = f"INSERT INTO glyph ({_COLUMNS}) VALUES ({_PLACES}) ON CONFLICT (id) DO UPDATE SET {_CHANGES}"


class Canvas:
    """An async context manager."""

    def __init__(self, path: Path) -> None:
        self._file = File(path, SCHEMA, "the canvas", readers=1)

    async def __aenter__(self) -> Self:
        await self._file.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._file.aclose()

    async def glyphs(self) -> list[Glyph]:
        """All of them, in the order they were placed."""
        rows = await self._file.read(
            lambda connection: connection.execute(f"SELECT {_COLUMNS} FROM glyph ORDER BY rowid").fetchall()
        )
        return [Glyph(*row) for row in rows]

    async def glyph(self, glyph_id: str) -> Glyph | None:
        row = await self._file.read(
            lambda connection: connection.execute(f"SELECT {_COLUMNS} FROM glyph WHERE id = ?", (glyph_id,)).fetchone()
        )
        return None if row is None else Glyph(*row)

    async def fed_by(self, glyph_id: str) -> list[str]:
        """The glyphs that are melded to that one."""
        return await self._ids("SELECT id FROM glyph WHERE fed_by = ? ORDER BY rowid", glyph_id)

    async def ingesting(self, job_id: str) -> list[str]:
        """The ix glyphs whose last job that is."""
        return await self._ids(
            "SELECT id FROM glyph JOIN result ON glyph_id = id WHERE symbol = 'ix' AND answer ->> 'job_id' = ?", job_id
        )

    async def put(self, glyph: Glyph, version: str = "") -> None:
        """Place it, or change it; of that version only, where one is named. Its last answer stays.

        One that was removed stays removed.
        """
        if len(glyph.content) > CONTENT_CHARACTERS_MAX:
            raise InvalidRequest("content", f"is longer than {CONTENT_CHARACTERS_MAX} characters")

        def write(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT 1 FROM removed WHERE glyph_id = ?", (glyph.id,)).fetchone():
                raise NotFound(f"glyph {glyph.id!r} was removed from the canvas; place a new one under another id")
            row = connection.execute(f"SELECT {_COLUMNS} FROM glyph WHERE id = ?", (glyph.id,)).fetchone()
            glyph.check(Glyph(*row) if row else None, version)
            connection.execute(_SAVE, astuple(glyph))
            if connection.execute("SELECT count(*) FROM glyph").fetchone()[0] > GLYPHS_MAX:
                raise InvalidRequest("id", f"the canvas holds {GLYPHS_MAX} glyphs already; remove some first")

        await self._file.write(write)

    async def remove(self, glyph_id: str) -> None:
        """Take it away, with its answer; what it fed is fed by nothing."""

        def write(connection: sqlite3.Connection) -> None:
            if not connection.execute("DELETE FROM glyph WHERE id = ?", (glyph_id,)).rowcount:
                raise _unknown(glyph_id)
            connection.execute("INSERT OR IGNORE INTO removed VALUES (?)", (glyph_id,))
            connection.execute("UPDATE glyph SET fed_by = '' WHERE fed_by = ?", (glyph_id,))

        await self._file.write(write)

    async def answer(self, glyph_id: str) -> bytes | None:
        """What it last answered, as JSON; None where nothing is kept."""
        row = await self._file.read(
            lambda connection: connection.execute(
                "SELECT answer FROM result WHERE glyph_id = ?", (glyph_id,)
            ).fetchone()
        )
        return None if row is None else bytes(row[0])

    async def keep_answer(self, glyph_id: str, answer: bytes) -> None:
        """In place of the one before."""
        if len(answer) > RESULT_BYTES_MAX:
            raise InvalidRequest("result", f"is larger than {RESULT_BYTES_MAX} bytes, and is not kept")

        def write(connection: sqlite3.Connection) -> None:
            if not connection.execute("SELECT 1 FROM glyph WHERE id = ?", (glyph_id,)).fetchone():
                raise _unknown(glyph_id)
            connection.execute("INSERT OR REPLACE INTO result VALUES (?, ?)", (glyph_id, answer))

        await self._file.write(write)

    async def _ids(self, query: str, parameter: str) -> list[str]:
        return [
            row[0]
            for row in await self._file.read(lambda connection: connection.execute(query, (parameter,)).fetchall())
        ]


def _unknown(glyph_id: str) -> NotFound:
    return NotFound(f"no glyph on the canvas has the id {glyph_id!r}")
