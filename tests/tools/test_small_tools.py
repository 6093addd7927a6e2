"""Clock, index, memory and web: what they say, and that they say so when they are off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest

from retrieval.errors import IndexUnavailable
from retrieval.types import Hit, Passage
from tools.calls import ToolCall, ToolResult
from tools.clock import Clock, knows_zone
from tools.memory import MemoryAdd, MemorySearch, Remembered
from tools.protocol import Tool, ToolContext, ToolError
from tools.registry import ToolRegistry
from tools.search_index import IndexSearch
from tools.web import WebOpen, WebPage, WebResult, WebSearch

HERE = timezone(timedelta(hours=1), "CET")
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=HERE)


def run(tool: Tool, **arguments: object) -> ToolResult:
    """Run one tool at a fixed time."""
    call = ToolCall(tool.name, arguments)
    return ToolRegistry([tool]).run(call, ToolContext(clock=lambda: NOW))


def test_the_clock_tells_day_and_time_here() -> None:
    """In words for the person, and as an ISO time, weekday and week."""
    found = run(Clock()).output
    assert found.text == "Sunday, 22 November 2026, 14:30:00 CET (UTC+01:00)"
    assert found.value == {
        "iso": "2026-11-22T14:30:00+01:00",
        "weekday": "Sunday",
        "week": "2026-W47",
        "unix": 1795354200,
    }


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Asia/Tokyo", "Sunday, 22 November 2026, 22:30:00 Asia/Tokyo (UTC+09:00)"),
        ("tokyo", "Sunday, 22 November 2026, 22:30:00 Asia/Tokyo (UTC+09:00)"),
        ("New York", "Sunday, 22 November 2026, 08:30:00 America/New_York (UTC-05:00)"),
        ("UTC", "Sunday, 22 November 2026, 13:30:00 UTC"),
        ("GMT+5", "Sunday, 22 November 2026, 18:30:00 UTC+05:00"),
        ("utc -3:30", "Sunday, 22 November 2026, 10:00:00 UTC-03:30"),
        ("GMT+0", "Sunday, 22 November 2026, 13:30:00 UTC"),
        ("Zürich", "Sunday, 22 November 2026, 14:30:00 Europe/Zurich (UTC+01:00)"),
        ("Etc/GMT+5", "Sunday, 22 November 2026, 08:30:00 Etc/GMT+5 (UTC-05:00)"),
        ("Asia/Kathmandu", "Sunday, 22 November 2026, 19:15:00 Asia/Kathmandu (UTC+05:45)"),
    ],
)
def test_the_clock_knows_zones_and_cities(zone: str, said: str) -> None:
    """By the name of the zone or of its city, in any letters, with accents or without."""
    assert run(Clock(), time_zone=zone).output.text == said


def test_which_names_of_zones_are_known() -> None:
    """By the same rule as the clock reads them."""
    assert all(map(knows_zone, ["Asia/Tokyo", "tokyo", "New York", "UTC", "gmt"]))
    assert all(map(knows_zone, ["GMT+5", "utc -3:30", "São Paulo"]))
    assert not knows_zone("東京")
    assert not any(map(knows_zone, ["", "a marathon", "Germany", "../../etc/passwd", "x\0"]))


def test_the_clock_turns_a_moment_into_another_zone() -> None:
    """A moment without a zone is the person's own; summer time is known."""
    summer = run(Clock(), at="2026-07-01T12:00", time_zone="Europe/Berlin").output
    assert summer.text == "Wednesday, 1 July 2026, 13:00:00 Europe/Berlin (UTC+02:00)"
    assert "13:00" in run(Clock(), at="2026-07-01T12:00Z", time_zone="Europe/London").output.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"time_zone": "Europe/Berln"}, "Near to it are: Europe/Berlin"),
        ({"time_zone": "../../etc/passwd"}, "There is no time zone"),
        ({"time_zone": "x\0"}, "There is no time zone"),
        ({"time_zone": "UTC+24"}, "24 hours from UTC"),
        ({"at": "noon"}, "is no moment"),
        ({"at": "0001-01-01T00:00+14:00", "time_zone": "UTC"}, "beyond the calendar"),
    ],
)
def test_the_clock_explains_what_it_does_not_know(arguments: dict[str, str], said: str) -> None:
    """The nearest zones are named; nothing is looked up outside the list of zones."""
    assert said in run(Clock(), **arguments).error


def hit(text: str) -> Hit:
    """Return a passage that was found."""
    return Hit(Passage("p1", "d1", "file:///a", "A", "", text, 5, 5 + len(text)), 0.5)


class FakeIndex:
    """An index that finds one passage, or fails."""

    def __init__(self, hits: Sequence[Hit], error: Exception | None = None) -> None:
        self.hits, self.error, self.asked = hits, error, None

    def search(self, query: str, k: int = 8) -> Sequence[Hit]:
        """See `Searchable`."""
        self.asked = (query, k)
        if self.error:
            raise self.error
        return self.hits


