"""A browser's WebSocket, through a real host, to a real plugin."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from qntx.host.access.roles import Role
from qntx.host.access.tokens import Tokens
from qntx.protocol.domain_pb2 import WebSocketMessage

from .conftest import RunningHost

HEAR_SECONDS = 30


def opened(host: RunningHost, name: str = "python", query: str = "", **options: Any) -> ClientConnection:
    url = host.url.replace("http", "ws", 1)
    return connect(f"{url}/ws/{name}{query}", proxy=None, **options)


def say(browser: ClientConnection, value: Any, kind: int = WebSocketMessage.DATA) -> None:
    data = base64.b64encode(json.dumps(value).encode()).decode()
    browser.send(json.dumps({"type": kind, "data": data, "headers": {}, "timestamp": 1}))


def hear(browser: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of that kind; others are passed over."""
    while True:
        frame = json.loads(browser.recv(HEAR_SECONDS))
        assert frame["type"] == WebSocketMessage.DATA
        assert set(frame) == {"type", "data", "headers", "timestamp"}
        told: dict[str, Any] = json.loads(base64.b64decode(frame["data"]))
        if told["type"] == kind:
            return told


def test_code_runs_and_is_watched_over_a_websocket(host: RunningHost) -> None:
    with opened(host) as browser:
        say(browser, {"type": "execute", "content": "print('ä', flush=True)\n6 * 7"})
        first, end = hear(browser, "stdout"), hear(browser, "end")

    assert first["data"] == "ä\n"
    assert (end["success"], end["result"]) == (True, 42)


def test_each_variant_has_its_own(host: RunningHost) -> None:
    with opened(host, "bio") as browser:
        say(browser, {"type": "execute", "content": "import Bio\nBio.__name__"})

        assert hear(browser, "end")["result"] == "Bio"


def test_frames_that_cannot_be_read_are_dropped_and_the_connection_stays(host: RunningHost) -> None:
    with opened(host) as browser:
        browser.send("nonsense")
        browser.send(b"\xff\x00")
        browser.send('{"type": 1, "data": "***"}')
        say(browser, {"type": "execute", "content": "1"})

        assert hear(browser, "end")["success"]


def test_a_browser_that_goes_stops_what_it_ran(host: RunningHost) -> None:
    with opened(host) as browser:
        say(browser, {"type": "execute", "content": "print('on', flush=True)\nwhile True: pass", "timeout_secs": 60})
        started = hear(browser, "started")
        hear(browser, "stdout")

    def cancelled() -> Any:
        return re.search(r'qntx_executions_total{[^}]*"cancelled"[^}]*} [1-9]', host.http.get("/metrics").text)

    assert started["execution_id"]
    host.until(cancelled)


def test_the_subprotocol_of_the_core_is_offered(host: RunningHost) -> None:
    with opened(host, subprotocols=["qntx-plugin-v1"]) as browser:
        assert browser.subprotocol == "qntx-plugin-v1"


def test_a_close_of_the_browser_is_answered_by_the_plugins(host: RunningHost) -> None:
    with opened(host) as browser:
        browser.send(json.dumps({"type": WebSocketMessage.CLOSE}))

        with pytest.raises(ConnectionClosed) as ended:
            browser.recv(HEAR_SECONDS)

    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1000


def test_a_name_that_is_no_plugins_is_refused_before_it_is_open(host: RunningHost) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(host, "pyton")

    assert refused.value.response.status_code == 404
    assert b"did you mean 'python'?" in refused.value.response.body


def test_a_page_of_another_site_gets_no_socket(host: RunningHost) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(host, origin="https://evil.example")

    assert refused.value.response.status_code == 403


def test_a_plugin_without_websockets_says_so(
    start_host: Callable[..., RunningHost], install: Callable[..., Path]
) -> None:
    install("other")
    host = start_host()
    host.until_state("other", "running")

    with opened(host, "other") as browser, pytest.raises(ConnectionClosed) as ended:
        browser.recv(HEAR_SECONDS)

    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1011
    assert ended.value.rcvd.reason


def test_where_tokens_are_demanded_a_socket_takes_one_that_may_run_and_ends_with_it(
    start_host: Callable[..., RunningHost], bare_home: Any, launcher: Callable[[str], Path]
) -> None:
    (bare_home.plugins / "qntx-python-plugin").symlink_to(launcher("python"))
    tokens = Tokens(bare_home.tokens)
    text = tokens.create("page", Role.RUN)
    host = start_host("[host]\nrequire_token = true\n")
    host.http.headers["Authorization"] = f"Bearer {text}"
    host.until_state("python", "running")

    with opened(host, additional_headers={"Authorization": f"Bearer {text}"}) as browser:
        say(browser, {"type": "execute", "content": "1"})
        hear(browser, "end")
        tokens.revoke("page")
        say(browser, {"type": "execute", "content": "1"})
        with pytest.raises(ConnectionClosed) as ended:
            hear(browser, "end")

    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1008
