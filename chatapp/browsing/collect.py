"""Traces of the scripted policy as chat records: what behaviour cloning learns from.

    python -m chatapp.browsing.collect --index FILE --qa FILE… --out FILE

The thing to know: only questions of the learning part are browsed (`retrieval.splits`), with a
judge that knows the paragraph of the answer, and only browses that quoted it are kept. Each step
is a record of its own, a state and the command said in it: a policy has no other memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatapp import resources
from chatapp.browsing.policy import ACTIONS
from chatapp.browsing.prompt import fitted
from chatapp.inference.generator import ChatMessage
from chatapp.model.tokenizer import ChatTokenizer
from retrieval.browser.allowed import allowed
from retrieval.browser.commands import Search, parse
from retrieval.browser.local import IndexWorld
from retrieval.browser.pages import Page
from retrieval.browser.ranking import stems_of
from retrieval.browser.scripted import Effort, browse
from retrieval.browser.session import Browsed
from retrieval.browser.state import Limits, start
from retrieval.browser.step import step
from retrieval.browser.traces import RecordedWorld
from retrieval.index import Index
from retrieval.loaders.records import read_lines
from retrieval.sentences import sentence_spans
from retrieval.splits import Part, part_of
from retrieval.squad import contains_answer
from retrieval.types import Quote

CONTEXT = 1024  # tokens of the shipped model
EFFORT = Effort(pages=3, sources=1, searches=1, quotes=1)
_LONGEST = 10  # actions; what takes longer teaches to wander


@dataclass(frozen=True)
class Asked:
    """A question with its answers and, where it is known, the paragraph that holds them."""

    question: str
    answers: tuple[str, ...]
    context: str


def questions_of(part: Part, paths: Sequence[Path], limit: int) -> list[Asked]:
    """Return the answerable questions of a part, each once, in an order of their own."""
    found: dict[str, Asked] = {}
    for path in paths:
        for _, _, line in read_lines(path):
            record = json.loads(line)
            question, context = record["question"], record["context"] or ""
            usable = record["answers"] and not record["unanswerable"]
            if usable and part_of(question, title=record["title"] or "", context=context) == part:
                found.setdefault(question, Asked(question, tuple(record["answers"]), context))
    questions = [found[question] for question in sorted(found)]
    random.Random(0).shuffle(questions)
    return questions[:limit]


class KnowingJudge:
    """A judge that was told the paragraph: it quotes the sentence there that answers."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def quotes(self, question: str, page: Page, *, most: int, threshold: float) -> list[Quote]:
        """See `Judge.quotes`."""
        place = page.text.find(self._asked.context) if self._asked.context else -1
        if place < 0:
            return []
        spans = [
            (place + start, place + end)
            for start, end in sentence_spans(self._asked.context)
            if contains_answer(self._asked.context[start:end], self._asked.answers)
        ]
        wanted = stems_of(question)
        best = max(spans, key=lambda s: len(wanted & stems_of(page.text[slice(*s)])), default=None)
        if best is None:
            return []
        text = page.text[slice(*best)]
        return [Quote(text, page.id, page.id, page.url, page.title, *best, score=1.0)]

    def weigh(self, question: str, most: int) -> list[Quote]:
        """See `Judge.weigh`."""
        return []

    def forget(self) -> None:
        """See `Judge.forget`."""


def records(browsed: Browsed, tokenizer: ChatTokenizer) -> Iterator[dict[str, Any]]:
    """Yield the steps of a browse as chat records, as far as the mask allows them."""
    trace = [json.loads(line) for line in browsed.trace]
    world = RecordedWorld(trace)
    state = start(browsed.state.question, Limits(actions=ACTIONS))
    name = hashlib.sha256(state.question.encode()).hexdigest()[:12]

    def count(messages: list[ChatMessage]) -> int:
        return len(tokenizer.encode_prompt([(m.role, m.content) for m in messages]))

    commands = [line["command"] for line in trace if line["type"] == "step"]
    for number, command in enumerate(commands):
        messages, room = fitted(state, count, CONTEXT)
        options = allowed(state, room)
        if command in options.commands or _is_searchable(command, options.query_words):
            said = [{"role": m.role, "content": m.content} for m in messages]
            reply = {"role": "assistant", "content": command}
            yield {
                "id": f"browse-{name}-{number}",
                "messages": [*said, reply],
                "source": "scripted policy",
            }
        state = step(state, parse(command), world)


def _is_searchable(command: str, words: Sequence[str]) -> bool:
    parsed = parse(command)
    return isinstance(parsed, Search) and set(parsed.query.split()) <= set(words)


def is_worth_learning(browsed: Browsed) -> bool:
    """Say whether a browse quoted its answer on a short way."""
    return bool(browsed.quotes) and browsed.actions <= _LONGEST


def collect(index: Index, questions: Sequence[Asked], out: Path, model_dir: Path) -> int:
    """Write the records of these questions; return how many browses were kept."""
    from tqdm import tqdm

    tokenizer = ChatTokenizer.load(model_dir / "tokenizer.json")
    world, kept = IndexWorld(index), 0
    with out.open("w", encoding="utf-8") as file:
        for asked in tqdm(questions, desc="browses", unit="question"):
            browsed = browse(asked.question, world, KnowingJudge(asked), effort=EFFORT)
            if is_worth_learning(browsed):
                kept += 1
                for record in records(browsed, tokenizer):
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return kept


def main() -> None:
    """Read the arguments and collect."""
    parser = argparse.ArgumentParser(prog="python -m chatapp.browsing.collect")
    parser.add_argument("--index", type=Path, required=True, help="index of the world to browse")
    parser.add_argument("--qa", type=Path, nargs="+", required=True, help="question records")
    parser.add_argument("--out", type=Path, required=True, help="records to write (.jsonl)")
    parser.add_argument("--limit", type=int, default=5_000, help="questions at most")
    arguments = parser.parse_args()
    index = Index.open(arguments.index, embedder_dir=resources.embedder_dir(), read_only=True)
    questions = questions_of("learn", arguments.qa, arguments.limit)
    try:
        kept = collect(index, questions, arguments.out, resources.default_model_dir())
    finally:
        index.close()
    print(f"{kept} of {len(questions)} browses kept in {arguments.out}")


if __name__ == "__main__":
    main()
