"""May this address try another token now? Ten wrong ones a minute, and then none until the minute is over.

Pure: the caller brings the time.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

WRONG_MAX = 10
WINDOW_SECONDS = 60.0
ADDRESSES_MAX = 10_000
"""Remembered at once; those that were wrong longest ago are forgotten first."""
NETWORK_BITS = 64
"""Of an IPv6 address: the rest is one household's to vary."""


class Throttle:
    """Who was wrong lately."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """How many seconds that address is not heard; 0 where it may try."""
        times = self._wrong.get(_bucket(address), deque())
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        return times[0] + WINDOW_SECONDS - now if len(times) >= WRONG_MAX else 0.0

    def wrong(self, address: str, now: float) -> None:
        """It tried a token that is none."""
        bucket = _bucket(address)
        self._wrong.setdefault(bucket, deque(maxlen=WRONG_MAX)).append(now)
        self._wrong.move_to_end(bucket)
        while len(self._wrong) > ADDRESSES_MAX:
            self._wrong.popitem(last=False)


def _bucket(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, NETWORK_BITS), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
