"""The audit trail of this machine: its plugins write it, the host answers for what they could not finish.

A plugin that dies leaves notes of the runs it was in the middle of. They become records, of failures, when the host
starts and whenever a plugin's process has ended.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import structlog

from qntx.capsules import Capsules, Recorder, Seal
from qntx.errors import CapsuleError
from qntx.host.home import Home
from qntx.host.plugins.registry import Registry, State

log = structlog.get_logger("qntx.host.audit")


class Audit:
    """An async context manager: entered, what was left open is sealed, and so is what plugins leave from then on."""

    def __init__(self, home: Home, registry: Registry, database: str = "") -> None:
        """`database` is where the trail is shared with other hosts; empty, it is a file of this home."""
        seal = Seal(home.keys / "key")
        if database:
            self.capsules = Capsules(database, seal=seal, intents=home.shared_runs)
        else:
            self.capsules = Capsules(home.capsules, seal=seal)
        self._recorder = Recorder(self.capsules)
        self._registry = registry
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._recover()
        self._following = asyncio.create_task(self._follow(), name="what plugins leave open")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        # By now the plugins have been stopped.
        await self._recover()
        await self.capsules.close()

    async def _follow(self) -> None:
        changes = 0
        ended: dict[str, int] = {}
        while True:
            changes = await self._registry.changed(changes)
            now = {plugin.name: plugin.restarts for plugin in self._registry if plugin.state is not State.RUNNING}
            if now.items() - ended.items():
                await self._recover()
            ended = now

    async def _recover(self) -> None:
        try:
            sealed = await asyncio.to_thread(self._recorder.recover)
        except CapsuleError as error:
            # Plugins say the same of each run that they refuse for it.
            log.error("the audit trail cannot be written", reason=str(error))
            return
        faults = [fault for record in sealed if (fault := record.exception()) is not None]
        if faults:
            log.warning("what an ended process left open is not sealed yet", runs=len(faults), reason=str(faults[0]))
        if len(sealed) > len(faults):
            log.info("what an ended process left open is sealed", runs=len(sealed) - len(faults))
