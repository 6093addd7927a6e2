"""A chat model that chooses among offers: its hidden state of each command, and a small head.

The thing to know: the model is not changed. It reads "question, command" and gives the hidden state
behind the last token and how likely it finds the command; the head weighs these beside the numbers
of the offer. That depends on question and command alone, so it is read once for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from chatapp.browsing.offers import NUMBERS, Offer
from chatapp.model.checkpoint import load_model, weights_digest
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer

HEAD_FILE = "chooser.safetensors"
_LONGEST = 48  # tokens of a question, and of a command
_HEARD = 8  # numbers that are made of the hidden state
_WIDTH = 32
_DROPPED = 0.5  # of the hidden state in imitation: hundreds of decisions are soon known by heart


class Listener:
    """What a model makes of commands; `width` numbers for each."""

    def __init__(self, model: GPT, tokenizer: ChatTokenizer) -> None:
        self._model, self._tokenizer = model.eval(), tokenizer
        self._known: dict[tuple[str, str], Tensor] = {}
        self.width = model.config.d_model + 1

    def heard(self, question: str, commands: Sequence[str]) -> Tensor:
        """Return float32 (commands, width): the hidden state, and the mean log-likelihood."""
        missing = [c for c in dict.fromkeys(commands) if (question, c) not in self._known]
        if missing:
            for command, row in zip(missing, self._read(question, missing), strict=True):
                self._known[question, command] = row
        return torch.stack([self._known[question, command] for command in commands])

    @torch.inference_mode()
    def _read(self, question: str, commands: Sequence[str]) -> Tensor:
        tokenizer = self._tokenizer
        begin = tokenizer.end_of_text if tokenizer.begin is None else tokenizer.begin
        asked = [begin, *tokenizer.encode(f"{question}\n")[:_LONGEST]]
        said = [tokenizer.encode(command)[:_LONGEST] for command in commands]
        longest = max(map(len, said))
        rows = torch.full((len(said), len(asked) + longest), tokenizer.padding)
        for row, tokens in enumerate(said):
            rows[row, : len(asked) + len(tokens)] = torch.tensor([*asked, *tokens])
        hidden = self._model.hidden(rows)  # padding stands behind, where nothing looks at it
        found = []
        for row, tokens in enumerate(said):
            end = len(asked) + len(tokens)
            logits = self._model.head(hidden[row, len(asked) - 1 : end - 1]).float()
            likely = -functional.cross_entropy(logits, torch.tensor(tokens))
            found.append(torch.cat([hidden[row, end - 1].float(), likely.reshape(1)]))
        return torch.stack(found)


class Head(nn.Module):
    """Scores offers: (…, width + NUMBERS) to (…)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.drop = nn.Dropout(_DROPPED)
        self.heard = nn.Linear(width, _HEARD)
        self.inner = nn.Linear(_HEARD + NUMBERS, _WIDTH)
        self.score = nn.Linear(_WIDTH, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return one score for each offer."""
        heard = torch.tanh(self.heard(self.drop(features[..., : self.width])))
        inner = torch.tanh(self.inner(torch.cat([heard, features[..., self.width :]], -1)))
        return self.score(inner).squeeze(-1)  # type: ignore[no-any-return]


class Chooser:
    """A listener and its head."""

    def __init__(self, listener: Listener, head: Head) -> None:
        self.listener, self.head = listener, head.eval()

    def features(self, question: str, offers: Sequence[Offer]) -> Tensor:
        """Return what the head reads of these offers, (offers, width + NUMBERS)."""
        heard = self.listener.heard(question, [offer.command for offer in offers])
        return torch.cat([heard, torch.tensor([offer.numbers for offer in offers])], -1)

    def save(self, directory: Path, model: Path) -> None:
        """Write the head, and which model's hidden states it has learnt to read."""
        directory.mkdir(parents=True, exist_ok=True)
        tensors = {name: t.detach().contiguous() for name, t in self.head.state_dict().items()}
        save_file(tensors, directory / HEAD_FILE, metadata={"model": weights_digest(model)})


def load_chooser(directory: Path, model: Path) -> Chooser:
    """Return the chooser in `directory`, over the chat model in `model`.

    Raises:
        ValueError: it was made for another model.
        OSError: there is none.
    """
    from safetensors import safe_open

    file = directory / HEAD_FILE
    if not file.is_file():
        raise FileNotFoundError(f"{directory} holds no {HEAD_FILE}; train one first")
    with safe_open(file, framework="pt") as opened:
        made_for = (opened.metadata() or {}).get("model")
    if made_for != weights_digest(model):
        raise ValueError(f"{file} has learnt from another chat model than {model}; train it anew")
    listener = Listener(*load_model(model))
    head = Head(listener.width)
    head.load_state_dict(load_file(file))
    return Chooser(listener, head.eval())
