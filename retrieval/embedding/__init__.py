"""Embedders: text to unit vectors. `load_embedder` makes one of a choice.

The thing to know: nothing is ever downloaded here. A choice that is not on this machine is an error
whose hint is the command that fetches it.
"""

from __future__ import annotations

from pathlib import Path

from retrieval.embedding.protocol import CONFIG_NAME, Embedder

__all__ = ["MINILM", "Embedder", "load_embedder"]

MINILM = "minilm"


def load_embedder(choice: Path | str) -> Embedder | None:
    """Return the embedder of a choice.

    Args:
        choice: a directory, as a path or in words; `minilm`; or the id of an encoder on the
            Hugging Face hub that has been fetched. A `Path` that holds no embedder gives None:
            search is then lexical.

    Raises:
        EmbedderDamaged: files are there but do not make an embedder.
        EmbedderUnavailable: nothing of that name is on this machine.
    """
    if choice == MINILM:
        from retrieval.embedding.minilm import load_minilm

        return load_minilm()
    directory = Path(choice).expanduser()
    if (directory / CONFIG_NAME).is_file():
        return _load_directory(directory)
    if isinstance(choice, Path):
        return None
    from retrieval.embedding.hub import fetched

    return _load_directory(fetched(choice), name=choice)


def _load_directory(directory: Path, name: str = "") -> Embedder:
    """Return our own kind of embedder or, by its configuration, one of `transformers`."""
    from retrieval.embedding.static import StaticEmbedder

    if StaticEmbedder.is_in(directory):
        return StaticEmbedder.load(directory)
    from retrieval.embedding.encoder import TransformerEmbedder

    return TransformerEmbedder.load(directory, name=name or directory.name)
