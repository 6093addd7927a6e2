"""`chatapp eval qa`: measure the app's answers against questions with gold answers."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from chatapp.cli.eval.indexes import open_index
from chatapp.cli.eval.options import suite_options
from chatapp.cli.eval.runner import run
from retrieval.types import SearchMode


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
def qa(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    output: str,
    save: Path | None,
    mode: str,
    index_contexts: bool,
) -> None:
    """Ask the index the questions of a file and score what it finds.

    Figures are means over questions, from 0 to 1, with their standard error.
    """
    from chatapp.evaluation.qa import QaSuite
    from chatapp.evaluation.schemas import sample
    from chatapp.settings import load_settings

    settings = load_settings().settings.retrieval
    questions = sample(files, limit, seed)
    index = open_index(files if index_contexts else ())
    modes: tuple[SearchMode, ...] = tuple(m for m in get_args(SearchMode) if mode in (m, "all"))
    config = {"data": [file.name for file in files], "limit": limit, "seed": seed, "mode": mode}
    try:
        run(QaSuite(index, questions, settings, modes), config, output=output, save=save)
    finally:
        index.close()
