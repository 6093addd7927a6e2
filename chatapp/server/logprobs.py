"""Log-probabilities in OpenAI's two shapes: of chats, and the older one of completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chatapp.inference.generator import TokenLogprob


def chat_logprobs(spelled: Sequence[bytes], tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """Return `choices[].logprobs` of a chat; `spelled` holds the bytes of every token id."""
    content = [
        {
            **_entry(spelled[token.token], token.logprob),
            "top_logprobs": [_entry(spelled[other], logprob) for other, logprob in token.top],
        }
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def completion_logprobs(
    spelled: Sequence[bytes], tokens: Sequence[TokenLogprob], offset: int
) -> dict[str, Any]:
    """Return `choices[].logprobs` of a completion whose text begins at `offset`."""
    texts = [_text(spelled[token.token]) for token in tokens]
    offsets = []
    for text in texts:
        offsets.append(offset)
        offset += len(text)
    return {
        "tokens": texts,
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [
            {_text(spelled[other]): logprob for other, logprob in token.top} for token in tokens
        ],
        "text_offset": offsets,
    }


def _entry(spelled: bytes, logprob: float) -> dict[str, Any]:
    # JSON has no minus infinity, which a masked token's logit can reach
    return {"token": _text(spelled), "logprob": max(logprob, -9999.0), "bytes": list(spelled)}


def _text(spelled: bytes) -> str:
    return spelled.decode("utf-8", "replace")
