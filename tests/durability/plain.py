"""What a conversation file should hold, as plain Python: the model the real store is held to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class PlainMessage:
    """One message; `deleted_with` is the message whose deletion took it along."""

    id: str
    conversation: str
    parent: str | None
    text: str
    word: str
    deleted_with: str | None = None


@dataclass
class PlainConversation:
    """One conversation as a person sees it."""

    id: str
    title: str
    tip: str | None = None
    deleted: bool = False
    pinned: bool = False
    archived: bool = False
    draft: str = ""
    tags: set[str] = field(default_factory=set)


class PlainStore:
    """Dictionaries in the order of writing, and the rules of the message tree."""

    def __init__(self) -> None:
        self.conversations: dict[str, PlainConversation] = {}
        self.messages: dict[str, PlainMessage] = {}
        self.facts: dict[str, str] = {}
        self._numbers = itertools.count()

    def new_word(self) -> str:
        """Return a word that stands in no message yet, and begins no other."""
        return f"word{next(self._numbers)}x"

    def add(self, message: PlainMessage) -> None:
        """Put a message where it was written, and read on from there."""
        self.messages[message.id] = message
        self.conversations[message.conversation].tip = message.id

    def path(self, tip: str | None) -> list[PlainMessage]:
        """Return the messages from the root down to `tip`."""
        found: list[PlainMessage] = []
        while tip is not None:
            found.insert(0, self.messages[tip])
            tip = found[0].parent
        return found

    def below(self, message_id: str) -> Iterator[PlainMessage]:
        """Yield a message and all that follows it."""
        yield self.messages[message_id]
        for message in list(self.messages.values()):
            if message.parent == message_id:
                yield from self.below(message.id)

    def read_through(self, conversation: str, message_id: str | None) -> None:
        """Make the newest live leaf below a message (None: of the tree) the tip."""
        tip = message_id
        while live := [
            m
            for m in self.messages.values()
            if m.conversation == conversation and m.parent == tip and m.deleted_with is None
        ]:
            tip = live[-1].id
        self.conversations[conversation].tip = tip

    def delete(self, message_id: str) -> None:
        """Hide a message with all that follows it; one that is hidden stays so."""
        if self.messages[message_id].deleted_with is not None:
            return
        for message in self.below(message_id):
            message.deleted_with = message.deleted_with or message_id
        message = self.messages[message_id]
        self.read_through(message.conversation, message.parent)

    def restore(self, message_id: str) -> None:
        """Undo the deletion that hid a message."""
        root = self.messages[message_id].deleted_with
        if root is not None:
            for message in self.messages.values():
                if message.deleted_with == root:
                    message.deleted_with = None
            self.read_through(self.messages[message_id].conversation, message_id)

    def restorable(self, message_id: str) -> bool:
        """Return whether what the deletion began below is itself there."""
        root = self.messages[message_id].deleted_with
        parent = self.messages[root].parent if root else None
        return parent is None or self.messages[parent].deleted_with is None

    def found(self, word: str) -> set[str]:
        """Return the messages that search shows for a word."""
        return {
            m.id
            for m in self.messages.values()
            if word in m.text.split()
            and m.deleted_with is None
            and not self.conversations[m.conversation].deleted
        }

    def purge(self, conversation: str) -> None:
        """Drop a conversation with all its messages."""
        del self.conversations[conversation]
        gone = [m.id for m in self.messages.values() if m.conversation == conversation]
        for message_id in gone:
            del self.messages[message_id]
