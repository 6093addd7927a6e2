"""What can go wrong with a server, on purpose: which paths answer how, until told otherwise."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

Kind = Literal["slow", "error", "captcha", "rate_limit", "accepted", "forbidden", "drop", "garbage"]

CAPTCHA = (
    "<html><head><title>Just a moment…</title></head><body><h1>Are you a robot?</h1>"
    "<p>Our systems have detected unusual traffic. Please solve the CAPTCHA.</p></body></html>"
)


@dataclass(frozen=True)
class Fault:
    """One way to fail, for paths that begin with `path`.

    Args:
        kind: `slow` answers after `seconds`; `error` is a 500; `captcha` is a page for people with
            status 200; `rate_limit` a 429 with `Retry-After`, `accepted` a 202, `forbidden` a 403;
            `drop` closes the connection without a word; `garbage` is no HTTP at all.
        path: beginning of the paths that fail; "/" is everything.
        times: how often, -1 for ever.
        seconds: of waiting, or in `Retry-After`.
    """

    kind: Kind
    path: str = "/"
    times: int = -1
    seconds: float = 5.0


class Faults:
    """The faults in force; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[list[object]] = []

    def set(self, *faults: Fault) -> None:
        """Replace all faults by these; without any, all is well."""
        with self._lock:
            self._left = [[fault, fault.times] for fault in faults]

    def take(self, path: str) -> Fault | None:
        """Return the fault that a request of `path` meets, and count it."""
        with self._lock:
            for entry in self._left:
                fault, left = entry
                assert isinstance(fault, Fault)
                assert isinstance(left, int)
                if path.startswith(fault.path) and left != 0:
                    entry[1] = left - 1
                    return fault
        return None
