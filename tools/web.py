"""The tools `web_search` and `web_open`: what they take and give, over a `Web` that is plugged in.

The thing to know: a model can name a result of its last search and nothing else. It cannot write
an address, so no text that it read can send it, or anything it knows, to a place of its choice.
Without a `Web` both tools are off and say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from tools.protocol import Json, ToolContext, ToolError, ToolOutput, Unavailable

NOT_CONFIGURED = Unavailable(
    "web search is not configured",
    "answers come from your own sources; `chatapp index add` takes in more of them.",
)


@dataclass(frozen=True)
class WebResult:
    """One result of a search."""

    url: str
    title: str
    snippet: str


@dataclass(frozen=True)
class WebPage:
    """A page as text."""

    url: str
    title: str
    text: str


class Web(Protocol):
    """What searches and fetches. Blocking; called from any thread; ends when `stop` is set."""

    def search(self, query: str, limit: int, context: ToolContext) -> Sequence[WebResult]:
        """Return results, best first. Raises ToolError: blocked, or no provider answers."""
        ...

    def open(self, result: WebResult, context: ToolContext) -> WebPage:
        """Return the page of a result. Raises ToolError: it may not or cannot be fetched."""
        ...


class WebSearch:
    """Searches the web, and keeps the results of the last search for `WebOpen`."""

    name = "web_search"
    description = "Search the web. Gives numbered results; web_open reads one of them."
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1, "maxLength": 400},
            "limit": {"type": "integer", "minimum": 1, "maximum": 10},
        },
        "required": ["query"],
        "additionalProperties": False,
    }
    needs_approval = True

    def __init__(self, web: Web | None) -> None:
        """Without a web the tool is off."""
        self._results: tuple[WebResult, ...] = ()
        self._conversation = ""
        self._web = web

    def results(self, conversation: str) -> tuple[WebResult, ...]:
        """Return what was found last, if it was found in this conversation.

        What another one looked for is opened from nowhere else: its results tell of its query.
        """
        return self._results if conversation == self._conversation else ()

    def available(self) -> Unavailable | None:
        """It is where a web was plugged in."""
        return None if self._web else NOT_CONFIGURED

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        assert self._web is not None, "the registry asks available() first"
        found = self._web.search(arguments["query"], arguments.get("limit", 5), context)
        self._results, self._conversation = tuple(found), context.conversation
        lines = (
            f"[{n}] {result.title} ({result.url})\n{result.snippet}"
            for n, result in enumerate(found, 1)
        )
        text = "\n".join(lines) or "The search found nothing."
        return ToolOutput(text, "web", [asdict(result) for result in found])


class WebOpen:
    """Reads one result of the last search."""

    name = "web_open"
    description = "Read a page: the number of a result of the last web_search."
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {"result": {"type": "integer", "minimum": 1}},
        "required": ["result"],
        "additionalProperties": False,
    }
    needs_approval = True

    def __init__(self, search: WebSearch, web: Web | None) -> None:
        """Without a web the tool is off."""
        self._search = search
        self._web = web

    def available(self) -> Unavailable | None:
        """It is where a web was plugged in."""
        return None if self._web else NOT_CONFIGURED

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        assert self._web is not None, "the registry asks available() first"
        results, wanted = self._search.results(context.conversation), arguments["result"]
        if wanted > len(results):
            there_are = f"1 to {len(results)}" if results else "none yet: search first"
            raise ToolError(f"There is no result {wanted}. There are: {there_are}.")
        page = self._web.open(results[wanted - 1], context)
        return ToolOutput(f"{page.title} ({page.url})\n\n{page.text}", "web", [asdict(page)])
