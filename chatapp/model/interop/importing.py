"""A Hugging Face model directory into one of ours.

An architecture that our `GPT` computes exactly is converted: names change, dtypes and bytes do not.
Any other that `transformers` knows is copied as it is and runs through `transformers`. Code that
comes with a model is never run, and weights in pickles are never read, for a pickle is code.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatapp.model.checkpoint import CONFIG_FILE, TOKENIZER_FILE, shapes, write_config_file
from chatapp.model.config import ModelConfig, ModelConfigError
from chatapp.model.interop.errors import InteropError, UnsupportedModel
from chatapp.model.interop.layout import is_weight, layout
from chatapp.model.interop.own_files import token_ids
from chatapp.model.interop.read_config import read_config
from chatapp.model.interop.tokenizer import SIDE_FILES, ImportedTokenizer, load_tokenizer
from chatapp.model.tokenizer import TokenizerError
from chatapp.model.weights import WeightFiles, WeightsError, WeightsMissing, WeightWriter

MAX_FILE_BYTES = 2 * 1000**3
COPIED = ("LICENSE", "LICENSE.txt", "LICENSE.md", "README.md")  # who made it, and what one may do


@dataclass(frozen=True)
class Imported:
    """What was imported.

    Attributes:
        model_type: the architecture by its Hugging Face name.
        converted: whether our own model runs it; else `transformers` does, because of `reason`.
        chats: whether it came with a chat template.
    """

    model_type: str
    converted: bool
    chats: bool
    reason: str = ""


def import_model(
    source: Path, target: Path, *, name: str = "", max_file_bytes: int = MAX_FILE_BYTES
) -> Imported:
    """Bring the model at `source` to the new directory `target`.

    Args:
        name: where the model comes from, kept in its config; None of it is looked up.

    Raises:
        InteropError: the directory holds no model that can run here, or `target` exists.
        OSError: `target` cannot be written.
    """
    if target.exists():
        raise InteropError(
            f"there is a model at {target} already",
            "choose another name with --name, or remove that directory.",
        )
    values = _read_json(source / CONFIG_FILE)
    staging = target.with_name(f".{target.name}.importing")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        imported = _import_into(staging, source, values, name or source.name, max_file_bytes)
        staging.replace(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return imported


def _import_into(
    staging: Path, source: Path, values: dict[str, Any], name: str, max_file_bytes: int
) -> Imported:
    kind = str(values.get("model_type", ""))
    try:
        weights = _weights(source)
        tokenizer = _bring_tokenizer(source, staging, values)
        for file in COPIED:
            if (source / file).is_file():
                shutil.copyfile(source / file, staging / file)
        try:
            config = read_config(values)
        except UnsupportedModel as error:
            _copy(source, staging, weights, values)
            return Imported(kind, False, tokenizer.chats, str(error))
        digests = _convert(kind, config, weights, WeightWriter(staging, max_bytes=max_file_bytes))
    except (ModelConfigError, WeightsError, TokenizerError) as error:
        raise InteropError(f"the model at {source} cannot be read: {error}") from error
    if tokenizer.vocab_size > config.vocab_size:
        raise InteropError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, the model {config.vocab_size} only"
        )
    origin = {"imported_from": {"name": name, "model_type": kind}}
    write_config_file(staging, config, digests, extra={**token_ids(tokenizer), **origin})
    return Imported(kind, True, tokenizer.chats)


def _weights(source: Path) -> WeightFiles:
    try:
        return WeightFiles(source)
    except WeightsMissing:
        if any(source.glob("*.bin")) or any(source.glob("*.pt*")):
            raise InteropError(
                f"the weights are pickled ({source} has no model.safetensors), and a pickle can "
                "run code",
                "choose a version of the model with safetensors files.",
            ) from None
        raise


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InteropError(
            f"no model at {path.parent}: {path.name} is missing",
            "name a directory in the Hugging Face format, or a model's id on the hub.",
        ) from None
    except ValueError as error:
        raise InteropError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict) or "model_type" not in values:
        raise InteropError(f"{path} names no model_type, so it describes no Hugging Face model")
    if values["model_type"] == "chatapp_gpt":
        raise InteropError(
            f"{path.parent} is a model of this app already",
            "use it where it is: set `model` to its path, or copy it into the models directory.",
        )
    return values


def _bring_tokenizer(source: Path, staging: Path, values: dict[str, Any]) -> ImportedTokenizer:
    """Copy the tokenizer's files, or make them from an older form."""
    for name in (TOKENIZER_FILE, *SIDE_FILES):
        if (source / name).is_file():
            shutil.copyfile(source / name, staging / name)
    if not (staging / TOKENIZER_FILE).is_file():
        _make_tokenizer_file(source, staging)
    # the converted config.json comes later; until then the source's names the ends
    (staging / CONFIG_FILE).write_text(json.dumps(values), encoding="utf-8")
    tokenizer = load_tokenizer(staging)
    if not isinstance(tokenizer, ImportedTokenizer):
        raise InteropError(f"{source} has a tokenizer of this app and a model of another")
    return tokenizer


