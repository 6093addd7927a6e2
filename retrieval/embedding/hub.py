"""Where an encoder of the Hugging Face hub lies once it was fetched. Never goes online."""

from __future__ import annotations

from pathlib import Path

from retrieval.embedding.protocol import CONFIG_NAME
from retrieval.errors import EmbedderUnavailable


def fetched(name: str) -> Path:
    """Return the directory of the model `name` ("owner/model") in the hub's own cache.

    Raises:
        EmbedderUnavailable: it was not fetched, or the name is none.
    """
    from transformers.utils.hub import cached_file

    try:
        file = cached_file(name, CONFIG_NAME, local_files_only=True)
        assert file is not None  # only None when told not to raise
        return Path(file).parent
    except (OSError, ValueError) as error:
        raise EmbedderUnavailable(
            f"there is no embedder {name!r} on this machine",
            "give `default`, `minilm`, a directory, or the id of a model that you fetched with"
            " `hf download OWNER/MODEL`",
        ) from error
