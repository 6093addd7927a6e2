"""`chatapp eval lm`: what a language model finds likely."""

from __future__ import annotations

from pathlib import Path

import click

from chatapp.cli.eval.options import (
    FILE,
    cot_option,
    load,
    model_options,
    prompting,
    prompting_options,
    suite_options,
    template_option,
    told,
)
from chatapp.cli.eval.runner import run


@click.command()
@suite_options("pretrain, knowledge or qa (with choices)")
@model_options
@prompting_options
@cot_option
@template_option(chat=False)
@click.option("--ngram", type=FILE, help="Fit a 5-gram baseline on this file of texts.")
@click.option(
    "--ngram-mb", type=float, default=16.0, show_default=True, help="How much of it to read."
)
def lm(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    output: str,
    save: Path | None,
    model_name: str,
    threads: int,
    device: str,
    shots: int,
    shots_from: Path | None,
    cot: bool,
    chat: bool,
    ngram: Path | None,
    ngram_mb: float,
) -> None:
    """Measure what the model finds likely.

    What a file holds decides what is measured. Texts give bits per byte and the last word (is
    it the likeliest, and its perplexity); questions with choices give accuracy, by likelihood
    and by likelihood per byte; pairs of sentences (sentence_good, sentence_bad) give
    pair_accuracy.
    """
    from chatapp.evaluation.lm import LmSuite
    from chatapp.evaluation.ngram_baseline import fit_ngram

    asked = prompting(
        chat=chat, cot=cot, shots=shots, shots_from=shots_from, seed=seed, files=files
    )
    model = load(model_name, threads, device)
    baseline = ("5-gram", fit_ngram(ngram, files, model.tokenizer, ngram_mb)) if ngram else None
    suite = LmSuite(model, files, limit=limit, seed=seed, prompting=asked, baseline=baseline)
    config = {
        **told(files, limit, seed, model_name),
        "ngram": ngram.name if ngram else None,
    }
    run(suite, config, output=output, save=save)
