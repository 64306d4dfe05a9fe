"""A plugin's handlers while it knows none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from qntx.errors import UnknownHandler
from qntx.protocol import domain_pb2


@dataclass(frozen=True, slots=True)
class Found:
    handler_names: Sequence[str]
    schedules: Sequence[domain_pb2.ScheduleInfo] = ()
    watchers: Sequence[domain_pb2.WatcherRegistration] = ()


class NoHandlers:
    def __init__(self, name: str) -> None:
        self._name = name

    async def discover(self) -> Found:
        return Found([f"{self._name}.script", f"{self._name}.__reload"])

    async def reload(self) -> int:
        return 0

    def execution(self, trigger: str, *_: Any) -> NoReturn:
        raise UnknownHandler(trigger)

    def health(self) -> dict[str, str]:
        return {}

    def describe(self) -> list[Mapping[str, Any]]:
        return []
