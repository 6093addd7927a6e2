"""A recipe: one TOML file that says everything a training run depends on.

Paths in a recipe are relative to `data.root`, which `--data` replaces, so the same recipe serves
wherever the records lie. A path that begins with a dot is relative to the recipe itself.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from chatapp.model.config import ModelConfig, ModelConfigError


class RecipeError(ValueError):
    """A recipe that cannot be run; the message names the key and the fix."""


class MissingFile(RecipeError):
    """A recipe, or data that a recipe names, that is not there."""


@dataclass(frozen=True)
class Source:
    """Record files of one kind: a glob under the data root, how much of it, how often.

    `max_mb` caps the text taken (megabytes of UTF-8, 0 = all); `repeat` counts it several times.
    """

    path: str
    max_mb: float = 0.0
    repeat: int = 1


@dataclass(frozen=True)
class TokenizerRecipe:
    """Vocabulary size and how much text each source gives to learn it (megabytes)."""

    vocab_size: int
    mb_per_source: float = 4.0


@dataclass(frozen=True)
class StageRecipe:
    """One training stage. Exactly one of `tokens` and `minutes` is the budget.

    `batch` is sequences per optimiser step, taken `micro_batch` at a time, and `sequence` tokens
    per sequence. `matrix_lr` is Muon's, for the matrices in the blocks; the other rates are
    AdamW's. They warm up over `warmup` and fall linearly to `final_lr` of themselves over the last
    `warmdown` of the budget (all fractions).
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


@dataclass(frozen=True)
class Recipe:
    """The whole run: data root, tokenizer, model shape, stages in order."""

    name: str
    seed: int
    root: Path
    tokenizer: TokenizerRecipe
    model: ModelConfig
    pretrain: StageRecipe
    finetune: StageRecipe
    validation_permille: int = 2
    validation_tokens: int = 200_000
    compile: bool = False
    weights_dtype: str = "bfloat16"


def load_recipe(path: Path, root: Path | None = None) -> Recipe:
    """Read a recipe; `root` replaces its `data.root`.

    Raises:
        MissingFile: there is no such file.
        RecipeError: bad TOML, unknown or missing keys, impossible values.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFile(f"no recipe at {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error
    data = dict(_table(values, "data"))
    chosen_root = root if root is not None else Path(data.pop("root", "."))
    data.pop("root", None)
    tokenizer = _build(TokenizerRecipe, _table(values, "tokenizer"), "tokenizer")
    try:
        model = ModelConfig.from_dict(
            {**_table(values, "model"), "vocab_size": tokenizer.vocab_size}
        )
    except ValueError as error:
        raise RecipeError(f"[model]: {error}") from error
    top = {key: value for key, value in values.items() if not isinstance(value, dict)}
    built = _build(
        Recipe,
        {
            **top,
            **data,
            "name": path.stem,
            "root": chosen_root,
            "tokenizer": tokenizer,
            "model": model,
            "pretrain": _stage(values, "pretrain", path.parent),
            "finetune": _stage(values, "finetune", path.parent),
        },
        "recipe",
    )
    _check(built)
    return built


def _stage(values: Mapping[str, Any], name: str, directory: Path) -> StageRecipe:
    table = dict(_table(values, name))
    sources = table.get("sources")
    if not isinstance(sources, list) or not sources:
        raise RecipeError(f"[{name}]: sources must list at least one {{ path = ... }}")
    return _build(
        StageRecipe, {**table, "sources": tuple(_source(s, name, directory) for s in sources)}, name
    )


def _source(values: Mapping[str, Any], stage: str, directory: Path) -> Source:
    source = _build(Source, values, f"{stage}.sources")
    if source.path.startswith("."):
        return dataclasses.replace(source, path=str((directory / source.path).resolve()))
    return source


def _check(recipe: Recipe) -> None:
    for name, stage in (("pretrain", recipe.pretrain), ("finetune", recipe.finetune)):
        if (stage.tokens > 0) == (stage.minutes > 0):
            raise RecipeError(f"[{name}]: give exactly one of tokens and minutes")
        if stage.sequence > recipe.model.context_length:
            raise RecipeError(
                f"[{name}]: sequence {stage.sequence} exceeds model.context_length "
                f"{recipe.model.context_length}"
            )
        if stage.micro_batch and stage.batch % stage.micro_batch:
            raise RecipeError(f"[{name}]: batch must be a multiple of micro_batch")


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = values.get(name)
    if not isinstance(table, dict):
        raise RecipeError(f"the recipe lacks the table [{name}]")
    return table


_T = TypeVar("_T")


def _build(kind: type[_T], values: Mapping[str, Any], where: str) -> _T:
    """Fill a dataclass from a table, naming keys that are unknown or missing."""
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise RecipeError(
            f"[{where}]: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}"
        )
    try:
        return kind(**values)
    except (TypeError, ModelConfigError) as error:
        raise RecipeError(f"[{where}]: {error}") from error
