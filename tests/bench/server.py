"""A gRPC server that runs code in three ways, so that all three pay the same for the call: python -m tests.bench.server

The code is the request, the result as JSON the answer. Nothing, exec() in the server itself with the libraries loaded,
a fresh sealed process, a session.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import os
from collections.abc import Awaitable, Callable

import grpc.aio
from tests.bench.engine import PRELOAD, Counting

from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.model.execution import Execution, Limits
from qntx.worker import source

SERVICE = "bench"
SESSION = "warm"

Answer = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]


async def nothing(code: bytes, _context: grpc.aio.ServicerContext) -> bytes:
    return code


async def in_process(code: bytes, _context: grpc.aio.ServicerContext) -> bytes:
    names: dict[str, object] = {}
    body, last = source.parse(code.decode(), "<bench>")
    if body is not None:
        exec(body, names)
    return json.dumps(eval(last, names) if last is not None else None).encode()


def engine(pool: Pool, session_id: str = "") -> Answer:
    numbers, home = itertools.count(), Counting()

    async def answer(code: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        name = f"{session_id}{next(numbers)}"
        execution = Execution(code=code.decode(), id=name, limits=Limits(timeout_seconds=120), session_id=session_id)
        result = await pool.run(execution, home)
        assert result.success, result.error
        return result.result_json

    return answer


async def serve() -> None:
    server = grpc.aio.server()
    at_once = max(4, len(os.sched_getaffinity(0)))
    async with Pool(Settings(name="bench", preload=PRELOAD, running_max=at_once, require_sandbox="full")) as pool:
        for name in PRELOAD:
            importlib.import_module(name)
        while not pool.describe()["ready"]:  # nothing tells
            await asyncio.sleep(0.05)
        answers = {"nothing": nothing, "exec": in_process, "fresh": engine(pool), "session": engine(pool, SESSION)}
        handlers = {name: grpc.unary_unary_rpc_method_handler(answer) for name, answer in answers.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        print(server.add_insecure_port("127.0.0.1:0"), flush=True)
        await server.start()
        await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve())
