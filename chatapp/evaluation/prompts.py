"""How a question is put to a model: plain or as a chat, with examples, with or without reasoning.

Few-shot prompting is that of GPT-3 (arXiv:2005.14165); chain of thought shows worked examples
(arXiv:2201.11903), and without examples begins the answer with "Let's think step by step."
(arXiv:2205.11916). Examples are drawn for every question anew, by seed and id, so that the luck of
one choice of examples is averaged over the questions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatapp.evaluation.likelihood import first_id
from chatapp.evaluation.records import DataError, read
from chatapp.evaluation.schemas import parse_problem, parse_question
from chatapp.model.tokenizer import ChatTokenizer

STEP_BY_STEP = "Let's think step by step."
CONCLUSION = "So the answer is"


@dataclass(frozen=True)
class Example:
    """A question with its answer and, where the data has one, the reasoning that leads to it."""

    question: str
    answer: str
    reasoning: str = ""


@dataclass(frozen=True)
class Prompting:
    """How to put questions: `examples` is what `shots` of them are drawn from for each question."""

    chat: bool = False
    cot: bool = False
    shots: int = 0
    examples: tuple[Example, ...] = ()
    seed: int = 0

    def drawn(self, identity: str, question: str) -> list[Example]:
        """Return the examples for one question; its own text is never among them."""
        others = [example for example in self.examples if example.question != question]
        wanted = min(self.shots, len(others))
        return random.Random(f"{self.seed} {identity}").sample(others, wanted)

    def opening(self) -> str:
        """Return the words that the answer begins with, before the model's own."""
        return STEP_BY_STEP if self.cot and not self.shots else ""

    def facts(self) -> dict[str, object]:
        """Return what stands in the report."""
        return {
            "prompt": "chat" if self.chat else "plain",
            "shots": self.shots,
            "chain_of_thought": self.cot,
        }


def worked(example: Example, cot: bool) -> str:
    """Return an example's answer as the prompt shows it, with its reasoning if that is wanted."""
    if not (cot and example.reasoning):
        return example.answer
    return f"{example.reasoning.strip()} {CONCLUSION} {example.answer}"


def prompt_ids(
    tokenizer: ChatTokenizer,
    prompting: Prompting,
    turns: Sequence[tuple[str, str]],
    question: str,
    opening: str = "",
) -> list[int]:
    """Return the ids of a prompt that ends where the answer begins.

    Args:
        turns: questions and answers shown before.
        opening: the beginning of the answer, to be continued.
    """
    if prompting.chat:
        messages = [
            message
            for asked, answered in turns
            for message in (("user", asked), ("assistant", answered))
        ]
        return tokenizer.encode_prompt([*messages, ("user", question)], partial=opening)
    shown = "".join(f"Question: {asked}\nAnswer: {answered}\n\n" for asked, answered in turns)
    answer = f"Answer: {opening}" if opening else "Answer:"
    return [first_id(tokenizer), *tokenizer.encode(f"{shown}Question: {question}\n{answer}")]


def read_examples(
    path: Path, measured: Sequence[Path], parse: Callable[[dict[str, Any], str], Example | None]
) -> tuple[Example, ...]:
    """Read examples from a training file.

    Args:
        parse: makes an example of a record, or None of one that cannot serve as such.

    Raises:
        DataError: it is one of the measured files, or has no example.
    """
    if any(path.resolve() == other.resolve() for other in measured):
        raise DataError(
            f"{path} is measured and cannot give the examples too",
            hint="name a training file with --shots-from.",
        )
    return tuple(example for example in read(path, parse) if example is not None)


def answered_example(record: dict[str, Any], where: str) -> Example | None:
    """Make an example of a qa or reasoning record; an unanswerable question is none."""
    if "answers" in record:
        question = parse_question(record, where)
        return Example(question.text, question.answers[0]) if question.answerable else None
    problem = parse_problem(record, where)
    return Example(problem.question, problem.answer, problem.solution)


def reasoned_example(record: dict[str, Any], where: str) -> Example | None:
    """Like `answered_example`, for chain of thought: the record must show how it is reasoned."""
    example = answered_example(record, where)
    if example is not None and not example.reasoning:
        raise DataError(
            f"{where}: no 'solution', which examples of chain of thought need",
            hint="name a file of reasoning records, or leave --cot out.",
        )
    return example
