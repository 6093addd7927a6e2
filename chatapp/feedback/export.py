"""Judgements as training records, in the schemas that the training stages read.

Comparisons and corrections become `preference` records, ratings `rating` records, and what was
rated good or written by the person `chat` records. Grounded answers are made of quotes, not by a
model; they are exported too, since what was judged is the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from chatapp.feedback.store import GOOD, Judgement

Schema = Literal["preference", "rating", "chat"]
SOURCE = "chatapp-feedback"


def records(judgements: Iterable[Judgement], schema: Schema) -> Iterator[dict[str, Any]]:
    """Yield one record for each judgement that says something in this schema."""
    for judgement in judgements:
        head = {"id": f"{SOURCE}-{judgement.id}", "messages": list(judgement.prompt)}
        if schema == "preference" and judgement.kind != "rating":
            yield {
                **head,
                "chosen": judgement.answer,
                "rejected": judgement.other,
                "source": SOURCE,
            }
        elif schema == "rating" and judgement.kind == "rating":
            yield {
                **head,
                "response": judgement.answer,
                "reward": judgement.reward,
                "source": SOURCE,
            }
        elif schema == "chat" and _is_good(judgement):
            said = [*judgement.prompt, {"role": "assistant", "content": judgement.answer}]
            yield {"id": head["id"], "messages": said, "source": SOURCE}


def _is_good(judgement: Judgement) -> bool:
    return judgement.kind != "rating" or judgement.reward == GOOD
