"""`chatapp data`: records into shape, shards before training, and evaluation kept apart."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.output import output_option, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatapp.training.readers import Row

_KINDS = ("text", "chat", "preference", "rating", "qa", "reasoning", "code")
_SUFFIXES = (".jsonl", ".jsonl.xz", ".jsonl.gz")


@click.group()
def data() -> None:
    """Import, tokenise and check the records that models are trained on."""


@data.command("import")
@click.argument("paths", nargs=-1, required=True)
@click.option("--kind", type=click.Choice(_KINDS), required=True, help="What the records are.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="OURS=COLUMN",
    help="Which column serves as which field; may be given several times.",
)
@click.option(
    "--deduplicate",
    type=click.Choice(["none", "exact", "near"]),
    default="none",
    show_default=True,
    help="Leave out texts that repeat an earlier one.",
)
@output_option("text", "json")
def import_(
    paths: tuple[str, ...],
    kind: str,
    out: Path,
    fields: tuple[str, ...],
    deduplicate: Any,
    output: str,
) -> None:
    """Write PATHS as records of one kind.

    PATHS are files (.jsonl, also packed as .xz, .gz or .zst, .parquet, .txt, .md), directories of
    texts, or hub:OWNER/NAME for a dataset of the Hugging Face Hub.
    """
    from chatapp.training.dedupe import Deduplicator
    from chatapp.training.imports import convert, written

    _check_suffix(out)
    started, unique, count = time.monotonic(), Deduplicator(deduplicate), 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with written(out) as write:
        for record in convert(paths, kind, _columns(fields), unique):
            write(record)
            count += 1
    result = {
        "out": str(out),
        "kind": kind,
        "records": count,
        "copies": unique.exact,
        "near_copies": unique.near,
        "seconds": round(time.monotonic() - started, 2),
    }
    if output == "json":
        print_json(result)
    else:
        left = f"; left out {unique.exact} copies and {unique.near} near copies"
        click.echo(f"{out}: {count} {kind} records{left if deduplicate != 'none' else ''}")


@data.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--data", "root", type=click.Path(path_type=Path), help="Directory of the records.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Directory of the run [default: runs/RECIPE]."
)
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="As for `chatapp train`."
)
@output_option("text", "json")
def prepare(
    recipe: Path, root: Path | None, out: Path | None, overrides: tuple[str, ...], output: str
) -> None:
    """Learn the tokenizer and tokenise the shards of RECIPE, without training.

    `chatapp train RECIPE --resume` with the same --out goes on from there.
    """
    from chatapp.training.prepare import prepare_shards
    from chatapp.training.recipe import load_recipe

    loaded = load_recipe(recipe, root, overrides)
    directory = out or Path("runs") / loaded.name
    made = prepare_shards(loaded, directory)
    if output == "json":
        print_json({"out": str(directory), "shards": made})
        return
    for name, shard in made.items():
        click.echo(
            f"{name}: {shard['documents']:,} records, {shard['tokens']:,} tokens, "
            f"{shard['text_bytes']:,} bytes of text"
        )


@data.command()
@click.option("--train", "training", multiple=True, required=True, help="Training records.")
@click.option("--eval", "evaluation", multiple=True, required=True, help="Evaluation records.")
@click.option(
    "--run", type=click.IntRange(2), default=13, show_default=True, help="Words in a run."
)
@click.option(
    "--common",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="A run in more training records than this is a stock phrase.",
)
@click.option("--report", type=click.Path(path_type=Path), help="Also write the JSON report there.")
@output_option("text", "json")
def contamination(
    training: tuple[str, ...],
    evaluation: tuple[str, ...],
    run: int,
    common: int,
    report: Path | None,
    output: str,
) -> None:
    """Look for the evaluation records in the training records.

    --train and --eval take what `chatapp data import` takes, and may be given several times. A
    record is contaminated when 13 of its words stand in a training record in a row.
    """
    from chatapp.training.contamination import SHORTEST, check
    from chatapp.training.durable import write_json

    found = check(
        _rows(evaluation), _rows(training), run=run, shortest=min(SHORTEST, run), common=common
    )
    result = found.to_dict()
    if report is not None:
        write_json(report, result)
    if output == "json":
        print_json(result)
        return
    click.echo(
        f"{result['contaminated']} of {found.records} records are contaminated "
        f"({result['rate']:.1%} of those long enough to judge; {found.too_short} are too short)"
    )
    for one in found.flagged:
        overlap = ", ".join(f"{name} {share:.0%}" for name, share in one.overlap.items())
        click.echo(f"{one.id}: {overlap}; in {', '.join(one.found_in)}")


@data.command()
@click.option(
    "--data",
    "root",
    type=click.Path(path_type=Path),
    required=True,
    help="Directory of the data pack.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write.")
@click.option(
    "--unknown",
    type=click.IntRange(0),
    default=2000,
    show_default=True,
    help='Most questions that are answered with "I don\'t know".',
)
@click.option(
    "--grounded", type=click.IntRange(1), help="Most questions with passages [default: all]."
)
@click.option(
    "--refusals", type=click.IntRange(0), help="Most requests that are refused [default: all]."
)
@click.option("--seed", default=0, show_default=True, help="Chooses passages and order.")
@output_option("text", "json")
def teach(
    root: Path,
    out: Path,
    unknown: int,
    grounded: int | None,
    refusals: int | None,
    seed: int,
    output: str,
) -> None:
    """Write conversations that teach a model the forms of this app.

    They are grounded answers with [n] or "not found", follow-up questions made to stand alone,
    requests that are refused, and questions of fact that a small model does not know. Only
    questions that may be learnt from are read.
    """
    from collections import Counter

    from chatapp.teaching.lesson import lesson
    from chatapp.training.imports import written

    _check_suffix(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    with written(out) as write:
        for record in lesson(
            root, unknown=unknown, seed=seed, grounded=grounded, refusals=refusals
        ):
            write(record)
            counts[record["source"]] += 1
    if output == "json":
        print_json({"out": str(out), "records": dict(sorted(counts.items()))})
        return
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    click.echo(f"{out}: {listed}")


def _check_suffix(out: Path) -> None:
    if not out.name.endswith(_SUFFIXES):
        raise CliError(
            f"cannot write {out.name}",
            hint=f"give --out a name that ends in {', '.join(_SUFFIXES)}.",
            code=ExitCode.USAGE,
        )


def _rows(paths: tuple[str, ...]) -> Iterator[Row]:
    from chatapp.training.readers import read_rows
    from chatapp.training.recipe import Source

    for path in paths:
        yield from read_rows(Path(), Source(path))


def _columns(fields: tuple[str, ...]) -> dict[str, str]:
    columns = {}
    for pair in fields:
        ours, separator, column = pair.partition("=")
        if not separator or not ours or not column:
            raise CliError(
                f"cannot read --field {pair!r}",
                hint="write OURS=COLUMN, for example text=body.",
                code=ExitCode.USAGE,
            )
        columns[ours] = column
    return columns
