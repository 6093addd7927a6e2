"""Attached files as sources: searched and quoted like the index, by the same code.

The thing to know: the files stand in the conversation's database; what is made here is an index of
them in memory, so that a chat that is killed leaves no copy of them anywhere else.
A citation names its file as `attachment:MESSAGE:N`, so it can be opened long after that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.assistant import grounding
from chatapp.assistant.attachments import Attachment, from_part
from chatapp.assistant.embedder import chosen_embedder
from chatapp.conversations import ConversationStore, NotFound
from retrieval.types import Document, Passage, Quote

if TYPE_CHECKING:
    from chatapp.settings import RetrievalSettings

PREFIX = "attachment:"
_SHORTEST_OPENING = 25  # characters; shorter sentences are titles, dates and greetings
_LOOKED_AT = 10_000  # characters of a file that its opening is taken from


@dataclass(frozen=True)
class AttachedFile:
    """A file of a message; `reference` is what citations call its document."""

    reference: str
    attachment: Attachment


def files_on(store: ConversationStore, message_id: str) -> list[AttachedFile]:
    """Return the files that are attached to a message. Raises NotFound."""
    return [
        AttachedFile(f"{PREFIX}{message_id}:{part.n}", from_part(part))
        for part in store.parts(message_id)
        if part.kind == "attachment"
    ]


def attached_document(store: ConversationStore, reference: str) -> Document:
    """Return the file that a citation names. Raises NotFound."""
    message_id = reference.removeprefix(PREFIX).partition(":")[0]
    for file in files_on(store, message_id):
        if file.reference == reference:
            kept = file.attachment
            return Document(reference, kept.uri, kept.title, kept.text, "attached")
    raise NotFound(f"There is no attached file {reference}.")


class AttachedFiles:
    """An index of attached files for as long as the chat is open. Use it in one thread."""

    def __init__(self) -> None:
        from retrieval.index import Index

        self._index = Index.in_memory(embedder_dir=chosen_embedder())
        self._references: dict[str, str] = {}  # by document id

    def gather(
        self,
        files: Sequence[AttachedFile],
        query: str,
        settings: RetrievalSettings,
        now: Callable[[], float],
    ) -> grounding.Evidence:
        """Search these files and select quotes."""
        self._take_in(files)
        names = [file.reference for file in files]
        found = grounding.gather(self._index, query, settings, now, collections=names)
        hits = [dataclasses.replace(hit, passage=self._passage(hit.passage)) for hit in found.hits]
        return dataclasses.replace(found, hits=hits, quotes=[self._quote(q) for q in found.quotes])

    def overview(self, files: Sequence[AttachedFile], query: str, most: int) -> grounding.Evidence:
        """Return the sentences that files begin with: what can be said of the whole in quotes."""
        quotes = [quote for file in files for quote in _opening(file, max(1, most // len(files)))]
        return grounding.Evidence(query, [], quotes, 0.0, overview=True)

    def passages(self, files: Sequence[AttachedFile], question: str, most: int) -> list[Passage]:
        """Return the passages that fit a question best; of a question that fits none, the first."""
        self._take_in(files)
        names = [file.reference for file in files]
        hits = self._index.search(question[: grounding.QUERY_CHARACTERS], most, collections=names)
        if not hits:
            return [passage for file in files for passage in _first(file, most)][:most]
        return [self._passage(hit.passage) for hit in hits]

    def close(self) -> None:
        """Remove the index, from any thread."""
        self._index.close()

    def _take_in(self, files: Sequence[AttachedFile]) -> None:
        known = set(self._references.values())
        for file in files:
            if file.reference not in known:
                kept = file.attachment
                key = self._index.add_text(
                    kept.uri, kept.title, kept.text, collection=file.reference
                )
                self._references[key] = file.reference

    def _quote(self, quote: Quote) -> Quote:
        """Return a quote that names the attached file, not the row of this index."""
        reference = self._references[quote.document_id]
        passage_id = quote.passage_id.replace(quote.document_id, reference)
        return dataclasses.replace(quote, document_id=reference, passage_id=passage_id)

    def _passage(self, passage: Passage) -> Passage:
        """Return a passage that names the attached file."""
        reference = self._references[passage.document_id]
        name = passage.id.replace(passage.document_id, reference)
        return dataclasses.replace(passage, document_id=reference, id=name)


def _first(file: AttachedFile, most: int) -> list[Passage]:
    from retrieval.chunking import chunk

    kept = file.attachment
    return [
        Passage(
            "", file.reference, kept.uri, kept.title, piece.heading,
            kept.text[piece.start : piece.end], piece.start, piece.end,
        )
        for piece in chunk(kept.text)[:most]
    ]  # fmt: skip


def _opening(file: AttachedFile, most: int) -> list[Quote]:
    from retrieval.sentences import sentence_spans

    kept = file.attachment
    text = kept.text[:_LOOKED_AT]
    sentences = sentence_spans(text)
    cut = sentences[-1:] if len(text) < len(kept.text) else []
    spans = [span for each in sentences if (span := _whole(text, *each, cut=each in cut))]
    telling = [(start, end) for start, end in spans if end - start >= _SHORTEST_OPENING]
    return [
        Quote(text[start:end], "", file.reference, kept.uri, kept.title, start, end, score=0.0)
        for start, end in (telling or spans)[:most]
    ]


def _whole(text: str, start: int, end: int, *, cut: bool) -> tuple[int, int] | None:
    """Return a sentence without headings above it; if it is too long or cut, its first lines.

    Rows of a table and lines of a log are one sentence here. None where no whole line is short
    enough to be quoted.
    """
    from retrieval.quotes import MAX_QUOTE_CHARACTERS

    while text.startswith("#", start, end):
        start = text.find("\n", start, end) + 1
        if not start:
            return None
    start += len(text[start:end]) - len(text[start:end].lstrip())
    longest = start + MAX_QUOTE_CHARACTERS
    if cut or end > longest:
        end = max(start, text.rfind("\n", start, min(end, longest) + 1))
    end = start + len(text[start:end].rstrip())
    return (start, end) if start < end else None
