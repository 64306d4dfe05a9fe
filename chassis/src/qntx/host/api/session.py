"""Logging in with the browser: `/api/session` exchanges a token for a cookie that no script can read."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from qntx.host.access.door import LOGIN_SECONDS, Caller, Denied, Door
from qntx.host.access.roles import Word
from qntx.host.api.access import COOKIE, SECURE_COOKIE, address_of, denial, is_secure, login_of, who
from qntx.host.api.errors import RESPONSES, Body, fault


class Session(BaseModel):
    """Who the caller is to this host."""

    needed: bool = Field(description="Whether this host demands tokens. Where it does not, everybody may everything.")
    authenticated: bool
    role: Word | None = Field(description="Each may do what those before it may.")
    name: str = Field(description="The token's name; empty where there is none.")


class LoginBody(Body):
    token: str = Field(description="As `qntx token create` printed it.")


_REFUSED: dict[int | str, dict[str, Any]] = {status: RESPONSES[status] for status in (400, 401, 403, 413, 415, 429)}


def router(door: Door) -> APIRouter:
    routes = APIRouter(prefix="/api/session", tags=["session"])

    @routes.get("", responses={403: RESPONSES[403]})
    async def session(request: Request) -> Session:
        """Who the caller is, if anybody."""
        return _session(door, who(door, request))

    @routes.post("", responses=_REFUSED | {200: {"model": Session}}, response_class=Response)
    async def log_in(body: LoginBody, request: Request) -> Response:
        """Exchange a token for a cookie, for twelve hours or until the host ends."""
        entered = door.login(body.token, address_of(request))
        if isinstance(entered, Denied):
            if entered.wait_seconds:
                return denial(entered)
            return fault(HTTPStatus.UNAUTHORIZED, entered.error, "token")
        caller, secret = entered
        answer = _answer(door, caller)
        if secret:
            answer.set_cookie(value=secret, max_age=int(LOGIN_SECONDS), **_cookie(request))
        return answer

    @routes.delete("", responses={200: {"model": Session}, 403: RESPONSES[403]}, response_class=Response)
    async def log_out(request: Request) -> Response:
        """End the login that the cookie holds."""
        if login := login_of(request):
            door.logout(login)
        answer = _answer(door, who(door, request))
        answer.delete_cookie(**_cookie(request))
        return answer

    return routes


def _session(door: Door, caller: Caller | Denied) -> Session:
    if isinstance(caller, Denied):
        return Session(needed=door.demanded, authenticated=False, role=None, name="")
    return Session(needed=door.demanded, authenticated=True, role=caller.role.word, name=caller.name)


def _answer(door: Door, caller: Caller | Denied) -> Response:
    return JSONResponse(_session(door, caller).model_dump())


def _cookie(request: Request) -> dict[str, Any]:
    secure = is_secure(request)
    return {
        "key": SECURE_COOKIE if secure else COOKIE,
        "path": "/",
        "secure": secure,
        "httponly": True,
        "samesite": "strict",
    }
