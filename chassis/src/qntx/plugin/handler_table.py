"""Which handlers there are, and what the host must know of them.

Pure: it is given the attestations, newest first, and keeps of each subject what the newest says. Attestations are only
ever added, so a handler is deleted by one that says `handler:deleted` beside `handler`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from qntx.errors import InvalidScript
from qntx.model.attestation import Attestation
from qntx.model.declaration import Declarations, Function, Watch
from qntx.protocol import domain_pb2
from qntx.script import declarations, triggers

HANDLER = "handler"
FAULTED = "handler:faulted"
DELETED = "handler:deleted"
RELOAD = "__reload"
SCRIPT = "script"
RELOAD_WATCHER = "handler-reload"

FIRES_PER_SECOND = 1
"""Of one watcher, as QNTX's own chassis asks for; what comes faster is queued by the host, not lost."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler as it was last published."""

    name: str
    code: str
    attestation_id: str = ""
    published_at_ms: int = 0
    declared: Declarations = field(default_factory=Declarations)
    fault: str = ""
    """Why it cannot run. Empty for all but a few."""

    def addresses(self) -> Iterator[tuple[str, Function | None]]:
        """The names it answers to: its own and, where it has several functions, each of theirs after a dot."""
        yield self.name, None
        if triggers.several(self.declared):
            for function in self.declared.functions:
                yield f"{self.name}.{function.name}", function

    def address(self, function: Function) -> str:
        """The name under which nothing but this function runs."""
        return f"{self.name}.{function.name}" if triggers.several(self.declared) else self.name


@dataclass(slots=True)
class Reading:
    """Handlers found so far, while attestations are read newest first."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    reported: dict[str, str] = field(default_factory=dict)
    """The fault last attested of a handler, where nothing was published since."""
    _settled: set[str] = field(default_factory=set)

    def take(self, row: Attestation) -> None:
        subject = row.subjects[0] if row.subjects else ""
        if not subject or subject in self._settled:
            return
        predicates = {predicate.lower() for predicate in row.predicates}
        code = row.attributes.get("code")
        if DELETED in predicates:
            self._settled.add(subject)
        elif HANDLER in predicates and isinstance(code, str):
            self._settled.add(subject)
            self.handlers[subject] = _read(subject, code, row)
        elif FAULTED in predicates:
            self.reported.setdefault(subject, str(row.attributes.get("reason", "")))

    def unreported(self) -> list[Handler]:
        """Those whose fault nobody has attested yet."""
        handlers = self.handlers.values()
        return [each for each in handlers if each.fault and self.reported.get(each.name) != each.fault]


@dataclass(frozen=True, slots=True)
class Announcement:
    """What Initialize tells the host of handlers."""

    handler_names: tuple[str, ...]
    watchers: tuple[domain_pb2.WatcherRegistration, ...]
    schedules: tuple[domain_pb2.ScheduleInfo, ...]

    def fingerprint(self) -> tuple[bytes, ...]:
        """Equal for two that a host could not tell apart."""
        messages = (*self.watchers, *self.schedules)
        return (*(name.encode() for name in self.handler_names), *(each.SerializeToString() for each in messages))

    def periods(self) -> dict[str, int]:
        """Seconds between runs, by the name that runs."""
        return {each.handler_name: each.interval_seconds for each in self.schedules}


def announcement(plugin: str, handlers: Mapping[str, Handler], contexts: Sequence[str]) -> Announcement:
    """Names, watchers and schedules of these handlers of this plugin, published in these contexts."""
    ordered = [handlers[name] for name in sorted(handlers)]
    names = [SCRIPT, *(address for handler in ordered for address, _ in handler.addresses()), RELOAD]
    # All of them, since a host that is not told of a name at Initialize cannot be given a schedule for it later.
    bare = [handler.name for handler in ordered if _is_own(plugin, handler.name)]
    reload = domain_pb2.WatcherRegistration(
        id=RELOAD_WATCHER,
        handler_name=f"{plugin}.{RELOAD}",
        predicates=[HANDLER],
        contexts=contexts,
        max_fires_per_second=FIRES_PER_SECOND,
    )
    return Announcement(
        # A host may fall over a name that it is told twice.
        handler_names=tuple(dict.fromkeys((*(f"{plugin}.{name}" for name in names), *bare))),
        watchers=(*(each for handler in ordered for each in _watchers(plugin, handler)), reload),
        schedules=tuple(each for handler in ordered for each in _schedules(plugin, handler)),
    )


def _read(name: str, code: str, row: Attestation) -> Handler:
    try:
        declared, fault = declarations.read(code), _misnamed(name)
    except InvalidScript as unreadable:
        declared, fault = Declarations(), str(unreadable)
    return Handler(name, code, row.id, row.timestamp_ms, declared, fault)


def _misnamed(name: str) -> str:
    if name == SCRIPT or name.startswith("__") or "/" in name:
        return f"a handler cannot be called {name!r}; publish it under another name"
    return ""


def _fired_as(plugin: str, handler: Handler, function: Function, alone: bool) -> str:
    """The name under which a trigger runs this function.

    The handler's own where that is enough to find the function: QNTX's handlers panel shows those triggers beside the
    handler that bear its bare name. Else the function's address.
    """
    return handler.name if alone and _is_own(plugin, handler.name) else f"{plugin}.{handler.address(function)}"


def _is_own(plugin: str, name: str) -> bool:
    """Whether a bare name means this handler, and does not read as another one's name in full."""
    return not name.startswith(f"{plugin}.")


def _watchers(plugin: str, handler: Handler) -> Iterator[domain_pb2.WatcherRegistration]:
    alone = sum(bool(function.watches) for function in handler.declared.functions) == 1
    for function in handler.declared.functions:
        for number, watch in enumerate(_merged(function.watches), start=1):
            yield domain_pb2.WatcherRegistration(
                id=_watcher_id(f"{handler.name}-{function.name}", number),
                handler_name=_fired_as(plugin, handler, function, alone),
                predicates=watch.predicates,
                contexts=watch.contexts,
                max_fires_per_second=FIRES_PER_SECOND,
            )


def _watcher_id(name: str, number: int) -> str:
    """A host keeps one watcher of an id, and that of reloading is taken."""
    place = number + (name == RELOAD_WATCHER)
    return name if place == 1 else f"{name}-{place}"


def _merged(watches: tuple[Watch, ...]) -> list[Watch]:
    """Those of the same contexts as one, so that an attestation that two of them match fires once."""
    predicates: dict[tuple[str, ...], dict[str, None]] = {}
    for watch in watches:
        predicates.setdefault(watch.contexts, {}).update(dict.fromkeys(watch.predicates))
    return [Watch(tuple(each), contexts) for contexts, each in predicates.items()]


def _schedules(plugin: str, handler: Handler) -> Iterator[domain_pb2.ScheduleInfo]:
    functions = handler.declared.functions
    alone = sum(bool(each.periods) for each in functions) == 1 and not any(each.by_hand for each in functions)
    for function in functions:
        for seconds in function.periods:
            yield domain_pb2.ScheduleInfo(
                handler_name=_fired_as(plugin, handler, function, alone),
                interval_seconds=seconds,
                enabled_by_default=True,
                description=function.description,
            )
