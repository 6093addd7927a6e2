"""Programs for a task: how a task is put, what of a reply is code, and what is run to judge it.

Two forms of record are known. HumanEval's prompt is the beginning of a function, which the model
continues, and its tests define `check(candidate)`. MBPP's prompt is a sentence and its tests are
statements, which are shown with it, as they name the function.
"""

from __future__ import annotations

import re

from chatapp.evaluation.schemas import CodeTask

# Where a continued function is over (Chen et al. 2021, arXiv:2107.03374, section 3.1).
STOPS = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(", "\nassert ", '\n"""', "\n```")
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:\n```|$)", re.DOTALL)


def statement(task: CodeTask) -> str:
    """Return the task as it is put to a chat model."""
    if task.entry_point:
        return f"Complete this Python function.\n\n```python\n{task.prompt.rstrip()}\n```"
    return f"{task.prompt}\nThe code must pass these tests:\n\n```python\n{task.tests}\n```"


def beginning(task: CodeTask) -> str:
    """Return the task as the beginning of a Python file, for a model that continues text."""
    if task.entry_point:
        return task.prompt
    return f'"""\n{task.prompt}\n{task.tests}\n"""\n'


def program_of_reply(task: CodeTask, reply: str, *, chat: bool) -> str:
    """Return the program that a reply amounts to."""
    if not chat:
        return (task.prompt if task.entry_point else "") + reply
    fenced = _FENCED.search(reply)
    code = fenced[1] if fenced else reply
    whole = not task.entry_point or f"def {task.entry_point}" in code
    return code if whole else task.prompt + code


def reference_program(task: CodeTask) -> str:
    """Return the data set's own solution, whole."""
    whole = not task.entry_point or f"def {task.entry_point}" in task.code
    return task.code if whole else task.prompt + task.code


def judged(task: CodeTask, program: str, sentinel: str) -> str:
    """Return what is run: the program, its tests, and a word that is printed when all have passed.

    The word keeps a program that ends early, with exit code 0, from passing.
    """
    call = f"\ncheck({task.entry_point})\n" if task.entry_point else ""
    return f"{program}\n\n{task.tests}\n{call}\nprint({sentinel!r})\n"
