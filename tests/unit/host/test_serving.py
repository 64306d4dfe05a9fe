"""What the HTTP server does beside what its application answers."""

from __future__ import annotations

import time

import httpx
import pytest
from fastapi import FastAPI

from qntx.host.serving import HttpServer

CALLS = 50
DELAYED_ACKNOWLEDGEMENT_SECONDS = 0.04


@pytest.mark.alone
async def test_no_answer_waits_for_the_one_before_it_to_be_acknowledged() -> None:
    app = FastAPI()
    app.get("/")(lambda: {"answer": 42})

    async with HttpServer(app, "127.0.0.1", 0) as server, httpx.AsyncClient(trust_env=False) as http:
        await http.get(server.url)
        started = time.perf_counter()
        for _ in range(CALLS):
            assert (await http.get(server.url)).json() == {"answer": 42}
        took_seconds = time.perf_counter() - started

    assert took_seconds < CALLS * DELAYED_ACKNOWLEDGEMENT_SECONDS
