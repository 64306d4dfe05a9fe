"""A host in memory: it stores, answers and keeps a record of what scripts asked of it."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

from qntx.errors import ChassisError, NotFound, Refused
from qntx.model.identity import RANDOM_BYTES, asid
from qntx.script.attributes import plain
from qntx.script.calls import checked
from qntx.script.triggers import contains_any

_FIELDS = ("subjects", "predicates", "contexts", "actors")


@dataclass(frozen=True, slots=True)
class Page:
    """What a fetch of some URL gives."""

    body: str
    status_code: int = 200


@dataclass(slots=True)
class FakeHost:
    """Give it pages to be fetched, look afterwards at what it was told. It is a script's channel, too."""

    pages: dict[str, Page | str] = field(default_factory=dict)
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    away: str = ""
    """Where set, nothing can be reached, for this reason."""
    attestations: list[dict[str, Any]] = field(default_factory=list)
    """All there are, oldest first."""
    jobs: list[dict[str, Any]] = field(default_factory=list)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    scripts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The versions of each published ingest script."""
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Displays, progress and log lines as (kind, data)."""
    _numbers: dict[int, dict[str, Any]] = field(default_factory=dict)
    _open: dict[str, Iterator[dict[str, Any]]] = field(default_factory=dict)
    _count: Iterator[int] = field(default_factory=count)
    _lock: Any = field(default_factory=threading.RLock)

    def add(self, subjects: list[str], predicates: list[str], contexts: list[str], **more: Any) -> dict[str, Any]:
        """Have an attestation there before the script runs."""
        draft = {"subjects": subjects, "predicates": predicates, "contexts": contexts, **more}
        return self._keep(plain(draft, "attestation"))

    def attest(self, draft_json: bytes) -> int:
        if self.away:
            raise RuntimeError(f"attest: {self.away}")
        with self._lock:
            number = next(self._count)
            self._numbers[number] = self._keep(json.loads(draft_json))
            return number

    @property
    def attested(self) -> list[dict[str, Any]]:
        """Those that scripts made, in order."""
        return list(self._numbers.values())

    def stored(self, number: int) -> tuple[str, int]:
        row = self._numbers[number]
        return row["id"], row["timestamp"]

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Answer as a plugin would: JSON in, JSON out, refusals as RuntimeError."""
        try:
            asked = checked(name, json.loads(json.dumps(arguments)))
            if self.away:
                raise Refused(self.away)
            with self._lock:
                answer = getattr(self, f"_{name}")(**asked)
        except ChassisError as refusal:
            raise RuntimeError(f"{name}: {refusal}") from None
        return json.loads(json.dumps(answer))

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        self.told.append((kind, json.loads(json.dumps(data))))

    def _keep(self, draft: Mapping[str, Any]) -> dict[str, Any]:
        now = self.now_ms()
        subject, predicate, context = ((draft.get(name) or ["_"])[0] for name in _FIELDS[:3])
        row = {
            "id": asid("AS", subject, predicate, context, secrets.token_bytes(RANDOM_BYTES)),
            **{name: list(draft.get(name) or ()) for name in _FIELDS},
            "timestamp": draft.get("timestamp") or now,
            "source": "python",
            "attributes": dict(draft.get("attributes") or {}),
            "created_at": now,
        }
        self.attestations.append(row)
        return row

    def _matching(self, since: int | None = None, until: int | None = None, **terms: Any) -> Iterator[dict[str, Any]]:
        for row in reversed(self.attestations):
            in_time = (since is None or row["timestamp"] >= since) and (until is None or row["timestamp"] <= until)
            if in_time and all(contains_any(row[name], wanted) for name, wanted in terms.items()):
                yield row

    def _attestations(self, *, limit: int | None, page: int, cursor: str | None, **wanted: Any) -> dict[str, Any]:
        rows = self._open.pop(cursor) if cursor else islice(self._matching(**wanted), limit)
        taken = list(islice(rows, page))
        if len(taken) < page:
            return {"rows": taken, "next": None}
        following = secrets.token_hex(8)
        self._open[following] = rows
        return {"rows": taken, "next": following}

    def _last(self, **wanted: Any) -> dict[str, Any] | None:
        return next(self._matching(**wanted), None)

    def _fetch(self, url: str, subjects: list[str], predicate: str, context: str, **_how: Any) -> dict[str, Any]:
        if url not in self.pages:
            known = ", ".join(self.pages) or "none"
            raise NotFound(f"no page for {url} here (there are: {known}); give FakeHost(pages={{url: body}})")
        given = self.pages[url]
        page = given if isinstance(given, Page) else Page(given)
        attributes = {"url": url, "response": page.body, "status_code": page.status_code}
        row = self.add(subjects or [url], ["http:get", predicate], [context or "_"], attributes=attributes)
        return {"body": page.body, "status_code": page.status_code, "attestation_id": row["id"]}

    def _schedule(self, **asked: Any) -> str:
        schedule_id = f"SPJ_{len(self.schedules) + 1}"
        self.schedules[schedule_id] = {**asked, "state": "active"}
        return schedule_id

    def _pause_schedule(self, schedule_id: str) -> None:
        self._schedule_of(schedule_id)["state"] = "paused"

    def _resume_schedule(self, schedule_id: str) -> None:
        self._schedule_of(schedule_id)["state"] = "active"

    def _delete_schedule(self, schedule_id: str) -> None:
        self._schedule_of(schedule_id)["state"] = "deleted"

    def _schedule_of(self, schedule_id: str) -> dict[str, Any]:
        if schedule_id not in self.schedules:
            raise NotFound(f"there is no schedule {schedule_id!r}")
        return self.schedules[schedule_id]

    def _enqueue(self, **asked: Any) -> str:
        self.jobs.append(asked)
        return f"JB_{len(self.jobs)}"

    def _publish_as_ingest(self, name: str, **published: Any) -> dict[str, Any]:
        versions = self.scripts.setdefault(name, [])
        number = len(versions) + 1
        versions.append({"id": f"AS_{name}_{number}", "name": name, **published, "version": number})
        return {"id": versions[-1]["id"], "name": name, "version": number}

    def _get_ingest_script(self, name: str, version: int | None) -> dict[str, Any] | None:
        versions = self.scripts.get(name, [])
        wanted = len(versions) if version is None else version
        return versions[wanted - 1] if 0 < wanted <= len(versions) else None

    def _list_ingest_scripts(self) -> list[dict[str, Any]]:
        newest = [self.scripts[name][-1] for name in sorted(self.scripts)]
        return [{key: value for key, value in script.items() if key != "code"} for script in newest]
