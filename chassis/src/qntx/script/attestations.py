"""attest() and its questions: what a script claims, and what it looks up.

attest() checks a claim where it is made, sends it home without waiting and answers at once: a loop of ten thousand pays
for no round trip, and a claim that the store refuses is raised by the next one, by whoever reads its id, or at the end.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

from qntx.script.arguments import Texts, texts
from qntx.script.calls import ask
from qntx.script.context import current
from qntx.script.drafts import draft
from qntx.script.records import Record, record
from qntx.script.stored import Stored

PAGE = 500
COLUMNS = ("id", "subjects", "predicates", "contexts", "actors", "timestamp", "source", "created_at")
"""Of a frame without rows, which has no attributes either."""


def attest(
    subjects: Texts,
    predicates: Texts,
    contexts: Texts = None,
    actors: Texts = None,
    attributes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Claim something: `attest(["BRCA1"], ["gene:length"], contexts=["lab"], attributes={"bp": 81189})`.

    Subjects, predicates, contexts and actors are lists of texts; one text stands for a list of one. Inside a handler
    its name is appended to the contexts; elsewhere at least one context must be given. `actors` defaults to the glyph
    that runs. Attributes may hold dates, Decimals, bytes, sets, dataclasses, numpy and pandas values, sequences: the
    table in qntx.script.attributes says what each becomes.

    Returns a dict of id, subjects, predicates, contexts, actors, timestamp (milliseconds), source and attributes. The
    claim is on its way when this returns; reading `id` or `timestamp` waits until it is stored.
    """
    context = current("attest")
    channel = context.channel
    claim = draft(context, subjects, predicates, contexts, actors, attributes)
    return Stored.sent(channel, channel.attest(claim), claim)


def attest_many(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Claim many things and wait until all are stored; each row holds the arguments of attest() by name.

    All rows are checked before the first is sent.
    """
    context = current("attest_many")
    drafts = []
    for index, row in enumerate(rows):
        try:
            drafts.append(draft(context, **_arguments(row)))
        except (RuntimeError, TypeError, ValueError) as fault:
            raise type(fault)(f"attest_many: row {index}: {str(fault).removeprefix('attest: ')}") from None
    channel = context.channel
    sent = [Stored.sent(channel, channel.attest(claim), claim) for claim in drafts]
    for stored in sent:
        stored["id"]  # raises where the store refused it
    return list(sent)


def attestations(
    subjects: Texts = None,
    predicates: Texts = None,
    contexts: Texts = None,
    actors: Texts = None,
    since: datetime | date | str | int | None = None,
    until: datetime | date | str | int | None = None,
    limit: int | None = None,
) -> Attestations:
    """Attestations that match, newest first: any of the texts within a field, all of the fields; case is ignored.

    `since` and `until` are inclusive: a datetime (without a zone: UTC), a date, ISO text, or milliseconds. The answer
    is read page by page as it is iterated; `.to_frame()` is a pandas DataFrame where pandas is there.
    """
    wanted = _filter("attestations", subjects, predicates, contexts, actors)
    bounds = {"since": _milliseconds("since", since), "until": _milliseconds("until", until)}
    return Attestations({**wanted, **bounds, "limit": _rows("attestations", limit)})


def last(
    subjects: Texts = None, predicates: Texts = None, contexts: Texts = None, actors: Texts = None
) -> dict[str, Any] | None:
    """The newest attestation that matches, or None where there is none; raises where the store cannot be reached."""
    found = ask("last", **_filter("last", subjects, predicates, contexts, actors))
    return cast("Record | None", record(found))


class Attestations:
    """The answer of attestations(); iterate it, as often as wanted. Each time asks the store again."""

    def __init__(self, question: Mapping[str, Any]) -> None:
        self._question = question

    def __iter__(self) -> Iterator[Record]:
        left, cursor = self._question["limit"], None
        while left is None or left > 0:
            page = PAGE if left is None else min(left, PAGE)
            answer = ask("attestations", **self._question, page=page, cursor=cursor)
            yield from map(record, answer["rows"])
            cursor = answer["next"]
            if cursor is None:
                return
            left = None if left is None else left - len(answer["rows"])

    def to_frame(self) -> Any:
        """A pandas DataFrame: an attestation a row, times as UTC, each attribute a column named `attributes.…`."""
        try:
            # By name and only here: a script that asks for a frame pays for pandas, and a variant may be without it.
            pandas = importlib.import_module("pandas")
        except ModuleNotFoundError:
            raise RuntimeError("attestations: to_frame() needs pandas, which this variant does not have") from None
        rows = [dict(row) for row in self]
        frame = pandas.json_normalize(rows, max_level=1) if rows else pandas.DataFrame(columns=COLUMNS)
        for column in ("timestamp", "created_at"):
            if column in frame:
                frame[column] = pandas.to_datetime(frame[column], unit="ms", utc=True)
        return frame


def _arguments(row: Mapping[str, Any]) -> dict[str, Any]:
    known = {"subjects": None, "predicates": None, "contexts": None, "actors": None, "attributes": None}
    if not isinstance(row, Mapping):
        raise TypeError(f"must be a dict of {', '.join(known)}, not {type(row).__name__}")
    unknown = [key for key in row if key not in known]
    if unknown:
        raise ValueError(f"has {unknown[0]!r}, which attest() does not take (it takes {', '.join(known)})")
    return {**known, **row}


def _filter(call: str, subjects: Texts, predicates: Texts, contexts: Texts, actors: Texts) -> dict[str, list[str]]:
    fields = {"subjects": subjects, "predicates": predicates, "contexts": contexts, "actors": actors}
    return {name: texts(call, name, given) for name, given in fields.items()}


def _rows(call: str, limit: Any) -> int | None:
    if limit is None or (type(limit) is int and limit >= 0):
        return limit
    raise ValueError(f"{call}: limit must be a number of rows or None, not {limit!r}")


def _milliseconds(name: str, when: Any) -> int | None:
    if when is None or (isinstance(when, int) and not isinstance(when, bool)):
        return when
    if isinstance(when, str):
        try:
            when = datetime.fromisoformat(when)
        except ValueError:
            raise ValueError(f"attestations: {name} is not an ISO 8601 time: {when!r}") from None
    if isinstance(when, date) and not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day)
    if not isinstance(when, datetime):
        raise TypeError(f"attestations: {name} must be a datetime, ISO text or milliseconds, not {type(when).__name__}")
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
