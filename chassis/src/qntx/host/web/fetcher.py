"""Fetches pages without letting a script reach what only this machine can.

The address is checked where the connection is made, so that a name that resolves differently the second time gains
nothing; and each redirect is checked like the first address.
"""

from __future__ import annotations

import asyncio
import codecs
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpcore

from qntx import __version__
from qntx.errors import InvalidRequest, NotPermitted, Unavailable

TIMEOUT_SECONDS = 30.0
REDIRECTS_MAX = 5
BODY_BYTES_MAX = 10 * 1024 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = [(b"User-Agent", f"qntx/{__version__}".encode()), (b"Accept-Encoding", b"identity")]


@dataclass(frozen=True, slots=True)
class Page:
    """What a GET answered."""

    url: str
    status: int
    text: str


class Fetcher:
    """An async context manager."""

    def __init__(self, *, private: bool) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            network_backend=_PublicNetwork(private=private),
            max_connections=20,
            max_keepalive_connections=0,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def get(self, url: str) -> Page:
        """The page, redirects followed. Raises NotPermitted for private addresses, Unavailable where it fails."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._followed(url)
        except TimeoutError:
            raise Unavailable(f"fetch: {url} did not answer within {TIMEOUT_SECONDS:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, ssl.SSLError) as error:
            raise Unavailable(f"fetch: {url}: {type(error).__name__} {error}") from error

    async def _followed(self, url: str) -> Page:
        for _ in range(REDIRECTS_MAX + 1):
            check_url(url)
            async with self._pool.stream("GET", url, headers=[*HEADERS, (b"Host", _host(url))]) as answer:
                target = _header(answer, b"location")
                if answer.status in REDIRECTS and target:
                    url = urljoin(url, target.decode("latin-1"))
                    continue
                return Page(url, answer.status, await _text(answer))
        raise Unavailable(f"fetch: {url} is where more than {REDIRECTS_MAX} redirects led")


def check_url(url: str) -> None:
    """Raise InvalidRequest unless it is an address of the web."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidRequest("url", f"{url!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest("url", f"{url!r} is no http:// or https:// address")


def public(address: str) -> bool:
    """Whether that IP address belongs to the internet, not to this machine or a network around it."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    return ip.is_global and not ip.is_multicast


class _PublicNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses of the internet only; to any, where that is allowed."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        address = await self._resolved(host, port)
        return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _resolved(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} is not known: {error.strerror}") from error
        addresses = [str(entry[4][0]) for entry in found]
        allowed = [address for address in addresses if self._private or public(address)]
        if not allowed:
            raise NotPermitted(
                f"fetch: {host} is at {addresses[0]}, which is not on the internet; host.fetch_private allows it"
            )
        return allowed[0]


async def _text(answer: httpcore.Response) -> str:
    body = bytearray()
    async for chunk in answer.aiter_stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise Unavailable(f"fetch: the page is larger than {BODY_BYTES_MAX} bytes")
    return body.decode(_charset(_header(answer, b"content-type")), errors="replace")


def _charset(content_type: bytes) -> str:
    _, _, named = content_type.decode("latin-1").partition("charset=")
    name = named.split(";")[0].strip(" \"'")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


def _header(answer: httpcore.Response, wanted: bytes) -> bytes:
    return next((value for name, value in answer.headers if name.lower() == wanted), b"")


def _host(url: str) -> bytes:
    return urlsplit(url).netloc.rpartition("@")[2].encode("ascii", "replace")
