"""Attestations as scripts see them: dicts whose keys can be read as attributes too."""

from __future__ import annotations

from typing import Any

_LISTS = ("subjects", "predicates", "contexts", "actors")


class Record(dict[str, Any]):
    """A dict that allows `record.subjects` beside `record["subjects"]`; what a dict has of its own comes first."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            known = ", ".join(map(str, self)) or "nothing"
            raise AttributeError(f"no {name!r} here (there is: {known})") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __copy__(self) -> Record:
        return Record(self)

    def copy(self) -> Record:
        return Record(self)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        """Pickled as a plain dict, so that it can be read where there is no QNTX."""
        return dict, (dict(self),)


def record(value: Any) -> Any:
    """The JSON value with every object in it a Record."""
    if isinstance(value, dict):
        return Record({key: record(each) for key, each in value.items()})
    if isinstance(value, list):
        return [record(each) for each in value]
    return value


def as_upstream(value: Any) -> Any:
    """What fired a run, as scripts see it: None, an attestation without nulls for lists, or any other JSON value."""
    seen = record(value)
    if isinstance(seen, Record) and "subjects" in seen:
        for key in _LISTS:
            if seen.get(key) is None:
                seen[key] = []
        if seen.get("attributes") is None:
            seen["attributes"] = Record()
    return seen
