"""What a run over files has done so far, and how it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.batches import Written
from retrieval.errors import LoadError
from retrieval.files import problem
from retrieval.loaders import BadRecord, Loaded
from retrieval.text import sanitize_text
from retrieval.types import IngestProblem, IngestProgress, IngestReport

Progress = Callable[[IngestProgress], None]
ShouldStop = Callable[[], bool]


class Stopped(Exception):
    """The caller asked to stop; everything committed so far stays."""


@dataclass
class Tally:
    """Counts, problems, and the files that were read anew (or could not be)."""

    progress: Progress | None
    should_stop: ShouldStop | None
    total_bytes: int = 0
    done_bytes: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    problems: list[IngestProblem] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)

    def count(self, written: Written) -> None:
        """Take what a batch changed."""
        self.added += written.added
        self.updated += written.updated
        self.unchanged += written.unchanged
        self.removed += written.removed
        self.passages += written.passages

    def tell(self, path: Path, consumed: int = 0) -> None:
        """Report progress, `consumed` bytes into `path`; give the caller the chance to stop."""
        if self.progress:
            documents = self.added + self.updated + self.unchanged
            done = self.done_bytes + consumed
            shown = sanitize_text(str(path))
            self.progress(IngestProgress(shown, documents, self.passages, done, self.total_bytes))
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Leave the run here when the caller wants that."""
        if self.should_stop and self.should_stop():
            raise Stopped

    def failed(self, path: Path, error: LoadError) -> None:
        """Note what is wrong with a file."""
        self.problems.append(problem(path, error))

    def without_bad(self, path: Path, items: Iterator[Loaded | BadRecord]) -> Iterator[Loaded]:
        """Yield the documents; bad records become problems on the way."""
        for item in items:
            if isinstance(item, BadRecord):
                error = LoadError(item.message, item.hint)
                self.problems.append(problem(f"{path}:{item.place or item.position}", error))
            else:
                yield item

    def report(self, *, interrupted: bool) -> IngestReport:
        """Return the whole of it."""
        return IngestReport(
            added=self.added,
            updated=self.updated,
            unchanged=self.unchanged,
            removed=self.removed,
            passages=self.passages,
            seconds=time.monotonic() - self.began,
            interrupted=interrupted,
            problems=self.problems,
        )
