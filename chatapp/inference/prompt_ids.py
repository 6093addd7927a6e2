"""Messages to the token ids a model reads, and how much room that leaves for the answer."""

from __future__ import annotations

import json
from collections.abc import Sequence

from chatapp.inference.generator import ChatMessage, ContextOverflow
from chatapp.model.tokenizer import ChatTokenizer


def prompt_ids(tokenizer: ChatTokenizer, messages: Sequence[ChatMessage]) -> list[int]:
    """Return the prompt of a chat; an assistant's message at its end is left open."""
    pairs = [(message.role, message.content) for message in messages]
    tools = [json.loads(tool) for message in messages for tool in message.tools]
    if pairs and pairs[-1][0] == "assistant":
        return tokenizer.encode_prompt(pairs[:-1], partial=pairs[-1][1], tools=tools)
    return tokenizer.encode_prompt(pairs, tools=tools)


def room_after(prompt: Sequence[int], context_length: int) -> int:
    """Return how many tokens may follow a prompt.

    Raises:
        ContextOverflow: not one.
    """
    room = context_length - len(prompt)
    if room < 1:
        raise ContextOverflow(
            f"the prompt takes {len(prompt)} tokens, the model reads {context_length}; "
            "shorten the message or start a new conversation"
        )
    return room
