"""The audited function notices nothing, and its capsule says what happened."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from qntx.capsules import Capsule, Capsules, CapsuleType, MemoryStorage, StorageError
from qntx.capsules.record import Record


class Hostile:
    def __str__(self) -> str:
        raise SystemExit("from __str__")

    __repr__ = __str__

    def __hash__(self) -> int:
        return 1


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("from the error's __str__")


class Broken(MemoryStorage):
    """A storage that keeps nothing."""

    def _append(self, *_: Any) -> Record:
        raise StorageError("the disk is full")


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
HOSTILE = [
    Hostile(), {Hostile(): Hostile()}, CYCLE, "x" * 50_000_000, list(range(300_000)), "\ud800", float("nan"), b"\xff",
    {1: "a", "1": "b"}, object,
]  # fmt: skip


async def last(capsules: Capsules) -> Capsule:
    capsule = await capsules.storage.get_latest()
    assert capsule is not None
    return capsule


def test_the_decorators_parameters_are_the_documented_ones() -> None:
    parameters = inspect.signature(Capsules.audit).parameters

    assert {name: p.default for name, p in parameters.items() if name not in ("self", "type")} == {
        "tenant_from": None, "tenant_id": None, "trigger_from": 0, "source": None, "domain": "agents",
        "swallow_errors": True,
    }  # fmt: skip
    assert all(p.kind is p.KEYWORD_ONLY for name, p in parameters.items() if name != "self")


def test_an_unknown_type_is_refused_where_the_function_is_decorated(capsules: Capsules) -> None:
    with pytest.raises(ValueError, match="spaceship"):
        capsules.audit(type="spaceship")


async def test_a_success_is_recorded(capsules: Capsules) -> None:
    @capsules.audit(type="agent", domain="lab")
    async def double(value: int) -> int:
        await asyncio.sleep(0.02)
        return value * 2

    assert await double(21) == 42
    capsule = await last(capsules)

    assert (capsule.type, capsule.domain) == (CapsuleType.AGENT, "lab")
    assert capsule.trigger.source == capsule.context.agent_id == double.__qualname__
    assert capsule.trigger.request == "21"
    assert (capsule.outcome.status, capsule.outcome.result) == ("success", 42)
    assert capsule.execution.duration_ms >= 15
    assert capsules.seal.verify(capsule)


async def test_a_failure_is_recorded_and_raised_as_it_was(capsules: Capsules) -> None:
    error = KeyError("gone")

    @capsules.audit(type="tool")
    async def fail() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        await fail()
    capsule = await last(capsules)

    assert caught.value is error
    assert (capsule.outcome.status, capsule.outcome.error) == ("failure", "'gone'")


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
async def test_hostile_values_pass_through_untouched(capsules: Capsules, value: Any) -> None:
    @capsules.audit(type="tool", swallow_errors=False)
    async def given(value: Any) -> Any:
        capsules.current().context.environment = {"seen": value}
        return value

    @capsules.audit(type="tool", swallow_errors=False)
    def given_sync(value: Any) -> Any:
        return value

    assert await given(value) is value
    assert await asyncio.to_thread(given_sync, value) is value
    assert await capsules.storage.count() == 2
    assert (await capsules.verify()).valid


async def test_an_error_that_cannot_be_shown_is_raised_as_it_was(capsules: Capsules) -> None:
    @capsules.audit(type="tool")
    async def fail() -> None:
        raise HostileError

    with pytest.raises(HostileError):
        await fail()

    assert (await last(capsules)).outcome.error == "<unrepresentable>"


async def test_enrichment_is_sealed(capsules: Capsules) -> None:
    @capsules.audit(type="agent")
    async def run() -> str:
        capsule = capsules.current()
        capsule.reasoning.model = "gpt-4o"
        capsule.reasoning.confidence = 0.95
        capsule.context.session_id = "session-abc"
        capsule.outcome.summary = "Generated 4 chars"
        capsule.execution.resources_used = {"tokens": 1500, "cost_usd": 0.003}
        return "text"

    await run()
    capsule = await last(capsules)

    assert (capsule.reasoning.model, capsule.reasoning.confidence) == ("gpt-4o", 0.95)
    assert capsule.context.session_id == "session-abc"
    assert capsule.outcome.summary == "Generated 4 chars"
    assert capsule.execution.resources_used == {"tokens": 1500, "cost_usd": 0.003}


@pytest.mark.parametrize("name", ["id", "type", "parent_id", "trigger", "context", "execution", "outcome"])
async def test_a_function_that_spoils_its_capsule_keeps_its_result_and_has_a_record(
    capsules: Capsules, name: str
) -> None:
    @capsules.audit(type="tool", swallow_errors=False)
    async def work() -> int:
        setattr(capsules.current(), name, None)
        return 7

    assert await work() == 7
    (capsule,) = await capsules.storage.list()
    assert capsule.outcome.status == "success"


async def test_outside_an_audited_call_there_is_no_current_capsule(capsules: Capsules) -> None:
    with pytest.raises(RuntimeError, match="No active capsule — are you inside an @audit decorated function"):
        capsules.current()


async def test_nested_calls_each_have_their_capsule_and_the_inner_names_the_outer(capsules: Capsules) -> None:
    other = Capsules(storage=MemoryStorage())

    @capsules.audit(type="tool")
    async def inner() -> Any:
        return capsules.current().id

    @capsules.audit(type="workflow")
    async def outer() -> Any:
        before = capsules.current().id
        within = await inner()
        assert capsules.current().id == before != within
        with pytest.raises(RuntimeError):
            other.current()
        return before

    outer_id = await outer()
    newest, oldest = await capsules.storage.list()

    assert oldest.parent_id == newest.id == outer_id


@pytest.mark.parametrize(
    ("chosen", "args", "kwargs", "request_"),
    [
        (0, ("a",), {}, "a"),
        (0, (), {"task": "a"}, "a"),
        (1, ("a", "b"), {}, "b"),
        (1, ("a",), {}, "standard"),
        ("other", ("a",), {}, "standard"),
        ("other", ("a",), {"other": "b"}, "b"),
        ("extra", ("a",), {"extra": "c"}, "c"),
        ("nothing", ("a",), {}, ""),
        (9, ("a",), {}, ""),
        (None, ("a",), {}, "a"),
        (0, ({"k": [1]},), {}, '{"k":[1]}'),
        (0, (["x", None],), {}, '["x",null]'),
        (0, ("y" * 900,), {}, "y" * 500 + "…(+400 characters)"),
    ],
)
async def test_the_request_is_the_chosen_argument_however_it_was_given(
    capsules: Capsules, chosen: Any, args: tuple[Any, ...], kwargs: dict[str, Any], request_: str
) -> None:
    @capsules.audit(type="tool", trigger_from=chosen)
    async def run(task: Any, other: str = "standard", **extra: Any) -> None: ...

    await run(*args, **kwargs)

    assert (await last(capsules)).trigger.request == request_


async def test_a_methods_request_is_its_argument_and_not_the_object(capsules: Capsules) -> None:
    class Agent:
        @capsules.audit(type="agent")
        async def run(self, task: str) -> None: ...

    await Agent().run("sort the mail")

    assert (await last(capsules)).trigger.request == "sort the mail"


@pytest.mark.parametrize(
    ("how", "tenant"),
    [
        ({"tenant_from": "site"}, "berlin"),
        ({"tenant_id": "fixed"}, "fixed"),
        ({"tenant_id": lambda args, kwargs: 7}, "7"),
        ({"tenant_id": lambda args, kwargs: args[0]}, "berlin"),
        ({}, None),
    ],
)
async def test_the_tenant_is_found_however_it_was_given(how: dict[str, Any], tenant: str | None) -> None:
    capsules = Capsules(storage=MemoryStorage())

    @capsules.audit(type="tool", **how)
    async def run(site: str) -> None: ...

    await run("berlin")

    assert len(await capsules.storage.get_all_ordered(tenant)) == 1


async def test_anything_callable_can_be_audited(capsules: Capsules) -> None:
    class Doubler:
        def __call__(self, value: int) -> int:
            return value * 2

    def add(one: int, two: int) -> int:
        return one + two

    audit = capsules.audit(type="tool")
    assert [audit(Doubler())(4), audit(functools.partial(add, 1))(2), audit(len)([1])] == [8, 3, 1]
    await capsules.close()

    sources = [capsule.trigger.source for capsule in await capsules.storage.list()]
    assert [source.rpartition(".")[2] for source in sources] == ["len", "add", "Doubler"]


async def test_a_generator_is_recorded_when_it_has_run_and_is_current_only_while_it_runs(capsules: Capsules) -> None:
    @capsules.audit(type="tool")
    def count(to: int) -> Iterator[int]:
        for number in range(to):
            received = yield number
            capsules.current().outcome.summary = f"received {received}"

    generator = count(3)
    assert next(generator) == 0
    with pytest.raises(RuntimeError):
        capsules.current()
    assert generator.send("x") == 1
    assert list(generator) == [2]
    await capsules.close()

    capsule = await last(capsules)
    assert (capsule.outcome.status, capsule.outcome.metrics) == ("success", {"items": 3})
    assert await capsules.storage.count() == 1


async def test_an_async_generator_is_recorded_when_it_ends_fails_or_is_closed(capsules: Capsules) -> None:
    @capsules.audit(type="tool")
    async def count(to: int) -> AsyncIterator[int]:
        for number in range(to):
            yield number
        if to == 2:
            raise ValueError("two")

    assert [number async for number in count(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="two"):
        async for _ in count(2):
            pass
    closed = count(9)
    await anext(closed)
    await closed.aclose()  # type: ignore[attr-defined]

    outcomes = [(c.outcome.status, c.outcome.metrics.get("items")) for c in await capsules.storage.list()]
    assert outcomes == [("success", 1), ("failure", None), ("success", 3)]


async def test_trouble_is_swallowed_and_logged_on_a_logger_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    capsules = Capsules(storage=Broken())

    @capsules.audit(type="tool")
    async def run() -> int:
        return 1

    @capsules.audit(type="tool")
    def run_sync() -> int:
        return 2

    with caplog.at_level(logging.WARNING, "qntx.capsules.audit"):
        assert (await run(), run_sync()) == (1, 2)

    assert [record.getMessage() for record in caplog.records] == [
        "Capsule audit failed (swallowed): the disk is full"
    ] * 2


async def test_trouble_reaches_the_caller_who_asked_for_it_unless_the_function_failed() -> None:
    capsules = Capsules(storage=Broken())

    @capsules.audit(type="tool", swallow_errors=False)
    async def run(error: Exception | None) -> None:
        if error is not None:
            raise error

    @capsules.audit(type="tool", swallow_errors=False)
    def run_sync() -> None: ...

    with pytest.raises(StorageError, match="disk"):
        await run(None)
    with pytest.raises(StorageError, match="disk"):
        run_sync()
    with pytest.raises(KeyError):
        await run(KeyError("own"))


async def test_a_tenant_that_cannot_be_found_out_is_trouble_with_the_audit_only(capsules: Capsules) -> None:
    def raising(args: object, kwargs: object) -> str:
        raise LookupError("no tenant")

    @capsules.audit(type="tool", tenant_id=raising)
    async def quiet() -> int:
        return 1

    @capsules.audit(type="tool", tenant_id=raising, swallow_errors=False)
    async def loud() -> int:
        return 1

    assert await quiet() == 1
    with pytest.raises(LookupError, match="no tenant"):
        await loud()


async def test_a_custom_storage_of_the_documented_interface_loses_nothing() -> None:
    class Custom:
        def __init__(self) -> None:
            self.kept: list[Capsule] = []

        async def store(self, capsule: Capsule, tenant_id: str | None = None) -> Capsule:
            await asyncio.sleep(0)
            self.kept.append(capsule)
            return capsule

        async def get(self, capsule_id: object, tenant_id: str | None = None) -> Capsule | None:
            return next((capsule for capsule in self.kept if str(capsule.id) == str(capsule_id)), None)

        async def get_latest(self, tenant_id: str | None = None) -> Capsule | None:
            return self.kept[-1] if self.kept else None

        async def get_all_ordered(self, tenant_id: str | None = None) -> list[Capsule]:
            return self.kept

        async def list(self, limit: int = 100, offset: int = 0, type_filter: Any = None, tenant_id: Any = None) -> Any:
            return self.kept[::-1][offset : offset + limit]

        async def count(self, type_filter: Any = None, tenant_id: Any = None) -> int:
            return len(self.kept)

        async def close(self) -> None: ...

    custom = Custom()
    capsules = Capsules(storage=custom)

    @capsules.audit(type="tool")
    async def run(number: int) -> int:
        return number

    await asyncio.gather(*(run(number) for number in range(50)))
    verdict = await capsules.chain.verify(seal=capsules.seal)
    proof = await capsules.chain.inclusion(custom.kept[7].id)
    await capsules.close()

    assert capsules.storage is custom
    assert (verdict.valid, verdict.capsules_verified) == (True, 50)
    assert proof.holds()


async def test_a_cancellation_while_sealing_neither_takes_the_result_nor_is_lost() -> None:
    gate = threading.Event()

    class Slow(MemoryStorage):
        def append(self, *args: Any) -> Any:
            future: Any = asyncio.get_running_loop().run_in_executor(None, gate.wait)
            ack = super().append(*args)
            delayed: Any = type(ack)()
            future.add_done_callback(lambda _: delayed.set_result(ack.result()))
            return delayed

    capsules = Capsules(storage=Slow())
    seen: list[str] = []

    @capsules.audit(type="tool")
    async def run() -> str:
        return "result"

    async def caller() -> None:
        seen.append(await run())
        await asyncio.sleep(60)

    task = asyncio.create_task(caller())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.05)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert seen == ["result"]
    assert await capsules.storage.count() == 1


async def test_a_timeout_that_strikes_while_sealing_does_not_strike_later() -> None:
    class Slow(MemoryStorage):
        def append(self, *args: Any) -> Any:
            ack = super().append(*args)
            delayed: Any = type(ack)()
            asyncio.get_running_loop().call_later(0.1, lambda: delayed.set_result(ack.result()))
            return delayed

    capsules = Capsules(storage=Slow())

    @capsules.audit(type="tool")
    async def run() -> str:
        return "result"

    async with asyncio.timeout(0.03):
        result = await run()
    await asyncio.sleep(0.05)

    assert result == "result"


async def test_a_cancelled_function_is_a_failure_and_stays_cancelled(capsules: Capsules) -> None:
    @capsules.audit(type="tool")
    async def run() -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(run())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    capsule = await last(capsules)
    assert (capsule.outcome.status, capsule.outcome.error) == ("failure", "CancelledError")
