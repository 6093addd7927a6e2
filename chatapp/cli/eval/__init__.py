"""`chatapp eval`: one command a suite, all run and reported by `chatapp.cli.eval.runner`."""

from __future__ import annotations

import click

from chatapp.cli.eval.code import code
from chatapp.cli.eval.filtering import filter_
from chatapp.cli.eval.grounded import grounded
from chatapp.cli.eval.injection import injection
from chatapp.cli.eval.lm import lm
from chatapp.cli.eval.math import math_
from chatapp.cli.eval.memory import memory
from chatapp.cli.eval.preference import preference
from chatapp.cli.eval.qa import qa
from chatapp.cli.eval.retrieval import retrieval


@click.group("eval")
def eval_() -> None:
    """Measure the answers, or the model, against a file of records.

    Every figure is printed with its standard error, the number of items it was taken over and,
    where guessing reaches something, the chance level. The last line of the JSON form is one object
    with metrics, n, stderr, counts, chance, config and machine.
    """


COMMANDS = (
    qa,
    grounded,
    retrieval,
    lm,
    preference,
    math_,
    code,
    memory,
    injection,
    filter_,
)
for command in COMMANDS:
    eval_.add_command(command)
