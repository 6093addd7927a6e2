"""The suite `code`: programs that pass their tests, run in the sandbox, as pass@k.

pass@k is the unbiased estimator of Chen et al. 2021 (arXiv:2107.03374): of n samples with c right
ones, the chance that k drawn without replacement hold a right one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from chatapp.evaluation.code_tasks import (
    STOPS,
    beginning,
    judged,
    program_of_reply,
    reference_program,
    statement,
)
from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.likelihood import LikelihoodModel, first_id
from chatapp.evaluation.prompts import Example, Prompting
from chatapp.evaluation.replies import greedy, sampled, write_replies
from chatapp.evaluation.result import Metrics, Result
from chatapp.evaluation.schemas import CodeTask
from chatapp.evaluation.suite import Done, present
from tools.bubblewrap import Limits
from tools.python_sandbox import run_python, sentinel

PASSED = "passed"
_UNREADABLE = ("SyntaxError", "IndentationError", "TabError")
_LIMITS = Limits(wall_seconds=10.0, cpu_seconds=5, memory_mb=512)


def pass_at_k(n: int, right: int, k: int) -> float:
    """Return the chance that k of n samples, of which `right` pass, hold one that passes."""
    if n - right < k:
        return 1.0
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


@dataclass(frozen=True)
class Sampling:
    """How programs are written: greedily without a temperature."""

    samples: int
    temperature: float
    max_tokens: int
    seed: int


class CodeSuite:
    """Tasks with tests, solved by a model or, to check data and sandbox, by the data itself.

    Args:
        model: None runs the solutions of the records.
        ks: the k of pass@k, none larger than the number of samples.
    """

    name, unit = "code", "program"

    def __init__(
        self,
        model: LikelihoodModel | None,
        tasks: Sequence[CodeTask],
        prompting: Prompting,
        sampling: Sampling,
        ks: Sequence[int],
    ) -> None:
        self._model, self._tasks = model, tasks
        self._prompting, self._sampling, self._ks = prompting, sampling, ks

    def size(self) -> int:
        """Return how many replies are to be written (counted by task) and programs to be run."""
        writing = len(self._tasks) if self._model else 0
        return writing + len(self._tasks) * self._samples()

    def run(self, done: Done) -> Result:
        """Write the programs, run each distinct one once, and count."""
        programs = self._programs(done)
        endings = run_all(self._tasks, programs, done)
        config: dict[str, object] = {
            **self._prompting.facts(),
            "samples": self._samples(),
            "temperature": self._sampling.temperature,
            "max_tokens": self._sampling.max_tokens,
            "endings": dict(Counter(end for of_task in endings for end in of_task).most_common()),
            "truncated_prompts": self._model.truncated if self._model else 0,
        }
        return Result({"code": self._metrics(endings)}, len(self._tasks), config)

    def _samples(self) -> int:
        return self._sampling.samples if self._model else 1

    def _programs(self, done: Done) -> list[list[str]]:
        if self._model is None:
            return [[reference_program(task)] for task in self._tasks]
        chosen, chat = self._sampling, self._prompting.chat
        stop = () if chat else STOPS
        params = (
            sampled(chosen.max_tokens, chosen.temperature, chosen.seed, stop=stop)
            if chosen.temperature > 0
            else greedy(chosen.max_tokens, stop=stop)
        )
        prompts = [self._prompt(self._model, task) for task in self._tasks]
        replies = write_replies(self._model, prompts, params, done, chosen.samples)
        return [
            [program_of_reply(task, reply.text, chat=chat) for reply in of_task]
            for task, of_task in zip(self._tasks, replies, strict=True)
        ]

    def _prompt(self, model: LikelihoodModel, task: CodeTask) -> list[int]:
        tokenizer, chat = model.tokenizer, self._prompting.chat
        drawn = self._prompting.drawn(task.id, statement(task) if chat else beginning(task))
        if chat:
            turns = [
                turn
                for example in drawn
                for turn in (("user", example.question), ("assistant", example.answer))
            ]
            return tokenizer.encode_prompt([*turns, ("user", statement(task))])
        shown = "".join(f"{example.question}{example.answer}\n\n\n" for example in drawn)
        return [first_id(tokenizer), *tokenizer.encode(shown + beginning(task))]

    def _metrics(self, endings: Sequence[Sequence[str]]) -> Metrics:
        n = self._samples()
        found: dict[str, Estimate | None] = {}
        for k in self._ks:
            values = [pass_at_k(n, of_task.count(PASSED), k) for of_task in endings]
            found[f"pass@{k}"] = estimate(values, chance=0.0)
        readable = [sum(end not in _UNREADABLE for end in of_task) / n for of_task in endings]
        return present({**found, "syntax": estimate(readable)})


def example_of(task: CodeTask, *, chat: bool) -> Example:
    """Make a worked example of a task that has a solution."""
    if chat:
        return Example(statement(task), f"```python\n{reference_program(task).rstrip()}\n```")
    return Example(beginning(task), task.code.rstrip())


def run_all(
    tasks: Sequence[CodeTask], programs: Sequence[Sequence[str]], done: Done
) -> list[list[str]]:
    """Run every program against its task's tests; return how each ended, in order.

    Raises:
        SandboxUnavailable: this machine cannot run untrusted code safely.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        running: dict[tuple[str, str], Future[str]] = {}
        for task, of_task in zip(tasks, programs, strict=True):
            for program in of_task:
                if (task.id, program) not in running:
                    running[task.id, program] = pool.submit(ending, task, program)
        try:
            return [
                [_awaited(running[task.id, program], done) for program in of_task]
                for task, of_task in zip(tasks, programs, strict=True)
            ]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def ending(task: CodeTask, program: str) -> str:
    """Run one program; return "passed", the wall that it hit, or the name of its error."""
    word = sentinel()
    outcome = run_python(judged(task, program, word), _LIMITS)
    if outcome.ok and outcome.stdout.rstrip().endswith(word):
        return PASSED
    last = (outcome.stderr.strip().splitlines() or [""])[-1]
    name = re.match(r"[\w.]+", last)
    return outcome.limit or (name[0] if name else "ended early")


def _awaited(running: Future[str], done: Done) -> str:
    end = running.result()
    done(1)
    return end
