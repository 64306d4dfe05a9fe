"""Connections to PostgreSQL, set up one way, and made again where they break."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, conninfo
from psycopg.errors import DeadlockDetected, SerializationFailure

from qntx.errors import Refused, Unavailable

CONNECT_SECONDS = 10
PATIENCE_SECONDS = 10.0
"""How long work waits for a server that is away."""

AGAIN_SECONDS = 0.2
CANCEL_SECONDS = 1.0
SILENCE: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A server that a network has cut off is given up within about ten seconds."""

UNASKED = 1 << 30
"""How often a statement runs before its plan is kept, unless it asks for that. A plan for any value is the wrong one
where a term's frequency decides."""

SESSION = """
    SET default_transaction_isolation = 'read committed';
    SET idle_in_transaction_session_timeout = '10s';
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = 10000
"""
"""Whoever waited for a lock reads what was committed meanwhile, whatever this database does by default. And a host that
a network has cut off holds its locks no longer than that."""

CHANNEL = "qntx"
NOT_KNOWN = "the shared database was lost while it committed, and whether that was kept is not known"
LOCKS = 0x716E7478
"""The first of two keys of each advisory lock: "qntx"."""

LAYOUT_LOCK = 1
ARRIVALS_LOCK = 2

T = TypeVar("T")


def address(url: str) -> str:
    """The URL as libpq takes it. Raises Refused where it is none; what is wrong is said without the password."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0].lower() not in ("postgresql", "postgres"):
        raise Refused("the address of a shared database has the form postgresql://USER:PASSWORD@MACHINE/DATABASE")
    plain = f"postgresql://{rest}"
    try:
        conninfo.conninfo_to_dict(plain)
    except psycopg.ProgrammingError as error:
        raise Refused(f"the address of the shared database cannot be read: {str(error).strip()}") from None
    return plain


def connect(url: str) -> Connection:
    """Open, in autocommit; transactions are the caller's. Raises psycopg's errors."""
    connection = psycopg.connect(
        url,
        autocommit=True,
        client_encoding="utf8",
        connect_timeout=CONNECT_SECONDS,
        prepare_threshold=UNASKED,
        **SILENCE,
    )
    try:
        connection.execute(SESSION)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_first(url: str) -> Connection:
    """The same for a host that starts: what is wrong with the server, or with the address, is said to a person."""
    plain = address(url)
    try:
        connection = connect(plain)
    except psycopg.Error as error:
        raise Unavailable(f"the shared database does not answer: {reason(error)}") from error
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise Refused(f"the shared database is kept in {encoding}; make it with ENCODING 'UTF8', which holds any text")
    return connection


def notify(connection: Connection, topic: str) -> None:
    """Tell every host that there is something new of that topic, once the transaction is committed."""
    connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, topic))


def lock(connection: Connection, key: int) -> None:
    """Wait until nobody else holds it; it is held until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (LOCKS, key))


def reason(error: psycopg.Error) -> str:
    """What the server said, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


class Session:
    """One connection for one thread. What a lost connection certainly undid is done again on the next one."""

    def __init__(self, url: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._url = url
        self._patience_seconds = patience_seconds
        self._connection: Connection | None = None
        self._stopped = threading.Event()

    def read(self, question: Callable[[Connection], T]) -> T:
        """Ask, outside any transaction."""
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                return question(self._connected())
            except psycopg.Error as error:
                if not self._worth_another(error, deadline):
                    raise _said(error, "the shared database could not be read") from error
            self._stopped.wait(AGAIN_SECONDS)

    def write(self, work: Callable[[Connection], T], kept: Callable[[Connection], bool] | None = None) -> T:
        """Do it in one transaction, as often as it takes until it is committed once.

        Where the connection is lost during the commit itself, nobody knows what became of it. Then `kept` is asked on
        the next connection whether that work is there; without `kept`, Unavailable says that it is not known.
        """
        deadline = time.monotonic() + self._patience_seconds
        doubt: _InDoubt | None = None
        while True:
            try:
                connection = self._connected()
                if doubt is not None and kept is not None and kept(connection):
                    result: T = doubt.result
                    return result
                doubt = None
                return _committed(connection, work)
            except _InDoubt as lost:
                doubt = lost
                if kept is None:
                    raise Unavailable(f"{NOT_KNOWN}: {lost}") from lost
            except psycopg.Error as error:
                if not self._worth_another(error, deadline):
                    raise _said(error, NOT_KNOWN if doubt else "the shared database could not be written") from error
            self._stopped.wait(AGAIN_SECONDS)

    def hurry(self) -> None:
        """From any thread: from now on nothing is tried twice."""
        self._stopped.set()

    def interrupt(self) -> None:
        """From another thread: what is being asked is given up."""
        self.hurry()
        if (connection := self._connection) is not None and not connection.closed:
            connection.cancel_safe(timeout=CANCEL_SECONDS)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = None
            self._connection = connect(self._url)
        return self._connection

    def _worth_another(self, error: psycopg.Error, deadline: float) -> bool:
        lost = self._connection is None or self._connection.closed
        undone = isinstance(error, DeadlockDetected | SerializationFailure)
        return (lost or undone) and not self._stopped.is_set() and time.monotonic() < deadline


class _InDoubt(Exception):
    """The connection was lost between COMMIT and its answer."""

    def __init__(self, result: Any, error: psycopg.Error) -> None:
        super().__init__(reason(error))
        self.result = result


def _said(error: psycopg.Error, what: str) -> Refused | Unavailable:
    """Data is the caller's fault; a NUL character, which PostgreSQL's texts do not hold, is the likely one."""
    kind = Refused if isinstance(error, psycopg.DataError) else Unavailable
    return kind(f"{what}: {reason(error)}")


def _committed(connection: Connection, work: Callable[[Connection], T]) -> T:
    connection.execute("BEGIN")
    try:
        result = work(connection)
    except BaseException:
        if not connection.closed:
            connection.execute("ROLLBACK")
        raise
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        if connection.closed:
            raise _InDoubt(result, error) from error
        raise
    return result
