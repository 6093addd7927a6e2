"""`chatapp eval`: measure the app's answers against a file of questions with gold answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from chatapp import paths, resources
from chatapp.cli.errors import CliError
from chatapp.cli.output import output_option, print_json
from retrieval.types import SearchMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatapp.evaluation.metrics import Estimate
    from retrieval.index import Index
    from retrieval.types import IngestProgress


@click.group("eval")
def eval_() -> None:
    """Measure answers against a file of questions."""


@eval_.command()
@click.option(
    "--data",
    "files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A file of qa records (.jsonl or .jsonl.xz); may be given several times.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Ask this many questions, not all.")
@click.option("--seed", default=0, show_default=True, help="Chooses which questions are asked.")
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
@output_option("text", "json")
def qa(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    mode: str,
    index_contexts: bool,
    output: str,
) -> None:
    """Ask the index the questions of a file and score what it finds.

    Figures are means over questions, from 0 to 1, with their standard error. The last line of the
    JSON form is one object with metrics, n, stderr, counts, config and machine.
    """
    from tqdm import tqdm

    from chatapp.evaluation.qa import evaluate
    from chatapp.evaluation.records import sample
    from chatapp.evaluation.report import report
    from chatapp.settings import load_settings

    settings = load_settings().settings.retrieval
    questions = sample(files, limit, seed)
    index = _open_index(files if index_contexts else ())
    modes: tuple[SearchMode, ...] = tuple(m for m in get_args(SearchMode) if mode in (m, "all"))
    variants: dict[str, dict[str, Estimate]] = {}
    with tqdm(total=len(questions) * len(modes), unit="question", file=sys.stderr) as bar:
        for each in modes:
            bar.set_description(each)
            variants[each] = evaluate(index, questions, settings, each, lambda: bar.update())
    status = index.status()
    index.close()
    if output == "text":
        _print(variants)
        return
    config = {
        "suite": "qa",
        "data": [file.name for file in files],
        "limit": limit,
        "seed": seed,
        "mode": mode,
        "top_k": settings.top_k,
        "max_quotes": settings.max_quotes,
        "threshold": settings.threshold,
        "embedder": status.embedder,
        "documents": status.documents,
        "passages": status.passages,
    }
    print_json(report(variants, len(questions), config))


def _open_index(contexts: tuple[Path, ...]) -> Index:
    """Open the index to read; with `contexts`, first add those files' paragraphs to it.

    A home without an index gets the one that a first question would get: the handbook alone.
    """
    from retrieval.index import Index

    path, embedder = paths.index_path(), resources.embedder_dir()
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


def _print(variants: Mapping[str, Mapping[str, Estimate]]) -> None:
    """Print one line for each metric: mean, standard error and how many it was taken over."""
    for name, found in variants.items():
        for metric, value in found.items():
            click.echo(f"{name:<8} {metric:<18} {value.mean:.3f} ± {value.stderr:.3f}  n={value.n}")
