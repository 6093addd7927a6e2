"""ConversationStore: every conversation in one SQLite file, safe to kill at any moment."""

from __future__ import annotations

from chatapp.conversations.answering import Answering
from chatapp.conversations.branching import Branching
from chatapp.conversations.keeping import Keeping
from chatapp.conversations.organising import Organising
from chatapp.conversations.reading import Reading
from chatapp.conversations.summarising import Summarising


class ConversationStore(Reading, Answering, Organising, Branching, Summarising, Keeping):
    """The conversations of one person. Use `open`; several processes may share a file.

    Reading and organising block. What an answer is written with (`begin_turn`, `save_text`,
    `add_parts`, `finish`) returns futures: once called, the write happens even if the caller is
    cancelled.
    """
