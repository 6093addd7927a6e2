"""A reply that must match a JSON Schema, a regular expression or a grammar, through llguidance.

llguidance computes which tokens can go on from here, tokens that end inside a lexeme included
(https://github.com/guidance-ai/llguidance). Where only one text is possible it insists on the
tokenizer's own way of cutting it. It is imported when a constraint is first used, so that
everything else runs where it is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from chatapp.inference.masks.protocol import ConstraintError
from chatapp.model.tokenizer import ChatTokenizer

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer
    from llguidance._lib import JsonCompileOptions


@dataclass(frozen=True)
class JsonSchema:
    """The reply is JSON that is valid by `schema`, the text of a JSON Schema, without white space.

    `{}` allows any JSON value.
    """

    schema: str

    @classmethod
    def of(cls, schema: dict[str, Any]) -> JsonSchema:
        """Take the schema as a dictionary."""
        return cls(json.dumps(schema))

    def start(self, tokenizer: ChatTokenizer) -> GrammarMask:
        """See `Constraint.start`."""
        # else a small model may go on with white space for ever
        compact: JsonCompileOptions = {"whitespace_flexible": False}
        return _start(tokenizer, lambda to: to.grammar_from_json_schema(self.schema, None, compact))


@dataclass(frozen=True)
class Regex:
    """The whole reply matches `pattern`: Rust's regex syntax, without look-around."""

    pattern: str

    def start(self, tokenizer: ChatTokenizer) -> GrammarMask:
        """See `Constraint.start`."""
        return _start(tokenizer, lambda to: to.grammar_from_regex(self.pattern))


@dataclass(frozen=True)
class Grammar:
    """The reply is a sentence of a context-free grammar in Lark's syntax; its rule is `start`."""

    lark: str

    def start(self, tokenizer: ChatTokenizer) -> GrammarMask:
        """See `Constraint.start`."""
        return _start(tokenizer, lambda to: to.grammar_from_lark(self.lark))


class GrammarMask:
    """Follows one reply; a `TokenMask`."""

    def __init__(self, matcher: LLMatcher, vocab_size: int, end: int) -> None:
        self._matcher, self._vocab_size, self._end = matcher, vocab_size, end

    def allowed(self) -> Tensor:
        """See `TokenMask.allowed`."""
        if self._matcher.is_stopped():
            mask = torch.zeros(self._vocab_size, dtype=torch.bool)
            mask[self._end] = True
            return mask
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        _refuse_errors(self._matcher)
        flags = np.unpackbits(bits, bitorder="little")[: self._vocab_size]
        return torch.from_numpy(flags.astype(np.bool_))

    def advance(self, token: int) -> None:
        """See `TokenMask.advance`."""
        if not self._matcher.is_stopped():
            self._matcher.consume_token(token)
            _refuse_errors(self._matcher)


class _Vocabulary:
    """What llguidance asks of a tokenizer."""

    bos_token_id = None
    special_token_ids: Sequence[int] = ()

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self.eos_token_id = tokenizer.end_of_turn
        self.tokens = tokenizer.token_bytes()
        self._tokenizer = tokenizer

    def __call__(self, text: bytes | str) -> list[int]:
        if isinstance(text, bytes):
            text = text.decode("utf-8", errors="replace")
        return self._tokenizer.encode(text)


_TOKENIZERS: WeakKeyDictionary[ChatTokenizer, LLTokenizer] = WeakKeyDictionary()


def _start(tokenizer: ChatTokenizer, write: Callable[[type[LLMatcher]], str]) -> GrammarMask:
    try:
        from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
    except ImportError as error:
        raise ConstraintError(
            "replies that follow a schema, a pattern or a grammar need llguidance; "
            "install it with: pip install llguidance"
        ) from error
    if tokenizer not in _TOKENIZERS:
        ends = sorted(tokenizer.end_ids)
        wrapper = TokenizerWrapper(_Vocabulary(tokenizer))
        _TOKENIZERS[tokenizer] = LLTokenizer(wrapper, eos_token=ends)
    try:
        grammar = write(LLMatcher)
    except ValueError as error:
        raise ConstraintError(f"the constraint cannot be read: {error}") from error
    matcher = LLMatcher(_TOKENIZERS[tokenizer], grammar, log_level=0)
    _refuse_errors(matcher)
    return GrammarMask(matcher, tokenizer.vocab_size, tokenizer.end_of_turn)


def _refuse_errors(matcher: LLMatcher) -> None:
    if matcher.is_error():
        raise ConstraintError(f"the constraint cannot be met: {matcher.get_error()}")
