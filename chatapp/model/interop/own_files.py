"""Our own tokenizer and chat template in the form that `transformers` and other servers read."""

from __future__ import annotations

import json
from typing import Any

from chatapp.model.tokenizer import END_OF_TEXT, END_OF_TURN, PADDING, ChatTokenizer

# `ChatTokenizer.encode_chat` in Jinja. A test holds the two to each other.
CHAT_TEMPLATE = (
    "{{ '<|endoftext|>' }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] | trim + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
SPECIAL: dict[str, str] = {
    "bos_token": END_OF_TEXT,
    "eos_token": END_OF_TURN,
    "pad_token": PADDING,
}


def own_side_files(context_length: int) -> dict[str, str]:
    """Return the files that belong beside our tokenizer.json, by name."""
    tokenizer: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **SPECIAL,
        "model_max_length": context_length,
        "clean_up_tokenization_spaces": False,
    }
    return {
        "tokenizer_config.json": json.dumps(tokenizer, indent=2) + "\n",
        "chat_template.jinja": CHAT_TEMPLATE + "\n",
    }


def token_ids(tokenizer: ChatTokenizer) -> dict[str, Any]:
    """Return the ids that a config names: where text begins, what ends it, what fills up."""
    ends = sorted(tokenizer.end_ids - {tokenizer.end_of_turn})
    return {
        "bos_token_id": tokenizer.begin,
        "eos_token_id": [tokenizer.end_of_turn, *ends],
        "pad_token_id": tokenizer.padding,
    }
