"""A recipe: one TOML file that says everything a training run depends on.

Every stage has a table of its name; the settings of a stage are a frozen dataclass that lives with
the stage's module, and `STAGES` says where. Paths in a recipe are relative to `data.root`, which
`--data` replaces, so the same recipe serves wherever the records lie. A path that begins with a
dot is relative to the recipe itself.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from chatapp.model.config import ModelConfig, ModelConfigError
from chatapp.training.dial import derive, read_dial
from chatapp.training.presets import PRESETS
from chatapp.training.recipe_file import read_values
from chatapp.training.tables import MissingFile, RecipeError, build, unknown

__all__ = [
    "Deduplication",
    "MissingFile",
    "Recipe",
    "RecipeError",
    "Source",
    "StageRecipe",
    "load_recipe",
]

# The stages in the order they run, and where each one's settings are defined. They are imported
# when a recipe has such a table: a stage's module may itself import this one.
STAGES = {
    "ladder": "chatapp.training.ladder:LadderSettings",
    "pretrain": "chatapp.training.pretrain:PretrainSettings",
    "finetune": "chatapp.training.finetune:FinetuneSettings",
    "task": "chatapp.training.heads.settings:TaskSettings",
    "reward": "chatapp.training.reward.settings:RewardSettings",
    "ppo": "chatapp.training.ppo.settings:PPOSettings",
    "dpo": "chatapp.training.dpo.settings:DPOSettings",
    "compare": "chatapp.training.compare.settings:CompareSettings",
}
_LARGEST_VOCABULARY = 65_536
SMALLEST_VOCABULARY = 263  # bytes and special tokens; importing the tokenizer to count takes long
_RATES = ("matrix_lr", "embedding_lr", "head_lr", "norm_lr", "weight_decay")
_FRACTIONS = ("warmup", "warmdown", "final_lr")
Deduplication = Literal["none", "exact", "near"]


@dataclass(frozen=True)
class Source:
    """Record files of one kind: a glob under the data root, how much of it, how often.

    `max_mb` caps the text taken (megabytes of UTF-8, 0 = all); `repeat` counts it several times.
    `fields` says which column of the files serves as which field of ours (`{ text = "body" }`).
    """

    path: str
    max_mb: float = 0.0
    repeat: int = 1
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.max_mb < 0 or self.repeat < 1:
            raise ValueError("max_mb must be at least 0 and repeat at least 1")


@dataclass(frozen=True)
class Start:
    """A model directory that the first stage begins from, with its tokenizer, instead of nothing.

    This is how a later run builds on an earlier one: new comparisons, a new reward model, a new
    policy from the last one.
    """

    path: str


@dataclass(frozen=True)
class TokenizerRecipe:
    """Vocabulary size and how much text each source gives to learn it (megabytes)."""

    vocab_size: int
    mb_per_source: float = 4.0

    def __post_init__(self) -> None:
        if self.vocab_size < SMALLEST_VOCABULARY or not self.mb_per_source > 0:
            raise ValueError(
                f"vocab_size must be at least {SMALLEST_VOCABULARY} (every byte and the chat's own "
                "tokens) and mb_per_source above 0"
            )
        if self.vocab_size > _LARGEST_VOCABULARY:
            raise ValueError(
                f"vocab_size {self.vocab_size} exceeds {_LARGEST_VOCABULARY}, "
                "as shards hold tokens in 16 bits"
            )


@dataclass(frozen=True, kw_only=True)
class StageRecipe:
    """What every stage that learns by gradient descent over records has in common.

    Exactly one of `tokens` and `minutes` is the budget. `batch` is sequences per optimiser step,
    taken `micro_batch` at a time, and `sequence` tokens per sequence. `matrix_lr` is Muon's, for
    the matrices in the blocks; the other rates are AdamW's. They warm up over `warmup` and fall
    linearly to `final_lr` of themselves over the last `warmdown` of the budget (all fractions).
    """

    sources: tuple[Source, ...]
    sequence: int
    batch: int
    tokens: int = 0
    minutes: float = 0.0
    micro_batch: int = 0
    matrix_lr: float = 0.02
    embedding_lr: float = 0.2
    head_lr: float = 0.006
    norm_lr: float = 0.005
    weight_decay: float = 0.02
    warmup: float = 0.02
    warmdown: float = 0.5
    final_lr: float = 0.05
    save_every_minutes: float = 5.0
    evaluate_every_minutes: float = 10.0

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("sources must list at least one { path = ... }")
        if (self.tokens > 0) == (self.minutes > 0):
            raise ValueError("give exactly one of tokens and minutes")
        if self.sequence < 1 or self.batch < 1:
            raise ValueError("sequence and batch must be at least 1")
        if self.micro_batch < 0 or (self.micro_batch and self.batch % self.micro_batch):
            raise ValueError("batch must be a multiple of micro_batch, or micro_batch be 0")
        self._check_rates()

    def _check_rates(self) -> None:
        for name in _RATES:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a finite number of at least 0")
        for name in _FRACTIONS:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a fraction and must lie between 0 and 1")


_S = TypeVar("_S")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The whole run: data root, tokenizer, model shape, and the settings of the stages in order.

    `deduplicate` leaves out documents that repeat an earlier one (see `dedupe`). `derived` says,
    rule by rule, what the dial for size filled in (see `dial`).

    `precision` is that of the matrix products while training (weights and sums stay float32), and
    `weights_dtype` that of the finished model's file; "int8" has a scale for each output.
    `ship` is the stage that the finished model is taken from, by default the last one that leaves a
    model: a policy that is no better for its reward need not be shipped.
    """

    name: str
    seed: int = 1
    root: Path
    tokenizer: TokenizerRecipe
    model: ModelConfig
    stages: Mapping[str, Any] = field(default_factory=dict)
    validation_permille: int = 2
    validation_tokens: int = 200_000
    deduplicate: Deduplication = "none"
    compile: bool = False
    weights_dtype: Literal["bfloat16", "float16", "float32", "int8"] = "bfloat16"
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    derived: tuple[str, ...] = ()
    start: Start | None = None
    ship: str = ""

    def __post_init__(self) -> None:
        if self.ship and self.ship not in self.stages:
            raise ValueError(f"ship names {self.ship!r}, which is no stage of the recipe")
        if self.seed < 0:
            raise ValueError("seed must be at least 0")
        if not 0 <= self.validation_permille < 1000:
            raise ValueError("validation_permille must be at least 0 and below 1000")

    def settings(self, stage: str, kind: type[_S]) -> _S:
        """Return the settings of a stage, which are of `kind`.

        Raises:
            RecipeError: the recipe has no such stage.
        """
        found = self.stages.get(stage)
        if not isinstance(found, kind):
            raise RecipeError(f"the recipe lacks the table [{stage}]")
        return found

    @property
    def pretrain(self) -> StageRecipe:
        """The settings of pretraining."""
        return self.settings("pretrain", StageRecipe)

    @property
    def finetune(self) -> StageRecipe:
        """The settings of fine-tuning."""
        return self.settings("finetune", StageRecipe)