def _make_tokenizer_file(source: Path, staging: Path) -> None:
    """Let `transformers` turn vocabulary files, or a SentencePiece model, into tokenizer.json."""
    from transformers import AutoTokenizer

    try:
        AutoTokenizer.from_pretrained(source, trust_remote_code=False).save_pretrained(staging)
    except Exception as error:  # whatever its converters raise
        raise TokenizerError(
            f"{TOKENIZER_FILE} is missing, and could not be made from the other files: {error}"
        ) from error
    if not (staging / TOKENIZER_FILE).is_file():
        raise TokenizerError(f"{TOKENIZER_FILE} is missing, and its tokenizer has no such form")


def _convert(
    kind: str, config: ModelConfig, weights: WeightFiles, writer: WeightWriter
) -> dict[str, str]:
    """Rename the weights; return the sha256 of each file written."""
    sizes = shapes(config)
    rows = {name: size[0] for name, size in sizes.items()}
    entries = {entry.theirs: entry for entry in layout(kind, config)}
    found = set()
    for name, tensor in weights.items():
        theirs = _full_name(name, entries.keys())
        if theirs is None:
            continue
        found.add(theirs)
        try:
            parts = list(entries[theirs].split(tensor, rows))
        except RuntimeError:
            parts = []
        if not parts or any(part.shape != sizes[ours] for ours, part in parts):
            raise WeightsError(f"{name} has the shape {list(tensor.shape)}, against config.json")
        for ours, part in parts:
            writer.add(ours, part)
    if missing := sorted(entries.keys() - found):
        raise WeightsError(f"{len(missing)} weights are missing, {missing[0]} among them")
    return writer.finish()


def _full_name(name: str, known: Any) -> str | None:
    """Return the name that the layout knows, or None for a table that is computed.

    The first GPT-2 files leave out the name of the inner model; a tied head may be stored twice.
    """
    for candidate in (name, f"transformer.{name}", f"model.{name}"):
        if candidate in known:
            return candidate
    if not is_weight(name) or name == "lm_head.weight":
        return None
    raise WeightsError(f"the weight {name} has no place in the architecture that config.json names")


def _copy(source: Path, staging: Path, weights: WeightFiles, values: dict[str, Any]) -> None:
    """Take a model as it is, if `transformers` can run it without code of its own."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = values["model_type"]
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        code = "; it brings code of its own, which is not run" if "auto_map" in values else ""
        raise InteropError(
            f"the installed transformers has no text model of the architecture {kind!r}{code}",
            "a newer transformers may have it; else choose another model.",
        )
    index = source / "model.safetensors.index.json"
    for file in [*weights.files, *([index] if index.is_file() else [])]:
        shutil.copyfile(file, staging / file.name)
    shutil.copyfile(source / CONFIG_FILE, staging / CONFIG_FILE)
