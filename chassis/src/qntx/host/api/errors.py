"""Every refusal in one shape: `{"error": what is wrong and what to do, "field": which part of the request}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException

from qntx.errors import ChassisError, InvalidRequest, Unavailable
from qntx.host.api.values import fault_in
from qntx.model.nearest import meant
from qntx.wire.status import status_of

RETRY_AFTER_SECONDS = 1
UNKNOWN_FIELD = "unknown_field"
NO_JSON = "no_json"
MESSAGES = {
    "missing": "is required",
    "model_attributes_type": "must be a JSON object",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "dict_type": "must be a JSON object",
}
"""In a person's words, what pydantic says in a programmer's."""

log = structlog.get_logger("qntx.host.api")


class Fault(BaseModel):
    """What is wrong with a request, or why it cannot be answered now."""

    error: str = Field(description="What is wrong, and what to do.")
    field: str | None = Field(default=None, description="The field of the request that is at fault.")
    needed: str | None = Field(default=None, description="The role that it takes: read, run or admin.")


RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": Fault, "description": "A field is missing, unknown or wrong, or the body is not JSON."},
    401: {"model": Fault, "description": "This host demands a token, and none that it knows was shown."},
    403: {"model": Fault, "description": "The request comes from another site, or takes a higher role."},
    404: {"model": Fault, "description": "There is no such thing; the error lists or suggests what there is."},
    413: {"model": Fault, "description": "The body is larger than `host.body_bytes_max`."},
    415: {"model": Fault, "description": "The body is not sent as application/json."},
    429: {"model": Fault, "description": "As much is running and waiting as is allowed; see Retry-After."},
    503: {"model": Fault, "description": "The plugin is loading, restarting or gone; see Retry-After."},
}


class Known(BaseModel):
    """A request: an unknown field is refused with the one meant."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _knows_every_field(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            for name in values:
                if name not in cls.model_fields:
                    hint = meant(str(name), cls.model_fields)
                    raise PydanticCustomError(
                        UNKNOWN_FIELD, "no such field; {hint}", {"field": str(name), "hint": hint}
                    )
        return values


class Body(Known):
    """A request's body: types are meant as they are written, and what Python reads as JSON and is none is refused."""

    model_config = ConfigDict(strict=True)

    @model_validator(mode="before")
    @classmethod
    def _can_be_written_again(cls, values: Any) -> Any:
        if (found := fault_in(values)) is not None:
            place, reason = found
            raise PydanticCustomError(NO_JSON, "{reason}", {"field": ".".join(map(str, place)), "reason": reason})
        return values


def install(app: FastAPI) -> None:
    """Answer every kind of failure in that shape."""
    app.exception_handler(ChassisError)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_not_served)
    app.exception_handler(Exception)(_broken)


def fault(
    status: int,
    error: str,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    needed: str | None = None,
) -> JSONResponse:
    content = {"error": error} | ({"field": field} if field else {}) | ({"needed": needed} if needed else {})
    # A request may be quoted in it, and that may be no text.
    told = {name: text.encode("utf-8", "replace").decode() for name, text in content.items()}
    return JSONResponse(told, status, headers=dict(headers or {}))


async def _refused(request: Request, error: ChassisError) -> JSONResponse:
    field = error.field if isinstance(error, InvalidRequest) else None
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if isinstance(error, Unavailable) else {}
    return fault(status_of(error).http, str(error), field, headers)


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return fault(400, f"the body is not JSON: {first['ctx']['error']} at character {first['loc'][-1]}")
    place, *path = (str(part) for part in first["loc"])
    field = first["ctx"]["field"] if first["type"] in (UNKNOWN_FIELD, NO_JSON) else ".".join(path)
    return fault(400, f"{field or place}: {MESSAGES.get(first['type'], first['msg'])}", field or None)


async def _not_served(request: Request, error: HTTPException) -> JSONResponse:
    reasons = {
        "Not Found": f"nothing is served at {request.url.path}",
        "Method Not Allowed": f"{request.url.path} does not take {request.method}",
        "There was an error parsing the body": "the body is no JSON that can be read: it has to be UTF-8, nested less "
        "than some hundred levels deep, its whole numbers of less than some thousand digits",
    }
    detail = str(error.detail)
    return fault(error.status_code, reasons.get(detail, detail), headers=error.headers)


async def _broken(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", path=request.url.path, exc_info=error)
    return fault(500, "the host failed to answer; its log has the reason")
