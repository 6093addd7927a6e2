"""The conversation store: every message in one SQLite file, nothing typed is ever lost."""

from chatapp.conversations.answering import NEW_ROOT
from chatapp.conversations.store import ConversationStore
from chatapp.conversations.types import (
    Conversation,
    Message,
    MessageHit,
    NotFound,
    Outcome,
    Part,
    PartKind,
    Problem,
    SearchFilters,
    StartedTurn,
    StorageError,
    StoredCitation,
    Summary,
    Turn,
)

__all__ = [
    "NEW_ROOT",
    "Conversation",
    "ConversationStore",
    "Message",
    "MessageHit",
    "NotFound",
    "Outcome",
    "Part",
    "PartKind",
    "Problem",
    "SearchFilters",
    "StartedTurn",
    "StorageError",
    "StoredCitation",
    "Summary",
    "Turn",
]
