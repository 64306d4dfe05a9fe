"""Where a host keeps things: in files of its own, or in a database that it shares with other hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from typing import Any, Protocol

from qntx.capsules import Seal
from qntx.db.postgres_database import Database
from qntx.errors import Refused, Unavailable
from qntx.host import sealers, store
from qntx.host.canvas import Canvas
from qntx.host.events import Hub
from qntx.host.home import Home
from qntx.host.keeping import CanvasStore, WatcherStorage
from qntx.host.plugins.membership import Membership
from qntx.host.pulse.backend import Backend
from qntx.host.pulse.postgres import PostgresBackend
from qntx.host.pulse.sessions import HostSession
from qntx.host.pulse.sqlite import SQLiteBackend
from qntx.host.relay import Relay
from qntx.host.sharing import Shared
from qntx.host.store.base import AttestationStore
from qntx.host.store.claim import Signer
from qntx.host.store.sqlite import SQLiteStore
from qntx.host.watchers.postgres import TOPIC as WATCHERS
from qntx.host.watchers.storage import WatcherStore
from qntx.host.watchers.turns import Alone, Turns

SETTING = "host.database"


class Stores(Protocol):
    """Each of them is opened once. Pulse is opened before anybody asks for turns."""

    def attestations(self, signer: Signer) -> AbstractAsyncContextManager[AttestationStore]: ...

    def watchers(self) -> AbstractAsyncContextManager[WatcherStorage]: ...

    def canvas(self) -> AbstractAsyncContextManager[CanvasStore]: ...

    def pulse(self, executor: str) -> Backend: ...

    def turns(self) -> Turns: ...

    def relay(self, hub: Hub) -> AbstractAsyncContextManager[Any]:
        """Inside, what happens in other hosts is told here too, and the other way round."""

    def membership(self) -> AbstractAsyncContextManager[Membership | None]:
        """Which replicas of plugins have joined; None where hosts share nothing."""

    async def introduce(self, seal: Seal) -> None:
        """Where the audit trail is shared, each host's signatures count with the others; goes on for ever there."""


class OwnFiles:
    """Files in QNTX_HOME, for this host alone."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def attestations(self, signer: Signer) -> AbstractAsyncContextManager[AttestationStore]:
        return SQLiteStore(self._home.attestations, signer)

    def watchers(self) -> AbstractAsyncContextManager[WatcherStorage]:
        return WatcherStore(self._home.watchers)

    def canvas(self) -> AbstractAsyncContextManager[CanvasStore]:
        return Canvas(self._home.canvas)

    def pulse(self, executor: str) -> Backend:
        return SQLiteBackend(self._home.root, executor)

    def turns(self) -> Turns:
        return Alone()

    def relay(self, hub: Hub) -> AbstractAsyncContextManager[Any]:
        return nullcontext()

    def membership(self) -> AbstractAsyncContextManager[Membership | None]:
        return nullcontext()

    async def introduce(self, seal: Seal) -> None:
        return


class InDatabase:
    """A database that hosts share. `plugins` are those whose jobs this one runs."""

    def __init__(self, shared: Shared, plugins: Collection[str]) -> None:
        self._shared = shared
        self._plugins = plugins
        self._session: HostSession | None = None

    def attestations(self, signer: Signer) -> AbstractAsyncContextManager[AttestationStore]:
        return self._shared.attestations(signer)

    def watchers(self) -> AbstractAsyncContextManager[WatcherStorage]:
        return self._shared.watchers()

    def canvas(self) -> AbstractAsyncContextManager[CanvasStore]:
        return self._shared.canvas()

    def pulse(self, executor: str) -> Backend:
        database = self._shared.database
        self._session = HostSession(database.url, executor)
        return PostgresBackend(database, executor, self._session, self._plugins)

    def turns(self) -> Turns:
        if self._session is None:
            raise RuntimeError("turns are kept by the session that Pulse opens")
        return SessionTurns(self._session, self._shared.database)

    def relay(self, hub: Hub) -> AbstractAsyncContextManager[Any]:
        return Relay(self._shared.database, hub)

    def membership(self) -> AbstractAsyncContextManager[Membership | None]:
        return Membership(self._shared.database)

    async def introduce(self, seal: Seal) -> None:
        await sealers.follow(self._shared.database, seal)


class SessionTurns:
    """Implements Turns by the locks of the host's session."""

    def __init__(self, session: HostSession, database: Database) -> None:
        self._session = session
        self._database = database

    async def take(self, what: str) -> bool:
        return await self._session.take(f"watcher {what}")

    async def give(self, what: str) -> None:
        await self._session.give(f"watcher {what}")

    def holds(self, what: str) -> bool:
        return self._session.holds(f"watcher {what}")

    def listen(self, heard: Callable[[], None]) -> AbstractContextManager[None]:
        return self._database.listen(WATCHERS, heard)


@asynccontextmanager
async def opened(database: str, home: Home, plugins: Collection[str]) -> AsyncIterator[Stores]:
    """The stores of a host that has these plugins. What is wrong with the address or the server names the setting."""
    if not database:
        yield OwnFiles(home)
        return
    async with AsyncExitStack() as stack:
        try:
            shared = await stack.enter_async_context(store.shared(database))
        except (Refused, Unavailable) as error:
            raise type(error)(f"{SETTING}: {error}") from error
        yield InDatabase(shared, plugins)
