"""What decides the result besides the data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes, shares and rates; the defaults made the embedder that ships."""

    dimension: int = 256
    vocabulary: int = 50_000
    buckets: int = 14_000
    seed: int = 7
    repeat_power: float = 0.5  # a word that stands n times in a text counts n ** this times

    # teacher texts
    taught_passages: int = 100_000
    taught_sentences: int = 50_000
    taught_rounds: int = 20_000

    # the table
    table_steps: int = 3_500
    kept_every: int = 250  # steps between two states to go on from
    documents: int = 112  # a step, with some passages each for inverse cloze
    passages_per_document: int = 6
    talk: int = 64  # rounds of talk a step, for inverse cloze as well
    title_share: float = 0.25
    shortest_span: int = 4
    longest_span: int = 24
    most_dropped: float = 0.5  # of the words of a span
    kept_whole: float = 0.6  # of the passages keep the span that was cut out of them
    asked: int = 256  # questions a step
    hard: int = 2  # wrong passages for each
    question_dropped: float = 0.1  # of the words of a question
    taught: int = 256  # long texts a step that must lie where the teacher puts them
    taught_short: int = 384  # and as many short ones
    temperature: float = 0.05
    table_rate: float = 3e-3
    weight_rate: float = 1e-2
    teaching: float = 4.0  # weight of the teacher's loss (1 - cosine) beside cross entropies
