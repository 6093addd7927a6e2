"""The reward stage: a reward model from the tuned model, its shuffled control, and a judge.

It leaves `reward/model/`, on request `reward-control/model/` and `reward-judge/model/`, and their
held-out accuracies in `reward/result.json`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch

from chatapp.training.answers import Answered, encode_answer
from chatapp.training.durable import read_json, write_json
from chatapp.training.epochs import ExampleBatches
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.loop import Trainer
from chatapp.training.recipe import RecipeError
from chatapp.training.records import read_chats
from chatapp.training.reward.accuracy import (
    ALL,
    Accuracy,
    accuracy_by_source,
    grouped,
    length_accuracy,
    separation,
)
from chatapp.training.reward.comparisons import RankedPrompt, shuffle_labels
from chatapp.training.reward.data import (
    EncodedPrompt,
    RankedBatch,
    collate,
    encode_prompts,
    read_comparisons,
)
from chatapp.training.reward.model import normalise, ranking_objective, save_head, score
from chatapp.training.reward.settings import RewardSettings
from chatapp.training.stages import RunContext

CONTROL, JUDGE = "reward-control", "reward-judge"
_REFERENCE_ANSWERS = 512


class Reward:
    """From comparisons to a scalar for any answer."""

    name = "reward"

    def run(self, context: RunContext) -> None:
        """Train the model and what goes with it; measure all on the held-out prompts."""
        settings = context.recipe.settings(self.name, RewardSettings)
        if context.world.size > 1 and context.world.strategy == "fsdp":
            raise RecipeError("[reward] shares its batches by --parallel ddp, not by fsdp")
        prompts = read_comparisons(context.recipe, settings)
        train = [prompt for prompt in prompts if not prompt.held_out(settings.held_out)]
        held_out, _ = encode_prompts(
            [prompt for prompt in prompts if prompt.held_out(settings.held_out)],
            context.tokenizer,
            settings.sequence,
        )
        own = [prompt for prompt in train if not settings.judge or prompt.half() == 0]
        found = {"model": _train(context, self.name, settings, own, held_out)}
        if settings.control:
            shuffled = shuffle_labels(own, context.recipe.seed)
            found["control"] = _train(context, CONTROL, settings, shuffled, held_out)
        if settings.judge:
            other = [prompt for prompt in train if prompt.half() == 1]
            found["judge"] = _train(context, JUDGE, settings, other, held_out)
        result = _result(found, held_out)
        if context.world.leads:
            write_json(context.directory(self.name) / "result.json", result)
        _tell(context, result)
        context.complete(self.name, {"accuracy": found["model"][ALL].accuracy})


def _train(
    context: RunContext,
    name: str,
    settings: RewardSettings,
    prompts: Sequence[RankedPrompt],
    held_out: Sequence[EncodedPrompt],
) -> dict[str, Accuracy]:
    """Train one reward model, leave it in `<name>/model/` and return its held-out accuracies.

    They are kept in `<name>/accuracy.json`, so that a resumed run does not measure again.
    """
    file = context.directory(name) / "accuracy.json"
    known = read_json(file)
    if known is not None:
        return {source: Accuracy(**values) for source, values in known.items()}
    encoded, dropped = encode_prompts(prompts, context.tokenizer, settings.sequence)
    context.say(f"{name}: {len(encoded)} groups of answers, {dropped} too long")
    padding = context.tokenizer.padding

    def batch(numbers: list[int]) -> RankedBatch:
        return collate([encoded[number] for number in numbers], padding)

    batches = ExampleBatches(
        [prompt.length for prompt in encoded],
        batch,
        batch=settings.batch,
        seed=context.recipe.seed,
    )
    model = HeadedGPT(context.load_model("finetune", "pretrain"), 1)
    model.initialise(torch.Generator().manual_seed(context.recipe.seed))
    # no reward goes through the vocabulary's head, and DDP waits for every gradient promised
    model.gpt.head.requires_grad_(context.recipe.model.tie_embeddings)

    def evaluate(model: HeadedGPT) -> dict[str, float]:
        measured = _measure(model, held_out, padding)[ALL]
        return {"held_out_accuracy": measured.accuracy, "stderr": measured.stderr}

    trainer = Trainer(
        context,
        name,
        model,
        settings.budgeted(len(encoded)),
        batches,
        ranking_objective,
        evaluate=evaluate,
        fixed_shapes=False,
    )
    trainer.run()
    model.eval()
    normalise(model, score(model, _reference(context, settings, encoded), padding))
    context.write_model(name, model.gpt)
    if context.world.leads:
        save_head(context.model_directory(name), model)
    measured = _measure(model, held_out, padding)
    if context.world.leads:
        write_json(file, _plain(measured))
    return measured


def _plain(measured: dict[str, Accuracy]) -> dict[str, dict[str, float]]:
    return {source: dataclasses.asdict(value) for source, value in measured.items()}


def _measure(
    model: HeadedGPT, prompts: Sequence[EncodedPrompt], padding: int
) -> dict[str, Accuracy]:
    rewards = score(model, [answer for p in prompts for answer in p.answers], padding)
    return accuracy_by_source(prompts, grouped(prompts, rewards))


def _reference(
    context: RunContext, settings: RewardSettings, prompts: Sequence[EncodedPrompt]
) -> list[Answered]:
    """Return the answers that are to score 0 on average."""
    if not settings.reference:
        return [p.answers[p.prompt.pairs[0][0]] for p in prompts[:_REFERENCE_ANSWERS]]
    found = []
    for source in settings.reference:
        for record in read_chats(context.recipe.root, source):
            if record.messages[-1][0] == "assistant":
                *before, (_, answer) = record.messages
                found.append(encode_answer(context.tokenizer, before, answer))
    fitting = [answer for answer in found if len(answer.ids) <= settings.sequence]
    return fitting[:_REFERENCE_ANSWERS]


def _result(
    found: dict[str, dict[str, Accuracy]], held_out: Sequence[EncodedPrompt]
) -> dict[str, Any]:
    variants = {**found, "longer_answer": length_accuracy(held_out)}
    result: dict[str, Any] = {variant: _plain(sources) for variant, sources in variants.items()}
    if "control" in found:
        result["separation"] = separation(found["model"], found["control"])
    return result


def _tell(context: RunContext, result: dict[str, Any]) -> None:
    for variant in ("model", "control", "judge", "longer_answer"):
        if variant in result:
            value = result[variant][ALL]
            context.say(
                f"reward {variant}: {value['accuracy']:.3f} ± {value['stderr']:.3f} "
                f"of {value['pairs']} held-out pairs"
            )
