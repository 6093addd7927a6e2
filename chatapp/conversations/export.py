"""A conversation as Markdown (the branch being read) or as JSON (the whole tree, lossless)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chatapp.conversations.store import ConversationStore
from chatapp.conversations.types import Message, StoredCitation

FORMAT_VERSION = 1

_NAMES = {"user": "You", "assistant": "Assistant", "system": "System", "tool": "Tool"}


def as_markdown(store: ConversationStore, conversation_id: str) -> str:
    """Return the branch being read, root first. Raises NotFound."""
    conversation = store.conversation(conversation_id)
    parts = [f"# {conversation.title}\n"]
    for message in store.messages(conversation_id):
        parts.append(_message(message, store.citations(message.id)))
    return "\n".join(parts)


def as_json(store: ConversationStore, conversation_id: str) -> dict[str, Any]:
    """Return conversation, all messages of all branches and their citations. Raises NotFound."""
    conversation = store.conversation(conversation_id)
    return {
        "format": "chatapp-conversation",
        "v": FORMAT_VERSION,
        "conversation": asdict(conversation),
        "messages": [
            {
                **asdict(message),
                "citations": [asdict(citation) for citation in store.citations(message.id)],
            }
            for message in store.tree(conversation_id)
        ],
    }


def _message(message: Message, citations: list[StoredCitation]) -> str:
    note = "" if message.status == "complete" else f" ({message.status})"
    lines = [f"## {_NAMES[message.role]}{note}", "", message.text, ""]
    for citation in citations:
        quote = " ".join(citation.quote.split())
        lines.append(f"[{citation.n}] {citation.title} — {citation.uri}  ")
        lines.append(f"> {quote}")
        lines.append("")
    return "\n".join(lines)
