"""PPO learns a known reward within its KL bounds, checks its sampler, and resumes exactly."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from chatapp.inference.graph_decoder import GraphDecoder
from chatapp.model.checkpoint import load_model
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training import policies, rollouts
from chatapp.training.answers import score_answers
from chatapp.training.compare import stage as compare_stage
from chatapp.training.distributed import World
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.objectives import Batch
from chatapp.training.policies import mean_and_error, measure_policy
from chatapp.training.ppo import experience
from chatapp.training.ppo import stage as ppo_stage
from chatapp.training.ppo.experience import Players, collect, token_rewards
from chatapp.training.ppo.learner import Learner
from chatapp.training.ppo.settings import PPOSettings
from chatapp.training.ppo.signs import mean_length, repetition, sameness
from chatapp.training.ppo.stage import PPO as PPOStage
from chatapp.training.prompts import split_prompts
from chatapp.training.recipe import RecipeError, Source, load_recipe
from chatapp.training.rollouts import (
    RollOutMismatch,
    RollOuts,
    check_parity,
    kept_decoder,
    roll_out,
    scored_answers,
)
from chatapp.training.stages import RunContext, run_stages

Begin = Callable[[str], RunContext]
SETTINGS = PPOSettings(
    prompts=(Source("none"),),
    updates=1,
    rollouts=32,
    minibatch=8,
    epochs=2,
    max_tokens=8,
    policy_lr=3e-3,
    value_lr=3e-3,
    warm_up=1,
    kl=0.1,
    ptx=0.0,
    missing_end=0.0,
)


class FakeReward(HeadedGPT):
    """Pays for every "b"."""

    wanted = -1

    def at(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Count the letter."""
        return (tokens == self.wanted).float().sum(1, keepdim=True)


def copy_of(gpt: GPT) -> GPT:
    copy = GPT(gpt.config)
    copy.load_state_dict(gpt.state_dict())
    return copy


def tune_to_say(gpt: GPT, letters: Tensor, prompts: list[list[int]]) -> None:
    """Supervised tuning, in short: answers of eight random letters."""
    rng = torch.Generator().manual_seed(4)
    optimiser = torch.optim.AdamW(gpt.parameters(), lr=1e-2)
    start = torch.tensor(prompts[:10])
    for _ in range(40):
        said = letters[torch.randint(len(letters), (len(start), 8), generator=rng)]
        logits = gpt(torch.cat((start, said), dim=1))[:, start.shape[1] - 1 : -1]
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), said.flatten()).backward()
        optimiser.step()
        optimiser.zero_grad()


@pytest.fixture
def players(gpt: GPT, tokenizer: ChatTokenizer, prompts: list[list[int]]) -> Players:
    tune_to_say(gpt, torch.tensor(tokenizer.encode("abcd")), prompts)
    value = HeadedGPT(copy_of(gpt), 1)
    value.initialise(torch.Generator().manual_seed(1))
    reference = copy_of(gpt).requires_grad_(False)
    reward = FakeReward(copy_of(gpt), 1)
    reward.wanted = tokenizer.encode("b")[0]
    return Players(gpt, value, reference, reward)


@pytest.fixture
def prompts(tokenizer: ChatTokenizer) -> list[list[int]]:
    return [tokenizer.encode_prompt([("user", f"Say {n}?")]) for n in range(32)]


def rewards_after(
    players: Players, tokenizer: ChatTokenizer, prompts: list[list[int]], settings: PPOSettings
) -> tuple[list[float], list[float]]:
    """Learn for 8 rounds; return each round's reward and KL."""
    learner = Learner(players, settings, None)
    rewards, divergences = [], []
    for update in range(8):
        experience = collect(
            players,
            tokenizer,
            prompts,
            settings,
            coefficient=learner.controller.coefficient,
            seed=update,
        )
        metrics = learner.learn(experience, update)
        rewards.append(experience.metrics["reward"])
        divergences.append(experience.metrics["kl_k3"])
        assert experience.metrics["kl_k3"] >= 0
        if update >= settings.warm_up:
            assert 0.5 < metrics["ratio"] < 2
    return rewards, divergences


