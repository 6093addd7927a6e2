"""A reply that must be one of the browser's commands that are allowed now.

The thing to know: a command that is not allowed cannot be produced. Commands are spelled with the
tokenizer's own tokens and put together in one tree, so the model chooses between whole commands
token by token, and never picks its way through one in fragments. Only a search is open: it takes
words of a list, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from chatapp.inference.masks.protocol import ConstraintError
from chatapp.model.tokenizer import ChatTokenizer
from retrieval.browser.allowed import Allowed

_SEARCH = "Search"
LONGEST_QUERY = 40  # tokens


@dataclass(frozen=True)
class OneCommand:
    """The reply is one of the allowed commands, of at most `longest` tokens."""

    allowed: Allowed
    longest: int = 256

    def start(self, tokenizer: ChatTokenizer) -> CommandMask:
        """See `Constraint.start`."""
        return CommandMask(self.allowed, tokenizer, self.longest)


@dataclass
class _Node:
    """A place in the tree; `more_words` leads to the words of a search."""

    edges: dict[int, _Node] = field(default_factory=dict)
    may_end: bool = False
    more_words: bool = False

    def add(self, tokens: Iterable[int]) -> _Node:
        """Return the node behind these tokens, made where it is missing."""
        node = self
        for token in tokens:
            node = node.edges.setdefault(token, _Node())
        return node


class CommandMask:
    """Follows one command; a `TokenMask`."""

    def __init__(self, allowed: Allowed, tokenizer: ChatTokenizer, longest: int) -> None:
        self._vocab_size, self._end = tokenizer.vocab_size, tokenizer.end_of_turn
        self._words = _Node()
        self._left = min(LONGEST_QUERY, longest)
        root = _Node()
        for command in allowed.commands:
            tokens = spelled(tokenizer, command)
            if 0 < len(tokens) <= longest:
                root.add(tokens).may_end = True
        self._add_search(root, allowed, tokenizer)
        if not root.edges:
            raise ConstraintError(
                "no command is allowed here, or the tokenizer can spell none of them; "
                "browse with a model of this project"
            )
        self._nodes = [root]

    def _add_search(self, root: _Node, allowed: Allowed, tokenizer: ChatTokenizer) -> None:
        for word in allowed.query_words:
            tokens = spelled(tokenizer, f" {word}")
            if 0 < len(tokens) < self._left // 2:
                end = self._words.add(tokens)
                end.may_end = end.more_words = True
        search = spelled(tokenizer, _SEARCH)
        if search and self._words.edges:
            root.add(search).more_words = True

    def allowed(self) -> Tensor:
        """See `TokenMask.allowed`."""
        mask = torch.zeros(self._vocab_size, dtype=torch.bool)
        mask[[token for token, _ in self._edges()]] = True
        mask[self._end] = any(node.may_end for node in self._nodes)
        return mask

    def advance(self, token: int) -> None:
        """See `TokenMask.advance`."""
        self._nodes = [node for edge, node in self._edges() if edge == token]
        self._left -= 1

    def _edges(self) -> Iterator[tuple[int, _Node]]:
        """Yield what goes on from here; no further word is begun that might not find room."""
        for node in self._nodes:
            yield from node.edges.items()
            if node.more_words and (self._left > LONGEST_QUERY // 2 or not node.may_end):
                yield from self._words.edges.items()


@lru_cache(maxsize=20_000)
def spelled(tokenizer: ChatTokenizer, text: str) -> tuple[int, ...]:
    """Return the tokens of `text`; none if the tokenizer would change it."""
    tokens = tokenizer.encode(text)
    spelling = tokenizer.token_bytes()
    if b"".join(spelling[token] for token in tokens) != text.encode():
        return ()
    return tuple(tokens)
