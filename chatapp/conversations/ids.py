"""ULIDs: ids that sort by the time they were made and need no coordination between windows.

26 characters of Crockford base 32: 48 bits of milliseconds, then 80 random bits that count up
within one millisecond, so ids made by one process are strictly increasing.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Return `moment` as ISO 8601 in UTC with milliseconds; these strings sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class UlidFactory:
    """Makes ULIDs from a clock; `random_bits` returns the 80 low bits of a fresh millisecond."""

    def __init__(
        self,
        clock: Clock = utc_now,
        random_bits: Callable[[], int] = lambda: secrets.randbits(_RANDOM_BITS),
    ) -> None:
        self._clock = clock
        self._random_bits = random_bits
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """Return a ULID greater than every one this factory returned before."""
        milliseconds = int(self._clock().timestamp() * 1000)
        with self._lock:
            if milliseconds > self._last >> _RANDOM_BITS:
                self._last = milliseconds << _RANDOM_BITS | self._random_bits()
            else:
                self._last += 1
            return _encode(self._last)


def derived_id(moment: datetime, name: str) -> str:
    """Return the ULID that a thing of another program always gets: its time, a hash of its name."""
    digest = hashlib.blake2b(name.encode(), digest_size=_RANDOM_BITS // 8).digest()
    milliseconds = max(0, int(moment.timestamp() * 1000))
    return _encode(milliseconds << _RANDOM_BITS | int.from_bytes(digest))


def _encode(value: int) -> str:
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
