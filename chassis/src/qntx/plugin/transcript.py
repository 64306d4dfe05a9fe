"""What a job leaves in its log: the lines it wrote, what it logged, and how it ended.

QNTX keeps of a job only its error and these entries, so everything a person needs to see is here.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from qntx.engine.api import Event
from qntx.model.execution import Result
from qntx.protocol import domain_pb2

LINES_MAX = 2_000
LINE_CHARACTERS_MAX = 8_192

_LEVELS = {"stdout": "info", "stderr": "warn"}


class Transcript:
    """Collects the events of one run, in the order they happened."""

    def __init__(self) -> None:
        self.entries: list[domain_pb2.JobLogEntry] = []
        self.progress = (0, 0)
        self._begun = {"stdout": b"", "stderr": b""}
        self._dropped = 0

    def on_event(self, event: Event) -> None:
        match event.kind:
            case "stdout" | "stderr":
                self._written(event.kind, event.data)
            case "log":
                self._logged(event.data)
            case "progress":
                self.progress = (_whole(event.data.get("current")), _whole(event.data.get("total")))

    def finish(self, result: Result) -> list[domain_pb2.JobLogEntry]:
        """All entries, with the last unfinished lines and a summary."""
        for stream, rest in self._begun.items():
            if rest:
                self._line(stream, rest)
        if self._dropped:
            self._note("warn", f"{self._dropped} more lines are not kept here", "log")
        self._note("info" if result.success else "error", _summary(result), "summary")
        return self.entries

    def _written(self, stream: str, chunk: bytes) -> None:
        *lines, self._begun[stream] = (self._begun[stream] + chunk).split(b"\n")
        for line in lines:
            self._line(stream, line)
        if len(self._begun[stream]) > LINE_CHARACTERS_MAX:
            self._line(stream, self._begun[stream])
            self._begun[stream] = b""

    def _line(self, stream: str, line: bytes) -> None:
        self._add(_LEVELS[stream], line.decode("utf-8", "replace"), stream)

    def _logged(self, data: dict[str, Any]) -> None:
        fields = data.get("fields")
        metadata = json.dumps(fields, ensure_ascii=False) if fields else ""
        self._add(str(data.get("level") or "info"), str(data.get("message") or ""), "log", metadata)

    def _add(self, level: str, message: str, stage: str, metadata: str = "") -> None:
        if len(self.entries) >= LINES_MAX:
            self._dropped += 1
        else:
            self._note(level, message, stage, metadata)

    def _note(self, level: str, message: str, stage: str, metadata: str = "") -> None:
        entry = domain_pb2.JobLogEntry(
            timestamp=datetime.now(UTC).isoformat(timespec="milliseconds"),
            level=_clean(level),
            message=_clean(message),
            stage=stage,
            metadata=_clean(metadata),
        )
        self.entries.append(entry)


def _summary(result: Result) -> str:
    parts = [f"{result.outcome.value.replace('_', ' ')} in {result.duration_ms:.0f} ms"]
    if result.attestations:
        parts.append(f"{result.attestations} attestation{'s' if result.attestations > 1 else ''}")
    if result.truncated:
        parts.append(f"output cut: {result.stdout_bytes + result.stderr_bytes} bytes were written")
    if result.error:
        parts.append(result.error.rstrip().rpartition("\n")[2][:LINE_CHARACTERS_MAX])
    return "; ".join(parts)


def _clean(text: str) -> str:
    return text[:LINE_CHARACTERS_MAX].encode("utf-8", "replace").decode()


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**31 else 0
