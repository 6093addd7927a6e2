"""Passages that a model was shown, and which sentences of its answer they bear out.

The thing to know: a `[n]` that a model writes proves nothing. It becomes a citation only where the
passage holds the words of the sentence, and the badge counts the sentences that carry one. Where it
does not hold, the passage's own words are shown below the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from chatapp.assistant import failures
from chatapp.assistant.events import Citation, Grounding
from chatapp.assistant.from_sources import files_in
from chatapp.assistant.reading import shipped_reader
from chatapp.assistant.using import Used
from chatapp.assistant.writing import Writing
from chatapp.inference.generator import Generator
from retrieval.types import Passage

FILES_SHARE = 0.4  # of the context window, for passages of attached files
_CHARACTERS_PER_TOKEN = 4  # English, roughly; only sizes the budget
_MOST_PASSAGES = 8
# Share of a sentence's content words that its passage must hold. Fitted to nothing: high enough
# that another statement fails, low enough that inflection and connecting words pass.
_BORNE_OUT = 0.6
# Where the reader judges. On 150 rated statements kept for measuring it agrees with the rating for
# 86.7 % (precision 81.5 %, recall 81.5 %), shared words for 70.7 % (55.3 %, 96.3 %).
_SUPPORTED = 0.5

THEY_SAY = "The sources do not say all of this. They say:"

_MARK = re.compile(r"\[(\d{1,2})\]")
_BEHIND = re.compile(r"([.!?])(\s*(?:\[\d{1,2}\])+)")


@dataclass(frozen=True)
class Shown:
    """Passages in the order of their numbers, from 1."""

    passages: tuple[Passage, ...] = ()

    @property
    def instructions(self) -> str:
        """What the model is told of them."""
        if not self.passages:
            return ""
        listed = "\n\n".join(f"[{n}] {p.title}\n{p.text}" for n, p in enumerate(self.passages, 1))
        return f"Passages of attached files. Cite them as [1], [2], …\n\n{listed}"


async def files_for_prompt(writing: Writing, generator: Generator) -> Shown:
    """Return the passages of this conversation's files that fit the question and the window."""
    files = await files_in(writing)
    wanted = files.here or files.earlier
    if not wanted or writing.draft.continues:
        return Shown()
    budget = int(generator.context_length * FILES_SHARE * _CHARACTERS_PER_TOKEN)
    question = writing.draft.question.text
    found = await writing.attempt(
        writing.services.files,
        lambda attached: attached.passages(wanted, question, _MOST_PASSAGES),
        failures.no_files,
    )
    return Shown(_within(found or [], budget))


def _within(passages: Sequence[Passage], characters: int) -> tuple[Passage, ...]:
    kept = []
    for passage in passages:
        characters -= len(passage.text) + len(passage.title)
        if characters < 0:
            break
        kept.append(passage)
    return tuple(kept)


def shown_by_tool(name: str, used: Used) -> Shown | None:
    """Return the passages that a search of the index gave the model; None for any other tool.

    None, too, where they were cut to the limit of output: what was added at the cut is no source.
    """
    if name != "index_search" or not used.ok or not isinstance(used.value, list):
        return None
    texts = re.split(r"\n\n(?=\[\d+\] )", used.text)
    if used.truncated or len(texts) != len(used.value):
        return None
    return Shown(tuple(_passage(v, t) for v, t in zip(used.value, texts, strict=True)))


def _passage(value: dict[str, Any], text: str) -> Passage:
    return Passage(
        id=value["passage"],
        document_id=value["document"],
        uri=value["uri"],
        title=value["title"],
        heading="",
        text=text.partition("\n")[2],
        start=value["start"],
        end=value["end"],
    )


