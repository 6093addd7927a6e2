"""Conversations out of the store and into it: Markdown, HTML, our own JSON, ChatGPT's export."""

from chatapp.conversations.exchange.html import to_html
from chatapp.conversations.exchange.importing import Imported, ImportFailed, import_conversations
from chatapp.conversations.exchange.json_form import to_json
from chatapp.conversations.exchange.markdown import to_markdown

__all__ = [
    "ImportFailed",
    "Imported",
    "import_conversations",
    "to_html",
    "to_json",
    "to_markdown",
]
