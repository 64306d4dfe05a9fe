"""What the guard lets in. The application behind it answers what it was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from qntx.host.api.guard import Guard


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])
    guard = Guard(app, hosts=["qntx.example"], origins=["http://page.example"], body_bytes_max=10)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://127.0.0.1:8777") as client:
        yield client


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("127.0.0.1:8777", 200),
        ("LOCALHOST", 200),
        ("a.localhost:1", 200),
        ("[::1]", 200),
        ("qntx.example:80", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("qntx.example.evil.example", 403),
        ("192.168.0.1", 403),
        ("[bad", 403),
        ("", 403),
    ],
)
async def test_only_own_names_are_served(client: httpx.AsyncClient, name: str, status: int) -> None:
    assert (await client.get("/", headers={"Host": name})).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8777", 200),
        ("http://page.example", 200),
        ("http://127.0.0.1:9999", 403),
        ("https://127.0.0.1:8777", 403),
        ("http://page.example.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
async def test_only_own_and_allowed_origins_are_served(client: httpx.AsyncClient, origin: str, status: int) -> None:
    assert (await client.get("/", headers={"Origin": origin})).status_code == status


@pytest.mark.parametrize(
    ("path", "site", "status"),
    [
        ("/api/x", "cross-site", 403),
        ("/api/x", "same-site", 403),
        ("/api/x", "same-origin", 200),
        ("/api/x", "none", 200),
        ("/", "cross-site", 200),  # a link to the page
    ],
)
async def test_other_sites_may_link_here_but_not_call(
    client: httpx.AsyncClient, path: str, site: str, status: int
) -> None:
    assert (await client.get(path, headers={"Sec-Fetch-Site": site})).status_code == status


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
async def test_a_body_is_bounded(client: httpx.AsyncClient, size: int, status: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"1"

    headers = {"Content-Type": "application/json"}

    assert (await client.post("/", content=b"1" * size, headers=headers)).status_code == status
    assert (await client.post("/", content=pieces(), headers=headers)).status_code == status


async def test_the_body_arrives_whole(client: httpx.AsyncClient) -> None:
    answer = await client.post("/", content=b'{"a": 1}', headers={"Content-Type": "application/json; charset=utf-8"})

    assert answer.content == b'{"a": 1}'


async def test_only_json_is_taken(client: httpx.AsyncClient) -> None:
    assert (await client.post("/", content=b"a=1", headers={"Content-Type": "text/plain"})).status_code == 415
    assert (await client.post("/", content=b"a=1")).status_code == 415
    assert (await client.post("/")).status_code == 200
