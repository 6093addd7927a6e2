"""A trained reward model as a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from chatapp.evaluation.preference import Answer
from chatapp.evaluation.schemas import Message
from chatapp.evaluation.suite import Done
from chatapp.model.interop.tokenizer import load_tokenizer
from chatapp.training.answers import Answered, encode_answer
from chatapp.training.reward.model import load_reward_model, score

_AT_ONCE = 256  # answers between two reports of progress


class RewardJudge:
    """Rates an answer by the reward model's scalar at the token that ends it."""

    name = "reward model"

    def __init__(self, directory: Path, device: torch.device) -> None:
        """Load the model.

        Raises:
            ModelUnavailable: the directory holds no reward model.
        """
        self._model = load_reward_model(directory).to(device)
        self._tokenizer = load_tokenizer(directory)
        self._reach = self._model.gpt.config.context_length

    def rate(self, answers: Sequence[Answer], done: Done) -> Mapping[str, list[float]]:
        """See `Judge.rate`."""
        rewards: list[float] = []
        for start in range(0, len(answers), _AT_ONCE):
            part = answers[start : start + _AT_ONCE]
            rewards += self.rewards([(answer.messages, answer.text) for answer in part])
            done(len(part))
        return {"accuracy": rewards}

    def rewards(self, answers: Sequence[tuple[tuple[Message, ...], str]]) -> list[float]:
        """Return the reward of each answer; one too long for the model loses its beginning."""
        encoded = [
            self._cut(encode_answer(self._tokenizer, messages, text)) for messages, text in answers
        ]
        return score(self._model, encoded, self._tokenizer.padding).tolist()

    def _cut(self, answered: Answered) -> Answered:
        excess = max(0, len(answered.ids) - self._reach)
        return Answered(answered.ids[excess:], max(0, answered.prompt - excess))
