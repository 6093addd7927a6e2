"""Recall: every round of every conversation, verbatim, found by words and by meaning.

A round is a question with its answer. Words are looked up in the store's own full-text table, in
all their forms; meaning in vectors that lie in the same file, so there is no second index to keep
in step or to forget in. Both give candidates, which are then scored by what they hold of the
question (`weighing`) and by how near they and their pieces are (`contexts`). Until every round was
read in context, and where no encoder is, two int8 vectors a round made of its words stand in, with
word by word likeness (`likeness`). Scores are probabilities (`scoring`). A date in the question
nudges rounds of that time upwards. Plain fusion by reciprocal rank (Cormack et al. 2009, k = 60) is
kept to compare with: it finds less. Private and deleted conversations are never recalled.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from chatapp.conversations import ConversationStore
from chatapp.conversations.ids import timestamp
from chatapp.memory.contexts import Contexts
from chatapp.memory.dates import Interval, interval_in
from chatapp.memory.likeness import Likeness
from chatapp.memory.scoring import (
    BY_MEANING,
    BY_WORDS,
    PROBABILITIES,
    ContextFeatures,
    Features,
    Scale,
)
from chatapp.memory.types import Round
from chatapp.memory.weighing import Term, Weighed, Weighing, rarities

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlite_utils import Database

    from retrieval.embedding import Embedder
    from retrieval.embedding.pieces import PieceEncoder

Routes = Literal["weighed", "fused", "words", "meaning", "context"]

RRF_K = 60  # the constant of the paper
CANDIDATES = 100  # rounds taken from each route
TIME_BOOST = 0.3  # of the best possible score, for a round of the time asked about
_EMBEDDED_CHARACTERS = 1_000  # of question and answer each; the beginning says what a round is on
_BATCH = 512
# What words, what was said and the whole round count, where scores are no probabilities; fitted on
# the tuning part of the benchmark.
_WORDS, _SAID, _ROUND = 0.3, 0.5, 0.2
_LAYOUT = "said+round"  # what a stored vector holds; another layout makes vectors anew
_COUNTED = 20_000  # messages with a word; one with more is common, however many


class Recall:
    """Searches the rounds in `store`; one object a process. `embedder` None leaves words only."""

    def __init__(
        self,
        store: ConversationStore,
        embedder: Embedder | None,
        encoder: PieceEncoder | None = None,
    ) -> None:
        self._store, self._embedder = store, embedder
        self._lock = threading.Lock()
        self._weighing = Weighing()
        self._likeness = _likeness(embedder)
        self.contexts = (
            Contexts(store, encoder, _vectors_of(embedder), 2 * embedder.dimension)
            if encoder is not None and embedder is not None and self._likeness is not None
            else None
        )
        self._keys: NDArray[np.int64] | None = None
        self._vectors: NDArray[np.float32] | None = None  # (rounds, 2, dimension): said, round

    @property
    def scale(self) -> Scale:
        """Return what the scores mean."""
        if self._likeness is not None:
            return PROBABILITIES
        return BY_WORDS if self._embedder is None else BY_MEANING

    def index_new(self, limit: int = 1_000_000) -> int:
        """Embed rounds that have no vector yet, at most `limit`; return how many were."""
        if self._embedder is None:
            return 0
        done = 0
        while done < limit and (count := self._index_batch(min(_BATCH, limit - done))):
            done += count
        return done

    def search(
        self,
        question: str,
        now: datetime,
        *,
        limit: int = 5,
        without: Collection[str] = (),
        conversation: str | None = None,
        routes: Routes = "weighed",
    ) -> list[Round]:
        """Return the rounds nearest to `question`, best first.

        Args:
            question: what is asked, as typed.
            now: the present, which "last week" counts from.
            limit: how many rounds at most.
            without: ids of user messages to leave out, such as those the model sees anyway.
            conversation: look in this one only.
            routes: how they are found; all but the first are for comparisons. "context" needs
                that all rounds were read in context.
        """
        interval = interval_in(question, now)
        contexts = self.contexts
        if contexts is not None and contexts.complete and routes in ("weighed", "context"):
            rounds = self._in_context(
                contexts, question, interval, without, conversation, alone=routes == "context"
            )
            return sorted(rounds, key=lambda found: -found.score)[:limit]
        terms = self._weighing.terms(question)
        rankings = []
        if routes != "meaning":
            rankings.append(self._by_words(terms, conversation))
        near = self._by_meaning(question, conversation) if routes != "words" else {}
        if near:
            rankings.append(list(near))
        scores = fuse(rankings)
        rounds = [r for r in self._fetch(list(scores), scores) if r.message_id not in without]
        if routes == "weighed" and self._likeness is not None:
            rounds = self._probable(rounds, question, terms, interval, self._likeness)
        else:
            if routes == "weighed":
                rounds = self._weighed(rounds, terms, near)
            if interval is not None:
                rounds = [_nudged(found, interval) for found in rounds]
        return sorted(rounds, key=lambda found: -found.score)[:limit]

    def _in_context(
        self,
        contexts: Contexts,
        question: str,
        interval: Interval | None,
        without: Collection[str],
        conversation: str | None,
        *,
        alone: bool,
    ) -> list[Round]:
        """Return the rounds near in words or in context, with their probabilities.

        With `alone` the score is how near the means are, and nothing else.
        """
        import numpy as np

        terms = self._weighing.terms(question)
        weights = self._store.read(lambda db: _weights(db, terms))
        asked = contexts.ask(question, terms, weights, self._weighing)
        among = None if conversation is None else self._keys_of(conversation)
        near = contexts.nearest(asked, CANDIDATES, among)
        scores = fuse([self._by_words(terms, conversation), near])
        rounds = [r for r in self._fetch(list(scores), scores) if r.message_id not in without]
        if not rounds:
            return []
        weighed = [self._weighing.weigh(terms, weights, r.question, r.answer) for r in rounds]
        likenesses = contexts.likenesses(asked, [found.key for found in rounds])
        if alone:
            return _scored(rounds, likenesses.mean, weighed)
        features = ContextFeatures(
            held=np.array([each.held for each in weighed], np.float32),
            near=likenesses,
            length=np.array([each.length for each in weighed], np.float32),
            in_time=np.array([float(_is_in(r, interval)) for r in rounds], np.float32),
        )
        return _scored(rounds, features.probabilities(), weighed)

    def _probable(
        self,
        rounds: Sequence[Round],
        question: str,
        terms: Sequence[Term],
        interval: Interval | None,
        likeness: Likeness,
    ) -> list[Round]:
        """Return the rounds with the probability of each being the one that is asked for."""
        import numpy as np

        if not rounds:
            return []
        weights = self._store.read(lambda db: _weights(db, terms))
        weighed = [self._weighing.weigh(terms, weights, r.question, r.answer) for r in rounds]
        said, whole = self._nearness(question, [found.key for found in rounds])
        words = [term.word for term in terms]
        with self._lock:
            near_said = likeness.shares(words, weights, [_head(r.question) for r in rounds])
            near_answered = likeness.shares(words, weights, [_head(r.answer) for r in rounds])
        features = Features(
            held=np.array([each.held for each in weighed], np.float32),
            said=said,
            whole=whole,
            near_said=near_said,
            near_answered=near_answered,
            length=np.array([each.length for each in weighed], np.float32),
            in_time=np.array([float(_is_in(r, interval)) for r in rounds], np.float32),
        )
        return _scored(rounds, features.probabilities(), weighed)

    def _nearness(
        self, question: str, keys: Sequence[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the cosines of the question with what was said and with the whole rounds.

        Both 0 for a round that has no vector yet.
        """
        import numpy as np

        assert self._embedder is not None
        known, vectors = self._loaded()
        wanted = self._embedder.embed_queries([question])[0]
        places = np.searchsorted(known, keys)
        there = np.zeros(len(keys), bool)
        inside = places < len(known)
        there[inside] = known[places[inside]] == np.asarray(keys)[inside]
        near = np.zeros((len(keys), 2), np.float32)
        near[there] = vectors[places[there]] @ wanted / 127.0
        return near[:, 0], near[:, 1]

    def _weighed(
        self, rounds: Sequence[Round], terms: Sequence[Term], near: Mapping[int, float]
    ) -> list[Round]:
        """Return the rounds scored from about 0 to 1; one that only has words is far in meaning."""
        weights = self._store.read(lambda db: _weights(db, terms))
        weigh = self._weighing.weigh
        share = 1.0 if self._embedder is None else _WORDS
        weighed = []
        for found in rounds:
            held = weigh(terms, weights, found.question, found.answer).held
            score = share * held + near.get(found.key, 0.0)
            weighed.append(replace(found, score=score, held=held))
        return weighed

    def _by_words(self, terms: Sequence[Term], conversation: str | None) -> list[int]:
        """Return round keys by BM25 over questions and answers, best first."""
        if not terms:
            return []
        match = " OR ".join(term.match for term in terms)
        query = """
            select case m.role when 'user' then m.key else p.key end as key
            from (
                select rowid, rank from messages_fts where messages_fts match :match
                    and (:id is null or rowid in (
                        select key from messages where conversation_id = :id
                    ))
                order by rank limit :limit
            ) found
            join messages m on m.key = found.rowid
            left join messages p on p.id = m.parent_id
            order by found.rank
        """
        values = {"match": match, "id": conversation, "limit": 4 * CANDIDATES}
        rows = self._store.read(lambda db: list(db.query(query, values)))
        keys = (row["key"] for row in rows if row["key"] is not None)
        return list(dict.fromkeys(keys))[:CANDIDATES]

    def _by_meaning(self, question: str, conversation: str | None) -> dict[int, float]:
        """Return round keys with their nearness, from 0 to `_SAID + _ROUND`, nearest first."""
        import numpy as np

        if self._embedder is None:
            return {}
        keys, vectors = self._loaded()
        if not len(keys):
            return {}
        wanted = self._embedder.embed_queries([question])[0]
        wanted = np.round(wanted * 127).astype(np.int8).astype(np.float32)
        scores = vectors.reshape(len(keys), -1) @ np.concatenate((_SAID * wanted, _ROUND * wanted))
        if conversation is not None:
            scores[~np.isin(keys, self._keys_of(conversation))] = 0
        best = np.argsort(-scores, kind="stable")[:CANDIDATES]
        scale = 127.0**2
        return {
            int(keys[place]): float(scores[place]) / scale for place in best if scores[place] > 0
        }

    def _keys_of(self, conversation: str) -> list[int]:
        query = "select key from messages where conversation_id = ? and role = 'user'"
        rows = self._store.read(lambda db: list(db.query(query, [conversation])))
        return [row["key"] for row in rows]

    def _loaded(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return all vectors; only those written since the last call are read."""
        import numpy as np

        assert self._embedder is not None
        with self._lock:
            if self._keys is None or self._vectors is None:
                self._keys = np.zeros(0, np.int64)
                self._vectors = np.zeros((0, 2, self._embedder.dimension), np.float32)
            last = int(self._keys[-1]) if len(self._keys) else 0
            query = """
                select key, substr(vector, 1, ?) as vector from round_vectors
                where key > ? and instr(embedder, ?) = 1 order by key
            """
            values = [2 * self._embedder.dimension, last, _vectors_of(self._embedder)]
            rows = self._store.read(lambda db: list(db.query(query, values)))
            if rows:
                new = np.frombuffer(b"".join(row["vector"] for row in rows), np.int8)
                new = new.reshape(len(rows), 2, -1).astype(np.float32)
                self._keys = np.concatenate((self._keys, [row["key"] for row in rows]))
                self._vectors = np.concatenate((self._vectors, new))
            return self._keys, self._vectors

    def _index_batch(self, size: int) -> int:
        import numpy as np

        assert self._embedder is not None
        embedder = self._embedder
        # A finished answer is what makes a round: one that still streams is embedded later.
        query = """
            select m.key, m.text, coalesce((
                select a.text from messages a where a.parent_id = m.id and a.role = 'assistant'
                    and a.deleted_at is null
                order by a.key desc limit 1
            ), '') as answer
            from messages m join conversations c on c.id = m.conversation_id
            left join round_vectors v on v.key = m.key and instr(v.embedder, ?) = 1
            where m.role = 'user' and v.key is null and c.private = 0
                and not exists (
                    select 1 from messages s where s.parent_id = m.id and s.status = 'streaming'
                )
            order by m.key limit ?
        """
        made_by = _vectors_of(embedder)
        rows = self._store.read(lambda db: list(db.query(query, [made_by, size])))
        if not rows:
            return 0
        said = [_head(row["text"]) for row in rows]
        whole = [f"{_head(row['text'])} {_head(row['answer'])}" for row in rows]
        vectors = embedder.embed_passages([*said, *whole]).reshape(2, len(rows), -1)
        codes = np.round(vectors.transpose(1, 0, 2) * 127).astype(np.int8)

        def job(db: Database) -> None:
            for row, code in zip(rows, codes, strict=True):
                # the message may have been deleted since it was read
                db.execute(
                    """
                    insert or replace into round_vectors (key, embedder, vector)
                    select key, ?, ? from messages where key = ? and text = ?
                    """,
                    [made_by, code.tobytes(), row["key"], row["text"]],
                )

        self._store.write(job)
        if self.contexts is not None:
            self.contexts.complete = False
        return len(rows)

    def _fetch(self, keys: Sequence[int], scores: dict[int, float]) -> list[Round]:
        marks = ", ".join("?" for _ in keys)
        query = f"""
            select m.key, m.id, m.conversation_id, c.title, m.created_at, m.text, coalesce((
                select a.text from messages a where a.parent_id = m.id and a.role = 'assistant'
                    and a.deleted_at is null
                order by a.key desc limit 1
            ), '') as answer
            from messages m join conversations c on c.id = m.conversation_id
            where m.key in ({marks}) and c.deleted_at is null and c.private = 0
                and m.deleted_at is null
        """
        rows = self._store.read(lambda db: list(db.query(query, list(keys))))
        return [
            Round(
                row["id"],
                row["conversation_id"],
                row["title"],
                row["created_at"],
                row["text"],
                row["answer"],
                scores[row["key"]],
                row["key"],
            )
            for row in rows
        ]


def _scored(
    rounds: Sequence[Round], probabilities: Iterable[float], weighed: Sequence[Weighed]
) -> list[Round]:
    return [
        replace(found, score=float(score), held=each.held)
        for found, score, each in zip(rounds, probabilities, weighed, strict=True)
    ]


def fuse(rankings: Iterable[Sequence[int]]) -> dict[int, float]:
    """Return reciprocal-rank scores, scaled so that first in every ranking gives 1."""
    rankings = list(rankings)
    best = max(1, len(rankings)) / (RRF_K + 1)
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + 1 / (RRF_K + place) / best
    return scores


def _weights(db: Database, terms: Sequence[Term]) -> list[float]:
    """Return how rare each term is among the messages; a common one is not counted to its end."""
    query = """
        select count(*) from (select 1 from messages_fts where messages_fts match ? limit ?)
    """
    total = db.execute("select count(*) from messages_fts_docsize").fetchone()[0]

    def count(match: str) -> int:
        return int(db.execute(query, [match, _COUNTED]).fetchone()[0])

    return rarities(terms, count, int(total))


def _vectors_of(embedder: Embedder) -> str:
    """Return what tells stored vectors apart: the weights they were made with, and their layout."""
    return f"{embedder.id} {_LAYOUT}"


def _nudged(found: Round, interval: Interval) -> Round:
    return replace(found, score=found.score + TIME_BOOST) if _is_in(found, interval) else found


def _is_in(found: Round, interval: Interval | None) -> bool:
    if interval is None:
        return False
    start, end = (timestamp(moment) for moment in interval)
    return start <= found.created_at < end


def _likeness(embedder: Embedder | None) -> Likeness | None:
    """Return likeness of words where a word's vector costs next to nothing, as in the shipped one.

    The weights of its scores were fitted with that one.
    """
    from retrieval.embedding.static import StaticEmbedder

    return Likeness(embedder) if isinstance(embedder, StaticEmbedder) else None


def _head(text: str) -> str:
    return text[:_EMBEDDED_CHARACTERS]
