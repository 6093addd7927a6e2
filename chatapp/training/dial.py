"""One dial for size: `depth = N` (or `size = "30M"`) in a recipe derives what is not given.

Every rule is numbered and cites where its constants were measured; what a recipe writes itself
overrides the rule, and later rules start from the value that holds. The constants come from runs
of 0.1 to 1 billion parameters: below that they are extrapolated (see docs/log.md for what the small
sizes showed).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chatapp.model.config import ModelConfig
from chatapp.training.tables import RecipeError

Tables = Mapping[str, Mapping[str, Any]]

_DEEPEST = 96  # as GPT-3
_REFERENCE_BATCH = 2**19  # tokens per step, the batch at which the rates of rule 6 were tuned


@dataclass
class Derived:
    """What the dial says: values by table and key, and a line on each rule for the person."""

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_dial(values: Mapping[str, Any]) -> int | None:
    """Return the depth that `depth` or `size` asks for, or None when the recipe has neither.

    Raises:
        RecipeError: both are given, or a value that is no size.
    """
    depth, size = values.get("depth"), values.get("size")
    if depth is not None and size is not None:
        raise RecipeError("give depth or size, not both")
    if size is not None:
        return _depth_of(size)
    if depth is None:
        return None
    if not isinstance(depth, int) or isinstance(depth, bool) or not 1 <= depth <= _DEEPEST:
        raise RecipeError(f"depth must be a whole number from 1 to {_DEEPEST}, not {depth!r}")
    return depth


def derive(depth: int, given: Tables) -> Derived:
    """Derive tokenizer, model and pretraining settings; `given` is what the recipe writes."""
    dial = _Dial(depth, given)
    dial.vocabulary()
    dial.shape()
    dial.tokens()
    dial.batch()
    dial.rates()
    dial.weight_decay()
    return dial.derived


def _depth_of(size: Any) -> int:
    """Return the depth whose model comes nearest to a number of weights such as "30M"."""
    found = re.fullmatch(r"([0-9.]+)([MB])", str(size))
    if not found:
        raise RecipeError(f'size must be written like "30M" or "1.3B", not {size!r}')
    wanted = float(found[1]) * {"M": 1e6, "B": 1e9}[found[2]]

    def count(depth: int) -> int:
        tables = derive(depth, {}).tables
        vocab = tables["tokenizer"]["vocab_size"]
        return ModelConfig.from_dict({**tables["model"], "vocab_size": vocab}).parameter_count()

    return min(range(1, _DEEPEST + 1), key=lambda depth: abs(count(depth) - wanted))


class _Dial:
    """Applies the rules in order; a value that the recipe gives is kept and said so."""

    def __init__(self, depth: int, given: Tables) -> None:
        self.depth, self._given = depth, given
        self.derived = Derived()

    def vocabulary(self) -> None:
        """Rule 1: the head should not outweigh the blocks."""
        vocab = 8192 if self.depth < 8 else 16_384 if self.depth < 20 else 32_768
        self._set(1, "tokenizer", {"vocab_size": vocab}, "a head no larger than the blocks")

    def shape(self) -> None:
        """Rules 2 and 3: aspect 64 beats 128, heads of 128 beat 64 (nanochat, 2026-01-17)."""
        width = 64 * self.depth
        shape = {"n_layers": self.depth, "d_model": width, "context_length": self._context()}
        self._set(2, "model", shape, "width 64 x depth (nanochat log 2026-01-17)")
        width = self._value("model", "d_model")
        heads = max(1, width // (128 if width >= 512 and width % 128 == 0 else 64))
        inner = -(-width * 8 // (3 * 64)) * 64
        shape = {"n_heads": heads, "n_kv_heads": heads, "d_ff": inner}
        reason = "heads of 128, 64 when narrow (same log); 8/3 width for SwiGLU (arXiv:2002.05202)"
        self._set(3, "model", shape, reason)

    def tokens(self) -> None:
        """Rule 4: 11 tokens per weight of blocks and head (nanochat log 2026-01-27: 10.5 to 12)."""
        if "minutes" in self._given.get("pretrain", {}):
            return
        model = self._model()
        tables = model.vocab_size * model.d_model
        weights = model.parameter_count() - (0 if model.tie_embeddings else tables)
        tokens = int(11 * weights)
        reason = "11 per weight of blocks and head (nanochat log 2026-01-27)"
        self._set(4, "pretrain", {"tokens": tokens}, reason)

    def batch(self) -> None:
        """Rule 5: batch grows as tokens^0.383 (nanochat log 2026-02-05), 262k at 650M.

        Fewer tokens want smaller batches than that gives: 2,048 at 1.2M beat 8,192 by 0.13 bits
        per byte (docs/log.md), so below 650M the batch falls along the line between the two.
        """
        sequence = self._value("model", "context_length")
        self._set(5, "pretrain", {"sequence": sequence}, "the whole context")
        sequence = self._value("pretrain", "sequence")
        tokens = self._training_tokens()
        wanted = min(262_144 * (tokens / 650e6) ** 0.383, 2048 * (tokens / 1.2e6) ** 0.77)
        wanted /= sequence
        rows = 2 ** max(0, round(math.log2(wanted)))
        fitting = max(1, 32_768 // sequence)
        batch = {"batch": rows, "micro_batch": min(rows, 2 ** int(math.log2(fitting)))}
        if "batch" in self._given.get("pretrain", {}):
            batch = {"batch": rows}  # how a given batch is split is the recipe's business too
        self._set(
            5, "pretrain", batch, "262k at 650M tokens (2026-02-05), 2k at 1.2M (docs/log.md)"
        )

    def rates(self) -> None:
        """Rule 6: rates of a 524k batch x sqrt(batch); AdamW's also x (width / 768)^-0.5.

        Muon's stays above 0.01: at a batch of 2,048 tokens 0.01 and 0.02 did alike (docs/log.md).
        """
        share = (self._batch_tokens() / _REFERENCE_BATCH) ** 0.5
        narrow = (self._value("model", "d_model") / 768) ** -0.5
        rates = {
            "matrix_lr": _rounded(max(0.01, 0.02 * share)),
            "embedding_lr": _rounded(0.3 * share * narrow),
            "head_lr": _rounded(0.008 * share * narrow),
        }
        self._set(6, "pretrain", rates, "x sqrt(batch / 524k) (nanochat base_train)")

    def weight_decay(self) -> None:
        """Rule 7: decay x rate x steps stays what it is in modded-nanogpt's track 3 baseline."""
        batch = self._batch_tokens() / _REFERENCE_BATCH
        decay = 0.05 * batch**0.5 * 1.7e9 / self._training_tokens()
        reason = "0.05 x sqrt(batch / 524k) x 1.7B / tokens (arXiv:2405.13698)"
        self._set(7, "pretrain", {"weight_decay": _rounded(decay)}, reason)

    def _context(self) -> int:
        return 512 if self.depth < 8 else 2048

    def _model(self) -> ModelConfig:
        shape = {**self.derived.tables["model"], **self._given.get("model", {})}
        return ModelConfig.from_dict(
            {**shape, "vocab_size": self._value("tokenizer", "vocab_size")}
        )

    def _training_tokens(self) -> float:
        """The tokens of pretraining; a budget in minutes counts as what rule 4 would give."""
        if "minutes" not in self._given.get("pretrain", {}):
            return float(self._value("pretrain", "tokens"))
        return 11.0 * self._model().parameter_count()

    def _batch_tokens(self) -> int:
        return int(self._value("pretrain", "batch") * self._value("pretrain", "sequence"))

    def _value(self, table: str, key: str) -> Any:
        """Return what holds: what the recipe gives, else what was derived."""
        return self._given.get(table, {}).get(key, self.derived.tables.get(table, {}).get(key))

    def _set(self, rule: int, table: str, values: dict[str, Any], reason: str) -> None:
        self.derived.tables.setdefault(table, {}).update(values)
        shown = [
            f"{key} {self._value(table, key)}{'' if self._value(table, key) == value else ' given'}"
            for key, value in values.items()
        ]
        self.derived.notes.append(f"{rule}. {table}: {', '.join(shown)} ({reason})")


def _rounded(value: float) -> float:
    """Keep two significant digits: more would claim what the rules do not know."""
    return float(f"{value:.2g}")
