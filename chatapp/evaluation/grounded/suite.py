"""`chatapp eval grounded`: answers, citations, refusals and effort, one row for each way to answer.

Correctness stands in the same row as the citation scores, for either alone can be had for nothing:
a copied passage is perfectly cited, and a model from memory may be right and cite nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.grounded.answers import Answer, Answerer
from chatapp.evaluation.grounded.citations import score_citations
from chatapp.evaluation.grounded.drawing import Draws, best_of_n_curve
from chatapp.evaluation.grounded.judges import LINE, Judge, Rated, agreement
from chatapp.evaluation.grounded.risk import auroc, risk_coverage
from chatapp.evaluation.metrics import exact_match, f1
from chatapp.evaluation.result import Metrics, Result
from chatapp.evaluation.schemas import Question
from chatapp.evaluation.suite import Done, present
from retrieval.squad import contains_answer

Asked = tuple[Question, Answer]


class GroundedSuite:
    """Questions put to several answerers.

    Args:
        questions: by group, such as the file they come from; each group is also reported alone.
        answerers: the rows.
        judges: who decides what a citation bears out; the first one's figures have plain names.
        rated: labelled statements that each judge is held against.
        draws: whose answers are drawn several times, for the curve of best-of-n.
    """

    name, unit = "grounded", "answer"

    def __init__(
        self,
        questions: Mapping[str, Sequence[Question]],
        answerers: Sequence[Answerer],
        judges: Sequence[Judge],
        rated: Sequence[Rated],
        draws: Draws | None = None,
    ) -> None:
        self._questions, self._answerers = questions, answerers
        self._judges, self._rated, self._draws = judges, rated, draws

    def size(self) -> int:
        """Return the number of answers that will be given."""
        each = len(self._answerers) + (self._draws.count if self._draws else 0)
        return each * sum(map(len, self._questions.values()))

    def run(self, done: Done) -> Result:
        """Put every question to every answerer."""
        variants: dict[str, Metrics] = {}
        curves: dict[str, object] = {}
        ended: dict[str, object] = {}
        for name, groups in self._answers(done).items():
            everything = [asked for group in groups.values() for asked in group]
            variants[name] = self._measure(everything)
            curves[name] = _curve(everything)
            ended[name] = dict(Counter(a.ended for _, a in everything if a.ended))
            if len(groups) > 1:
                for group, asked in groups.items():
                    variants[f"{name} {group}"] = self._measure(asked)
        if self._draws:
            every = [question for group in self._questions.values() for question in group]
            variants[f"{self._draws.sampler.name} drawn"] = best_of_n_curve(
                self._draws, every, done
            )
        for judge in self._judges:
            variants[f"judge {judge.name}"] = agreement(judge, self._rated)
        config = {
            "judges": [judge.name for judge in self._judges],
            "rated_statements": len(self._rated),
            "risk_coverage": curves,
            "ended": {name: counts for name, counts in ended.items() if counts},
        }
        return Result(variants, sum(map(len, self._questions.values())), config)

    def _answers(self, done: Done) -> dict[str, dict[str, list[Asked]]]:
        """Return all answers by row and group; a question is put to every row before the next."""
        given: dict[str, dict[str, list[Asked]]] = {
            answerer.name: {group: [] for group in self._questions} for answerer in self._answerers
        }
        for group, questions in self._questions.items():
            for question in questions:
                for answerer in self._answerers:
                    given[answerer.name][group].append((question, answerer.answer(question)))
                    done(1)
        return given

    def _measure(self, asked: Sequence[Asked]) -> Metrics:
        scores: dict[str, list[float]] = {}
        for question, answer in asked:
            for name, value in [*_correctness(question, answer), *self._citations(answer)]:
                scores.setdefault(name, []).append(value)
        given = [(answer.confidence, _right(q, answer)) for q, answer in asked if answer.short]
        figures: dict[str, Estimate | None] = {n: estimate(values) for n, values in scores.items()}
        figures["auroc"] = auroc([c for c, _ in given], [right for _, right in given])
        figures["refusal_auroc"] = _refusal_auroc(asked)
        return present(figures)

    def _citations(self, answer: Answer) -> Iterator[tuple[str, float]]:
        """Yield recall and precision by each judge, for answers that say something."""
        for place, judge in enumerate(self._judges if answer.short else ()):

            def supports(statement: str, text: str, judge: Judge = judge) -> bool:
                return judge.support(statement, text) >= LINE

            score = score_citations(answer.statements, supports)
            if score is not None:
                suffix = f"_{judge.name}" if place else ""
                yield f"citation_recall{suffix}", score.recall
                yield f"citation_precision{suffix}", score.precision


def _correctness(question: Question, answer: Answer) -> Iterator[tuple[str, float]]:
    """Yield what does not depend on a judge. A refusal of an answerable question scores 0."""
    yield "seconds", answer.seconds
    yield "refused", float(answer.refused)
    if answer.actions:
        yield "actions", float(answer.actions)
        yield "invalid_actions", float(answer.invalid)
    if not question.answerable:
        yield "refused_unanswerable", float(answer.refused)
        return
    yield "em", exact_match(answer.short, question.answers)
    yield "f1", f1(answer.short, question.answers)
    yield "answer_in_text", float(contains_answer(answer.text, question.answers))
    if answer.short:
        yield "em_of_answered", exact_match(answer.short, question.answers)


def _right(question: Question, answer: Answer) -> bool:
    return bool(exact_match(answer.short, question.answers))


def _refusal_auroc(asked: Sequence[Asked]) -> Estimate | None:
    """Return how well confidence tells answerable questions from unanswerable ones."""
    confidences = [answer.confidence for _, answer in asked]
    return auroc(confidences, [question.answerable for question, _ in asked])


def _curve(asked: Sequence[Asked]) -> list[list[float]]:
    """Return points (coverage, share of wrong answers among those), the surest first."""
    given = [(answer.confidence, _right(q, answer)) for q, answer in asked if answer.short]
    curve = risk_coverage([c for c, _ in given], [right for _, right in given], len(asked))
    return [[round(value, 4) for value in point] for point in curve]
