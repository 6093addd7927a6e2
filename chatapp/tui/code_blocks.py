"""The code blocks of a Markdown text, as they are copied."""

from __future__ import annotations


def code_blocks(text: str) -> list[str]:
    """Return the contents of the fenced and indented code blocks of `text`, in order."""
    from chatapp.tui.widgets.answer_markdown import make_parser

    tokens = make_parser().parse(text)
    return [token.content for token in tokens if token.type in ("fence", "code_block")]
