"""`chatapp eval retrieval`: measure how well passages are found, way by way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp.cli.eval.indexes import open_index
from chatapp.cli.eval.options import suite_options
from chatapp.cli.eval.runner import run

if TYPE_CHECKING:
    from chatapp.evaluation.schemas import Question


@click.command()
@suite_options("qa")
@click.option(
    "--part",
    type=click.Choice(["measure", "learn", "all"]),
    default="measure",
    show_default=True,
    help="Which questions: `learn` are those that embedder and reader may have learnt from.",
)
@click.option("--no-rerank", is_flag=True, help="Leave the reader out, which takes most time.")
@click.option(
    "--index-contexts", is_flag=True, help="First add the files' own paragraphs to the index."
)
def retrieval(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    output: str,
    save: Path | None,
    part: str,
    index_contexts: bool,
    no_rerank: bool,
) -> None:
    """Search the index for the answers of a file: recall@5, @20 and @100, way by way.

    Words alone, meaning alone, both fused by scores (hybrid) or by ranks (rrf), and hybrid put in
    order by the reader, where one is installed. Differences to hybrid are paired, question by
    question. The size of the index is printed, because a small one makes every way look good.
    """
    from chatapp.assistant.reading import shipped_reader
    from chatapp.evaluation.records import choose
    from chatapp.evaluation.retrieval import RetrievalSuite
    from chatapp.evaluation.schemas import read_questions

    every = [question for file in files for question in read_questions(file)]
    questions = choose([q for q in every if part in ("all", _part(q))], limit, seed)
    index = open_index(files if index_contexts else ())
    config = {"data": [file.name for file in files], "limit": limit, "seed": seed, "part": part}
    try:
        suite = RetrievalSuite(index, questions, None if no_rerank else shipped_reader())
        status = index.status()
        click.echo(
            f"{status.documents:,} documents, {status.passages:,} passages ({status.embedder})",
            err=True,
        )
        run(suite, config, output=output, save=save)
    finally:
        index.close()


def _part(question: Question) -> str:
    from retrieval.splits import part_of

    return part_of(question.text, title=question.title, context=question.context)
