"""The index that questions are asked of: the person's own, with paragraphs added or not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp import paths
from chatapp.cli.errors import CliError

if TYPE_CHECKING:
    from retrieval.index import Index
    from retrieval.types import IngestProgress


def open_index(contexts: tuple[Path, ...]) -> Index:
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
        from chatapp.assistant.factory import open_index as open_own

        click.echo(
            "warning: there is no index yet, so only the handbook is asked\n"
            "  fix: add sources with `chatapp index add PATH`, or give --index-contexts.",
            err=True,
        )
        return open_own()
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