def test_index_search_gives_passages_that_can_be_quoted() -> None:
    """Text for the model, and ids with offsets for a citation."""
    index = FakeIndex([hit("Tides follow the moon.")])
    found = run(IndexSearch(lambda: index), query="tides", limit=3)
    assert found.output.text == "[1] A (file:///a)\nTides follow the moon."
    [passage] = found.output.value
    assert (passage["passage"], passage["start"], passage["end"]) == ("p1", 5, 27)
    assert index.asked == ("tides", 3)
    assert run(IndexSearch(lambda: FakeIndex([])), query="x").output.text.startswith("No passage")


def test_index_search_says_when_there_is_nothing_to_search() -> None:
    """An index that is damaged, and a session without one."""
    broken = FakeIndex([], IndexUnavailable("it is damaged", hint="rebuild it"))
    assert "it is damaged" in run(IndexSearch(lambda: broken), query="x").error
    assert run(IndexSearch(None), query="x").failure == "unavailable"
    assert run(IndexSearch(lambda: broken), query="").failure == "arguments"
    assert run(IndexSearch(lambda: broken), query="x", limit=99).failure == "arguments"


class FakeMemory:
    """A memory of one fact that refuses secrets."""

    def search(self, query: str, limit: int) -> Sequence[Remembered]:
        """See `Remembers`."""
        fact = Remembered("f1", "You live in Rome.", "2026-01-02T03:04:05Z", "what you told me")
        return [fact] if "live" in query else []

    def add(self, text: str) -> Remembered:
        """See `Remembers`."""
        if "password" in text:
            raise ValueError("it looks like a password")
        return Remembered("f2", text, "2026-01-02T03:04:05Z", "what you told me")


def test_memory_is_searched_and_added_to() -> None:
    """With dates and ids; what must not be stored is refused with the reason."""
    found = run(MemorySearch(FakeMemory()), query="where do I live")
    assert found.output.text == "2026-01-02 You live in Rome. (what you told me)"
    assert found.output.value[0]["id"] == "f1"
    assert run(MemorySearch(FakeMemory()), query="pets").output.value == []
    assert run(MemoryAdd(FakeMemory()), fact="I like tea").output.text == "Remembered: I like tea"
    refused = run(MemoryAdd(FakeMemory()), fact="my password is x")
    assert refused.error == "Not remembered: it looks like a password"
    assert MemoryAdd(None).needs_approval
    assert run(MemoryAdd(None), fact="x").failure == "unavailable"
    assert run(MemorySearch(None), query="x").failure == "unavailable"


class FakeWeb:
    """A web of two pages."""

    opened: str = ""

    def search(self, query: str, limit: int, context: ToolContext) -> Sequence[WebResult]:
        """See `Web`."""
        if query == "blocked":
            raise ToolError("The search engine blocks us.")
        pages = [WebResult(f"https://example.org/{n}", f"Page {n}", "…") for n in range(2)]
        return [] if query == "nothing" else pages[:limit]

    def open(self, result: WebResult, context: ToolContext) -> WebPage:
        """See `Web`."""
        self.opened = result.url
        return WebPage(result.url, result.title, "Text.")


def test_the_web_is_opened_by_the_number_of_a_result_and_never_by_an_address() -> None:
    """No text can lead a model to an address, for there is no way to write one."""
    web = FakeWeb()
    search = WebSearch(web)
    opens = WebOpen(search, web)
    assert "search first" in run(opens, result=1).error
    assert "[2] Page 1" in run(search, query="pages").output.text
    assert "Text." in run(opens, result=2).output.text
    assert web.opened == "https://example.org/1"
    assert "1 to 2" in run(opens, result=3).error
    assert run(opens, url="http://127.0.0.1/").failure == "arguments"
    assert run(opens, result=0).failure == "arguments"


def test_blocked_is_not_the_same_as_nothing_found() -> None:
    """A person can tell a search engine that refuses from one that has nothing."""
    assert run(WebSearch(FakeWeb()), query="blocked").error == "The search engine blocks us."
    assert run(WebSearch(FakeWeb()), query="nothing").output.text == "The search found nothing."


def test_without_a_web_both_tools_say_that_it_is_not_configured() -> None:
    """Nothing is pretended."""
    search = WebSearch(None)
    for found in (run(search, query="news"), run(WebOpen(search, None), result=1)):
        assert found.failure == "unavailable"
        assert "web search is not configured" in found.error


def test_the_clock_without_a_given_one_is_the_machines_own() -> None:
    """A context has a zone even where nobody gave a clock."""
    assert ToolContext().clock().tzinfo is not None
    assert abs(ToolContext().clock() - datetime.now(UTC)) < timedelta(minutes=1)
