"""Multiple choice and minimal pairs by likelihood: the right text should be the likeliest.

Definitions as in lm-evaluation-harness: `accuracy` takes the choice with the largest
log-probability, `accuracy_norm` the one with the largest per byte, which does not favour short
choices. A question is put as "Question: … Answer:" unless the file's questions are beginnings to be
continued (HellaSwag): then as "title: beginning".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.likelihood import LikelihoodModel, Request, Scored
from chatapp.evaluation.prompts import CONCLUSION, Prompting, prompt_ids, worked
from chatapp.evaluation.replies import greedy, write_replies
from chatapp.evaluation.schemas import MinimalPair, Question
from chatapp.evaluation.suite import Done, present

_FEW = 0.1  # share of questions with a question mark below which a file holds beginnings
_MOST_REASONING = 128  # tokens before the conclusion is asked for


@dataclass(frozen=True)
class ChoiceTask:
    """The questions of one file, all put the same way."""

    questions: Sequence[Question]
    prompting: Prompting

    @property
    def continued(self) -> bool:
        """Say whether the questions are beginnings of a text rather than questions."""
        asked = sum(question.text.rstrip().endswith("?") for question in self.questions)
        return asked < _FEW * len(self.questions)

    def requests(self, model: LikelihoodModel, reasoned: Sequence[str]) -> list[Request]:
        """Return a request for each choice of each question, in order.

        Args:
            model: whose tokenizer and context length apply.
            reasoned: for each question the beginning of the answer, empty for none.
        """
        return [
            request
            for question, opening in zip(self.questions, reasoned, strict=True)
            for request in self._choices(model, question, opening)
        ]

    def prompt(self, model: LikelihoodModel, question: Question, opening: str = "") -> list[int]:
        """Return the ids up to where the answer, or its reasoning, begins."""
        text = f"{question.context}\n\n{question.text}" if question.context else question.text
        return prompt_ids(model.tokenizer, self.prompting, self._turns(question), text, opening)

    def _choices(self, model: LikelihoodModel, question: Question, opening: str) -> list[Request]:
        if self.continued and not self.prompting.chat and not self.prompting.cot:
            before = self._beginning(question)
            return [model.request(before, f" {choice}") for choice in question.choices]
        head = self.prompt(model, question, opening)
        gap = "" if self.prompting.chat and not opening else " "
        return [
            model.fit([*head, *model.tokenizer.encode(gap + choice)], len(head))
            for choice in question.choices
        ]

    def _turns(self, question: Question) -> list[tuple[str, str]]:
        drawn = self.prompting.drawn(question.id, question.text)
        return [(example.question, worked(example, self.prompting.cot)) for example in drawn]

    def _beginning(self, question: Question) -> str:
        shown = "".join(f"{asked} {answer}\n\n" for asked, answer in self._turns(question))
        title = f"{question.title}: " if question.title else ""
        return f"{shown}{title}{question.text}"

    def chance(self) -> float:
        """Return what guessing reaches: evenly or, where all questions have the same choices (yes
        or no), by always giving the commonest answer, whichever is better.
        """
        even = sum(1 / len(question.choices) for question in self.questions) / len(self.questions)
        if len({frozenset(question.choices) for question in self.questions}) > 1:
            return even
        answers = Counter(answer for question in self.questions for answer in question.answers)
        return max(even, answers.most_common(1)[0][1] / len(self.questions))

    def metrics(self, scores: Sequence[Scored]) -> dict[str, Estimate]:
        """Return accuracy and accuracy_norm of the scores of `requests`."""
        plain, per_byte, place = [], [], 0
        for question in self.questions:
            found = [scored.log_prob for scored in scores[place : place + len(question.choices)]]
            place += len(found)
            sizes = [len(choice.encode()) for choice in question.choices]
            plain.append(_right(question, found))
            per_byte.append(
                _right(question, [value / size for value, size in zip(found, sizes, strict=True)])
            )
        chance = self.chance()
        return dict(
            present(
                {
                    "accuracy": estimate(plain, chance),
                    "accuracy_norm": estimate(per_byte, chance),
                }
            )
        )


def reasoned_openings(task: ChoiceTask, model: LikelihoodModel, done: Done) -> list[str]:
    """Let the model reason about each question; return the answer up to where a choice follows.

    The reasoning is greedy, ends where it concludes by itself, and is then led to its conclusion:
    the two prompts of arXiv:2205.11916.
    """
    opening = task.prompting.opening()
    prompts = [task.prompt(model, question, opening) for question in task.questions]
    params = greedy(_MOST_REASONING, stop=(CONCLUSION, "\nQuestion:"))
    return [
        f"{opening}{only.text.rstrip()} {CONCLUSION}".lstrip()
        for (only,) in write_replies(model, prompts, params, done)
    ]


def _right(question: Question, values: Sequence[float]) -> float:
    best = max(range(len(values)), key=values.__getitem__)
    return float(question.choices[best] in question.answers)


def pair_requests(pairs: Sequence[MinimalPair], model: LikelihoodModel) -> list[Request]:
    """Return requests for the good and the bad sentence of each pair, as whole texts."""
    return [model.request("", text) for pair in pairs for text in (pair.good, pair.bad)]


def pair_metrics(scores: Sequence[Scored]) -> dict[str, Estimate]:
    """Return how often the good sentence is the likelier one (BLiMP, arXiv:1912.00582)."""
    values = [
        float(good.log_prob > bad.log_prob)
        for good, bad in zip(scores[::2], scores[1::2], strict=True)
    ]
    return dict(present({"pair_accuracy": estimate(values, chance=0.5)}))
