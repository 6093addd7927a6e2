"""`chatapp eval filter`: precision and recall of the content filter."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import click

from chatapp import resources
from chatapp.cli.eval.options import FILE, suite_options
from chatapp.cli.eval.runner import run
from retrieval.splits import Part


@click.command("filter")
@suite_options("chat, preference or qa")
@click.option(
    "--harmless",
    multiple=True,
    required=True,
    type=FILE,
    help="A file of requests that should not be refused; may be repeated.",
)
@click.option(
    "--part",
    type=click.Choice([*get_args(Part), "all"]),
    default="measure",
    show_default=True,
    help="Requests that the filter did not learn from, those it did, or all.",
)
def filter_(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    output: str,
    save: Path | None,
    harmless: tuple[Path, ...],
    part: str,
) -> None:
    """Measure the content filter: which requests of --data it refuses, and which of --harmless.

    Of each record the first request counts; --limit holds for both kinds.
    """
    from chatapp.evaluation.filtering import FilterSuite
    from chatapp.moderation.filter import ContentFilter

    judge = ContentFilter.load(resources.filter_dir())
    harmful = _requests(files, part, limit, seed)
    known = frozenset(harmful)
    others = [text for text in _requests(harmless, part, limit, seed) if text not in known]
    config = {
        "data": [file.name for file in files],
        "harmless": [file.name for file in harmless],
        "limit": limit,
        "seed": seed,
        "part": part,
        "threshold": judge.threshold,
    }
    run(FilterSuite(judge, harmful, others), config, output=output, save=save)


def _requests(files: Iterable[Path], part: str, limit: int | None, seed: int) -> list[str]:
    """Return the distinct requests of one part, in an order that the seed fixes.

    Raises:
        DataError: a file cannot be read, or its records hold no requests.
    """
    from chatapp.evaluation.records import DataError, choose, read
    from chatapp.moderation.requests import request_of
    from retrieval.splits import part_of

    def parse(record: dict[str, Any], where: str) -> str:
        try:
            return request_of(record)
        except (KeyError, TypeError) as error:
            raise DataError(f"{where}: 'messages' must be turns with role and content") from error

    texts = dict.fromkeys(text for file in files for text in read(file, parse) if text)
    return choose([text for text in texts if part in ("all", part_of(text))], limit, seed)