def load_recipe(path: Path, root: Path | None = None, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        root: replaces the recipe's `data.root`.
        overrides: `table.key=value` each, the value as TOML; they replace what the file says.

    Raises:
        MissingFile: there is no such file.
        RecipeError: bad TOML, unknown or missing keys, impossible values.
    """
    values = read_values(path, overrides)
    depth = read_dial(values)
    given = {key: value for key, value in values.items() if isinstance(value, dict)}
    for name in given:
        if name not in _TABLES and name not in STAGES:
            raise RecipeError(f"the recipe: {unknown(name, [*_TABLES, *STAGES])}")
    start = build(Start, given["start"], "start") if "start" in given else None
    tables, notes = _completed(given, depth) if start is None else (_continued(given, start), ())
    data = dict(_table(tables, "data"))
    chosen_root = root if root is not None else Path(data.get("root", "."))
    data.pop("root", None)
    tokenizer = build(TokenizerRecipe, _table(tables, "tokenizer"), "tokenizer")
    model = {**_table(tables, "model"), "vocab_size": tokenizer.vocab_size}
    run = {key: value for key, value in values.items() if key not in (*given, *_DIAL)}
    recipe = build(
        Recipe,
        {
            **run,
            **data,
            "name": path.stem,
            "root": chosen_root,
            "tokenizer": tokenizer,
            "model": build(ModelConfig, model, "model"),
            "stages": _stages(tables),
            "derived": notes,
            "start": start,
        },
        "recipe",
    )
    _check_lengths(recipe)
    return recipe


_TABLES = ("data", "tokenizer", "model", "start")
_DIAL = ("depth", "size")


def _completed(
    given: Mapping[str, Mapping[str, Any]], depth: int | None
) -> tuple[dict[str, Mapping[str, Any]], tuple[str, ...]]:
    """Fill the tables in from a preset or from the dial; what the recipe gives stays."""
    tables = dict(given)
    preset = given.get("model", {}).get("preset")
    if preset is not None:
        if depth is not None:
            raise RecipeError("[model]: give a preset, or depth or size, not both")
        tables["model"], vocabulary = _preset_shape(preset, given["model"])
        tables["tokenizer"] = {"vocab_size": vocabulary, **given.get("tokenizer", {})}
    if depth is None:
        return tables, ()
    derived = derive(depth, given)
    for name, values in derived.tables.items():
        tables[name] = {**values, **given.get(name, {})}
    return tables, tuple(derived.notes)


def _continued(given: Mapping[str, Mapping[str, Any]], start: Start) -> dict[str, Any]:
    """Fill in the shapes of the model to start from."""
    if "tokenizer" in given:
        raise RecipeError("[start] excludes [tokenizer]: the model to start from brings it")
    changes = dict(given.get("model", {}))
    if set(changes) - {"context_length"}:
        raise RecipeError(
            "[start]: the model to start from brings its shape; of [model] only context_length "
            "can be given, to train it at longer sequences"
        )
    try:
        model = ModelConfig.load(Path(start.path) / "config.json")
    except FileNotFoundError:
        raise MissingFile(f"[start]: there is no model at {start.path}") from None
    except ModelConfigError as error:
        raise RecipeError(f"[start]: {error}") from error
    shape = dataclasses.asdict(model) | changes
    if changes and model.positions == "learned":
        raise RecipeError("[start]: a learned table of positions cannot be made longer")
    return {**given, "model": shape, "tokenizer": {"vocab_size": model.vocab_size}}


def _preset_shape(name: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the published shape with what the recipe changes of it, and its vocabulary size."""
    if name not in PRESETS:
        raise RecipeError(f"[model]: there is no preset {name!r}; known: {', '.join(PRESETS)}")
    changes = {key: value for key, value in given.items() if key != "preset"}
    shape = dataclasses.asdict(PRESETS[name].config) | changes
    return shape, shape["vocab_size"]


def _stages(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Build the settings of every stage that the recipe has, in the order they run."""
    if "start" not in tables:
        _table(tables, "pretrain")
    return {
        name: build(_settings_class(where), _table(tables, name), name)
        for name, where in STAGES.items()
        if name in tables
    }


def _settings_class(where: str) -> type[Any]:
    module, _, name = where.partition(":")
    found: type[Any] = getattr(importlib.import_module(module), name)
    return found


def _check_lengths(recipe: Recipe) -> None:
    limit = recipe.model.context_length
    for name, stage in recipe.stages.items():
        for key in ("sequence", "text_sequence", "ptx_sequence"):
            length = getattr(stage, key, 0)
            if length > limit:
                raise RecipeError(f"[{name}]: {key} {length} exceeds model.context_length {limit}")


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = values.get(name)
    if not isinstance(table, dict):
        raise RecipeError(f"the recipe lacks the table [{name}]")
    return table
