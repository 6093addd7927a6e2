"""Writes an answer to the store while it streams: every FLUSH_SECONDS or FLUSH_CHARACTERS.

The timer belongs to the event loop, so text is written even while the reader of the events is
slow. A killed process loses at most what came in since the last flush.
"""

from __future__ import annotations

import asyncio

from chatapp.conversations import ConversationStore, StorageError

# Below a quarter of a second by the time the commit itself takes.
FLUSH_SECONDS = 0.2
FLUSH_CHARACTERS = 2_048


class Recorder:
    """The text of one streaming answer, kept on disk as it grows."""

    def __init__(self, store: ConversationStore, message_id: str, text: str = "") -> None:
        self.text = text
        self._store = store
        self._message_id = message_id
        self._saved = len(text)
        self._timer: asyncio.TimerHandle | None = None

    def append(self, text: str) -> None:
        """Add text; it is on its way to the disk within FLUSH_SECONDS."""
        self.text += text
        if len(self.text) - self._saved >= FLUSH_CHARACTERS:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Queue what is not written yet."""
        self.stop()
        if len(self.text) == self._saved:
            return
        try:
            self._store.save_text(self._message_id, self.text)
        except StorageError:
            return  # the store was closed; `finish` has written the whole text or will report why
        self._saved = len(self.text)

    def stop(self) -> None:
        """Cancel the timer: whoever finishes the answer writes the whole text."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
