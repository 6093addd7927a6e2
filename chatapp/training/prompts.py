"""The prompts of record files: what is asked in them, without their answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.readers import read_rows
from chatapp.training.recipe import RecipeError, Source
from chatapp.training.records import kind_of, read_chats, read_preferences, read_ratings
from chatapp.training.reward.comparisons import prompt_key
from chatapp.training.shards import is_validation

Messages = tuple[tuple[str, str], ...]


def read_prompts(root: Path, source: Source) -> Iterator[Messages]:
    """Yield what is asked in preference, rating or chat records, or in questions."""
    first = next(iter(read_rows(root, source)), None)
    kind = kind_of(first.fields) if first is not None else None
    if kind == "preference":
        return (record.messages for record in read_preferences(root, source))
    if kind == "rating":
        return (record.messages for record in read_ratings(root, source))
    return (_unanswered(record.messages) for record in read_chats(root, source))


def _unanswered(messages: Messages) -> Messages:
    return messages[:-1] if messages[-1][0] == "assistant" else messages


def split_prompts(
    root: Path, sources: Iterable[Source], tokenizer: ChatTokenizer, *, limit: int, permille: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Return the distinct prompts of at most `limit` tokens: to train on, and held out.

    The split is the one of the reward stage: a prompt on whose answers a reward model was measured
    is held out here too.

    Raises:
        RecipeError: one of the two is empty.
    """
    train: list[list[int]] = []
    held_out: list[list[int]] = []
    seen: set[str] = set()
    for messages in itertools.chain.from_iterable(read_prompts(root, each) for each in sources):
        key = prompt_key(messages)
        ids = tokenizer.encode_prompt(messages)
        if key in seen or len(ids) > limit:
            continue
        seen.add(key)
        (held_out if is_validation(key, permille) else train).append(ids)
    if not train or not held_out:
        raise RecipeError(
            f"{len(train)} prompts to train on and {len(held_out)} held out, of at most {limit} "
            "tokens: name more prompts, or change held_out or the length"
        )
    return train, held_out
