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

    # teacher texts
    taught_passages: int = 100_000
    taught_sentences: int = 50_000
    taught_rounds: int = 20_000

    # the table
    table_steps: int = 3_000
    documents: int = 112  # a step, with up to four passages each for inverse cloze
    passages_per_document: int = 4
    asked: int = 320  # questions a step, each with a positive and a hard negative
    taught: int = 384  # long texts a step that must lie where the teacher puts them
    taught_short: int = 512  # and as many short ones
    temperature: float = 0.05
    table_rate: float = 3e-3
    weight_rate: float = 1e-2
    teaching: float = 4.0  # weight of the teacher's loss (1 - cosine) beside cross entropies
    title_share: float = 0.25
    shortest_span: int = 4
    longest_span: int = 14

    # the query side; 0 steps: queries are encoded as passages are
    asking_steps: int = 0
    asking_rate: float = 1e-3
    asking_batch: int = 256
    heads: int = 4
    hidden: int = 512
    longest_query: int = 64
