"""The branch being read as Markdown: for reading, and for other programs."""

from __future__ import annotations

from chatapp.conversations.store import ConversationStore
from chatapp.conversations.types import Message, Part, StoredCitation

NAMES = {"user": "You", "assistant": "Assistant", "system": "System", "tool": "Tool"}


def to_markdown(store: ConversationStore, conversation_id: str) -> str:
    """Return the branch being read, root first. Raises NotFound."""
    conversation = store.conversation(conversation_id)
    lines = [f"# {conversation.title}\n"]
    if conversation.tags:
        lines.append(" ".join(f"#{tag.replace(' ', '-')}" for tag in conversation.tags) + "\n")
    if conversation.persona:
        lines.append(f"> {_on_one_line(conversation.persona)}\n")
    for message in store.messages(conversation_id):
        lines.append(_message(message, store.parts(message.id), store.citations(message.id)))
    return "\n".join(lines)


def attachments(parts: list[Part]) -> list[str]:
    """Return the names of the files that were attached."""
    return [str(part.data.get("name", "file")) for part in parts if part.kind == "attachment"]


def _message(message: Message, parts: list[Part], citations: list[StoredCitation]) -> str:
    note = "" if message.status == "complete" else f" ({message.status})"
    lines = [f"## {NAMES[message.role]}{note}", ""]
    lines += [f"*Attached: {_on_one_line(name)}*\n" for name in attachments(parts)]
    lines += [message.text, ""]
    for citation in citations:
        dated = f" ({_on_one_line(citation.date)})" if citation.date else ""
        lines.append(f"[{citation.n}] {_on_one_line(citation.title)}{dated} — {citation.uri}  ")
        lines.append(f"> {_on_one_line(citation.quote)}")
        lines.append("")
    return "\n".join(lines)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
