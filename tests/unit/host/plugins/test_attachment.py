"""An attached plugin has the replicas that joined, and gives up those that nobody reaches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from qntx.host.config import PluginSection
from qntx.host.plugins import attachment
from qntx.host.plugins.attachment import Attachment
from qntx.host.plugins.output import Output
from qntx.host.plugins.registry import Plugin, Registry, State
from qntx.host.plugins.remote import Remote
from qntx.model.attached import Address
from qntx.protocol import domain_pb2

DEAD = Address("127.0.0.1", 1)


class Members:
    """Has the parts of a Membership that hosts look at, in memory, and believes whoever says that one is lost."""

    def __init__(self, *joined: Address) -> None:
        self.joined = list(joined)

    async def of(self, plugin: str) -> list[Address]:
        return list(self.joined)

    async def note(self, plugin: str, reached: Sequence[Address], lost: Sequence[Address]) -> None:
        self.joined = [each for each in self.joined if each not in lost]

    @contextmanager
    def listen(self, heard: Callable[[], None]) -> Iterator[None]:
        yield


@pytest.mark.parametrize(("after", "left"), [(timedelta(0), []), (timedelta(hours=1), [DEAD])])
async def test_one_that_never_answers_is_lost_after_a_while_and_not_before(
    after: timedelta, left: list[Address], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachment, "FORGOTTEN_AFTER", after)
    monkeypatch.setattr(attachment, "LOOK_SECONDS", 0.05)
    members = Members(DEAD)
    registry = Registry()
    plugin = Plugin("bio", Output("bio", tmp_path / "bio.log"))
    registry.add(plugin)

    def request(_: Address) -> domain_pb2.InitializeRequest:
        return domain_pb2.InitializeRequest()

    section = PluginSection(start_timeout_seconds=0.1)
    attached = Attachment(plugin, Remote(()), registry, request, "host", section, members)  # type: ignore[arg-type]
    running = asyncio.create_task(attached.run())
    async with asyncio.timeout(30):
        while plugin.state is not State.FAILED or [each.address for each in plugin.replicas] != left:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    plugin.output.close()

    assert members.joined == left
