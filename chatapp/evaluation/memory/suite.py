"""The suite `memory`: extraction, update, abstention, recall over long histories, forgetting.

The thing to know: figures are taken on the `measure` part of the cases; with it the blind cases of
extraction are measured in rows of their own. The histories' other rounds come from `--data`;
without it they are made of what ships with the app, which is enough for a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chatapp.evaluation.estimates import Estimate
from chatapp.evaluation.memory import cases, extraction, profiles
from chatapp.evaluation.memory.forgetting import forgetting
from chatapp.evaluation.memory.histories import Pair, read_pairs, shipped_pairs
from chatapp.evaluation.memory.recalling import recall_abstention, recall_at, variants
from chatapp.evaluation.records import DataError
from chatapp.evaluation.result import Metrics, Result
from chatapp.evaluation.suite import Done, present
from retrieval.embedding import Embedder
from retrieval.embedding.pieces import PieceEncoder

SIZES = (100, 1_000, 10_000)
_ABSTENTION_ROUNDS = 1_000
_CASES_IN_HISTORY = 0.7  # of its rounds, at most
_FORGETTING_ROUNDS = 30  # beside the fact that is forgotten, in each of its files


class MemorySuite:
    """All five parts over one choice of cases and dialogue.

    Args:
        part: which cases; `tune` is for whoever changes rules.
        files: chat records that histories are made of; none means what ships with the app.
        limit: this many extraction messages and recall questions at most.
        embedder, encoder: what recall goes by, as in the app.
    """

    name, unit = "memory", "item"

    def __init__(
        self,
        part: cases.Part,
        files: Sequence[Path],
        *,
        limit: int | None,
        seed: int,
        embedder: Embedder | None,
        encoder: PieceEncoder | None,
    ) -> None:
        self._messages = cases.messages(part)[:limit]
        self._more = {"German": cases.german_messages(part)[:limit]}
        if part == "measure":
            blind = {name: cases.blind_messages(file) for name, file in cases.BLIND.items()}
            self._more |= {name: messages[:limit] for name, messages in blind.items()}
        self._remembered = cases.remembered(part)[:limit]
        self._others = _others(files, self._remembered)
        self._sizes = [size for size in SIZES if size <= len(self._others)]
        if not self._sizes:
            raise DataError(
                f"{len(self._others)} rounds of dialogue are too few for a history of {SIZES[0]}",
                hint="give files of chat records with more of them by --data.",
            )
        self._part, self._seed = part, seed
        self._embedder, self._encoder = embedder, encoder

    def size(self) -> int:
        """Return how many messages are read and questions asked."""
        asked = sum(len(self._held(size)) for size in self._sizes) * len(variants(self._encoder))
        return len(self._messages) + sum(map(len, self._more.values())) + asked

    def _held(self, rounds: int) -> Sequence[cases.Remembered]:
        """Return the cases that a history holds: a short one has other rounds in it too."""
        return self._remembered[: int(_CASES_IN_HISTORY * rounds)]

    def run(self, done: Done) -> Result:
        """Measure the five parts, one after the other."""
        variants: dict[str, Metrics] = {
            "extraction": _extraction(self._messages, done),
            **{
                f"extraction, {name}": _extraction(messages, done)
                for name, messages in self._more.items()
            },
            "update": profiles.updates(),
            "abstention": {**profiles.abstention(), **self._recall_abstention()},
            **self._recall(done),
            "forgetting": forgetting(self._others[:_FORGETTING_ROUNDS]),
        }
        config: dict[str, object] = {"part": self._part, "histories": self._sizes}
        more = sum(map(len, self._more.values()))
        n = len(self._messages) + more + len(self._remembered)
        return Result(variants, n, config)

    def _recall(self, done: Done) -> dict[str, Metrics]:
        by_variant: dict[str, dict[str, Estimate | None]] = {}
        for size in self._sizes:
            found = recall_at(
                self._held(size),
                self._others,
                size,
                self._seed,
                self._embedder,
                self._encoder,
                done,
            )
            for name, figure in found.items():
                by_variant.setdefault(f"recall: {name}", {})[f"recall@5 [{size}]"] = figure
        return {name: present(metrics) for name, metrics in by_variant.items()}

    def _recall_abstention(self) -> Metrics:
        rounds = min(_ABSTENTION_ROUNDS, self._sizes[-1])
        asked, held = self._remembered[::2], self._remembered[1::2]
        quiet, spoke = recall_abstention(
            asked, held, self._others, rounds, self._seed, self._embedder, self._encoder
        )
        return present(
            {
                f"abstention, recall [{rounds}]": quiet,
                f"answered when said, recall [{rounds}]": spoke,
            }
        )


class MessagesSuite:
    """Extraction alone, over messages of a file of one's own in the form of the shipped cases."""

    name, unit = "memory", "message"

    def __init__(self, file: Path, *, limit: int | None) -> None:
        self._messages = cases.messages_in(file)[:limit]
        self._file = file.name

    def size(self) -> int:
        """Return how many messages are read."""
        return len(self._messages)

    def run(self, done: Done) -> Result:
        """Read and judge every message."""
        figures = {f"extraction, {self._file}": _extraction(self._messages, done)}
        return Result(figures, len(self._messages), {"messages": self._file})


def _extraction(messages: Sequence[cases.Message], done: Done) -> Metrics:
    judged, doubted, together = [], [], []
    for message in messages:
        believed = extraction.read_facts(message.text)
        asked = extraction.doubted_facts(message.text)
        judged.append(extraction.judge(message, believed))
        doubted.append(extraction.judge(message, asked))
        together.append(extraction.judge(message, [*believed, *asked]))
        done(1)
    return extraction.score(judged, doubted, together)


def _others(files: Sequence[Path], remembered: Sequence[cases.Remembered]) -> list[Pair]:
    """Return the distinct rounds that are not asked for."""
    own = {case.user for case in remembered}
    pairs = read_pairs(files) if files else shipped_pairs()
    return [pair for pair in dict.fromkeys(pairs) if pair[0] not in own]
