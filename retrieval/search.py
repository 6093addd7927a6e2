"""One query, two routes, one ranking: full text and vectors, fused.

The thing to know: the lexical route is the stronger one for questions that name things; the dense
one adds what is said in other words. `retrieval.fusion` says how they are weighed and why.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_utils import Database

from retrieval.embedding import Embedder
from retrieval.fusion import blend
from retrieval.store.dense import DenseHit, DenseIndex
from retrieval.store.lexical import LexicalHit, search_lexical
from retrieval.store.records import fetch_passages
from retrieval.store.stemming import Stemmer
from retrieval.types import Hit, Passage, SearchMode
from retrieval.upkeep import has_vectors_of

DEPTH = 100  # candidates a route
_SPARE = 20  # asked for beyond k, because some passages may have been deleted meanwhile


class Searcher:
    """Searches one index with one embedder (or none)."""

    def __init__(
        self, stemmer: Stemmer, embedder: Embedder | None, dense: DenseIndex | None
    ) -> None:
        """Without embedder every mode but `dense` is lexical, and `dense` finds nothing."""
        self._stemmer = stemmer
        self._embedder = embedder
        self._dense = dense

    def search(
        self, database: Database, query: str, k: int, mode: SearchMode, collections: Sequence[str]
    ) -> list[Hit]:
        """Return the `k` best passages of `collections` (all when empty), best first."""
        if k <= 0:
            return []
        depth = max(DEPTH, k) if mode == "hybrid" else k + _SPARE
        lexical = (
            []
            if mode == "dense"
            else search_lexical(database, self._stemmer, query, depth, collections)
        )
        dense = [] if mode == "lexical" else self._nearest(database, query, depth, collections)
        fused = blend(
            {hit.passage: hit.score for hit in lexical}, {hit.passage: hit.score for hit in dense}
        )
        best = fused[: k + _SPARE]
        found = fetch_passages(database, [passage for passage, _ in best])
        lexical_ranks = {hit.passage: (rank, hit) for rank, hit in enumerate(lexical, 1)}
        dense_ranks = {hit.passage: (rank, hit) for rank, hit in enumerate(dense, 1)}
        hits = [
            _hit(found[passage], score, lexical_ranks.get(passage), dense_ranks.get(passage), mode)
            for passage, score in best
            if passage in found
        ]
        return hits[:k]

    def _nearest(
        self, database: Database, query: str, k: int, collections: Sequence[str]
    ) -> list[DenseHit]:
        if not (self._embedder and self._dense and has_vectors_of(database, self._embedder)):
            return []
        vector = self._embedder.embed_queries([query])[0]
        if not vector.any():
            return []  # no word in the query, no direction to look in
        return self._dense.search(database, vector, k, collections)


def _hit(
    passage: Passage,
    fused: float,
    lexical: tuple[int, LexicalHit] | None,
    dense: tuple[int, DenseHit] | None,
    mode: SearchMode,
) -> Hit:
    """Return a hit whose score is the route's own, or the fused one in hybrid mode."""
    route = {"lexical": lexical, "dense": dense, "hybrid": None}[mode]
    return Hit(
        passage,
        route[1].score if route else fused,
        lexical_rank=lexical[0] if lexical else None,
        dense_rank=dense[0] if dense else None,
        lexical_score=lexical[1].score if lexical else None,
        dense_score=dense[1].score if dense else None,
    )
