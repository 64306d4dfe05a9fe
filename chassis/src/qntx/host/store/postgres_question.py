"""What is asked of the PostgreSQL store, as a statement.

A field that asks for one term is joined by its postings: both ends are in order, so the answer comes out in order and
ends at its limit. A field that asks for any of several terms would have to be sorted whole for that; so where no
single term leads, each term of the first such field gives its own newest, and only those are put in order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from qntx.host.store.rows import COLUMNS
from qntx.model.attestation import Filter

TERMS = "SELECT token, id FROM qntx.term WHERE token = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Question:
    """`below` is the number that the rows have to be under; `limit` how many of them, or all."""

    since_ms: int | None
    until_ms: int | None
    below: int | None
    limit: int | None

    @classmethod
    def of(cls, wanted: Filter, below: int | None, limit: int | None) -> Question:
        return cls(wanted.since_ms, wanted.until_ms, below, limit)

    def statement(self, fields: Sequence[Collection[int]]) -> tuple[str, list[Any]]:
        """The statement and its values, for the ids of the terms that each field asks for."""
        numbers, values = self._numbers(fields)
        columns = ", ".join(f"attestation.{column}" for column in COLUMNS.split(", "))
        found = f"SELECT {columns} FROM ({numbers}) AS found JOIN qntx.attestation USING (number)"
        return f"{found} ORDER BY number DESC", values

    def _numbers(self, fields: Sequence[Collection[int]]) -> tuple[str, list[Any]]:
        single = [next(iter(ids)) for ids in fields if len(ids) == 1]
        several = [sorted(ids) for ids in fields if len(ids) > 1]
        if single or not several:
            return self._joined(single, several)
        statement, values = self._of_each(several[1:])
        each = f"SELECT DISTINCT own.number FROM unnest(%s::bigint[]) AS asked (term), LATERAL ({statement}) AS own"
        limit, limited = self._limit()
        return f"SELECT number FROM ({each}) AS newest ORDER BY number DESC{limit}", [several[0], *values, *limited]

    def _joined(self, single: Sequence[int], several: Sequence[Sequence[int]]) -> tuple[str, list[Any]]:
        """Rows that have all of these terms and any of each of those."""
        if not single:
            return self._answered("qntx.attestation AS own", "own.number", [], [], several)
        more = "".join(f" JOIN qntx.post AS p{n} ON p{n}.number = p0.number" for n in range(1, len(single)))
        conditions = [f"p{n}.term = %s" for n in range(len(single))]
        return self._answered(f"qntx.post AS p0{more}{self._times}", "p0.number", conditions, list(single), several)

    def _of_each(self, several: Sequence[Sequence[int]]) -> tuple[str, list[Any]]:
        """The newest of one term of the leading field, that have any of each of those."""
        return self._answered(f"qntx.post AS p0{self._times}", "p0.number", ["p0.term = asked.term"], [], several)

    def _answered(
        self, tables: str, number: str, conditions: list[str], values: list[Any], several: Sequence[Sequence[int]]
    ) -> tuple[str, list[Any]]:
        for ids in several:
            conditions.append(
                f"EXISTS (SELECT FROM qntx.post AS other WHERE other.number = {number} AND other.term = ANY(%s))"
            )
            values.append(list(ids))
        for condition, value in (
            (f"{number} < %s", self.below),
            ("own.timestamp_ms >= %s", self.since_ms),
            ("own.timestamp_ms <= %s", self.until_ms),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        limit, limited = self._limit()
        return f"SELECT {number} FROM {tables}{where} ORDER BY {number} DESC{limit}", [*values, *limited]

    @property
    def _times(self) -> str:
        """Postings alone say nothing of an attestation's own time."""
        bounded = self.since_ms is not None or self.until_ms is not None
        return " JOIN qntx.attestation AS own ON own.number = p0.number" if bounded else ""

    def _limit(self) -> tuple[str, list[int]]:
        return ("", []) if self.limit is None else (" LIMIT %s", [self.limit])
