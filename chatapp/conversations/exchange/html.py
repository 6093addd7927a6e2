"""The branch being read as one HTML page that needs nothing else and does nothing.

It holds no script and loads nothing: the page forbids both itself, and answers are rendered from
Markdown with raw HTML and images switched off. What the person typed is shown as it was typed.
"""

from __future__ import annotations

from functools import cache
from html import escape
from typing import TYPE_CHECKING

from chatapp.conversations.exchange.markdown import NAMES, attachments
from chatapp.conversations.store import ConversationStore
from chatapp.conversations.types import Message, Part, StoredCitation

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
article { margin: 1.5rem 0; padding: .1rem 1rem; border-left: 3px solid #8886; }
article.user { border-color: #47a; }
h2 { font-size: .85rem; opacity: .7; margin-bottom: 0; }
.typed { white-space: pre-wrap; overflow-wrap: anywhere; }
.about { font-size: .85rem; opacity: .7; }
pre { overflow-x: auto; padding: .7rem; background: #8882; }
blockquote { margin: 0 0 0 .5rem; padding-left: .7rem; border-left: 2px solid #8886; }
table { border-collapse: collapse; } td, th { border: 1px solid #8886; padding: .2rem .5rem; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def to_html(store: ConversationStore, conversation_id: str) -> str:
    """Return the branch being read as a page of its own. Raises NotFound."""
    conversation = store.conversation(conversation_id)
    title = escape(conversation.title or "Conversation")
    tags = " ".join(f"#{escape(tag)}" for tag in conversation.tags)
    articles = "\n".join(
        _article(message, store.parts(message.id), store.citations(message.id))
        for message in store.messages(conversation_id)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p class="about">{escape(_day(conversation.created_at))} {tags}</p>
{articles}
</body>
</html>
"""


def _article(message: Message, parts: list[Part], citations: list[StoredCitation]) -> str:
    note = "" if message.status == "complete" else f" ({message.status})"
    files = "".join(
        f'<p class="about">Attached: {escape(name)}</p>\n' for name in attachments(parts)
    )
    if message.role == "assistant":
        text = _markdown().render(message.text)
    else:
        text = f'<p class="typed">{escape(message.text)}</p>\n'
    sources = "".join(map(_source, citations))
    return (
        f'<article class="{message.role}">\n<h2>{NAMES[message.role]}{note}</h2>\n'
        f"{files}{text}{sources}</article>"
    )


def _source(citation: StoredCitation) -> str:
    where = escape(citation.uri)
    if citation.uri.startswith(("https://", "http://")):
        where = f'<a href="{where}" rel="noopener noreferrer">{where}</a>'
    dated = f" ({escape(citation.date)})" if citation.date else ""
    return (
        f'<p class="about">[{citation.n}] {escape(citation.title)}{dated} — {where}</p>\n'
        f"<blockquote>{escape(citation.quote)}</blockquote>\n"
    )


def _day(timestamp: str) -> str:
    return timestamp[:10]


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
