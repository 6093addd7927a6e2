"""`chatapp eval qa`: measure the app's answers against questions with gold answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from chatapp.cli.errors import CliError
from chatapp.cli.eval.indexes import open_index
from chatapp.cli.eval.options import suite_options
from chatapp.cli.eval.runner import run
from retrieval.types import SearchMode

if TYPE_CHECKING:
    from chatapp.evaluation.qa import Place


@click.command()
@suite_options("qa")
@click.option(
    "--mode",
    type=click.Choice([*get_args(SearchMode), "all"]),
    default="hybrid",
    show_default=True,
    help="How to search; `all` compares them.",
)
@click.option(
    "--index-contexts", is_flag=True, help="First add the files' own paragraphs to the index."
)
@click.option("--gold", is_flag=True, help="Read the paragraph of each question; search nothing.")
@click.option(
    "--part",
    type=click.Choice(["learn", "measure", "all"]),
    default="all",
    show_default=True,
    help="Which questions: those our models learn from, those kept for measuring.",
)
def qa(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    output: str,
    save: Path | None,
    mode: str,
    index_contexts: bool,
    gold: bool,
    part: str,
) -> None:
    """Ask the index the questions of a file and score what it finds.

    Figures are means over questions, from 0 to 1, with their standard error.
    """
    from chatapp.assistant.reading import shipped_reader
    from chatapp.evaluation.qa import QaSuite, of_part
    from chatapp.evaluation.records import choose
    from chatapp.evaluation.schemas import sample
    from chatapp.settings import load_settings

    settings = load_settings().settings.retrieval
    questions = choose(of_part(sample(files, None, seed), part), limit, seed)
    if not questions:
        raise CliError(f"no question of the part `{part}` in these files", hint="try --part all")
    index = open_index(files if index_contexts else ())
    places = _places(mode, gold)
    names = [file.name for file in files]
    config = {"data": names, "limit": limit, "seed": seed, "part": part, "mode": places}
    suite = QaSuite(index, questions, settings, places, shipped_reader())
    try:
        run(suite, config, output=output, save=save)
    finally:
        index.close()


def _places(mode: str, gold: bool) -> tuple[Place, ...]:
    if gold:
        return ("gold",)
    return tuple(place for place in get_args(SearchMode) if mode in (place, "all"))
