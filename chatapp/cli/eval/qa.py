"""`chatapp eval qa`: measure the app's answers against questions with gold answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from chatapp import paths
from chatapp.cli.errors import CliError
from chatapp.cli.eval.options import suite_options
from chatapp.cli.eval.runner import run
from retrieval.types import SearchMode

if TYPE_CHECKING:
    from retrieval.index import Index
    from retrieval.types import IngestProgress


@click.command()
@suite_options("qa")
@click.option(
    "--mode",
    type=click.Choice([*get_args(SearchMode), "all"]),
    default="hybrid",
    show_default=True,
    help="How to search; `all` compares the three.",
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
    index = _open_index(files if index_contexts else ())
    modes: tuple[SearchMode, ...] = tuple(m for m in get_args(SearchMode) if mode in (m, "all"))
    config = {"data": [file.name for file in files], "limit": limit, "seed": seed, "mode": mode}
    try:
        run(QaSuite(index, questions, settings, modes), config, output=output, save=save)
    finally:
        index.close()


def _open_index(contexts: tuple[Path, ...]) -> Index:
    """Open the index to read; with `contexts`, first add those files' paragraphs to it.

    A home without an index gets the one that a first question would get: the handbook alone.
    """
    from chatapp.assistant.embedder import chosen_embedder
    from retrieval.index import Index

    path, embedder = paths.index_path(), chosen_embedder()
    if contexts:
        with_contexts = Index.open(path, embedder_dir=embedder)
        _add(with_contexts, contexts)
        return with_contexts
    if not path.is_file():
        from chatapp.assistant.factory import open_index

        click.echo(
            "warning: there is no index yet, so only the handbook is asked\n"
            "  fix: add sources with `chatapp index add PATH`, or give --index-contexts.",
            err=True,
        )
        return open_index()
    return Index.open(path, embedder_dir=embedder, read_only=True)


def _add(index: Index, files: tuple[Path, ...]) -> None:
    from tqdm import tqdm

    with tqdm(desc="indexing paragraphs", unit="passage", file=sys.stderr) as bar:

        def show(progress: IngestProgress) -> None:
            bar.update(progress.passages - bar.n)

        report = index.add(list(files), collection="evaluation", progress=show)
    if report.problems:
        problem = report.problems[0]
        raise CliError(f"{problem.path}: {problem.message}", hint=problem.hint)
