"""Auditing generators: one capsule from the first item asked for to the last one given.

The capsule is current only while the generator's own code runs, not while its consumer works on an item.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from qntx.capsules.call import Audit, Call


def audited_generator(function: Callable[..., Any], audit: Audit) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call(audit, args, kwargs)
        generator = function(*args, **kwargs)
        step, given = generator.send, None
        items = 0
        try:
            while True:
                call.enter()
                item = step(given)
                call.leave()
                items += 1
                try:
                    step, given = generator.send, (yield item)
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:
                    step, given = generator.throw, error
        except StopIteration as ended:
            _finished(call, items, ended.value)
            call.seal_blocking()
            return ended.value
        except GeneratorExit:
            _finished(call, items, None, "closed by its consumer")
            call.seal_blocking(failed=True)
            raise
        except BaseException as error:
            call.failed(error)
            call.seal_blocking(failed=True)
            raise

    return wrapper


def audited_async_generator(function: Callable[..., Any], audit: Audit) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call(audit, args, kwargs)
        generator = function(*args, **kwargs)
        step, given = generator.asend, None
        items = 0
        try:
            while True:
                call.enter()
                item = await step(given)
                call.leave()
                items += 1
                try:
                    step, given = generator.asend, (yield item)
                except GeneratorExit:
                    await generator.aclose()
                    raise
                except BaseException as error:
                    step, given = generator.athrow, error
        except StopAsyncIteration:
            _finished(call, items, None)
            await call.seal()
        except GeneratorExit:
            _finished(call, items, None, "closed by its consumer")
            await call.seal(failed=True)
            raise
        except BaseException as error:
            call.failed(error)
            await call.seal(failed=True)
            raise

    return wrapper


def _finished(call: Call, items: int, result: Any, summary: str = "") -> None:
    call.succeeded(result)
    call.capsule.outcome.summary = call.capsule.outcome.summary or summary
    metrics = call.capsule.outcome.metrics
    if isinstance(metrics, dict):
        metrics.setdefault("items", items)
