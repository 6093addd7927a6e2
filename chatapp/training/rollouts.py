"""Roll-outs: answers of the policy as it is now, made by the inference engine.

Engine and trainer compute the same log-probabilities by different routes (cached decoding against
one pass over whole rows). If they disagree, PPO learns from noise, and silently: samplers that
drifted from their trainer are the commonest fault of RLHF code. So every batch is checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatapp.inference.batch_engine import BatchEngine, Sample
from chatapp.inference.decoder import Decoder
from chatapp.inference.generator import SamplingParams
from chatapp.inference.graph_decoder import GraphDecoder
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.answers import Answered, Rows, answer_mask, pad_rows

_SLOTS = 64  # answers made at once


class RollOutMismatch(RuntimeError):
    """The engine's log-probabilities are not those of the model that is trained."""


@dataclass(frozen=True)
class RollOuts:
    """Answers to prompts.

    `rows` holds B of them, those of one prompt together; `finished` bool (B,) says which ended
    their turn, the others were cut; `logprobs` float32 (B, T - 1) is the engine's, aligned as in
    `answers.AnswerScores`.
    """

    rows: Rows
    finished: Tensor
    logprobs: Tensor
    answers: tuple[tuple[int, ...], ...]

    @property
    def mask(self) -> Tensor:
        """Which tokens the policy chose, bool (B, T - 1)."""
        return answer_mask(self.rows)


def seed_of(purpose: str, *numbers: int) -> int:
    """Return the seed, in 0..2**63 - 1, of roll-outs that no other purpose or numbers share."""
    digest = hashlib.sha256(repr((purpose, *numbers)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def kept_decoder(gpt: GPT, *, longest: int) -> Decoder | None:
    """Return a decoder for many calls of `roll_out`, or None where each had better make its own.

    A GPU replays a graph of the decode step. To capture it takes longer than a round, so one
    serves all rounds: it follows the weights, as long as they are trained where they lie.

    Args:
        gpt: the policy.
        longest: the most tokens that a prompt and its answer may take.
    """
    if gpt.embedding.weight.device.type != "cuda":
        return None
    return GraphDecoder(gpt, slots=_SLOTS, capacity=longest)


def roll_out(
    gpt: GPT,
    tokenizer: ChatTokenizer,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    seed: int,
    samples: int = 1,
    temperature: float = 1.0,
    decoder: Decoder | None = None,
) -> RollOuts:
    """Let the policy answer; nothing is cut from its distribution, so the samples are its own.

    Args:
        prompts: token ids that end with an open turn of the assistant.
        max_tokens: longest answer.
        samples: answers of each prompt.
        decoder: of this policy, see `kept_decoder`; by default one just large enough is made.
    """
    longest = max(len(prompt) for prompt in prompts) + max_tokens
    decoder = decoder or TorchDecoder(
        gpt,
        slots=min(_SLOTS, samples * len(prompts)),
        capacity=min(longest, gpt.config.context_length),
    )
    params = SamplingParams(
        max_tokens=max_tokens,
        temperature=temperature,
        top_k=0,
        top_p=1.0,
        repetition_penalty=1.0,
        seed=seed,
    )
    made = BatchEngine(decoder, tokenizer).generate(prompts, params, samples)
    return _laid_out(prompts, made, samples, tokenizer, gpt.embedding.weight.device)


def _laid_out(
    prompts: Sequence[Sequence[int]],
    made: Sequence[Sample],
    samples: int,
    tokenizer: ChatTokenizer,
    device: torch.device,
) -> RollOuts:
    answers = [
        Answered((*prompts[number // samples], *sample.tokens), len(prompts[number // samples]))
        for number, sample in enumerate(made)
    ]
    rows = pad_rows(answers, tokenizer.padding).to(device)
    logprobs = torch.zeros(rows.tokens.shape[0], rows.tokens.shape[1] - 1)
    for number, (answer, sample) in enumerate(zip(answers, made, strict=True)):
        first = answer.prompt - 1
        logprobs[number, first : first + len(sample.logprobs)] = torch.tensor(sample.logprobs)
    ended = [sample.tokens[-1] == tokenizer.end_of_turn for sample in made]
    return RollOuts(
        rows,
        torch.tensor(ended, device=device),
        logprobs.to(device),
        tuple(tuple(sample.tokens) for sample in made),
    )


def scored_answers(rollouts: RollOuts, tokenizer: ChatTokenizer) -> list[Answered]:
    """Return the answers as a reward model is to read them: each with its turn ended.

    A cut answer gets the end it lacks, since a reward model has read no other; that it had to be
    cut is punished apart from this.
    """
    found = []
    for row, answer in enumerate(rollouts.answers):
        prompt = int(rollouts.rows.prompts[row])
        ids = rollouts.rows.tokens[row, :prompt].tolist()
        text = [t for t in answer if t not in (tokenizer.end_of_turn, tokenizer.end_of_text)]
        found.append(Answered((*ids, *text, tokenizer.end_of_turn), prompt))
    return found


def check_parity(engine: Tensor, trainer: Tensor, mask: Tensor, tolerance: float) -> float:
    """Return the largest difference of log-probabilities, in nats, after judging it.

    Raises:
        RollOutMismatch: it is above `tolerance`.
    """
    worst = (engine - trainer).abs()[mask].max().item()
    if not worst <= tolerance:
        raise RollOutMismatch(
            f"the engine and the trainer disagree on the log-probability of a token by {worst:.2g} "
            f"nats (tolerance {tolerance:g}): the roll-outs do not come from the policy that is "
            "trained. Check that both compute in float32 with the same weights; ppo.parity sets "
            "the tolerance"
        )
    return float(worst)
