"""Embedding spread over processes or machines by Ray Data, with the vectors of the local path.

The thing to know: this is an `Embedder` in front of another one. Texts go out in slices of a fixed
size, each embedded as a whole by one worker with the very embedder that was given, and come back in
order, so what the index stores does not depend on how many workers there are. Few texts are not
worth the way: they are embedded here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from retrieval.embedding.protocol import Embedder
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLICE = 256  # texts
_WORTH_SENDING = 2 * SLICE


class RayUnavailable(RetrievalError):
    """Ray is not installed, or its cluster does not answer."""


@contextmanager
def cluster(address: str) -> Iterator[Callable[[Embedder], Embedder]]:
    """Connect to a Ray cluster, or start one on this machine for `local`; yield what spreads.

    Raises:
        RayUnavailable: not installed, or nobody answers at that address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would tell its makers
    try:
        import ray
        import ray.data
    except ImportError as error:
        fix = "in the repository of chatapp, type .venv/bin/pip install -e '.[ray]'"
        raise RayUnavailable("Ray is not installed", fix) from error
    options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if address == "local":
        options |= {"include_dashboard": False}
    else:
        options |= {"address": address}
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RayUnavailable(
            f"no Ray cluster answers at {address}", "start one with `ray start --head`"
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    for name in ("ray", "ray.data"):  # a line for each batch, on the screen of a person
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield SpreadEmbedder
    finally:
        ray.shutdown()


class SpreadEmbedder:
    """Makes the vectors of `embedder` on the workers of the cluster that is connected."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.id = embedder.id
        self.dimension = embedder.dimension
        self._reference: Any = None

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit row vector a text, float32 (len(texts), dimension)."""
        if len(texts) < _WORTH_SENDING:
            return self._embedder.embed_passages(texts)
        import numpy as np
        import ray

        slices = [
            {"place": place, "texts": list(texts[place : place + SLICE])}
            for place in range(0, len(texts), SLICE)
        ]
        made = (
            ray.data.from_items(slices, override_num_blocks=len(slices))
            .map_batches(partial(_embed, self._shared()), batch_size=1)
            .take_all()
        )
        made.sort(key=lambda row: int(row["place"]))
        return np.concatenate([_vectors(row, self.dimension) for row in made])

    def _shared(self) -> Any:
        """Return the embedder as the cluster holds it: it is sent to a machine once."""
        import ray

        if self._reference is None:
            self._reference = ray.put(self._embedder)
        return self._reference

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of queries, which are few: they are made here."""
        return self._embedder.embed_queries(texts)


def _embed(reference: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """Embed slices; runs on a worker, which is kept by Ray for the next ones."""
    import ray

    embedder: Embedder = ray.get(reference)
    made = [embedder.embed_passages(list(texts)) for texts in batch["texts"]]
    return {"place": batch["place"], "vectors": [matrix.tobytes() for matrix in made]}


def _vectors(row: dict[str, Any], dimension: int) -> NDArray[np.float32]:
    import numpy as np

    return np.frombuffer(row["vectors"], dtype=np.float32).reshape(-1, dimension)
