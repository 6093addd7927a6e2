"""`chatapp feedback`: what you thought of answers, to read or to train on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from chatapp.cli.output import file_option, output_option, print_json, writing

if TYPE_CHECKING:
    from chatapp.feedback import Judgement


@click.group()
def feedback() -> None:
    """List and export what you thought of answers."""


@feedback.command("list")
@output_option("text", "json", "jsonl")
def list_(output: str) -> None:
    """List ratings, comparisons and corrections, oldest first."""
    from chatapp.cli.stores import open_store
    from chatapp.feedback import Feedback

    with open_store(missing="") as store:
        found = Feedback(store).all()
    if output == "json":
        print_json([_form(judgement) for judgement in found])
        return
    for judgement in found:
        if output == "jsonl":
            print_json(_form(judgement))
        else:
            click.echo(_line(judgement))


@feedback.command()
@click.option(
    "--schema",
    type=click.Choice(["preference", "rating", "chat"]),
    default="preference",
    show_default=True,
    help="Pairs for a reward model or DPO, single ratings, or chats for fine-tuning.",
)
@file_option
def export(schema: str, file: str) -> None:
    """Write the feedback as training records, one JSON object a line."""
    import json

    from chatapp.cli.stores import open_store
    from chatapp.feedback import Feedback
    from chatapp.feedback.export import records

    with open_store(missing="") as store:
        found = Feedback(store).all()
    count = 0
    with writing(file) as stream:
        for record in records(found, schema):  # type: ignore[arg-type]
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    click.echo(f"{count} records", err=True)


def _form(judgement: Judgement) -> dict[str, Any]:
    from chatapp.feedback.export import turns_of

    prompts = {"prompt": judgement.prompt, "other_prompt": judgement.other_prompt}
    return {**asdict(judgement), **{name: turns_of(turns) for name, turns in prompts.items()}}


def _line(judgement: Judgement) -> str:
    what = judgement.kind if judgement.reward is None else f"rating {judgement.reward:g}"
    asked = judgement.prompt[-1].content if judgement.prompt else ""
    flat = " ".join(f"{asked} -> {judgement.answer}".split())
    return f"{judgement.id}  {judgement.created_at[:10]}  {what:<10}  {flat[:100]}"
