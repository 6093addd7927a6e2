"""The reply that somebody wrote to a message much like this one, or none.

Response selection, the retrieving half of Weston, Dinan and Miller (2018): of many written
exchanges the one whose message is nearest answers. The thing to know: it answers only what is
nearly the same message, by word vectors and by an encoder that reads the words in order; whatever
else is said is left to the model.
"""

from __future__ import annotations

import itertools
import json
import lzma
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedding import Embedder
    from retrieval.embedding.pieces import PieceEncoder

# What the person's own sources, memory or settings may know must not be denied beforehand.
_DENIES = re.compile(
    r"\b(?:do not|don't|never) know\b|\b(?:cannot|can't|can not) (?:\w+ )?"
    r"(?:see|check|access|look|find|search|open|connect|know|remember|tell)\b"
    r"|\b(?:have not|haven't|not|never) (?:been )?(?:told|tell)\b|\b(?:web|internet|online"
    r"|websites?|google|calendar|by heart|news|forecast)\b"
    r"|\bkeep (?:that|the|such) (?:number|date|list)",
    re.IGNORECASE,
)
_LONGEST = 200  # characters; a longer message says more than a written one can fit
_CANDIDATES = 24  # that the slower encoder reads
_CONTEXT = 0.4  # how much the reply before counts, where a message reacted to one
_OPENING = 0.1  # what a message that opened a conversation is less like one in its midst


class Exchange(NamedTuple):
    """A message and its reply; `before` is the reply that came before it, "" for a first one."""

    before: str
    message: str
    reply: str


class WrittenReply(NamedTuple):
    """A reply and how like its message is to the one that was sent, from -1 to 1."""

    text: str
    likeness: float


def read_exchanges(file: Path) -> list[Exchange]:
    """Return the exchanges of chat records (JSON lines, xz) whose replies hold for everybody.

    One that denies knowledge or speaks of the web is left out: the person's own sources may know,
    and their settings say whether the web is used.
    """
    found: list[Exchange] = []
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            said = [message["content"] for message in json.loads(line)["messages"]]
            found += map(Exchange, ["", *said[1::2]], said[0::2], said[1::2])
    return [exchange for exchange in found if not _DENIES.search(exchange.reply)]


class WrittenReplies:
    """Exchanges that can be searched: `words` finds candidates, `encoder` reads them in order."""

    def __init__(
        self, exchanges: Sequence[Exchange], words: Embedder, encoder: PieceEncoder
    ) -> None:
        self._exchanges = exchanges
        self._words, self._encoder = words, encoder
        self._messages = words.embed_queries([one.message for one in exchanges])
        befores = {before: n for n, before in enumerate({one.before: None for one in exchanges})}
        vectors = words.embed_queries(list(befores))
        self._befores = vectors[[befores[one.before] for one in exchanges]]

    def nearest(
        self, message: str, before: str = "", said: Collection[str] = ()
    ) -> WrittenReply | None:
        """Return the reply to the nearest message that is not in `said`; None without any.

        `before` is the reply that `message` reacts to; "" for the first of a conversation, which
        is compared with first messages only.
        """
        if not message.strip() or len(message) > _LONGEST:
            return None
        sent, reacted = self._words.embed_queries([message, before])
        everything = range(len(self._exchanges))
        by_words = self._weigh(everything, self._messages @ sent, self._befores @ reacted, before)
        ranked = (int(n) for n in (-by_words).argsort())
        fresh = (n for n in ranked if self._exchanges[n].reply not in said)
        chosen = list(itertools.islice(fresh, _CANDIDATES))
        if not chosen:
            return None
        by_order = self._weigh(
            chosen,
            self._read(message, [self._exchanges[n].message for n in chosen]),
            self._read(before, [self._exchanges[n].before for n in chosen]),
            before,
        )
        likeness = (by_words[chosen] + by_order) / 2
        best = int(likeness.argmax())
        return WrittenReply(self._exchanges[chosen[best]].reply, float(likeness[best]))

    def _read(self, text: str, others: Sequence[str]) -> NDArray[np.float32]:
        """Return how like `text` the others are to the encoder; 0 where it is empty."""
        import numpy as np

        if not text:
            return np.zeros(len(others), dtype=np.float32)
        first, *rest = (read.mean for read in self._encoder.read([text, *others]))
        return np.stack(rest) @ first

    def _weigh(
        self,
        numbers: Sequence[int],
        messages: NDArray[np.float32],
        befores: NDArray[np.float32],
        before: str,
    ) -> NDArray[np.float32]:
        """Return the likeness of exchanges, given those of their messages and what went before."""
        import numpy as np

        opening = np.array([not self._exchanges[n].before for n in numbers])
        if not before:
            return np.where(opening, messages, -1.0)
        within = (1 - _CONTEXT) * messages + _CONTEXT * befores
        return np.where(opening, messages - _OPENING, within)
