"""Off loopback nobody gets in without a proof, and nothing starts without asking for one."""

from __future__ import annotations

import grpc.aio
import pytest

from qntx.errors import InvalidRequest
from qntx.plugin.arguments import read
from qntx.plugin.listening import bind, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_these_are_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org", ""])
def test_these_are_not(host):
    assert not is_loopback(host)


async def test_an_open_door_off_loopback_is_refused_with_what_to_give():
    with pytest.raises(InvalidRequest, match=r"QNTX_PLUGIN_TOKEN or --token-file, or --tls-certificate"):
        bind(grpc.aio.server(), read("p", ["--address", "0.0.0.0:0"], {}))


async def test_with_a_token_it_listens_there():
    server = grpc.aio.server()

    assert bind(server, read("p", ["--address", "0.0.0.0:0"], {"QNTX_PLUGIN_TOKEN": "t"})) > 0
    await server.stop(0)
