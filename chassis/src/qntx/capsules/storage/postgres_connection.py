"""Connections to the database that capsules are kept in: their tables laid out, and able to take any text.

Names come from code under audit. PostgreSQL's texts hold no NUL and no lone surrogate, and its indexes nothing long;
rather than lose a record for its name, the name is written out, or ends in its digest. The sealed content has it whole.
"""

from __future__ import annotations

import hashlib
from typing import Any

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.string import StrDumperUnknown

from qntx.capsules.storage.reading import Reading
from qntx.db import postgres
from qntx.errors import StorageError

Connection = psycopg.Connection[TupleRow]

LAYOUT_LOCK = 0x716E7478  # "qntx"
PREPARED_AFTER = 5
"""Times that a statement runs before the server keeps its plan: here it is the same few again and again."""
NAME_CHARACTERS_MAX = 500
"""Of four bytes each, an index still holds it."""
SCHEMA = """
create table if not exists quantumpipes_capsules (
    id varchar(36) primary key, type varchar(20) not null, sequence integer not null, previous_hash varchar(64),
    data text not null, hash varchar(64) not null, signature text not null, signature_pq text not null,
    signed_at varchar(40), signed_by varchar(32), session_id text, domain text not null, tenant_id text,
    constraint uq_capsule_tenant_sequence unique (tenant_id, sequence));
create unique index if not exists uq_capsule_global_sequence
    on quantumpipes_capsules (sequence) where tenant_id is null;
create index if not exists ix_quantumpipes_capsules_hash on quantumpipes_capsules (hash);
create index if not exists ix_quantumpipes_capsules_session_id on quantumpipes_capsules (session_id);
create table if not exists qntx_kept (name text primary key, text text not null);
create table if not exists qntx_nodes (
    chain text not null, level integer not null, position bigint not null, hash bytea not null,
    primary key (chain, level, position));
"""
WIDEN = """
alter table quantumpipes_capsules
    alter column session_id type text, alter column domain type text, alter column tenant_id type text
"""
"""Tables that the reference library made refuse a tenant or session of more than 36 characters."""
NARROW = """
select 1 from information_schema.columns
where table_name = 'quantumpipes_capsules' and table_schema = current_schema() and column_name = 'tenant_id'
    and character_maximum_length is not null
"""
LAID_OUT = "select 1 where to_regclass('qntx_nodes') is not null"
"""The last of the tables, and all are made at once."""


class AnyText(StrDumperUnknown):
    """What a text of PostgreSQL cannot hold is written out."""

    def dump(self, obj: str) -> Any:
        return obj.encode("utf-8", "backslashreplace").replace(b"\0", b"\\x00")


def named(name: str | None) -> str | None:
    """A tenant, a session or whatever else an index holds. The same for the same name."""
    if name is None or len(name) <= NAME_CHARACTERS_MAX:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{name[:400]}…{digest}"


def connect(url: str) -> Connection:
    """A connection in autocommit, its tables laid out by whoever comes first. Whoever may only read, can."""
    connection: Connection = postgres.connect(url)
    try:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding not in ("UTF8", "SQL_ASCII"):
            raise StorageError(f"the database is in {encoding}; make it with ENCODING 'UTF8', which holds any text")
        connection.prepare_threshold = PREPARED_AFTER
        connection.adapters.register_dumper(str, AnyText)
        if connection.execute(LAID_OUT).fetchone() is None:
            _lay_out(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _lay_out(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (LAYOUT_LOCK,))
        connection.execute(SCHEMA)
        if connection.execute(NARROW).fetchone():
            connection.execute(WIDEN)


class Reader(Reading[Connection]):
    """A connection for reading, opened when it is first needed, opened again when it broke, and closed for a fork."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def use(self, work: Any) -> Any:
        with self._lock:
            try:
                try:
                    return self._use(work)
                except psycopg.OperationalError:
                    self._close()
                    return self._use(work)
            except psycopg.Error as error:
                raise StorageError(f"PostgreSQL: {error}") from error

    def _use(self, work: Any) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url)
        return work(self._connection)
