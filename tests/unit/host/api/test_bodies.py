"""Which bodies are read. The application behind answers what it was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from qntx.host.access.door import ANYBODY
from qntx.host.api.access import CALLER
from qntx.host.api.bodies import STRANGER_BYTES_MAX, Bodies


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


def of(body_bytes_max: int, *, known: bool) -> httpx.AsyncClient:
    bodies = Bodies(Starlette(routes=[Route("/", echo, methods=["GET", "POST"])]), body_bytes_max=body_bytes_max)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if known:
            scope[CALLER] = ANYBODY
        await bodies(scope, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with of(10, known=True) as client:
        yield client


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size):
        yield b"1"


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
async def test_a_body_is_bounded(client: httpx.AsyncClient, size: int, status: int) -> None:
    headers = {"Content-Type": "application/json"}

    assert (await client.post("/", content=b"1" * size, headers=headers)).status_code == status
    assert (await client.post("/", content=in_pieces(size), headers=headers)).status_code == status


async def test_of_a_strangers_body_no_more_is_read_than_a_login_takes() -> None:
    headers = {"Content-Type": "application/json"}

    async with of(1 << 20, known=False) as client:
        assert (await client.post("/", content=b"1" * STRANGER_BYTES_MAX, headers=headers)).status_code == 200
        assert (await client.post("/", content=in_pieces(STRANGER_BYTES_MAX + 1), headers=headers)).status_code == 413


async def test_the_body_arrives_whole(client: httpx.AsyncClient) -> None:
    answer = await client.post("/", content=b'{"a": 1}', headers={"Content-Type": "application/json; charset=utf-8"})

    assert answer.content == b'{"a": 1}'


async def test_only_json_is_taken(client: httpx.AsyncClient) -> None:
    assert (await client.post("/", content=b"a=1", headers={"Content-Type": "text/plain"})).status_code == 415
    assert (await client.post("/", content=b"a=1")).status_code == 415
    assert (await client.post("/")).status_code == 200
