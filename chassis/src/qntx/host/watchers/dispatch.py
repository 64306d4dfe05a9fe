"""What the engine of watchers needs of the host: somebody who carries out an action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from qntx.model.attestation import Attestation
from qntx.model.watcher import Watcher


@dataclass(frozen=True, slots=True)
class Firing:
    """One attestation that is to fire one watcher. Kept until it did, or was given up."""

    number: int
    watcher_id: str
    position: int
    attestation_id: str
    failures: int = 0
    due_ms: int = 0
    depth: int = 0
    error: str = ""

    @property
    def id(self) -> str:
        """The same however often it is tried: by this a script or a webhook can tell a repeat."""
        return f"watch-{self.watcher_id}-{self.position}"


@dataclass(frozen=True, slots=True)
class Ran:
    """How an action ended. A script that failed is one of the ways."""

    success: bool
    error: str = ""
    output: str = ""


class Dispatcher(Protocol):
    """Carries out actions. `Busy` means that nothing began; anything else it raises is how the action ended."""

    async def missing(self, watcher: Watcher) -> str:
        """What its action has to wait for; empty when it can run now."""

    def marks(self, watcher: Watcher) -> list[str]:
        """The contexts and actors by which attestations of its runs can be told."""

    async def run(self, watcher: Watcher, firing: Firing, claim: Attestation) -> Ran: ...
