"""Which facts take part in a prompt: relevance decides, age and use only nudge.

At most `limit` facts; how many of them fit a prompt is decided where its tokens are counted.
Instructions and the name to use always hold; any other fact must have to do with the question, by
a shared word or by meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chatapp.memory.normal import normalised
from chatapp.memory.slots import SLOTS
from chatapp.memory.types import Fact

if TYPE_CHECKING:
    from retrieval.embedding import Embedder

MOST_FACTS = 8
ALWAYS = ("instruction", "preferred_name")
# Cosine of question and fact below which meaning alone does not connect them. Of 39 pairs that
# belong together it lets 15 through, of 400 that do not, one.
NEAR_ENOUGH = 0.25
_NUDGE = 0.1  # what recency and use may add, so that they order equals and overrule nothing
_FILLER = frozenset(
    re.findall(r"\w+", "you your are is am i my me do does did what who where when how the user")
)


def choose(
    facts: Sequence[Fact],
    question: str,
    now: datetime,
    embedder: Embedder | None,
    *,
    limit: int = MOST_FACTS,
) -> list[Fact]:
    """Return the active facts to put into a prompt for `question`, most relevant first."""
    active = [fact for fact in facts if fact.status == "active"]
    scored = zip(active, _relevances(active, question, embedder), strict=True)
    ranked = sorted(
        ((score + _NUDGE * _freshness(fact, now), fact) for fact, score in scored if score > 0),
        key=lambda pair: (-pair[0], pair[1].id),
    )
    return [fact for _, fact in ranked[:limit]]


def _relevances(facts: Sequence[Fact], question: str, embedder: Embedder | None) -> list[float]:
    """Return a score from 0 (nothing to do with it) to 2 (pinned or always held) for each fact."""
    if not facts:
        return []
    asked = set(normalised(question).split()) - _FILLER
    nearness = [0.0] * len(facts)
    if embedder is not None:
        said = embedder.embed_passages([fact.to_person() for fact in facts])
        nearness = [float(value) for value in said @ embedder.embed_queries([question])[0]]
    scores = []
    for fact, near in zip(facts, nearness, strict=True):
        if fact.pinned or fact.slot in ALWAYS:
            scores.append(2.0)
        elif asked & (
            set(normalised(f"{fact.fact_key} {fact.value} {fact.slot}").split()) - _FILLER
        ):
            scores.append(1.0 + max(near, 0.0) / 10)
        else:
            scores.append(near if near >= NEAR_ENOUGH else 0.0)
    return scores


def _freshness(fact: Fact, now: datetime) -> float:
    """Return 0 to 1: how recently it was said or used, by its slot's half-life."""
    half_life = SLOTS[fact.slot].half_life_days
    if half_life is None:
        return 1.0
    latest = max(fact.last_seen, fact.last_used or "")
    age = (now - datetime.fromisoformat(latest)).total_seconds() / 86_400
    return float(0.5 ** (max(age, 0.0) / half_life))
