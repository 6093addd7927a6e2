"""Rounds read in their context: a stored mean and the states of their word pieces.

A round is read once, what was said and what was answered in one go, and kept behind its vectors of
words in the same row, so that nothing has to be forgotten in two places. Every piece of a question
is matched with its nearest piece in a round (late interaction, ColBERT, Khattab and Zaharia 2020),
a rare word counting more. The thing to know: reading takes milliseconds a round, so rounds may
have no context yet; `complete` says whether all have one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatapp.conversations import ConversationStore
from chatapp.memory.weighing import Term, Weighing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlite_utils import Database

    from retrieval.embedding.pieces import PieceEncoder

    Floats = NDArray[np.float32]

READ_CHARACTERS = 400  # of what was said and of the answer each
_COMMON = 2.0  # what a word weighs that is no term of the question; a rare one weighs 4 to 7
_COUNT = 2  # bytes: how many pieces of a round were said


@dataclass(frozen=True)
class Asked:
    """A question as it is compared: unit vectors, and two weightings of its pieces, each of sum 1.

    Attributes:
        mean: (width,).
        states: (pieces, kept).
        every: (pieces,) a word by its rarity, one that says little a little.
        terms: (pieces,) only the words that say what is asked for; all 0 where there is none.
    """

    mean: Floats
    states: Floats
    every: Floats
    terms: Floats


@dataclass(frozen=True)
class Likenesses:
    """How near rounds are to a question, each (rounds,), 0 for one that was not read.

    Attributes:
        mean: cosine of the means.
        said_every, said_terms: how much of the question's weight is in what was said.
        whole_every, whole_terms: the same in the whole round.
    """

    mean: Floats
    said_every: Floats
    whole_every: Floats
    said_terms: Floats
    whole_terms: Floats


class Contexts:
    """The contexts in `store` of one encoder; rows of `label` begin with `begin` bytes of vectors.

    Thread-safe.
    """

    def __init__(
        self, store: ConversationStore, encoder: PieceEncoder, label: str, begin: int
    ) -> None:
        self.complete = False
        self._store, self._encoder = store, encoder
        self._label, self._begin = label, begin
        self._lock = threading.Lock()
        self._after = 0  # the key that reading goes on from: rounds before it were read
        self._keys: NDArray[np.int64] | None = None
        self._means: Floats | None = None  # (rounds, width)

    def waiting(self, most: int) -> int:
        """Return how many rounds have no context, counted up to `most`."""
        count = len(self._unread(most))
        self.complete = not count
        return count

    def read_new(self, limit: int) -> int:
        """Read rounds that have no context yet, oldest first, at most `limit`; return how many."""
        rows = self._unread(limit, self._after)
        if len(rows) < limit:  # those that were changed since lie before
            rows = self._unread(limit)
        if rows:
            heads = [(_head(row["text"]), _head(row["answer"])) for row in rows]
            contexts = self._contexts(heads)

            def job(db: Database) -> None:
                for row, context in zip(rows, contexts, strict=True):
                    # the message may have been deleted or changed since it was read
                    db.execute(
                        """
                        update round_vectors set embedder = :made_by, vector = :vector
                        where key = :key and embedder = :before
                            and exists (select 1 from messages where key = :key and text = :text)
                        """,
                        {
                            "made_by": self._made_by,
                            "vector": row["vector"] + context,
                            "key": row["key"],
                            "before": row["embedder"],
                            "text": row["text"],
                        },
                    )

            self._store.write(job)
            self._after = int(rows[-1]["key"])
            with self._lock:
                if self._keys is not None and len(self._keys) and rows[0]["key"] <= self._keys[-1]:
                    self._keys = None  # a round was read again: what is loaded skips it
        self.complete = len(rows) < limit
        return len(rows)

    def ask(
        self, question: str, terms: Sequence[Term], weights: Sequence[float], weighing: Weighing
    ) -> Asked:
        """Return a question as it is compared, its terms weighing `weights`."""
        read = self._encoder.read([question])[0]
        shares = piece_shares(question, read.offsets, terms, weights, weighing)
        return Asked(read.mean, read.states, *shares)

    def nearest(self, asked: Asked, limit: int, among: Sequence[int] | None) -> list[int]:
        """Return the keys of the rounds with the nearest means, of those in `among` if given."""
        import numpy as np

        keys, means = self._loaded()
        scores = means @ asked.mean
        if among is not None:
            scores[~np.isin(keys, among)] = -1
        best = np.argsort(-scores, kind="stable")[:limit]
        return [int(keys[place]) for place in best if scores[place] > -1]

    def likenesses(self, asked: Asked, keys: Sequence[int]) -> Likenesses:
        """Compare the rounds of `keys` with a question."""
        import numpy as np

        stored = self._stored(keys)
        result = np.zeros((5, len(keys)), np.float32)
        width, kept = self._encoder.width, self._encoder.kept
        for place, key in enumerate(keys):
            if key not in stored:
                continue
            mean = np.frombuffer(stored[key], np.int8, width).astype(np.float32)
            said = int.from_bytes(stored[key][width : width + _COUNT], "little")
            codes = np.frombuffer(stored[key], np.int8, offset=width + _COUNT)
            near = asked.states @ (codes.reshape(-1, kept).astype(np.float32).T / 127)
            result[0, place] = mean @ asked.mean / 127
            for row, part in ((1, near[:, :said]), (2, near)):
                if part.size:
                    best = part.max(axis=1)
                    result[row, place], result[row + 2, place] = (
                        asked.every @ best,
                        asked.terms @ best,
                    )
        return Likenesses(*result)

    @property
    def _made_by(self) -> str:
        return f"{self._label} {self._encoder.id}"

    def _unread(self, limit: int, after: int = 0) -> list[dict[str, Any]]:
        query = """
            select v.key, v.embedder, substr(v.vector, 1, :begin) as vector, m.text, coalesce((
                select a.text from messages a where a.parent_id = m.id and a.role = 'assistant'
                    and a.deleted_at is null
                order by a.key desc limit 1
            ), '') as answer
            from round_vectors v join messages m on m.key = v.key
            where v.key > :after and v.embedder <> :made_by and instr(v.embedder, :label) = 1
            order by v.key limit :limit
        """
        values = {
            "begin": self._begin,
            "after": after,
            "made_by": self._made_by,
            "label": self._label,
            "limit": limit,
        }
        return self._store.read(lambda db: list(db.query(query, values)))

    def _contexts(self, rounds: Sequence[tuple[str, str]]) -> list[bytes]:
        """Return what is stored of rounds: mean, number of pieces said, states of all pieces."""
        import numpy as np

        read = self._encoder.read([f"{said} {answered}" for said, answered in rounds])
        stored = []
        for (said, _), pieces in zip(rounds, read, strict=True):
            count = int((pieces.offsets[:, 1] <= len(said)).sum())
            mean, states = (np.round(part * 127).astype(np.int8).tobytes() for part in pieces[:2])
            stored.append(mean + count.to_bytes(_COUNT, "little") + states)
        return stored

    def _loaded(self) -> tuple[NDArray[np.int64], Floats]:
        """Return all means; only those written since the last call are read."""
        import numpy as np

        with self._lock:
            if self._keys is None or self._means is None:
                self._keys = np.zeros(0, np.int64)
                self._means = np.zeros((0, self._encoder.width), np.float32)
            query = """
                select key, substr(vector, ?, ?) as mean from round_vectors
                where key > ? and embedder = ? order by key
            """
            last = int(self._keys[-1]) if len(self._keys) else 0
            values = [self._begin + 1, self._encoder.width, last, self._made_by]
            rows = self._store.read(lambda db: list(db.query(query, values)))
            if rows:
                codes = np.frombuffer(b"".join(row["mean"] for row in rows), np.int8)
                new = codes.reshape(len(rows), -1) / np.float32(127)
                self._keys = np.concatenate((self._keys, [row["key"] for row in rows]))
                self._means = np.concatenate((self._means, new))
            return self._keys, self._means

    def _stored(self, keys: Sequence[int]) -> Mapping[int, bytes]:
        marks = ", ".join("?" for _ in keys)
        query = f"""
            select key, substr(vector, ?) as context from round_vectors
            where embedder = ? and key in ({marks})
        """
        values = [self._begin + 1, self._made_by, *keys]
        rows = self._store.read(lambda db: list(db.query(query, values)))
        return {row["key"]: row["context"] for row in rows}


def piece_shares(
    question: str,
    offsets: NDArray[np.int64],
    terms: Sequence[Term],
    weights: Sequence[float],
    weighing: Weighing,
) -> tuple[Floats, Floats]:
    """Return two weightings of a question's pieces, as `Asked` has them.

    `offsets` (pieces, 2) are the characters that each piece stands for.
    """
    import numpy as np

    of_stem = {term.stem: weight for term, weight in zip(terms, weights, strict=True)}
    every, only = np.zeros((2, len(offsets)), np.float32)
    for start, end, stem in weighing.places(question):
        within = (offsets[:, 0] >= start) & (offsets[:, 1] <= end)
        every[within] = of_stem.get(stem, _COMMON)
        only[within] = of_stem.get(stem, 0.0)
    return _of_sum_one(every), _of_sum_one(only)


def _of_sum_one(weights: Floats) -> Floats:
    import numpy as np

    shares: Floats = weights / np.maximum(weights.sum(), 1e-9)
    return shares


def _head(text: str) -> str:
    return text[:READ_CHARACTERS]
