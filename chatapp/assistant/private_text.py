"""What of the person's own stands in a branch of a conversation, by name.

The thing to know: it is told by where a text came from, never by how it looks. A document of one's
own index is private whatever address it names, and what a tool gave is private unless the tool is
known to see nothing of the person's. The handbook and pages that were read on the web are public.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from chatapp import resources
from chatapp.assistant import grounding
from chatapp.assistant.attached import PREFIX as ATTACHED
from chatapp.assistant.web_access import PREFIX as READ_ON_THE_WEB
from chatapp.assistant.writing import Writing
from chatapp.conversations import ConversationStore, Message

ABOUT_YOU = "what you told about yourself"
WEB_TOOLS = frozenset({"web_search", "web_open"})
MEMORY_TOOLS = frozenset({"memory_search", "memory_add"})

# They see nothing but their arguments and the web. A tool of another program is none of them.
_SEE_NOTHING = WEB_TOOLS | {"calculator", "clock", "python"}


def private_in(writing: Writing) -> list[str]:
    """Return what of the person's own this answer, or the branch above it, was made with.

    That is: files they attached, quotes and titles of their documents, what tools read there, what
    they told about themself, and everything in a private conversation. Blocking.
    """
    store, draft = writing.services.store, writing.draft
    names: dict[str, None] = {}
    if store.conversation(draft.conversation_id).private:
        names["this private conversation"] = None
    for message in (*draft.path, draft.message):
        found = _asked(store, message) if message.role == "user" else _answered(store, message)
        names.update(dict.fromkeys(found))
    return list(names | dict.fromkeys(writing.reply.private))


def of_result(name: str, text: str, value: Any, *, failed: bool = False) -> list[str]:
    """Return what of the person's own stands in the result of a tool, or in why it `failed`.

    `value` lists the passages that `index_search` found; without it all of them count as private.
    Why it fails quotes none of them.
    """
    if not text or name in _SEE_NOTHING or value == []:
        return []
    if name in MEMORY_TOOLS:
        return [ABOUT_YOU]
    if name == "index_search" and failed:
        return []
    if name == "index_search" and isinstance(value, list):
        private = (hit for hit in value if is_private(hit["document"], hit["uri"]))
        return list(dict.fromkeys(hit["title"] or hit["uri"] for hit in private))
    return [f"what {name} gave"]


def is_private(document: str, uri: str) -> bool:
    """Return whether a document is something of the person's own; `uri` is where it says it is."""
    if document.startswith(ATTACHED):
        return True
    handbook = f"{resources.handbook_dir().as_uri()}/"
    return not (document.startswith(READ_ON_THE_WEB) or uri.startswith(handbook))


def _asked(store: ConversationStore, message: Message) -> Iterator[str]:
    from chatapp.memory import Profile

    known = Profile(store)
    # a copy in a fork taught nothing; the message it was copied from did
    if any(known.learnt_in(each) for each in (message.id, message.origin) if each):
        yield ABOUT_YOU
    for part in store.parts(message.id):
        if part.kind == "attachment":
            yield str(part.data.get("name", "an attached file"))


def _answered(store: ConversationStore, message: Message) -> Iterator[str]:
    from chatapp.memory.memory import NEAREST

    turns = store.turns(message_id=message.id)
    told = any(turn.seen is not None and turn.seen.head and turn.seen.head.facts for turn in turns)
    if told or message.grounding == "memory" or message.text.startswith(NEAREST):
        yield ABOUT_YOU
    if message.grounding == "not_found" and _names_own_titles(message.text):
        yield "titles of your documents"
    for citation in store.citations(message.id):
        if is_private(citation.document, citation.uri):
            yield citation.title or citation.uri
    for part in store.parts(message.id):
        if part.kind == "tool_result":
            yield from _kept(part.data)


def _names_own_titles(refusal: str) -> bool:
    """Return whether a refusal names more than chapters of the handbook."""
    _, near, titles = refusal.partition(grounding.NEAREST)
    handbook = "|".join(re.escape(title) for title in _handbook_titles())
    return bool(near) and not re.match(rf"(?:{handbook})(?:; (?:{handbook}))*\.(?: |\Z)", titles)


@cache
def _handbook_titles() -> tuple[str, ...]:
    chapters = sorted(resources.handbook_dir().glob("*.md"))
    texts = (chapter.read_text(encoding="utf-8") for chapter in chapters)
    return tuple(text.partition("\n")[0].removeprefix("# ") for text in texts)


def _kept(result: Any) -> list[str]:
    """Return what a stored result says of itself; one of an earlier version goes by its tool."""
    names = result.get("private")
    if isinstance(names, list):
        return [str(name) for name in names]
    return of_result(str(result.get("name", "")), str(result.get("text", "")), None)
