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
    guard = Guard(app, hosts=["qntx.example"], origins=["http://page.example"])
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


@pytest.mark.parametrize(
    ("name", "status"),
    [("192.168.0.1:8777", 200), ("[2001:db8::1]", 200), ("evil.example", 403), ("192.168.0.1.evil.example", 403)],
)
async def test_where_a_token_is_demanded_any_address_is_served_but_no_other_name(name: str, status: int) -> None:
    app = Starlette(routes=[Route("/", echo)])
    guard = Guard(app, hosts=[], origins=[], any_address=True)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://127.0.0.1") as client:
        assert (await client.get("/", headers={"Host": name})).status_code == status
