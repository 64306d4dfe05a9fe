"""What attest() returns: the attestation, before anybody has waited for the store.

Drafts travel home in batches. Only who looks at `id` or `timestamp`, or at everything, waits for the store's answer; a
loop that attests and looks at nothing waits for nothing.
"""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from qntx.script.context import Channel


class _Pending:
    """Where an id will be. An encoder that reads past our methods stops at it instead of writing something false."""

    def __repr__(self) -> str:
        return "<not yet stored>"


PENDING: Any = _Pending()
SOURCE = "python"
_LATE = frozenset({"id", "timestamp"})
_UNREAD = {
    "id": PENDING,
    "subjects": PENDING,
    "predicates": PENDING,
    "contexts": PENDING,
    "actors": PENDING,
    "timestamp": PENDING,
    "source": SOURCE,
    "attributes": PENDING,
}


class Stored(dict[str, Any]):
    """An attestation as a dict. Reading `id` or `timestamp` waits until it is stored and raises where it was refused.

    Whatever hands out values resolves first, `__iter__` included: it is what `dict(stored)`, `{**stored}` and the json
    module go by when they are given more than a plain dict. What was claimed is put in when it is first read: most
    claims never are.
    """

    __slots__ = ("_channel", "_claim", "_number")
    _channel: Channel | None
    _claim: bytes | None
    _number: int

    @classmethod
    def sent(cls, channel: Channel, number: int, claim: bytes) -> Stored:
        """The claim, JSON text, that is that draft of the run."""
        stored = cls(_UNREAD)
        stored._channel = channel
        stored._number = number
        stored._claim = claim
        return stored

    def _fill(self) -> None:
        if self._claim is None:
            return
        claim, self._claim = json.loads(self._claim), None
        for key, value in claim.items():
            self._settle(key, value)

    def _settle(self, key: str, value: Any) -> None:
        """Put it in, unless the script has changed that key meanwhile."""
        if dict.get(self, key) is PENDING:
            dict.__setitem__(self, key, value)

    def _wait(self) -> None:
        channel = self._channel
        if channel is None:
            return
        try:
            attestation_id, timestamp = channel.stored(self._number)
        except RuntimeError as refusal:
            reason = str(refusal)
            raise RuntimeError(reason if reason.startswith("attest: ") else f"attest: {reason}") from None
        self._settle("id", attestation_id)
        self._settle("timestamp", timestamp)
        self._channel = None

    def _resolve(self) -> None:
        self._fill()
        self._wait()

    def __getitem__(self, key: str) -> Any:
        self._wait() if key in _LATE else self._fill()
        return dict.__getitem__(self, key)

    def get(self, key: str, default: Any = None) -> Any:
        self._wait() if key in _LATE else self._fill()
        return dict.get(self, key, default)

    def __iter__(self) -> Iterator[str]:
        self._resolve()
        return dict.__iter__(self)

    def __reversed__(self) -> Iterator[str]:
        self._resolve()
        return dict.__reversed__(self)

    def keys(self) -> KeysView[str]:  # type: ignore[override]  # the views of dict have private types
        self._resolve()
        return dict.keys(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        self._resolve()
        return dict.values(self)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        self._resolve()
        return dict.items(self)

    def pop(self, *arguments: Any) -> Any:
        self._resolve()
        return dict.pop(self, *arguments)

    def popitem(self) -> tuple[str, Any]:
        self._resolve()
        return dict.popitem(self)

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._resolve()
        return dict.setdefault(self, key, default)

    def copy(self) -> dict[str, Any]:
        self._resolve()
        return dict(dict.items(self))

    def __copy__(self) -> dict[str, Any]:
        return self.copy()

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __eq__(self, other: object) -> bool:
        self._resolve()
        if isinstance(other, Stored):
            other._resolve()
        return dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        self._resolve()
        return dict.__repr__(self)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        """Pickled as a plain dict: the line home does not travel."""
        return dict, (self.copy(),)

    def __reduce_ex__(self, _protocol: Any) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return self.__reduce__()
