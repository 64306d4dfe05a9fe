"""The page: its document, its assets, and the frame in which HTML that users' code makes is shown."""

from __future__ import annotations

import re
import secrets
from importlib import resources

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from qntx.errors import NotFound

BUILT = resources.files("qntx.host").joinpath("page")
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
ASSET = re.compile(r"[\w-]+(\.[\w-]+)*\.(js|css|svg|woff2)")
NONCE = "%NONCE%"
FOREVER = "public, max-age=31536000, immutable"

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing but what this host serves, no script in the document; styles only from files and from who knows the nonce."""

FRAME = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)
"""What is shown there may run, of no origin, and reaches neither this host nor the page, and no address by a request.

WebRTC is no request, and no policy of a browser's forbids it (THREAT-MODEL.md, "Not defended").
"""

NOT_BUILT = "the page is not built; run `npm ci && npm run build` in chassis/web"


def router() -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def page() -> Response:
        nonce = secrets.token_urlsafe(16)
        headers = {
            "Content-Security-Policy": PAGE.format(nonce=nonce),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        return HTMLResponse(_text("index.html").replace(NONCE, nonce), headers=headers)

    @routes.get("/frame")
    async def frame() -> Response:
        return HTMLResponse(_text("frame.html"), headers={"Content-Security-Policy": FRAME})

    @routes.get("/assets/{name}")
    async def asset(name: str) -> Response:
        """Their names change with their content."""
        file = BUILT.joinpath("assets", name)
        if not ASSET.fullmatch(name) or not file.is_file():
            raise NotFound(f"the page has no asset {name!r}")
        kind = TYPES[name[name.rindex(".") :]]
        return Response(file.read_bytes(), media_type=kind, headers={"Cache-Control": FOREVER})

    return routes


def _text(name: str) -> str:
    file = BUILT.joinpath(name)
    if not file.is_file():
        raise NotFound(NOT_BUILT)
    return file.read_text(encoding="utf-8")
