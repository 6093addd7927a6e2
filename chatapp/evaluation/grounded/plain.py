"""The rows without browsing: the model alone, one search of an index, its best passage copied."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from chatapp.assistant.composing import Found, Supports, as_statement
from chatapp.assistant.grounding import gather
from chatapp.evaluation.grounded.answers import Answer
from chatapp.evaluation.grounded.citations import Statement
from chatapp.evaluation.grounded.telling import told
from chatapp.evaluation.schemas import Question
from retrieval.sentences import sentence_spans

if TYPE_CHECKING:
    from chatapp.inference.generator import Generator
    from chatapp.settings import RetrievalSettings
    from retrieval.index import Index

_MOST_TOKENS = 24  # of an answer from memory; gold answers are short
_ASKED = "Answer in a few words: {question}"


class OneShot:
    """One search, and quotes from what it finds: what the assistant does with its own sources."""

    name = "one_shot"

    def __init__(
        self, index: Index, settings: RetrievalSettings, supports: Supports | None = None
    ) -> None:
        self._index, self._settings, self._supports = index, settings, supports

    def answer(self, question: Question) -> Answer:
        """See `Answerer`."""
        found, seconds = self.found(question)
        return told(question.text, found, self._supports).after(seconds)

    def found(self, question: Question) -> tuple[list[Found], float]:
        """Return the quotes of one search, best first, and the seconds it took."""
        evidence = gather(self._index, question.text, self._settings, time.monotonic)
        return evidence.numbered(), evidence.seconds


class CopyTop:
    """ALCE's shortcut: the best passage as the answer, citing itself; right or not, well cited."""

    name = "copy_top_passage"

    def __init__(self, index: Index) -> None:
        self._index = index

    def answer(self, question: Question) -> Answer:
        """See `Answerer`."""
        began = time.monotonic()
        hits = self._index.search(question.text, 1)
        if not hits:
            return Answer("")
        passage = hits[0].passage.text
        statements = tuple(
            Statement(passage[start:end], (passage,)) for start, end in sentence_spans(passage)
        )
        return Answer(passage, statements, hits[0].score, seconds=time.monotonic() - began)


class ClosedBook:
    """The language model alone, greedily, from memory; it cites nothing."""

    name = "closed_book"

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def answer(self, question: Question) -> Answer:
        """See `Answerer`. Its confidence is the geometric mean probability of its tokens."""
        from chatapp.inference.generator import ChatMessage, SamplingParams, TextDelta

        began = time.monotonic()
        asked = [ChatMessage("user", _ASKED.format(question=question.text))]
        params = SamplingParams(
            max_tokens=_MOST_TOKENS, greedy=True, repetition_penalty=1.0, logprobs=0
        )
        said = [
            part
            for part in self._generator.stream(asked, params, lambda: False)
            if isinstance(part, TextDelta)
        ]
        short = _first_line("".join(part.text for part in said))
        logs = [token.logprob for part in said for token in part.logprobs]
        return Answer(
            short,
            (Statement(as_statement(question.text, short)),) if short else (),
            confidence=math.exp(math.fsum(logs) / len(logs)) if logs else 0.0,
            seconds=time.monotonic() - began,
        )


def _first_line(text: str) -> str:
    """Return the answer proper: the first line, without the point that ends it."""
    return text.strip().partition("\n")[0].strip().rstrip(".")
