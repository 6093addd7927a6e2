"""Files that ship with the app: found beside the packages in a checkout, inside them in a wheel.

A wheel carries them under `chatapp/_shipped/` with the same layout as the repository
(see `force-include` in `pyproject.toml`). All of them are read-only.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped_root() -> Path:
    """Return the directory that stands for the repository's root."""
    packed = _PACKAGE / "_shipped"
    return packed if packed.is_dir() else _PACKAGE.parent


def default_model_dir() -> Path:
    """Return the directory of the chat model that comes with the app."""
    return shipped_root() / "data" / "models" / "default"


def embedder_dir() -> Path:
    """Return the directory of the sentence embedder that the index uses."""
    return shipped_root() / "data" / "models" / "embedder"


def filter_dir() -> Path:
    """Return the directory of the content filter."""
    return shipped_root() / "data" / "models" / "filter"


def reader_dir() -> Path:
    """Return the directory of the reader that finds answers in passages."""
    return shipped_root() / "data" / "models" / "reader"


def pieces_dir() -> Path:
    """Return the directory of the encoder that reads earlier rounds for recall."""
    return shipped_root() / "data" / "models" / "recall"


def solver_dir() -> Path:
    """Return the directory of the solver of word problems."""
    return shipped_root() / "data" / "models" / "solver"


def recipes_dir() -> Path:
    """Return the directory of the training recipes."""
    return shipped_root() / "data" / "recipes"


def samples_dir() -> Path:
    """Return the directory of the small samples that recipes and benchmarks read."""
    return shipped_root() / "data" / "samples"


def talk_file() -> Path:
    """Return the file of written everyday conversations."""
    return samples_dir() / "talk" / "talk.jsonl.xz"


def handbook_dir() -> Path:
    """Return the directory of the user's handbook, which is indexed out of the box."""
    return shipped_root() / "docs" / "handbook"