async def rest_on(writing: Writing, shown: Shown) -> None:
    """Turn the marks of the whole answer that hold into citations, and say how much they cover."""
    if not shown.passages:
        return
    text = writing.reply.text

    def judged() -> tuple[list[Citation], Grounding | None]:
        reader = shipped_reader()
        return borne_out(text, shown.passages, reader.supports if reader else None)

    citations, grounding = await writing.run.in_thread(writing.services.files.thread, judged)
    extracts = await writing.run.in_thread(
        writing.services.files.thread,
        lambda: not_borne_out(text, shown.passages, {citation.n for citation in citations}),
    )
    if extracts:
        listed = "".join(f"\n- “{extract.quote}” [{extract.n}]" for extract in extracts)
        writing.reply.say(f"\n\n{THEY_SAY}\n{listed}")
        grounding = "partly"
    for citation in sorted([*citations, *extracts], key=lambda each: each.n):
        writing.reply.cite(citation)
    if grounding is not None:
        writing.reply.grounding = grounding


def not_borne_out(text: str, passages: Sequence[Passage], held: Collection[int]) -> list[Citation]:
    """Return what the passages say that `text` cites and that bear none of its sentences out.

    That is their sentence closest to the one that cites them; `held` are the numbers that do hold.
    A passage that shares no word with it has nothing to say about it, and is left out.
    """
    extracts: dict[int, Citation] = {}
    for sentence in _sentences(text):
        for n in map(int, _MARK.findall(sentence)):
            if 1 <= n <= len(passages) and n not in held and n not in extracts:
                closest = _closest(n, _stems(_MARK.sub("", sentence)), passages[n - 1])
                if closest.score > 0:
                    extracts[n] = closest
    return list(extracts.values())


def borne_out(
    text: str, passages: Sequence[Passage], supports: Callable[[str, str], float] | None = None
) -> tuple[list[Citation], Grounding | None]:
    """Return a citation for each `[n]` that its passage bears out, and the grounding of the text.

    `supports` gives the probability that a passage (second) says a sentence; shared words decide
    without it.
    The grounding is `grounded` when every sentence has one, `partly` when some have, else None.
    """
    citations: dict[int, Citation] = {}
    covered = []
    for sentence in _sentences(text):
        numbers = [int(n) for n in _MARK.findall(sentence)]
        found = [
            _citation(n, sentence, passages[n - 1], supports)
            for n in numbers
            if 1 <= n <= len(passages)
        ]
        held = [citation for citation in found if citation is not None]
        for citation in held:
            citations.setdefault(citation.n, citation)
        covered.append(bool(held))
    grounding: Grounding | None = "partly" if any(covered) else None
    if covered and all(covered):
        grounding = "grounded"
    return [citations[n] for n in sorted(citations)], grounding


def _sentences(text: str) -> list[str]:
    """Return the sentences that say something, each with the marks that stand right behind it."""
    from retrieval.sentences import sentence_spans
    from retrieval.terms import words

    joined = _BEHIND.sub(r"\2\1", text)
    spans = [joined[start:end] for start, end in sentence_spans(joined)]
    return [sentence for sentence in spans if words(_MARK.sub("", sentence))]


def _citation(
    n: int, sentence: str, passage: Passage, supports: Callable[[str, str], float] | None
) -> Citation | None:
    """Return the citation of a passage that bears a sentence out, at its closest sentence."""
    plain = _MARK.sub("", sentence).strip()
    said = _stems(plain)
    if not said:
        return None
    if supports is not None:
        held = supports(plain, passage.text) >= _SUPPORTED
    else:
        held = len(said & _stems(passage.text)) >= _BORNE_OUT * len(said)
    if not held:
        return None
    return _closest(n, said, passage)


def _closest(n: int, said: set[str], passage: Passage) -> Citation:
    """Return the sentence of a passage that shares most of these stems; `score` is their share."""
    from retrieval.sentences import sentence_spans

    spans = sentence_spans(passage.text)
    start, end = max(spans, key=lambda span: len(said & _stems(passage.text[span[0] : span[1]])))
    quote = passage.text[start:end]
    return Citation(
        n=n,
        quote=quote,
        title=passage.title,
        uri=passage.uri,
        document=passage.document_id,
        passage=passage.id,
        start=passage.start + start,
        end=passage.start + end,
        score=len(said & _stems(quote)) / max(1, len(said)),
    )


def _stems(text: str) -> set[str]:
    from retrieval.store.stemming import Stemmer
    from retrieval.terms import content_words

    return set(Stemmer().stems(content_words(text)))
