"""The audit API: one class, one decorator, one context variable."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar, cast

from qp_capsule.capsule import Capsule, CapsuleType
from qp_capsule.paths import default_db_path

from qntx.capsules.arguments import Arguments
from qntx.capsules.call import Audit, Call, Tenant
from qntx.capsules.chain import CapsuleChain
from qntx.capsules.generators import audited_async_generator, audited_generator
from qntx.capsules.intents import Intents
from qntx.capsules.seal import Seal
from qntx.capsules.storage import open_storage
from qntx.capsules.storage.base import CapsuleStorageProtocol, ChainStorage
from qntx.capsules.storage.foreign import ForeignStorage
from qntx.capsules.verify import ChainVerificationResult
from qntx.errors import StorageError

Function = TypeVar("Function", bound=Callable[..., Any])


class Capsules:
    """The single entry point: owns storage, chain and seal.

    `Capsules()` keeps a SQLite file at the default path, `Capsules("audit.db")` at that one,
    `Capsules("postgresql://user@host/database")` a PostgreSQL table, and `Capsules(storage=...)` whatever it is given.
    """

    def __init__(
        self,
        url: str | Path | None = None,
        *,
        storage: CapsuleStorageProtocol | None = None,
        seal: Seal | None = None,
        durable: str = "batch",
        intents: Path | None = None,
    ) -> None:
        """`durable="call"`: a synchronous function that is called inside a running loop waits for its commit, too.

        `intents` is this machine's own folder of what has been started, where that is not beside the chain.
        """
        if durable not in ("batch", "call"):
            raise StorageError(f'durable is "batch" or "call", not {durable!r}')
        if storage is not None and not isinstance(storage, CapsuleStorageProtocol):
            wanted = "store, get, get_latest, get_all_ordered, list, count and close"
            raise StorageError(f"{type(storage).__name__} is no capsule storage: it needs {wanted}")
        self._storage: CapsuleStorageProtocol = open_storage(url) if storage is None else storage
        ordered = self._storage if isinstance(self._storage, ChainStorage) else ForeignStorage(self._storage)
        self._chain = CapsuleChain(ordered, seal)
        self._current: ContextVar[Capsule | None] = ContextVar("qntx_capsules_current", default=None)
        self._intents = Intents(intents) if intents is not None else None
        self._waits = durable == "call"

    @property
    def storage(self) -> CapsuleStorageProtocol:
        return self._storage

    @property
    def chain(self) -> CapsuleChain:
        return self._chain

    @property
    def seal(self) -> Seal:
        return self._chain.seal

    @property
    def intents(self) -> Intents:
        """What has been started on this machine and has no record yet, in a folder for each database."""
        if self._intents is None:
            self._intents = Intents(_beside(self._storage))
        return self._intents

    def current(self) -> Capsule:
        """The open capsule of the call under way, for enrichment."""
        capsule = self._current.get()
        if capsule is None:
            raise RuntimeError("No active capsule — are you inside an @audit decorated function?")
        return capsule

    async def verify(self, tenant_id: str | None = None, **how: Any) -> ChainVerificationResult:
        """Both verdicts, with what this machine knows to be still running. `how` as for `chain.verify`."""
        standing = self.intents if self._intents is not None or _beside(self._storage).exists() else None
        return await self._chain.verify(tenant_id, standing=standing, **how)

    async def close(self) -> None:
        """Seal what is queued and release everything."""
        await self._chain.storage.close()
        if self._intents is not None:
            await asyncio.to_thread(self._intents.close)

    def audit(
        self,
        *,
        type: str | CapsuleType,
        tenant_from: str | None = None,
        tenant_id: Tenant = None,
        trigger_from: str | int | None = 0,
        source: str | None = None,
        domain: str = "agents",
        swallow_errors: bool = True,
    ) -> Callable[[Function], Function]:
        """Leave a sealed capsule of every call.

        `trigger_from` names the argument, or gives its position, that becomes `trigger.request`; `tenant_from` the
        argument that names the tenant. Works on functions, coroutine functions, and generators of both kinds.
        """
        kind = CapsuleType(type)

        def decorator(function: Function) -> Function:
            name = getattr(function, "__qualname__", None) or _name_of(function)
            audit = Audit(
                self._chain, self._current, Arguments(function), name, source or name, kind, domain,
                trigger_from, tenant_from, tenant_id, swallow_errors, self._waits,
            )  # fmt: skip
            return cast(Function, _wrapper(function)(function, audit))

        return decorator


def _beside(storage: CapsuleStorageProtocol) -> Path:
    """Each database has its own numbering of runs, so what is not a file is named by its address."""
    file = getattr(storage, "db_path", None)
    if file is not None:
        return Path(file).with_name(f"{Path(file).name}-runs")
    address = str(getattr(storage, "database_url", f"{type(storage).__name__} {id(storage)}"))
    return default_db_path().with_name(f"capsules-{hashlib.sha256(address.encode()).hexdigest()[:16]}.db-runs")


def _wrapper(function: Callable[..., Any]) -> Callable[[Callable[..., Any], Audit], Callable[..., Any]]:
    for asks, wrapper in (
        (inspect.iscoroutinefunction, _audited_async),
        (inspect.isasyncgenfunction, audited_async_generator),
        (inspect.isgeneratorfunction, audited_generator),
    ):
        if asks(function) or asks(getattr(function, "__call__", None)):  # noqa: B004 - of which kind, not whether
            return wrapper
    return _audited


def _name_of(function: object) -> str:
    inner = getattr(function, "func", None)  # functools.partial
    return str(getattr(inner, "__qualname__", "") or function.__class__.__qualname__)


def _audited_async(function: Callable[..., Any], audit: Audit) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call(audit, args, kwargs)
        call.enter()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            call.failed(error)
            await call.seal(failed=True)
            raise
        call.succeeded(result)
        await call.seal()
        return result

    return wrapper


def _audited(function: Callable[..., Any], audit: Audit) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call(audit, args, kwargs)
        call.enter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.failed(error)
            call.seal_blocking(failed=True)
            raise
        call.succeeded(result)
        call.seal_blocking()
        return result

    return wrapper
