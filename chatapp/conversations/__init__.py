"""The conversation store: every message in one SQLite file, nothing typed is ever lost."""

from chatapp.conversations.store import NEW_ROOT, ConversationStore
from chatapp.conversations.types import (
    Conversation,
    Message,
    MessageHit,
    NotFound,
    Outcome,
    StartedTurn,
    StorageError,
    StoredCitation,
)

__all__ = [
    "NEW_ROOT",
    "Conversation",
    "ConversationStore",
    "Message",
    "MessageHit",
    "NotFound",
    "Outcome",
    "StartedTurn",
    "StorageError",
    "StoredCitation",
]
