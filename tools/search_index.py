"""The tool `index_search`: passages of the person's own sources, found by words and meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from retrieval.types import Hit
from tools.protocol import Json, ToolContext, ToolError, ToolOutput, Unavailable

MOST_PASSAGES = 20


class Searchable(Protocol):
    """What the tool needs of an index; `retrieval.index.Index` is one. Used from any thread."""

    def search(self, query: str, k: int = 8) -> Sequence[Hit]:
        """Return the `k` best passages, best first."""
        ...


class IndexSearch:
    """Searches an index that is opened by `open_index` when it is first needed."""

    name = "index_search"
    description = "Find passages in the person's own documents and in the handbook of chatapp."
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1, "maxLength": 1000},
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST_PASSAGES},
        },
        "required": ["query"],
        "additionalProperties": False,
    }
    needs_approval = False

    def __init__(self, open_index: Callable[[], Searchable] | None) -> None:
        """Without `open_index` the tool is off."""
        self._open_index = open_index

    def available(self) -> Unavailable | None:
        """It is where there is an index."""
        if self._open_index is None:
            return Unavailable("there is no index in this session", "leave out --no-sources.")
        return None

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`. The value lists passages with their ids, so that they can be quoted."""
        assert self._open_index is not None, "the registry asks available() first"
        from retrieval.errors import IndexUnavailable

        try:
            hits = self._open_index().search(arguments["query"], k=arguments.get("limit", 5))
        except IndexUnavailable as error:
            raise ToolError(f"The index cannot be searched: {error.message}") from error
        if not hits:
            return ToolOutput("No passage has these words.", "passages", [])
        shown = (
            f"[{n}] {hit.passage.title} ({hit.passage.uri})\n{hit.passage.text}"
            for n, hit in enumerate(hits, 1)
        )
        return ToolOutput("\n\n".join(shown), "passages", [_as_json(hit) for hit in hits])


def _as_json(hit: Hit) -> Json:
    passage = hit.passage
    return {
        "passage": passage.id,
        "document": passage.document_id,
        "uri": passage.uri,
        "title": passage.title,
        "start": passage.start,
        "end": passage.end,
        "score": round(hit.score, 6),
    }
