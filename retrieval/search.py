"""One query, two routes, one ranking: full text and vectors, fused.

The thing to know: the lexical route is the stronger one for questions that name things; the dense
one adds what is said in other words. `retrieval.fusion` says how they are weighed and why.
"""

from __future__ import annotations

from retrieval.duplicates import without_copies
from retrieval.embedding import Embedder
from retrieval.fusion import DEPTH, Fuse, blend, reciprocal_rank
from retrieval.store.protocol import Scope, Scored, Snapshot
from retrieval.terms import content_words, words
from retrieval.types import Hit, Passage, SearchMode

MAX_QUERY_WORDS = 32  # a pasted page is a query too; its first words decide
_SPARE = 20  # asked for beyond k, because some passages may have been deleted meanwhile


class Searcher:
    """Searches one index with one embedder (or none)."""

    def __init__(self, embedder: Embedder | None) -> None:
        """Without embedder every mode but `dense` is lexical, and `dense` finds nothing."""
        self._embedder = embedder

    def search(
        self, snapshot: Snapshot, query: str, k: int, mode: SearchMode, scope: Scope
    ) -> list[Hit]:
        """Return the `k` best passages in scope, best first."""
        if k <= 0:
            return []
        depth = max(DEPTH, k + _SPARE)
        lexical = [] if mode == "dense" else snapshot.lexical(query_words(query), depth, scope)
        dense = [] if mode == "lexical" else self._nearest(snapshot, query, depth, scope)
        fuse: Fuse = reciprocal_rank if mode == "rrf" else blend
        fused = fuse(
            {hit.passage: hit.score for hit in lexical}, {hit.passage: hit.score for hit in dense}
        )
        best = fused[: k + _SPARE]
        found = snapshot.passages([passage for passage, _ in best])
        lexical_ranks = {hit.passage: (rank, hit) for rank, hit in enumerate(lexical, 1)}
        dense_ranks = {hit.passage: (rank, hit) for rank, hit in enumerate(dense, 1)}
        hits = [
            _hit(found[passage], score, lexical_ranks.get(passage), dense_ranks.get(passage), mode)
            for passage, score in best
            if passage in found
        ]
        return without_copies(hits, k)

    def _nearest(self, snapshot: Snapshot, query: str, k: int, scope: Scope) -> list[Scored]:
        if self._embedder is None:
            return []
        vector = self._embedder.embed_queries([query])[0]
        if not vector.any():
            return []  # no word in the query, no direction to look in
        return snapshot.dense(vector, k, scope)


def query_words(query: str) -> list[str]:
    """Return the folded words to search for; folding may take a word such as "½" apart."""
    return [part for word in content_words(query) for part in words(word)][:MAX_QUERY_WORDS]


def _hit(
    passage: Passage,
    fused: float,
    lexical: tuple[int, Scored] | None,
    dense: tuple[int, Scored] | None,
    mode: SearchMode,
) -> Hit:
    """Return a hit whose score is the route's own, or the fused one where two were fused."""
    route = {"lexical": lexical, "dense": dense}.get(mode)
    return Hit(
        passage,
        route[1].score if route else fused,
        lexical_rank=lexical[0] if lexical else None,
        dense_rank=dense[0] if dense else None,
        lexical_score=lexical[1].score if lexical else None,
        dense_score=dense[1].score if dense else None,
    )
