"""Which addresses a script may fetch from, and what it gets. The web here is a real server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from qntx.errors import InvalidRequest, NotPermitted, Unavailable
from qntx.host.web.fetcher import BODY_BYTES_MAX, Fetcher, check_url, public


class Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        pages = {
            "/text": (200, {"Content-Type": "text/plain; charset=latin-1"}, "é".encode("latin-1")),
            "/gone": (410, {}, b"gone"),
            "/moved": (302, {"Location": "/text"}, b""),
            "/loop": (302, {"Location": "/loop"}, b""),
            "/file": (302, {"Location": "file:///etc/passwd"}, b""),
            "/huge": (200, {}, b"x" * (BODY_BYTES_MAX + 1)),
        }
        status, headers, body = pages[self.path]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is meant to here."""


@pytest.fixture
def web() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_the_internet_is_public(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "100.64.0.1",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
    ],
)
def test_this_machine_and_the_networks_around_it_are_not(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433"])
async def test_a_private_address_is_refused(host: str) -> None:
    async with Fetcher(private=False) as fetcher:
        with pytest.raises(NotPermitted, match=r"host\.fetch_private"):
            await fetcher.get(f"http://{host}:1/")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.example/", "a.example", "http://", "http://a:x/", "http://["]
)
async def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="url"):
        check_url(url)


async def test_a_page_is_its_status_and_text(web: str) -> None:
    async with Fetcher(private=True) as fetcher:
        page = await fetcher.get(f"{web}/text")
        gone = await fetcher.get(f"{web}/gone")

    assert (page.status, page.text) == (200, "é")
    assert (gone.status, gone.text) == (410, "gone")


async def test_redirects_are_followed_within_the_web(web: str) -> None:
    async with Fetcher(private=True) as fetcher:
        assert (await fetcher.get(f"{web}/moved")).url == f"{web}/text"
        with pytest.raises(InvalidRequest, match="file:///etc/passwd"):
            await fetcher.get(f"{web}/file")
        with pytest.raises(Unavailable, match="redirects"):
            await fetcher.get(f"{web}/loop")


async def test_a_page_too_large_is_refused(web: str) -> None:
    async with Fetcher(private=True) as fetcher:
        with pytest.raises(Unavailable, match="larger than"):
            await fetcher.get(f"{web}/huge")


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with Fetcher(private=True) as fetcher:
        with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9/"):
            await fetcher.get("http://127.0.0.1:9/")
        with pytest.raises(Unavailable, match=r"nowhere\.invalid is not known"):
            await fetcher.get("http://nowhere.invalid/")
