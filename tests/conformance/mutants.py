"""Plugins that break one line of the contract each, to see that the suite notices.

    python -m tests.conformance.mutants NAME --port N

Each is the plugin of this checkout with one thing put in place of another. `none` changes nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import grpc

from qntx.errors import Refused
from qntx.plugin import listening, server
from qntx.plugin.__main__ import main
from qntx.plugin.domain import DomainServicer
from qntx.plugin.python import PythonServicer
from qntx.plugin.websocket import Conversation
from qntx.protocol import domain_pb2 as domain

MUTANTS: dict[str, Callable[[], None]] = {}


def mutant(change: Callable[[], None]) -> Callable[[], None]:
    MUTANTS[change.__name__] = change
    return change


def answers(servicer: type, method: str, spoil: Callable[[Any], Any]) -> None:
    """Spoil what that method answers."""
    honest = getattr(servicer, method)

    async def dishonest(self: Any, request: Any, context: Any) -> Any:
        return spoil(await honest(self, request, context))

    setattr(servicer, method, dishonest)


@mutant
def none() -> None:
    """Nothing is wrong with this one."""


@mutant
def late() -> None:
    def slow(*words: Any, **how: Any) -> None:
        time.sleep(2.5)
        print(*words, **how)

    server.print = slow  # type: ignore[attr-defined]


@mutant
def silent() -> None:
    server.print = lambda *_, **__: None  # type: ignore[attr-defined]


@mutant
def misnamed() -> None:
    def spoil(answer: domain.MetadataResponse) -> domain.MetadataResponse:
        answer.name = "another"
        return answer

    answers(DomainServicer, "Metadata", spoil)


@mutant
def exposed() -> None:
    honest = listening.bind
    listening.bind = lambda serving, asked: honest(serving, dataclasses.replace(asked, host="0.0.0.0"))  # type: ignore[assignment]


@mutant
def impatient() -> None:
    """Hangs up on those that ping."""
    kept = ("max_receive", "max_send")
    server.SERVER_OPTIONS = [option for option in server.SERVER_OPTIONS if any(name in option[0] for name in kept)]


@mutant
def narrow() -> None:
    """Takes messages of gRPC's default size."""
    server.SERVER_OPTIONS = [option for option in server.SERVER_OPTIONS if "max_receive" not in option[0]]


@mutant
def doubled() -> None:
    def spoil(answer: domain.InitializeResponse) -> domain.InitializeResponse:
        answer.handler_names.append(answer.handler_names[0])
        return answer

    answers(DomainServicer, "Initialize", spoil)


@mutant
def never_firing() -> None:
    def spoil(answer: domain.InitializeResponse) -> domain.InitializeResponse:
        for watcher in answer.watchers:
            watcher.max_fires_per_second = 0
        return answer

    answers(DomainServicer, "Initialize", spoil)


@mutant
def unjoined() -> None:
    """Fires its handlers under names that no page knows."""

    def spoil(answer: domain.InitializeResponse) -> domain.InitializeResponse:
        for each in (*answer.watchers, *answer.schedules):
            each.handler_name = f"python.{each.handler_name}"
        return answer

    answers(DomainServicer, "Initialize", spoil)


@mutant
def blind() -> None:
    """Finds no handler that anybody published."""

    def spoil(answer: domain.InitializeResponse) -> domain.InitializeResponse:
        answer.handler_names[:] = [name for name in answer.handler_names if name.endswith((".script", ".__reload"))]
        return answer

    answers(DomainServicer, "Initialize", spoil)


@mutant
def growing() -> None:
    """Is another plugin each time it is initialised."""
    numbers = itertools.count()

    def spoil(answer: domain.InitializeResponse) -> domain.InitializeResponse:
        answer.handler_names.append(f"python.new-{next(numbers)}")
        return answer

    answers(DomainServicer, "Initialize", spoil)


@mutant
def ailing() -> None:
    def spoil(answer: domain.HealthResponse) -> domain.HealthResponse:
        answer.healthy = False
        return answer

    answers(DomainServicer, "Health", spoil)


@mutant
def lost() -> None:
    """Does the work, then says there is no such place."""

    def spoil(answer: domain.HTTPResponse) -> domain.HTTPResponse:
        answer.status_code = 404
        return answer

    answers(DomainServicer, "HandleHTTP", spoil)


@mutant
def statusless() -> None:
    def spoil(answer: domain.HTTPResponse) -> domain.HTTPResponse:
        answer.status_code = 0
        return answer

    answers(DomainServicer, "HandleHTTP", spoil)


@mutant
def unrecorded() -> None:
    """Answers with the value alone, where the record of the run is wanted."""

    def spoil(answer: Any) -> Any:
        answer.result = b"5"
        return answer

    answers(PythonServicer, "Execute", spoil)


@mutant
def failing() -> None:
    """Takes a script's failure for the call's."""

    def spoil(answer: Any) -> Any:
        if not answer.success:
            raise Refused(answer.error)
        return answer

    answers(PythonServicer, "Execute", spoil)


@mutant
def mute() -> None:
    """Keeps no line of a job."""

    def spoil(answer: domain.ExecuteJobResponse) -> domain.ExecuteJobResponse:
        del answer.log_entries[:]
        return answer

    answers(DomainServicer, "ExecuteJob", spoil)


@mutant
def anonymous() -> None:
    """Forgets the token it was given."""
    honest = DomainServicer.Initialize

    async def dishonest(self: DomainServicer, request: domain.InitializeRequest, context: Any) -> Any:
        request.auth_token = ""
        return await honest(self, request, context)

    DomainServicer.Initialize = dishonest  # type: ignore[method-assign]


@mutant
def wordless() -> None:
    """Says nothing over a WebSocket."""

    async def messages(_self: Conversation, requests: Any) -> Any:
        async for _ in requests:
            pass
        return
        yield

    Conversation.messages = messages  # type: ignore[method-assign]


@mutant
def deaf() -> None:
    """Stays when it is told to go."""

    async def stay(_self: DomainServicer, _request: Any, _context: grpc.aio.ServicerContext) -> domain.Empty:
        return domain.Empty()

    DomainServicer.Shutdown = stay  # type: ignore[method-assign]


if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    sys.exit(main(["--name", "python", *sys.argv[2:]]))
