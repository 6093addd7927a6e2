"""Measures of running text: bits per byte, and the last word of a passage.

Bits per byte sums over all tokens of a document, read in windows of the model's context that
overlap by one token (the rolling log-likelihood of lm-evaluation-harness), and divides by the bytes
of its text: comparable across tokenizers. The last word is LAMBADA's measure (arXiv:1606.06031) on
any text: given all before it, is every token of the last word the likeliest one (greedy, whole
word; a longer word that begins alike is not ruled out), and how likely is the word. Punctuation
after the last word is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from chatapp.evaluation.estimates import Estimate, estimate, perplexity, ratio
from chatapp.evaluation.likelihood import LikelihoodModel, Request, Scored, first_id
from chatapp.evaluation.schemas import Text
from chatapp.evaluation.suite import present

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


def document_requests(text: Text, model: LikelihoodModel) -> list[Request]:
    """Return requests that score every token of a document once."""
    ids = (first_id(model.tokenizer), *model.tokenizer.encode(text.text))
    reach = model.context_length
    return [Request(ids[at : at + reach + 1], 1) for at in range(0, len(ids) - 1, reach)]


def bits_per_byte(
    texts: Sequence[Text], scores: Sequence[Sequence[Scored]], vocab_size: int
) -> dict[str, Estimate]:
    """Return bits per byte over documents; chance spreads evenly over the vocabulary."""
    bits = [-math.fsum(s.log_prob for s in found) / math.log(2) for found in scores]
    sizes = [float(len(text.text.encode())) for text in texts]
    tokens = sum(scored.tokens for found in scores for scored in found)
    chance = tokens * math.log2(vocab_size) / math.fsum(sizes)
    return dict(present({"bits_per_byte": ratio(bits, sizes, chance)}))


def last_word(text: str) -> tuple[str, str] | None:
    """Return what stands before the last word and the word with its space; None for one word."""
    words = list(_WORD.finditer(text))
    if not words or not text[: words[-1].start()].strip():
        return None
    start, end = words[-1].span()
    start -= text[start - 1] == " "
    return text[:start], text[start:end]


def last_word_requests(texts: Sequence[Text], model: LikelihoodModel) -> list[Request]:
    """Return a request for the last word of each text that has more than one word."""
    parts = (last_word(text.text) for text in texts)
    return [model.request(*part) for part in parts if part is not None]


def last_word_metrics(scores: Sequence[Scored], vocab_size: int) -> dict[str, Estimate]:
    """Return accuracy and perplexity per word; chance draws each token evenly."""
    hits = [float(scored.greedy) for scored in scores if scored.greedy is not None]
    tokens = [scored.tokens for scored in scores]
    guessed = estimate([float(vocab_size) ** -count for count in tokens])
    surprise = estimate([count * math.log(vocab_size) for count in tokens])
    return dict(
        present(
            {
                "last_word_accuracy": estimate(hits, guessed.mean if guessed else None),
                "last_word_perplexity": perplexity(
                    [scored.log_prob for scored in scores],
                    math.exp(surprise.mean) if surprise else None,
                ),
            }
        )
    )
