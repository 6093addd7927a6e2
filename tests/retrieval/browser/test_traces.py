"""A trace plays again to the byte without the world that it was recorded in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.browser.state import Limits, start
from retrieval.browser.traces import Recorder, TraceError, is_faithful, replay
from tests.retrieval.browser.test_step import OPENED, anything
from tests.retrieval.browser.worlds import PagesWorld, tower_world, worlds

COMMANDS = (*OPENED, "Hello", "Find in page: 312", "Quote: The tower is━high.", "End: Answer")


def recorded(world: PagesWorld, commands: tuple[str, ...] = COMMANDS) -> tuple[str, ...]:
    recorder = Recorder(start("How high is the tower?", Limits(screen=300)), world)
    for command in commands:
        recorder.step(command)
    return recorder.end()


def test_a_trace_plays_again_to_the_byte_with_its_world_gone() -> None:
    """It holds every page it saw, once."""
    lines = recorded(tower_world())
    assert replay(lines) == lines
    pages = [json.loads(line) for line in lines if '"type":"page"' in line]
    assert [page["page"]["kind"] for page in pages] == ["results", "page"]
    again = recorded(tower_world(), (*OPENED, "Back", "Clicked on link 0"))
    assert sum('"type":"page"' in line for line in again) == 2
    assert replay(again) == again


def test_a_trace_that_was_tampered_with_shows_it() -> None:
    """A changed page gives another text of the state, and so another line."""
    lines = recorded(tower_world())
    forged = tuple(line.replace("312 metres", "999 metres") for line in lines)
    assert not is_faithful(forged)
    assert is_faithful(lines)


def test_a_trace_tells_whether_the_world_has_changed() -> None:
    """Played in the world as it is now, it comes out the same only if that gives the same pages."""
    lines = recorded(tower_world())
    assert replay(lines, tower_world()) == lines
    assert replay(lines, PagesWorld([])) != lines


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "line 1"),
        (["not json"], "line 1: this is no JSON"),
        (["[1]"], "line 1: this is no JSON object"),
        (['{"type":"step"}'], "begins with"),
        (['{"type":"start","question":"q","limits":{"speed":1}}'], "misspells"),
        (['{"type":"start","question":"q","limits":{}}', '{"type":"step"}'], "lacks"),
    ],
)
def test_a_damaged_trace_is_refused_by_line(lines: list[str], why: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(TraceError, match=why):
        replay(lines)


@given(worlds, st.lists(anything, max_size=15))
@settings(max_examples=60, deadline=None)
def test_any_browse_plays_again_to_the_byte(world: PagesWorld, commands: list[str]) -> None:
    """Whatever was said and whatever the pages hold."""
    assert is_faithful(recorded(world, tuple(commands)))
