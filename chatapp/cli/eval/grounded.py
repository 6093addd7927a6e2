"""`chatapp eval grounded`: are answers right, are they cited, and is it known when they are not."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from chatapp import paths, resources
from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.eval.options import FILE, suite_options
from chatapp.cli.eval.runner import run

if TYPE_CHECKING:
    from chatapp.evaluation.grounded.setup import Kit
    from chatapp.evaluation.schemas import Question

ROWS = ("closed_book", "copy_top_passage", "one_shot", "scripted", "with_sources", "learned")


@click.command()
@suite_options("qa")
@click.option("--model", "model_name", help="Name or directory of a model [default: yours].")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads [default: one per core].")
@click.option(
    "--row",
    "rows",
    multiple=True,
    type=click.Choice(ROWS),
    default=ROWS,
    help="What to measure; may be repeated [default: all].",
)
@click.option(
    "--web", "url", help="Browse the wiki at this address of your own, not the index as if it were."
)
@click.option("--index", "index_file", type=FILE, help="Index to search [default: the app's own].")
@click.option(
    "--part",
    type=click.Choice(["measure", "learn", "all"]),
    default="measure",
    show_default=True,
    help="Which questions: `learn` are those that models were tuned on.",
)
@click.option(
    "--judge",
    "judge_names",
    multiple=True,
    type=click.Choice(["reader", "words"]),
    default=("reader", "words"),
    help="Who decides what a citation bears out; the first is the main one [default: both].",
)
@click.option(
    "--judge-data", type=FILE, help="Rated statements to hold the judges against [default: ours]."
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Directory of a learned policy's head [default: the model spells its commands].",
)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Browses drawn for each question, for the curve of best-of-n.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="Longest browse.",
)
@click.option(
    "--journal",
    "journal_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep each answer in this file; a run that was cut short goes on from it.",
)
def grounded(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    output: str,
    save: Path | None,
    model_name: str | None,
    threads: int | None,
    rows: tuple[str, ...],
    url: str | None,
    index_file: Path | None,
    part: str,
    judge_names: tuple[str, ...],
    judge_data: Path | None,
    policy: Path | None,
    samples: int,
    seconds: float,
    journal_file: Path | None,
) -> None:
    """Measure answers with their citations, one row for each way to answer.

    Rows: the model from memory, the best passage copied, one search without browsing, the browser
    driven by the scripted policy, the same with what one search finds beside it, and the browser
    driven by the learned policy. Citation recall and precision are
    those of ALCE; each judge's agreement with people is printed beside them. Several files are
    measured in equal numbers and reported one by one as well.
    """
    from chatapp.evaluation.grounded.judges import read_rated
    from chatapp.evaluation.grounded.setup import Choice, Kit
    from chatapp.evaluation.grounded.suite import GroundedSuite
    from chatapp.settings import load_settings

    _check_web(url)
    questions = _questions(files, limit, seed, part)
    rated = judge_data or resources.samples_dir() / "grounded" / "rated.jsonl"
    settings = load_settings({"model": model_name, "threads": threads}).settings
    choice = Choice(index_file or paths.index_path(), url or "", seconds, policy, journal_file)
    with ExitStack() as closing:
        kit = Kit(choice, settings, closing)
        judges = [kit.judge(name) for name in judge_names]
        _check_journal(kit)
        try:
            draws = kit.draws(samples) if samples > 1 else None
            answerers = [kit.answerer(row) for row in rows]
        except (OSError, ValueError) as error:
            hint = "make one with `python -m chatapp.browsing.learn`, over the model it is for."
            raise CliError(str(error), hint=hint, code=ExitCode.USAGE) from error
        suite = GroundedSuite(questions, answerers, judges, read_rated(rated), draws)
        config = {
            "data": [file.name for file in files],
            "limit": limit,
            "seed": seed,
            "part": part,
            "browsed": "a wiki over HTTP" if url else "the index",
            "seconds": seconds,
            "policy": "head over the model" if policy else "spelled by the model",
            "samples": samples,
        }
        run(suite, config, output=output, save=save)


def _check_web(url: str | None) -> None:
    parts = urlsplit(url or "http://none")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CliError(
            f"--web {url} is no address",
            hint="give one such as http://127.0.0.1:8000, of a wiki that you run.",
            code=ExitCode.USAGE,
        )


def _check_journal(kit: Kit) -> None:
    try:
        kit.open_journal()
    except (OSError, ValueError) as error:
        hint = "give --journal another file, or delete this one."
        raise CliError(str(error), hint=hint, code=ExitCode.USAGE) from error


def _questions(
    files: tuple[Path, ...], limit: int | None, seed: int, part: str
) -> dict[str, list[Question]]:
    """Return the questions by file, in equal numbers; the limit is for all files together."""
    from chatapp.evaluation.records import choose
    from chatapp.evaluation.schemas import read_questions
    from retrieval.splits import part_of

    found: dict[str, list[Question]] = {}
    for number, file in enumerate(files):
        wanted = [
            asked
            for asked in read_questions(file)
            if part in ("all", part_of(asked.text, title=asked.title, context=asked.context))
        ]
        share = limit and limit * (number + 1) // len(files) - limit * number // len(files)
        found[file.name.partition(".jsonl")[0]] = choose(wanted, share, seed)
    if not any(found.values()):
        raise CliError(
            f"none of the questions is of the part '{part}'", hint="choose another --part."
        )
    return found
