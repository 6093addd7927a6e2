"""`chatapp eval memory`: does memory learn, change, find, keep quiet and forget as it should."""

from __future__ import annotations

from pathlib import Path

import click

from chatapp.cli.eval.options import suite_options
from chatapp.cli.eval.runner import run


@click.command()
@suite_options("chat", required=False)
@click.option(
    "--part",
    type=click.Choice(["measure", "tune"]),
    default="measure",
    show_default=True,
    help="Which cases: `tune` for whoever changes rules, `measure` for figures.",
)
@click.option(
    "--messages",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Judge only the facts read from the messages of this file, in the form of the cases.",
)
def memory(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    output: str,
    save: Path | None,
    part: str,
    messages: Path | None,
) -> None:
    """Measure the memory on its own benchmark, in five parts.

    Extraction of facts from real and adversarial messages, updates, abstention, recall@5 over
    histories of 100, 1,000 and 10,000 rounds beside words alone, vectors alone and the last
    rounds, and forgetting. The histories are made of the dialogues of --data; without it, of what
    ships with the app, which is enough for 100 rounds.
    """
    from chatapp.assistant.embedder import open_embedder, open_encoder
    from chatapp.evaluation.memory.suite import MemorySuite, MessagesSuite

    if messages is not None:
        alone = MessagesSuite(messages, limit=limit)
        run(alone, {"messages": messages.name, "limit": limit}, output=output, save=save)
        return
    suite = MemorySuite(
        "tune" if part == "tune" else "measure",
        files,
        limit=limit,
        seed=seed,
        embedder=open_embedder(),
        encoder=open_encoder(),
    )
    config = {"data": [file.name for file in files], "limit": limit, "seed": seed}
    run(suite, config, output=output, save=save)
