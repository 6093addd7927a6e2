"""Judgements as training records, in the schemas that the training stages read.

Comparisons and corrections become `preference` records, ratings `rating` records, and what was
rated good or written by the person `chat` records. Each holds the turns that the model was given,
instructions, memories and results of tools among them, and says with `exact` that they are those
very turns. Grounded answers are made of quotes, not by a model; they are exported too, since what
was judged is the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from chatapp.conversations.seen import PromptTurn
from chatapp.feedback.store import GOOD, Judgement

Schema = Literal["preference", "rating", "chat"]
SOURCE = "chatapp-feedback"


def records(judgements: Iterable[Judgement], schema: Schema) -> Iterator[dict[str, Any]]:
    """Yield one record for each judgement that says something in this schema."""
    for judgement in judgements:
        head: dict[str, Any] = {
            "id": f"{SOURCE}-{judgement.id}",
            "messages": turns_of(judgement.prompt),
            "exact": judgement.exact,
        }
        if schema == "preference" and judgement.kind != "rating":
            record = {
                **head,
                "chosen": judgement.answer,
                "rejected": judgement.other,
                "source": SOURCE,
            }
            if judgement.other_prompt:
                record["rejected_messages"] = turns_of(judgement.other_prompt)
            yield record
        elif schema == "rating" and judgement.kind == "rating":
            yield {
                **head,
                "response": judgement.answer,
                "reward": judgement.reward,
                "source": SOURCE,
            }
        elif schema == "chat" and _is_good(judgement):
            answer = {"role": "assistant", "content": judgement.answer}
            yield {**head, "messages": [*head["messages"], answer], "source": SOURCE}


def turns_of(prompt: Iterable[PromptTurn]) -> list[dict[str, Any]]:
    """Return turns of the schemas; what a template offered stands as `tools` beside the first."""
    return [
        {"role": turn.role, "content": turn.content}
        | ({"tools": [json.loads(tool) for tool in turn.tools]} if turn.tools else {})
        for turn in prompt
    ]


def _is_good(judgement: Judgement) -> bool:
    return judgement.kind != "rating" or judgement.reward == GOOD
