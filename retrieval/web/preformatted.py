"""The lines and indents of `pre`, carried through an extractor that knows no preformatted text.

The thing to know: trafilatura makes a quote of one `pre` and code of another, and cuts space at the
ends of what it takes along. So space is written as characters that are no space until the text is
written; they are among those that `sanitize_text` removes, so none is left where they mean nothing.
"""

from __future__ import annotations

from typing import Any

_SPACE, _MARKS = "\n \t", "\ufff9\ufffa\ufffb"
_TO_MARKS = {**str.maketrans(_SPACE, _MARKS), ord("\r"): None}
_TO_SPACE = str.maketrans(_MARKS, _SPACE)
_ON_LINES_OF_THEIR_OWN = {"div", "p", "li", "tr", "pre"}


def mark(tree: Any) -> None:
    """Mark the space in all `pre` of a tree; each of them begins with a mark."""
    for block in tree.iter("pre"):
        for node in block.iter():
            node.text = (node.text or "").translate(_TO_MARKS)
            if node is not block:
                node.tail = (node.tail or "").translate(_TO_MARKS)
            if node.tag == "br":  # of several in a row one is kept
                node.tag, node.tail = "span", _MARKS[0] + node.tail
            elif node.tag in _ON_LINES_OF_THEIR_OWN and node is not block:
                node.tag, node.text = "span", _MARKS[0] + node.text
                node.tail = _MARKS[0] + node.tail if node.tail.strip(_MARKS) else node.tail
        block.text = _MARKS[0] + block.text


def is_marked(node: Any) -> bool:
    """Say whether a node, under whatever name by now, begins a marked block."""
    return (node.text or "").startswith(_MARKS[0])


def unmarked(text: str) -> str:
    """Return a text with its space in it again."""
    return text.translate(_TO_SPACE)
