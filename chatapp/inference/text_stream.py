"""Tokens to text as it streams: whole characters only, and nothing of a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_REPLACEMENT = "\ufffd"


class TextStream:
    """Turns token ids into text pieces whose concatenation is the decoded text.

    A token may end inside a UTF-8 character, and text may be the beginning of a stop string: such
    a tail is held back until it is decided.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str] = ()) -> None:
        self._decode, self._stop = decode, tuple(stop)
        self._tokens: list[int] = []
        self._sent = 0
        self.stopped = False

    def push(self, token: int) -> str:
        """Add one token; return the text that is now certain."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        cut = min((at for stop in self._stop if (at := text.find(stop)) >= 0), default=-1)
        if cut >= 0:
            self.stopped = True
            return self._emit(text[:cut])
        held = max((_incomplete(text), *(_overlap(text, stop) for stop in self._stop)))
        return self._emit(text[: len(text) - held])

    def finish(self) -> str:
        """Return what was held back, once no token follows."""
        if self.stopped:
            return ""
        return self._emit(self._decode(self._tokens))

    def _emit(self, text: str) -> str:
        new = text[self._sent :]
        self._sent = max(self._sent, len(text))
        return new


def _incomplete(text: str) -> int:
    """How many trailing characters may still turn into another one (broken UTF-8)."""
    return len(text) - len(text.rstrip(_REPLACEMENT))


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
