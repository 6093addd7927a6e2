"""Titles of conversations, from their first real question; no model is needed for that.

The store names a conversation after the words it begins with. Once, when a question has been
answered, that is replaced by what the question is about; a title a person gave is never touched.
"""

from __future__ import annotations

import re

from chatapp.conversations import ConversationStore, Message
from chatapp.conversations.inserting import title_from
from retrieval.intent import needs_sources

LONGEST = 48  # characters

_POLITE = re.compile(
    r"(?:(?:hi|hello|hey)\b[ ,.!]*|(?:please|ok|so|well)\b[ ,]*"
    r"|(?:can|could|would|will) you (?:please )?"
    r"|i(?:'d| would) like (?:you )?to (?:know )?|i want (?:you )?to (?:know )?|do you know )",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"(?:(?:tell|show|teach) me (?:something |more )?(?:about )?|explain (?:to me )?"
    r"|(?:what|who)(?:'s| is| are| was| were) |give me |describe )(?:(?:the|an?) )?",
    re.IGNORECASE,
)
_HOW = re.compile(r"how (?:do|can|should|could) (?:i|we|you|one) ", re.IGNORECASE)
_END = re.compile(r"[.?!](?=\s+[A-Z]|\s*$)|\n")
_SMALL_TALK = 3  # words


def improve_title(store: ConversationStore, question: Message, path: tuple[Message, ...]) -> None:
    """Name the conversation after `question`, if its title is still its first words. Blocking."""
    if any(title_of(message.text) for message in path[:-1] if message.role == "user"):
        return  # an earlier question has named it already
    conversation = store.conversation(question.conversation_id)
    better = title_of(question.text)
    if better and conversation.title == title_from(path[0].text):
        store.rename(conversation.id, better)


def title_of(question: str) -> str:
    """Return what a question is about, at most LONGEST characters; empty for small talk."""
    line = question[:400].strip()
    if len(line.split()) <= _SMALL_TALK and not needs_sources(line):
        return ""
    while found := _POLITE.match(line):
        line = line[found.end() :]
    line = " ".join(_END.split(line, maxsplit=1)[0].split())
    line = _HOW.sub("how to ", line, count=1) if _HOW.match(line) else _LEAD.sub("", line, count=1)
    line = line.strip(" .?!,;:\"'“”")
    if question.strip().startswith(line):
        line = " ".join(question[:400].split())  # nothing was taken off: it keeps its mark
    if len(line) > LONGEST:
        line = line[: LONGEST - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
    return line[:1].upper() + line[1:]
