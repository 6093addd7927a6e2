"""The last stage: the start, best-of-n, DPO, PPO with and without the mix, in one table.

All answer the same held-out prompts, by the reward model they learnt from and, where the run has
one, by a judge trained on other prompts. The bits per byte on held-out text show the alignment tax.
The table is `compare/table.json` and `compare/table.md`.
"""

from __future__ import annotations

import numpy as np

from chatapp.model.checkpoint import write_atomically
from chatapp.model.gpt import GPT
from chatapp.training.bits_per_byte import model_bits_per_byte
from chatapp.training.compare.settings import CompareSettings
from chatapp.training.compare.table import (
    Row,
    best_of_row,
    markdown,
    paired_gain,
    policy_row,
    win_rate,
)
from chatapp.training.durable import write_json
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.policies import Measured, measure_policy
from chatapp.training.ppo.stage import WITHOUT_PTX
from chatapp.training.prepare import text_shards
from chatapp.training.prompts import split_prompts
from chatapp.training.recipe import RecipeError
from chatapp.training.reward.model import load_reward_model
from chatapp.training.reward.stage import JUDGE
from chatapp.training.rollouts import kept_decoder
from chatapp.training.stages import RunContext

POLICIES = {"DPO": "dpo", "PPO": "ppo", "PPO without ptx": WITHOUT_PTX}
_SEED = 2_000_003  # of the answers; other than PPO's own measurements have


class Compare:
    """Measures what the run has."""

    name = "compare"

    def run(self, context: RunContext) -> None:
        """Measure every policy that is there; write the table."""
        if context.world.size > 1:
            raise RecipeError("the compare stage runs in one process; start it without torchrun")
        settings = context.recipe.settings(self.name, CompareSettings)
        comparison = _Comparison(context, settings)
        start = comparison.measure(comparison.reference, max(settings.best_of, default=1))
        bits = comparison.bits_per_byte(comparison.reference)
        rows: list[Row] = [policy_row("start", start, bits)]
        rows += [best_of_row(n, start, bits) for n in settings.best_of]
        for label, stage in POLICIES.items():
            if context.is_complete(stage):
                rows.append(comparison.row(label, stage, start))
        directory = context.directory(self.name)
        write_json(directory / "table.json", {"prompts": len(comparison.prompts), "rows": rows})
        write_atomically(directory / "table.md", markdown(rows))
        context.say(markdown(rows))
        context.complete(self.name, {"policies": len(rows)})


class _Comparison:
    """What all policies are measured with."""

    def __init__(self, context: RunContext, settings: CompareSettings) -> None:
        self._context, self._settings = context, settings
        _, held_out = split_prompts(
            context.recipe.root,
            settings.prompts,
            context.tokenizer,
            limit=settings.prompt_tokens,
            permille=settings.held_out,
        )
        self.prompts = held_out[: settings.limit]
        self.reference = context.load_model("finetune", "pretrain").eval().requires_grad_(False)
        self._judges: dict[str, HeadedGPT] = {}
        for name, stage in (("reward", "reward"), ("judge", JUDGE)):
            directory = context.model_directory(stage)
            if name == "reward" or directory.is_dir():
                self._judges[name] = load_reward_model(directory).to(context.device)
        self._text = None
        if settings.text:
            _, validation = text_shards(context, Compare.name, settings.text)
            self._text = np.asarray(validation.tokens[: settings.text_tokens])

    def measure(self, policy: GPT, samples: int) -> Measured:
        longest = self._settings.prompt_tokens + self._settings.max_tokens
        return measure_policy(
            policy,
            self.reference,
            self._judges,
            self._context.tokenizer,
            self.prompts,
            max_tokens=self._settings.max_tokens,
            samples=samples,
            seed=_SEED,
            decoder=kept_decoder(policy, longest=longest),
        )

    def bits_per_byte(self, policy: GPT) -> float | None:
        if self._text is None:
            return None
        tokenizer, sequence = self._context.tokenizer, self._settings.text_sequence
        return model_bits_per_byte(policy, tokenizer, self._text, sequence)

    def row(self, label: str, stage: str, start: Measured) -> Row:
        """Measure the policy of a stage."""
        self._context.say(f"compare: {label}")
        policy = self._context.load_model(stage).eval().requires_grad_(False)
        found = self.measure(policy, self._settings.samples)
        row = policy_row(label, found, self.bits_per_byte(policy))
        for judge in self._judges:
            row[f"{judge}_gain"], row[f"{judge}_gain_stderr"] = paired_gain(found, start, judge)
            row[f"{judge}_wins"], row[f"{judge}_wins_stderr"] = win_rate(found, start, judge)
        return row
