"""What Python takes for JSON and is none is refused before anything keeps it, by the place where it stands."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from qntx.host.api import errors
from qntx.host.api.values import fault_in

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
)


class Wish(errors.Body):
    name: str = ""
    data: Any = None


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    errors.install(app)

    @app.post("/")
    async def grant(wish: Wish) -> dict[str, Any]:
        return {"name": wish.name, "data": wish.data}

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (r'{"data": {"x": [1, NaN]}}', "data.x.1", "nan is no JSON number"),
        (r'{"data": -Infinity}', "data", "-inf is no JSON number"),
        (r'{"data": 1e999}', "data", "inf is no JSON number"),
        (r'{"name": "\ud800"}', "name", "half of a surrogate pair"),
        (r'{"data": [{"\udfff": 1}]}', "data.0", "half of a surrogate pair"),
        (r'{"\ud800": 1}', None, "half of a surrogate pair"),
    ],
)
async def test_a_body_with_what_cannot_be_written_again_is_a_400_that_says_where(
    client: httpx.AsyncClient, body: str, field: str | None, reason: str
) -> None:
    answer = await client.post("/", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400, answer.text
    assert reason in answer.json()["error"]
    assert answer.json().get("field") == field


async def test_whatever_can_be_written_again_is_taken_as_it_is(client: httpx.AsyncClient) -> None:
    sent = {
        "name": "\N{SNAKE}\0",
        "data": {
            "big": 10**40,
            "deep": [[[]]],
            "pair": "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        },
    }

    assert (await client.post("/", json=sent)).json() == sent


@given(VALUES)
def test_a_value_without_a_fault_is_written_and_one_with_a_fault_has_a_place(value: Any) -> None:
    found = fault_in(value)

    if found is None:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    else:
        for step in found[0]:
            value = value[step]
        assert isinstance(value, float | str | dict)
