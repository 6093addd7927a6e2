"""The suite `math`: word problems with a number as the answer (GSM8K, SVAMP).

The answer is the number after `####`, GSM8K's mark, or the last number of the reply where the mark
is missing; two numbers are equal when their values are. Replies are greedy. Chance answers every
problem with the commonest answer of those measured.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from chatapp.evaluation.calculator import CalculatorConstraint, count_calls, without_calls
from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.likelihood import LikelihoodModel
from chatapp.evaluation.prompts import Example, Prompting, prompt_ids
from chatapp.evaluation.records import DataError
from chatapp.evaluation.replies import Reply, greedy, write_replies
from chatapp.evaluation.result import Metrics, Result
from chatapp.evaluation.schemas import Problem
from chatapp.evaluation.suite import Done, present

MARK = "####"
_NUMBER = re.compile(r"-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")


def final_number(text: str) -> Decimal | None:
    """Return the number that a reply ends on; None where it gives none."""
    _, mark, after = text.rpartition(MARK)
    marked = _NUMBER.search(after) if mark else None
    found = marked[0] if marked else (_NUMBER.findall(text) or [""])[-1]
    try:
        return Decimal(found.replace(",", "")).normalize()
    except InvalidOperation:
        return None


class MathSuite:
    """Word problems, with or without reasoning, with or without the calculator.

    Args:
        problems: what to measure, each with a number as its answer.
        prompting: how they are put.
        tools: complete `<<expression=` with the calculator, and show the calls in examples.
        max_tokens: longest reply.

    Raises:
        DataError: a problem's answer is no number.
    """

    name, unit = "math", "problem"

    def __init__(
        self,
        model: LikelihoodModel,
        problems: Sequence[Problem],
        prompting: Prompting,
        *,
        tools: bool,
        max_tokens: int,
    ) -> None:
        self._model, self._problems, self._prompting = model, problems, prompting
        self._tools, self._max_tokens = tools, max_tokens
        self._right = [gold(problem) for problem in problems]

    def size(self) -> int:
        """Return the number of problems."""
        return len(self._problems)

    def run(self, done: Done) -> Result:
        """Let the model answer every problem."""
        constraint = CalculatorConstraint() if self._tools else None
        params = greedy(self._max_tokens, stop=("\nQuestion:",), constraint=constraint)
        prompts = [self._prompt(problem) for problem in self._problems]
        replies = write_replies(self._model, prompts, params, done)
        config = {
            **self._prompting.facts(),
            "calculator": self._tools,
            "max_tokens": self._max_tokens,
            "truncated_prompts": self._model.truncated,
        }
        metrics = self._metrics([only for (only,) in replies])
        return Result({"math": metrics}, len(self._problems), config)

    def _prompt(self, problem: Problem) -> list[int]:
        drawn = self._prompting.drawn(problem.id, problem.question)
        turns = [(example.question, self._worked(example)) for example in drawn]
        return prompt_ids(
            self._model.tokenizer,
            self._prompting,
            turns,
            problem.question,
            self._prompting.opening(),
        )

    def _worked(self, example: Example) -> str:
        """Return an example's answer as GSM8K writes it: the steps if wanted, then the mark."""
        if not (self._prompting.cot and example.reasoning):
            return f"{MARK} {example.answer}"
        steps = example.reasoning if self._tools else without_calls(example.reasoning)
        return steps if MARK in steps else f"{steps}\n{MARK} {example.answer}"

    def _metrics(self, replies: Sequence[Reply]) -> Metrics:
        found = [final_number(reply.text) for reply in replies]
        right = [float(a == b) for a, b in zip(found, self._right, strict=True)]
        return present(
            {
                "accuracy": estimate(right, commonest(self._right)),
                "answered": estimate([float(number is not None) for number in found]),
                "marked": estimate([float(MARK in reply.text) for reply in replies]),
                "finished": estimate([float(reply.finished) for reply in replies]),
                "calculator_calls": estimate([count_calls(reply.text) for reply in replies]),
                "reply_tokens": estimate([reply.tokens for reply in replies]),
            }
        )


def commonest(answers: Sequence[Decimal]) -> float:
    """Return the share of problems that the commonest of their answers solves: chance."""
    return Counter(answers).most_common(1)[0][1] / len(answers)


def gold(problem: Problem) -> Decimal:
    """Return the answer of a problem.

    Raises:
        DataError: it is no number.
    """
    number = final_number(problem.answer)
    if number is None:
        raise DataError(
            f"record {problem.id}: the answer {problem.answer!r} is no number",
            hint="`chatapp eval math` measures problems whose answer is a number.",
        )
    return number
