"""`/v1/embeddings`: the vectors that the index itself searches with."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from chatapp.server.errors import ApiError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """What is needed of the index's embedder."""

    dimension: int

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit row vector a text."""
        ...


async def embeddings(body: dict[str, Any], embedder: Embedder) -> dict[str, Any]:
    """Answer a checked request: one unit vector a text.

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
    vectors = await asyncio.to_thread(embedder.embed_passages, texts)
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
