"""The DPO stage: the policy learns from the comparisons themselves, without a reward model.

The reference's log-probabilities never change, so they are computed once and kept in
`dpo/reference.pt`: half of a step's forward passes are saved, and the second model's memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from chatapp.model.gpt import GPT
from chatapp.training.answers import Answered, Rows, encode_answer, pad_rows, score_answers
from chatapp.training.dpo.loss import preference_loss
from chatapp.training.dpo.settings import DPOSettings
from chatapp.training.durable import load_state, save_state
from chatapp.training.epochs import ExampleBatches
from chatapp.training.loop import Trainer
from chatapp.training.objectives import rows as rows_of
from chatapp.training.recipe import RecipeError
from chatapp.training.reward.comparisons import RankedPrompt
from chatapp.training.reward.data import read_comparisons
from chatapp.training.stages import RunContext

_SCORED_AT_ONCE = 16  # pairs


class PairBatch(NamedTuple):
    """P pairs, the preferred answer first.

    `tokens` int64 (P, 2, T), padded on the right; `prompts` and `lengths` int64 (P, 2);
    `reference` float32 (P, 2), log-probabilities of the answers under the reference.
    """

    tokens: Tensor
    prompts: Tensor
    lengths: Tensor
    reference: Tensor

    @property
    def examples(self) -> int:
        """Number of pairs."""
        return len(self.tokens)


Pair = tuple[Answered, Answered]


class DPO:
    """From a tuned model and comparisons to a policy."""

    name = "dpo"

    def run(self, context: RunContext) -> None:
        """Train the policy; measure margin and accuracy on the held-out prompts' pairs."""
        settings = context.recipe.settings(self.name, DPOSettings)
        prompts = read_comparisons(context.recipe, settings)
        model = context.load_model("finetune", "pretrain")
        parts = []
        for held_out in (False, True):
            chosen = [p for p in prompts if p.held_out(settings.held_out) == held_out]
            pairs = _encoded(context, chosen, settings.sequence)
            name = "reference-held-out.pt" if held_out else "reference.pt"
            parts.append((pairs, _reference(context, model, pairs, name)))
        (train, reference), (held, held_reference) = parts
        padding = context.tokenizer.padding

        def batch(numbers: list[int]) -> PairBatch:
            return collate([train[n] for n in numbers], reference[numbers], padding)

        def objective(model: GPT, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
            return preference_objective(model, batch, settings)

        def evaluate(model: GPT) -> dict[str, float]:
            with context.autocast():
                return measure(model, collate(held, held_reference, padding), settings)

        trainer = Trainer(
            context,
            self.name,
            model,
            settings.budgeted(len(train)),
            ExampleBatches(
                [max(len(answer.ids) for answer in pair) for pair in train],
                batch,
                batch=settings.batch,
                seed=context.recipe.seed,
            ),
            objective,
            evaluate=evaluate,
            fixed_shapes=False,
        )
        trainer.run()
        context.write_model(self.name, model)
        context.complete(self.name, {"steps": trainer.step, **trainer.measure()})


def _encoded(context: RunContext, prompts: Sequence[RankedPrompt], limit: int) -> list[Pair]:
    """Encode every pair of every prompt that fits."""
    pairs: list[Pair] = []
    for prompt in prompts:
        answers = [encode_answer(context.tokenizer, prompt.messages, a) for a in prompt.answers]
        pairs += [
            (answers[better], answers[worse])
            for better, worse, _ in prompt.pairs
            if max(len(answers[better].ids), len(answers[worse].ids)) <= limit
        ]
    if not pairs:
        raise RecipeError(f"[dpo]: no pair fits in sequence = {limit} tokens")
    return pairs


def collate(pairs: Sequence[Pair], reference: Tensor, padding: int) -> PairBatch:
    """Lay pairs out as one batch."""
    rows = pad_rows([answer for pair in pairs for answer in pair], padding)
    shape = (len(pairs), 2)
    return PairBatch(
        rows.tokens.view(*shape, -1),
        rows.prompts.view(shape),
        rows.lengths.view(shape),
        reference,
    )


def pair_logprobs(model: GPT, batch: PairBatch) -> Tensor:
    """Return the log-probability of each answer, float32 (P, 2)."""
    rows = Rows(batch.tokens.flatten(0, 1), batch.prompts.flatten(), batch.lengths.flatten())
    return score_answers(model, rows).logprobs.sum(1).view(-1, 2)


def preference_objective(
    model: GPT, batch: PairBatch, settings: DPOSettings
) -> tuple[Tensor, dict[str, Tensor]]:
    """Sum over pairs of the loss, of the margin in nats, and of the pairs that are right."""
    policy = pair_logprobs(model, batch)
    found = preference_loss(
        policy[:, 0],
        policy[:, 1],
        batch.reference[:, 0],
        batch.reference[:, 1],
        beta=settings.beta,
        smoothing=settings.smoothing,
    )
    count = batch.examples
    # what the policy still gives the preferred answers: it sinks when DPO overshoots
    chosen = (policy[:, 0] - batch.reference[:, 0]).detach().sum()
    sums = {"margin": found.margin * count, "accuracy": found.accuracy * count, "chosen": chosen}
    return found.loss * count, sums


def measure(model: GPT, pairs: PairBatch, settings: DPOSettings) -> dict[str, float]:
    """Return held-out loss, margin and accuracy."""
    totals: dict[str, float] = {}
    device = model.embedding.weight.device
    for start in range(0, pairs.examples, _SCORED_AT_ONCE):
        part = rows_of(pairs, start, start + _SCORED_AT_ONCE)
        moved = PairBatch(*(tensor.to(device) for tensor in part))
        loss, sums = preference_objective(model, moved, settings)
        for name, value in {"loss": loss, **sums}.items():
            totals[name] = totals.get(name, 0.0) + value.item()
    return {f"held_out_{name}": value / pairs.examples for name, value in totals.items()}


@torch.no_grad()
def _reference(context: RunContext, model: GPT, pairs: Sequence[Pair], name: str) -> Tensor:
    """Return the reference's log-probabilities, float32 (P, 2), from the cache if it is there."""
    file = context.directory(DPO.name) / name
    key = _fingerprint(pairs)
    known = load_state(file)
    if known is not None and known["key"] == key:
        cached: Tensor = known["logprobs"]
        return cached
    found = []
    for start in range(0, len(pairs), _SCORED_AT_ONCE):
        part = pairs[start : start + _SCORED_AT_ONCE]
        batch = collate(part, torch.zeros(len(part), 2), context.tokenizer.padding)
        moved = PairBatch(*(tensor.to(context.device) for tensor in batch))
        # in the trainer's own precision: rounding then cancels at the first step
        with context.autocast():
            found.append(pair_logprobs(model, moved).cpu())
    logprobs = torch.cat(found)
    if context.world.leads:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_state(file, {"key": key, "logprobs": logprobs})
    return logprobs


def _fingerprint(pairs: Sequence[Pair]) -> str:
    digest = hashlib.sha256()
    for pair in pairs:
        for answer in pair:
            digest.update(repr((answer.prompt, answer.ids)).encode())
    return digest.hexdigest()
