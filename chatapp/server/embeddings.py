"""`/v1/embeddings`: the vectors that the index itself searches with.

Texts are embedded some at a time, in few threads: requests take turns, replies under way keep
cores, and the work for a client that has left ends with the texts in hand.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from chatapp.server.errors import ApiError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


AT_ONCE = 2  # threads
_TEXTS = 64  # of one request, before it is another's turn


class Embedder(Protocol):
    """What is needed of the index's embedder."""

    dimension: int

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit row vector a text."""
        ...


async def embeddings(
    body: dict[str, Any], embedder: Embedder, places: asyncio.Semaphore
) -> dict[str, Any]:
    """Answer a checked request: one unit vector a text.

    Args:
        places: of which work in a thread takes one; all requests share them.

    Raises:
        ApiError: another number of dimensions is asked for than the embedder has.
    """
    if body.get("dimensions", embedder.dimension) != embedder.dimension:
        raise ApiError(
            400,
            f"this embedder has {embedder.dimension} dimensions and cannot be cut",
            code="unsupported",
            param="dimensions",
        )
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    vectors = [
        vector
        for start in range(0, len(texts), _TEXTS)
        for vector in await _embedded(texts[start : start + _TEXTS], embedder, places)
    ]
    as_base64 = body.get("encoding_format") == "base64"
    words = sum(len(text.split()) for text in texts)
    return {
        "object": "list",
        "model": body["model"],
        "data": [
            {
                "object": "embedding",
                "index": place,
                "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode()
                if as_base64
                else vector.tolist(),
            }
            for place, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": words, "total_tokens": words},
    }


async def _embedded(
    texts: Sequence[str], embedder: Embedder, places: asyncio.Semaphore
) -> NDArray[np.float32]:
    """Embed texts in a thread, which keeps its place to its end, whoever waits for it."""
    await places.acquire()
    work = asyncio.ensure_future(asyncio.to_thread(embedder.embed_passages, texts))
    work.add_done_callback(lambda _: places.release())
    return await asyncio.shield(work)
