"""The running host, as a command sees it: found, called over HTTP, its refusals turned into our errors."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from qntx.errors import Busy, ChassisError, HostUnavailable, NotFound, NotPermitted, Refused, Unavailable
from qntx.host import presence
from qntx.host.home import Home
from qntx.model.execution import CLIENT_HEADER

CONNECT_TIMEOUT_SECONDS = 5.0
SHOWN = 200
"""Characters of an answer that is no host's."""

ERRORS: Mapping[int, type[ChassisError]] = {
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    429: Busy,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def find(home: Home | None = None) -> Client:
    """The host that `QNTX_URL` names, else the one running on this machine. Raises HostUnavailable.

    `QNTX_TOKEN` is who we are to it; for the host on this machine, host.json has one. `QNTX_CERTIFICATE` is a PEM file
    of the authority that vouches for the named one, where it is none that everybody knows.
    """
    if client := find_running(home):
        return client
    raise HostUnavailable("no host is running here: start one with `qntx up`, or name one in QNTX_URL")


def find_running(home: Home | None = None) -> Client | None:
    """The same, or None where no host is named or running."""
    token = os.environ.get("QNTX_TOKEN", "")
    if url := os.environ.get("QNTX_URL"):
        return Client(url, token=token, authority=os.environ.get("QNTX_CERTIFICATE", ""))
    here = presence.running((home or Home.find()).presence)
    return Client(here.url, token=token or here.token, pinned=here.certificate) if here else None


class Client:
    """Calls one host. Answers are JSON values; what the host refuses is raised with its words."""

    def __init__(self, url: str, *, token: str = "", authority: str = "", pinned: str = "") -> None:
        self.url = url.rstrip("/")
        trusted = _pinned(pinned) if pinned else _trusting(authority) if authority else True
        headers = {CLIENT_HEADER: "cli", **({"Authorization": f"Bearer {token}"} if token else {})}
        # A run takes as long as its own deadline allows, so only connecting is bounded here.
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS)
        # The host is named exactly: a proxy configured for the web must not get in between.
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout, trust_env=False, verify=trusted)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        return self.request("GET", path, params=params)

    def post(self, path: str, body: Any = None) -> Any:
        return self.request("POST", path, body=body)

    def put(self, path: str, body: Any) -> Any:
        return self.request("PUT", path, body=body)

    def delete(self, path: str) -> Any:
        return self.request("DELETE", path)

    def request(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """The answer's JSON value; None where it is empty. Parameters that are None are left out."""
        sent = {name: value for name, value in (params or {}).items() if value is not None}
        _encoded(sent)
        with self._reaching():
            answer = self._http.request(method, path, params=sent, **_sent(body))
        _check(answer)
        return answer.json() if answer.content else None

    def events(
        self, method: str, path: str, body: Any = None, *, params: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[str, Any]]:
        """The server-sent events of a call as they come: name ("message" where it has none) and JSON value."""
        sent = _sent(body)
        headers = {**sent.pop("headers", {}), "Accept": "text/event-stream"}
        _encoded(params)
        with self._reaching(), self._http.stream(method, path, params=params, headers=headers, **sent) as answer:
            if answer.is_error:
                answer.read()
            _check(answer)
            name = "message"
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    name = line.removeprefix("event:").strip()
                elif line.startswith("data:"):
                    yield name, json.loads(line.removeprefix("data:"))
                    name = "message"

    def lines(self, path: str, **params: Any) -> Iterator[Any]:
        """The JSON values of an answer that has one a line, as they come."""
        sent = {name: value for name, value in params.items() if value is not None}
        _encoded(sent)
        headers = {"Accept": "application/x-ndjson"}
        with self._reaching(), self._http.stream("GET", path, params=sent, headers=headers) as answer:
            if answer.is_error:
                answer.read()
            _check(answer)
            for line in answer.iter_lines():
                yield json.loads(line)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise HostUnavailable(f"the host at {self.url} does not answer: {error}") from error


def _sent(body: Any) -> dict[str, Any]:
    """How a request says it."""
    return {} if body is None else {"content": _encoded(body), "headers": {"Content-Type": "application/json"}}


def _encoded(value: Any) -> bytes:
    """What was typed, as JSON. Raises Refused where it has no such form."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        start = max(0, error.start - 20)
        raise Refused(f"this is not Unicode text: {error.object[start : error.end + 20]!r}") from None
    except ValueError:
        raise Refused("JSON has no number that is infinite, or none; write it as a text, or leave it out") from None
    except RecursionError:
        raise Refused("this is nested too deep to be sent; flatten it, or send it as a text") from None


def _trusting(file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise Refused(f"QNTX_CERTIFICATE: {file}: {error}") from error


def _pinned(file: str) -> ssl.SSLContext:
    """Trust exactly the certificate that the host of this machine says it shows, whatever name it was made for."""
    context = _trusting(file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    error = ERRORS.get(answer.status_code, Refused if answer.status_code < 500 else Unavailable)
    raise error(_reason(answer))


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        shown = " ".join(answer.text.split())[:SHOWN]
        return f"{answer.url} answered {answer.status_code}, and not as a QNTX host does: {shown}"
