"""`/tools` and `/tool`: every tool can be seen and run by hand, under the same rules."""

from __future__ import annotations

import pytest

from chatapp.assistant.commands import CommandError, Session, run_line
from chatapp.assistant.events import ToolResult
from tests.assistant.helpers import collect, only


@pytest.fixture
def session(make) -> Session:
    """A session in which nothing was said yet."""
    return Session(make())


def test_the_list_says_what_each_tool_does_or_why_it_is_off(session: Session) -> None:
    """Web search is there, off, and says so; what asks first is marked."""
    lines = {line.split()[0]: line for line in run_line(session, "/tools").text.splitlines()}
    assert "Calculate exactly" in lines["calculator"]
    assert "asks first" not in lines["calculator"]
    assert "web search is not configured" in lines["web_search"]
    assert "tools.folders" in lines["read_file"]


async def test_a_tool_is_run_by_its_name_as_a_turn(session: Session) -> None:
    """Arguments are JSON, or the one text that the tool needs; the call and its result are kept."""
    for line in ('/tool calculator {"expression": "6 * 7"}', "/tool calculator 6 * 7"):
        events = await collect(run_line(session, line).events)
        result = only(events, ToolResult)
        assert (result.name, result.text) == ("calculator", "42")


async def test_an_unknown_tool_or_wrong_arguments_are_explained(session: Session) -> None:
    """Nothing is run, and the person reads what to write instead."""
    with pytest.raises(CommandError, match="as JSON"):
        run_line(session, "/tool clock Tokyo")
    with pytest.raises(CommandError, match="no JSON object"):
        run_line(session, "/tool clock {")
    with pytest.raises(CommandError, match="no JSON object"):
        run_line(session, '/tool clock {"a":' + '{"a":' * 20_000)
    events = await collect(run_line(session, "/tool nothing {}").events)
    result = only(events, ToolResult)
    assert "There is no tool 'nothing'" in result.error
