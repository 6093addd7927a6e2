"""Our tokenizer.json, with the special tokens and the chat template that belong to it."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedTokenizerFast

from chatapp.model.interop.own_files import CHAT_TEMPLATE, SPECIAL


class ChatappTokenizer(PreTrainedTokenizerFast):
    """Knows what tokenizer_config.json would say, which a model trained here does not have.

    Unlike our own tokenizer, and like all of `transformers`, it lets the name of a special token
    inside a message become that token: clean what comes from outside, or pass
    `split_special_tokens=True` for plain text.
    """

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> ChatappTokenizer:
        """Load a tokenizer; what its directory says of special tokens and template counts first."""
        tokenizer: ChatappTokenizer = super().from_pretrained(*args, **kwargs)
        if tokenizer.eos_token is None:
            for name, token in SPECIAL.items():
                setattr(tokenizer, name, token)
            tokenizer.chat_template = CHAT_TEMPLATE
        return tokenizer
