"""Tokens to text as it streams: whole characters only, and nothing of a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_REPLACEMENT = "\ufffd"


class TextStream:
    """Turns token ids into text pieces whose concatenation is the decoded text.

    A token may end inside a UTF-8 character, and text may be the beginning of a stop string: such
    a tail is held back until it is decided. Only the last few tokens are decoded anew, so the work
    for a token does not grow with the text; one piece before them is decoded along, because some
    tokenizers write a token differently at the start of a text.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str] = ()) -> None:
        self._decode, self._stop = decode, tuple(stop)
        self._settled: list[int] = []  # the piece before, whose text is out
        self._open: list[int] = []  # tokens whose text is not certain to the end
        self._sent = 0  # characters of their text that are out
        self._held = ""  # certain text that may begin a stop string
        self.stopped = False

    def push(self, token: int) -> str:
        """Add one token; return the text that is now certain."""
        self._open.append(token)
        text = self._new_text()
        # only the last character can still change: broken UTF-8 is shown as one sign a sequence
        whole = not text.endswith(_REPLACEMENT)
        certain = text if whole else text[:-1]
        new, self._sent = certain[self._sent :], len(certain)
        if whole:
            self._settled, self._open, self._sent = self._open, [], 0
        return self._emit(new)

    def finish(self) -> str:
        """Return what was held back, once no token follows."""
        if self.stopped:
            return ""
        text = self._emit(self._new_text()[self._sent :])
        self._open, self._sent = [], 0
        if not self.stopped:
            text, self._held = text + self._held, ""
        return text

    def _new_text(self) -> str:
        before = self._decode(self._settled)
        return self._decode(self._settled + self._open)[len(before) :]

    def _emit(self, new: str) -> str:
        text = self._held + new
        cut = min((at for stop in self._stop if (at := text.find(stop)) >= 0), default=-1)
        if cut >= 0:
            self.stopped, self._held = True, ""
            return text[:cut]
        held = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
