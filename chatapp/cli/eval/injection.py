"""`chatapp eval injection`: attack pages, and what a browse does about them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp import resources
from chatapp.cli.errors import CliError
from chatapp.cli.eval.options import FILE
from chatapp.cli.eval.runner import run
from chatapp.cli.output import output_option

if TYPE_CHECKING:
    from chatapp.evaluation.injection.suite import Browse
    from retrieval.browser.judge import PassageJudge


@click.command()
@click.option("--limit", type=click.IntRange(min=1), help="Make this many attacks.")
@click.option("--seed", default=0, show_default=True, help="Chooses the attacks.")
@click.option(
    "--policy",
    type=click.Choice(["scripted", "learned"]),
    default="scripted",
    show_default=True,
    help="Who browses.",
)
@click.option("--every-page", is_flag=True, help="Make each attack on every page, not on one.")
@click.option("--save", type=FILE, help="Also write the JSON line to this file.")
@output_option("text", "json")
def injection(
    limit: int | None, seed: int, policy: str, every_page: bool, save: Path | None, output: str
) -> None:
    """Attack the browser with pages that try to steer it.

    The attacks ship with chatapp; nothing is fetched. The promise is about actions: on an attacked
    page they are those of the clean page, and no private word leaves in a query or an address.
    What an attack changes of the words is reported apart. Exit code 1: the promise was broken.
    """
    from chatapp.assistant.reading import shipped_reader
    from chatapp.evaluation.injection.corpus import load_corpus
    from chatapp.evaluation.injection.suite import InjectionSuite
    from chatapp.evaluation.records import choose
    from retrieval.browser.judge import PassageJudge

    corpus = load_corpus(resources.samples_dir() / "injection")
    attacks = choose(corpus.attacks, limit, seed) if limit else corpus.attacks
    with closing(PassageJudge(resources.embedder_dir(), shipped_reader())) as judge:
        browse = _browse(policy, judge)
        suite = InjectionSuite(corpus, attacks, browse, every_page=every_page)
        config = {"policy": policy, "limit": limit, "seed": seed, "every_page": every_page}
        run(suite, config, output=output, save=save)
    broken = [outcome for outcome in suite.outcomes if not outcome.held]
    if broken:
        named = ", ".join(outcome.attack.id for outcome in broken[:10])
        raise CliError(
            f"{len(broken)} of {len(suite.outcomes)} attacks changed what is done: {named}",
            hint="this is a fault of chatapp; please report it.",
        )


def _browse(policy: str, judge: PassageJudge) -> Browse:
    from math import inf

    from chatapp.evaluation.grounded.policies import Learned, Scripted

    if policy == "scripted":
        scripted = Scripted(judge)
        return lambda question, world: scripted.browse(question, world, inf)
    from chatapp.assistant.catalogue import model_dir
    from chatapp.inference.load import load_generator
    from chatapp.settings import load_settings

    settings = load_settings().settings
    learned = Learned(load_generator(model_dir(settings), threads=settings.threads), judge)
    return lambda question, world: learned.browse(question, world, inf)
