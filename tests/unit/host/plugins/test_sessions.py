"""A session stays where it is, and its loss is said once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from qntx.errors import PluginUnavailable
from qntx.host.plugins.sessions import Sessions
from qntx.model.attached import Address


@dataclass
class Client:
    """The end of a line to a replica."""

    instance: str
    sessions: set[str] = field(default_factory=set)

    async def has_session(self, session_id: str, principal: str) -> bool:
        return session_id in self.sessions


@dataclass
class Replica:
    """A replica in memory."""

    port: int
    client: Client
    serving: bool = True
    joined: bool = True
    message: str = "it is gone"

    @property
    def address(self) -> Address:
        return Address("10.0.0.5", self.port)


def three() -> list[Any]:
    return [Replica(port, Client(f"process-{port}")) for port in (1, 2, 3)]


async def test_runs_of_a_session_go_to_one_replica_and_sessions_to_several() -> None:
    replicas, sessions = three(), Sessions("bio")

    first = {name: await sessions.place(name, "", replicas) for name in map(str, range(30))}
    again = {name: await sessions.place(name, "", list(reversed(replicas))) for name in first}

    assert again == first
    assert {replica.port for replica in first.values()} == {1, 2, 3}


async def test_a_host_that_has_not_seen_a_session_asks_who_has_it() -> None:
    replicas = three()
    replicas[1].client.sessions.add("s")

    assert await Sessions("bio").place("s", "", replicas) is replicas[1]


async def test_a_draining_replica_keeps_its_sessions_and_gets_no_new_ones() -> None:
    replicas, sessions = three(), Sessions("bio")
    kept = await sessions.place("s", "", replicas)
    kept.serving = False

    assert await sessions.place("s", "", replicas) is kept
    assert all([await sessions.place(name, "", replicas) is not kept for name in map(str, range(20))])


async def test_a_session_whose_replica_is_away_waits_for_it() -> None:
    replicas, sessions = three(), Sessions("bio")
    kept = await sessions.place("s", "", replicas)
    kept.joined = kept.serving = False

    with pytest.raises(PluginUnavailable, match=r"session 's' is kept by the replica of 'bio' at .* is away"):
        await sessions.place("s", "", replicas)
    kept.joined = kept.serving = True

    assert await sessions.place("s", "", replicas) is kept


async def test_a_session_whose_process_is_gone_is_said_to_be_lost_once() -> None:
    replicas, sessions = three(), Sessions("bio")
    kept = await sessions.place("s", "", replicas)
    kept.client.instance = "started anew"

    with pytest.raises(PluginUnavailable, match="its variables are lost"):
        await sessions.place("s", "", replicas)

    assert await sessions.place("s", "", replicas) in replicas


async def test_where_nobody_serves_there_is_no_session() -> None:
    with pytest.raises(PluginUnavailable, match="no replica of 'bio' takes new sessions"):
        await Sessions("bio").place("s", "", [])
