"""The suite `lm`: what a language model finds likely, on text, choices and minimal pairs.

Each file is measured by what its records are, and a 5-gram model can stand beside it as the
baseline that a neural model has to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from chatapp.evaluation.estimates import Estimate
from chatapp.evaluation.likelihood import LikelihoodModel, Request, Scored, Scorer
from chatapp.evaluation.multiple_choice import (
    ChoiceTask,
    pair_metrics,
    pair_requests,
    reasoned_openings,
)
from chatapp.evaluation.prompts import Prompting
from chatapp.evaluation.records import DataError, choose, read
from chatapp.evaluation.result import Metrics, Result
from chatapp.evaluation.running_text import (
    bits_per_byte,
    document_requests,
    last_word_metrics,
    last_word_requests,
)
from chatapp.evaluation.schemas import (
    MinimalPair,
    Question,
    Text,
    parse_choice,
    parse_minimal_pair,
    parse_text,
)
from chatapp.evaluation.suite import Done

Item = Text | Question | MinimalPair


@dataclass(frozen=True)
class Measurement:
    """Requests for a scorer, and what to make of their scores.

    `prepare` makes the `count` requests; where the model reasons first, it does so there, and
    tells of `before` replies.
    """

    count: int
    prepare: Callable[[Done], list[Request]]
    metrics: Callable[[list[Scored]], dict[str, Estimate]]
    before: int = 0


class LmSuite:
    """Language-model measures over record files.

    Args:
        model: the model to measure.
        files: record files; each is one variant of the result, named by its stem.
        limit: items of each file.
        prompting: how questions with choices are put.
        baseline: another scorer and its name, measured on the very same requests.
    """

    name, unit = "lm", "sequence"

    def __init__(
        self,
        model: LikelihoodModel,
        files: Sequence[Path],
        *,
        limit: int | None,
        seed: int,
        prompting: Prompting,
        baseline: tuple[str, Scorer] | None = None,
    ) -> None:
        self._model, self._baseline = model, baseline
        self._prompting = prompting
        self._items = {
            name: choose(read_items(file), limit, seed)
            for name, file in zip(variant_names(files), files, strict=True)
        }
        self._work = {name: self._measurements(items) for name, items in self._items.items()}

    def size(self) -> int:
        """Return the number of sequences to score and of replies to write before."""
        scorers = 2 if self._baseline else 1
        return sum(scorers * m.count + m.before for work in self._work.values() for m in work)

    def run(self, done: Done) -> Result:
        """Score every file with the model and, where there is one, with the baseline."""
        variants: dict[str, Metrics] = {}
        for name, work in self._work.items():
            requests = [part.prepare(done) for part in work]
            variants[name] = _measure(work, requests, self._model, done)
            if self._baseline:
                label, scorer = self._baseline
                variants[f"{name} {label}"] = _measure(work, requests, scorer, done)
        config = {"truncated_prompts": self._model.truncated, **self._prompting.facts()}
        return Result(variants, sum(map(len, self._items.values())), config)

    def _measurements(self, items: Sequence[Item]) -> list[Measurement]:
        model, vocabulary = self._model, self._model.tokenizer.vocab_size
        match items[0]:
            case Question():
                return [self._choices([item for item in items if isinstance(item, Question)])]
            case MinimalPair():
                pairs = [item for item in items if isinstance(item, MinimalPair)]
                return [_scored(pair_requests(pairs, model), pair_metrics)]
        texts = [item for item in items if isinstance(item, Text)]
        return [
            _documents(texts, model),
            _scored(
                last_word_requests(texts, model),
                lambda scores: last_word_metrics(scores, vocabulary),
            ),
        ]

    def _choices(self, questions: Sequence[Question]) -> Measurement:
        task = ChoiceTask(questions, self._prompting)
        if not self._prompting.cot:
            return _scored(task.requests(self._model, [""] * len(questions)), task.metrics)

        def prepare(done: Done) -> list[Request]:
            return task.requests(self._model, reasoned_openings(task, self._model, done))

        count = sum(len(question.choices) for question in questions)
        return Measurement(count, prepare, task.metrics, before=len(questions))


def read_items(path: Path) -> list[Item]:
    """Read one file by the schema of its first record.

    Raises:
        DataError: it is of no kind that a likelihood can be taken on, or a record is malformed.
    """
    first = next(islice(read(path, lambda record, where: record), 1))
    return list(read(path, _parser(first, path)))


def _parser(record: dict[str, Any], path: Path) -> Callable[[dict[str, Any], str], Item]:
    if "sentence_good" in record:
        return parse_minimal_pair
    if "choices" in record:
        return parse_choice
    if "text" in record:
        return parse_text
    raise DataError(
        f"{path} holds no texts, no questions with choices and no minimal pairs",
        hint="`chatapp eval lm` takes pretrain, knowledge and qa records.",
    )


def variant_names(files: Sequence[Path]) -> list[str]:
    """Return the name under which each file's figures stand: its stem, or all that is needed."""
    stems = [file.name.removesuffix(".xz").removesuffix(".jsonl") for file in files]
    return [
        stem if stems.count(stem) == 1 else f"{file.parent}/{stem}"
        for file, stem in zip(files, stems, strict=True)
    ]


def _documents(texts: Sequence[Text], model: LikelihoodModel) -> Measurement:
    per_text = [document_requests(text, model) for text in texts]

    def metrics(scores: list[Scored]) -> dict[str, Estimate]:
        rest = iter(scores)
        grouped = [list(islice(rest, len(requests))) for requests in per_text]
        return bits_per_byte(texts, grouped, model.tokenizer.vocab_size)

    return _scored([request for requests in per_text for request in requests], metrics)


def _scored(
    requests: list[Request], metrics: Callable[[list[Scored]], dict[str, Estimate]]
) -> Measurement:
    return Measurement(len(requests), lambda done: requests, metrics)


def _measure(
    work: Sequence[Measurement],
    requests: Sequence[list[Request]],
    scorer: Scorer,
    done: Done,
) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for part, wanted in zip(work, requests, strict=True):
        found |= part.metrics(scorer.score(wanted, done))
    return found