def test_a_policy_learns_a_known_reward_and_a_dear_kl_holds_it_back(
    players: Players, tokenizer: ChatTokenizer, prompts: list[list[int]]
) -> None:
    """Cheap KL: what is paid is said far more often. Dear KL: the policy stays near."""
    start = copy_of(players.policy)
    rewards, divergences = rewards_after(players, tokenizer, prompts, SETTINGS)
    assert rewards[-1] > rewards[0] + 1.0
    assert divergences[0] == pytest.approx(0.0, abs=1e-4)
    players.policy.load_state_dict(start.state_dict())
    _, held = rewards_after(players, tokenizer, prompts, dataclasses.replace(SETTINGS, kl=20.0))
    assert max(held) < divergences[-1] / 2


@pytest.mark.parametrize(("count", "minibatch"), [(6, 16), (12, 8), (16, 8)])
def test_a_round_of_few_answers_takes_a_step_for_the_rest_too(
    players: Players, tokenizer: ChatTokenizer, prompts: list[list[int]], count: int, minibatch: int
) -> None:
    """Losses are means over all steps, and every step of every round has its own text."""
    asked: list[int] = []

    def text(step: int) -> Batch:
        asked.append(step)
        return Batch(torch.ones(1, 8, dtype=torch.int64), torch.ones(1, 8, dtype=torch.int64))

    settings = dataclasses.replace(
        SETTINGS, minibatch=minibatch, ptx=1.0, ptx_sources=(Source("none"),), warm_up=0
    )
    learner = Learner(players, settings, text)
    how = {"coefficient": 0.1, "seed": 0}
    experience = collect(players, tokenizer, prompts[:count], settings, **how)  # type: ignore[arg-type]
    for update in range(2):
        assert 0.5 < learner.learn(experience, update)["ratio"] < 2
    assert asked == list(range(2 * settings.epochs * -(-count // minibatch)))


def test_roll_outs_carry_the_policys_own_log_probabilities(
    gpt: GPT, tokenizer: ChatTokenizer, prompts: list[list[int]]
) -> None:
    """The engine's cached decoding and the trainer's pass agree, through both kinds of layer."""
    made = roll_out(gpt, tokenizer, prompts[:5], max_tokens=30, seed=3, samples=2)
    trainer = score_answers(gpt, made.rows).logprobs
    assert check_parity(made.logprobs, trainer, made.mask, 1e-3) < 1e-3
    assert len(made.answers) == 10
    again = roll_out(gpt, tokenizer, prompts[:5], max_tokens=30, seed=3, samples=2)
    assert again.answers == made.answers


def test_a_decoder_of_a_gpu_serves_every_round_of_a_policy_that_learns(
    gpt: GPT, tokenizer: ChatTokenizer, prompts: list[list[int]]
) -> None:
    """One loop, captured once; it says what a decoder made anew says, to the log-probability."""
    kept = GraphDecoder(gpt, slots=3, capacity=len(prompts[0]) + 2 + 20)
    loops = []
    for seed in range(2):
        asked = {"max_tokens": 20, "seed": seed, "samples": 2}
        fresh = roll_out(gpt, tokenizer, prompts[:4], **asked)
        made = roll_out(gpt, tokenizer, prompts[:4], **asked, decoder=kept)
        assert made.answers == fresh.answers
        assert torch.allclose(made.logprobs, fresh.logprobs, atol=1e-4)
        loops += kept._loops.values()
        with torch.no_grad():
            gpt.embedding.weight.mul_(1.5)
    assert loops == [loops[0]] * 2


def test_a_gpu_keeps_a_decoder_for_the_longest_answers(
    gpt: GPT, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CPU keeps none: one that is just large enough costs nothing to make."""
    assert kept_decoder(gpt, longest=50) is None
    made: list[Any] = []

    def noted(model: object, **how: int) -> GraphDecoder:
        made.append((model, how))
        return GraphDecoder(gpt)

    monkeypatch.setattr(rollouts, "GraphDecoder", noted)
    there = SimpleNamespace(device=torch.device("cuda"))
    policy: Any = SimpleNamespace(embedding=SimpleNamespace(weight=there))
    assert isinstance(kept_decoder(policy, longest=50), GraphDecoder)
    assert made == [(policy, {"slots": 64, "capacity": 50})]


def test_a_sampler_that_drifted_from_its_trainer_stops_the_run(
    players: Players, tokenizer: ChatTokenizer, prompts: list[list[int]]
) -> None:
    """Log-probabilities of other weights are an error that says so, never a silent update."""
    made = roll_out(players.policy, tokenizer, prompts[:4], max_tokens=8, seed=3)
    with torch.no_grad():
        players.policy.embedding.weight.mul_(1.5).add_(0.1)
    trainer = score_answers(players.policy, made.rows).logprobs
    with pytest.raises(RollOutMismatch, match=r"disagree .* ppo\.parity"):
        check_parity(made.logprobs, trainer, made.mask, 1e-3)
    with pytest.raises(RollOutMismatch):  # not a number is no agreement either
        check_parity(made.logprobs, trainer * float("nan"), made.mask, 1e-3)


def test_a_cut_answer_is_scored_with_an_end_and_pays_for_lacking_it(
    players: Players, tokenizer: ChatTokenizer, prompts: list[list[int]]
) -> None:
    """The reward stands at the last token; the penalty for a missing end is taken off there."""
    made = roll_out(players.policy, tokenizer, prompts, max_tokens=3, seed=3)
    assert not made.finished.all()
    for answer in scored_answers(made, tokenizer):
        assert answer.ids[-1] == tokenizer.end_of_turn
        assert answer.ids.count(tokenizer.end_of_turn) == 2  # the user's turn and its own
    settings = dataclasses.replace(SETTINGS, missing_end=0.5, reward_clip=2.0)
    rewards = torch.full((32,), 9.0)
    earned = token_rewards(torch.ones_like(made.logprobs) * made.mask, rewards, made, settings, 0.1)
    expected = -0.1 * made.mask.sum(1) + 2.0 - 0.5 * (~made.finished)
    assert torch.allclose(earned.sum(1), expected)
    last = made.rows.lengths - 2
    assert (earned.argmax(1) == last).all()


def test_signs_of_hacking_are_read_from_the_answers() -> None:
    assert repetition([[1, 2, 3, 1, 2, 3, 1, 2, 3]]) == pytest.approx(1 - 3 / 7)
    assert repetition([[1, 2]]) == 0
    assert sameness([[1, 2], [1, 2], [3], [4]]) == 0.25
    assert mean_length([[1], [1, 2, 3]]) == 2


def test_errors_of_a_mean_are_those_of_the_prompts() -> None:
    """Sixteen equal answers to a prompt are one observation."""
    mean, error = mean_and_error(torch.tensor([[1.0] * 16, [3.0] * 16]))
    assert (mean, error) == (2.0, pytest.approx(1.0))


def test_measuring_a_policy_against_itself_finds_no_kl(
    players: Players, tokenizer: ChatTokenizer, prompts: list[list[int]]
) -> None:
    found = measure_policy(
        players.policy,
        players.reference,
        {"reward": players.reward},
        tokenizer,
        prompts[:18],
        max_tokens=4,
        samples=2,
        seed=1,
    )
    assert found.rewards["reward"].shape == (18, 2)
    assert found.kl_k1.abs().max() < 1e-4
    assert found.lengths.mean().item() == pytest.approx(found.signs()["length"])
    assert 0 < found.entropy <= torch.tensor(300.0).log().item() + 1e-4


PPO = """
[reward]
sources = [{ path = "pairs.jsonl" }]
sequence = 48
batch = 16
epochs = 1
held_out = 300
control = false
[ppo]
prompts = [{ path = "pairs.jsonl" }]
updates = 3
rollouts = 8
minibatch = 4
max_tokens = 6
held_out = 300
evaluate_prompts = 8
evaluate_every = 2
warm_up = 1
ptx_sources = [{ path = "text.jsonl" }]
ptx_batch = 2
ptx_sequence = 16
without_ptx = true
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    rows = [{"id": f"t{n}", "text": f"The {n}th page is a page of words."} for n in range(20)]
    path = tmp_path / "text.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_stage_leaves_two_policies_and_what_they_earned(
    begin: Begin, comparisons: Path, text: Path
) -> None:
    """One table of metrics: every round has reward, KL by two estimates, parity and the signs."""
    context = begin(PPO)
    run_stages(context)
    names = ("ppo", "ppo-without-ptx")
    results = [json.loads((context.out / name / "result.json").read_text()) for name in names]
    assert results[0]["updates"] == 3
    assert results[0]["start"] == results[1]["start"] != results[1]["end"]
    rows = [json.loads(line) for line in (context.out / "metrics.jsonl").read_text().splitlines()]
    rounds = [row for row in rows if row["stage"] == "ppo" and "reward" in row]
    assert [row["step"] for row in rounds] == [1, 2, 3]
    assert "loss" not in rounds[0]  # the value model learns alone at first
    assert {"ptx_loss", "kl_k1", "kl_k3", "parity", "entropy", "repetition", "length"} <= set(
        rounds[-1]
    )
    assert max(row["parity"] for row in rounds) < 1e-3
    policies = [load_model(context.model_directory(name))[0].head.weight for name in names]
    assert not torch.equal(*policies)


def test_no_round_has_the_random_numbers_of_another_or_of_a_measurement(
    begin: Begin, comparisons: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen where they are used: every call of a run has its own seed, but for measuring again."""
    rounds: list[int] = []
    measures: list[int] = []

    def noting(seeds: list[int]) -> Any:
        def noted(*arguments: Any, **how: Any) -> RollOuts:
            seeds.append(how["seed"])
            return roll_out(*arguments, **how)

        return noted

    monkeypatch.setattr(experience, "roll_out", noting(rounds))
    monkeypatch.setattr(policies, "roll_out", noting(measures))
    longer = PPO.replace("without_ptx = true", "").replace("updates = 3", "updates = 5")
    run_stages(begin(longer.replace("evaluate_prompts = 8", "evaluate_prompts = 20")))
    assert len(set(rounds)) == 5
    assert len(set(measures)) == 2  # of prompts 0 to 15, and the rest
    assert not set(rounds) & set(measures)


def test_the_stages_roll_out_with_the_decoder_of_a_gpu(
    begin: Begin, comparisons: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One decoder a policy, large enough for all rounds and measurements; the same result."""
    made: list[GraphDecoder] = []

    def kept(gpt: GPT, *, longest: int) -> GraphDecoder:
        made.append(GraphDecoder(gpt, slots=4, capacity=longest))
        return made[-1]

    compare = (
        'prompts = [{ path = "pairs.jsonl" }]\nheld_out = 300\nlimit = 4\ntext_sequence = 16\n'
    )
    stages = PPO.replace("without_ptx = true", "") + "[compare]\n" + compare
    plain = begin(stages)
    run_stages(plain)
    other = RunContext(plain.recipe, plain.out.with_name("device"), plain.tokenizer)
    for stage in (ppo_stage, compare_stage):
        monkeypatch.setattr(stage, "kept_decoder", kept)
    run_stages(other)
    assert [len(decoder._loops) for decoder in made] == [1, 1, 1]  # PPO; the start and PPO again
    host, device = (
        json.loads((run.out / "ppo" / "result.json").read_text())["end"] for run in (plain, other)
    )
    assert device["held_out_length"] == host["held_out_length"]
    assert device["held_out_kl"] == pytest.approx(host["held_out_kl"], abs=1e-3)


def test_an_interrupted_policy_ends_with_the_same_weights(
    begin: Begin, comparisons: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two rounds and resumed, every weight and every metric is the same."""
    from chatapp.training.ppo.stage import _Training

    context = begin(PPO.replace("without_ptx = true", "kl_target = 1.0"))
    run_stages(context)
    other = RunContext(context.recipe, context.out.with_name("parts"), context.tokenizer)
    whole_round = _Training._round

    def dying(self: _Training) -> str:
        if self._update == 2:
            raise KeyboardInterrupt
        return whole_round(self)

    monkeypatch.setattr(_Training, "_round", dying)
    with pytest.raises(KeyboardInterrupt):
        run_stages(other)
    monkeypatch.undo()
    run_stages(other)
    whole, parts = (load_model(run.model_directory("ppo"))[0] for run in (context, other))
    for one, same in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, same)
    lines = [
        [
            {key: value for key, value in json.loads(line).items() if key != "seconds"}
            for line in (run.out / "metrics.jsonl").read_text().splitlines()
        ]
        for run in (context, other)
    ]
    assert lines[0] == lines[1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("minibatch = 3", "rollouts must be a multiple of minibatch"),
        ("ptx_sources = []", "ptx needs ptx_sources"),
        ("updates = 0", "at least 1"),
        ("prompts = []", "prompts must list"),
    ],
)
def test_impossible_settings_are_named(begin: Begin, line: str, message: str) -> None:
    key = line.split(" =")[0]
    lines = [kept for kept in PPO.splitlines() if not kept.startswith(f"{key} =")]
    with pytest.raises(RecipeError, match=message):
        begin("\n".join([*lines, line]))


def test_prompts_are_distinct_and_split_as_for_the_reward_model(
    comparisons: Path, tokenizer: ChatTokenizer
) -> None:
    sources = (Source("pairs.jsonl"), Source("pairs.jsonl"))
    train, held_out = split_prompts(comparisons.parent, sources, tokenizer, limit=64, permille=300)
    assert len(train) + len(held_out) == 120
    assert not {tuple(ids) for ids in train} & {tuple(ids) for ids in held_out}
    with pytest.raises(RecipeError, match="0 prompts to train on"):
        split_prompts(comparisons.parent, sources, tokenizer, limit=3, permille=300)


def test_new_feedback_makes_a_new_reward_model_and_a_new_policy(
    begin: Begin, comparisons: Path, text: Path, tmp_path: Path, start: Path
) -> None:
    """A second run starts from the first one's policy and names another file; no code changes."""
    first = begin(PPO.replace("without_ptx = true", ""))
    run_stages(first)
    rows = [json.loads(line) for line in comparisons.read_text().splitlines()]
    turned = [row | {"chosen": row["rejected"], "rejected": row["chosen"]} for row in rows]
    (tmp_path / "feedback.jsonl").write_text("".join(json.dumps(row) + "\n" for row in turned))
    recipe = (tmp_path / "recipe.toml").read_text()
    recipe = recipe.replace("pairs.jsonl", "feedback.jsonl").replace(
        str(start), str(first.model_directory("ppo"))
    )
    (tmp_path / "second.toml").write_text(recipe)
    second = RunContext(load_recipe(tmp_path / "second.toml"), tmp_path / "second", first.tokenizer)
    run_stages(second, "reward")
    run_stages(second, "ppo")
    before, after = (load_model(run.model_directory("ppo"))[0] for run in (first, second))
    assert not torch.equal(before.head.weight, after.head.weight)
    begun = json.loads((second.out / "ppo" / "result.json").read_text())["start"]
    assert begun["held_out_kl"] == pytest.approx(0.0, abs=1e-4)  # the reference is the new start


def test_several_processes_are_refused(begin: Begin, comparisons: Path, text: Path) -> None:
    """The stage that does not share its work says so before it begins."""
    context = dataclasses.replace(begin(PPO), world=World(size=2))
    with pytest.raises(RecipeError, match="start it without torchrun"):
        PPOStage().run(context)
