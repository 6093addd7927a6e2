"""The one way to run tools: every call ends in time, in bounds, and with its reason."""

from __future__ import annotations

import asyncio
import threading
from typing import ClassVar

import pytest

from tests.tools.helpers import FakeTool, saying
from tools.calls import ToolCall
from tools.defaults import default_tools
from tools.protocol import CallLimits, Stop, ToolContext, ToolError, ToolOutput, Unavailable
from tools.registry import ToolRegistry, allowed_by
from tools.schemas import call_schema, function_spec, problem


class NoFolders:
    """The settings of a new user."""

    folders: tuple[str, ...] = ()
    python = False


def run(tool: FakeTool, context: ToolContext | None = None, **arguments: object):
    """Run one call of one tool."""
    return ToolRegistry([tool]).run(ToolCall("fake", arguments, "c1"), context)


def test_a_result_carries_its_call_its_text_its_value_and_its_time() -> None:
    """What came in and what came out stand together, so that both can be stored."""
    tool = FakeTool(lambda arguments, _: ToolOutput("four", "number", {"n": arguments["n"] + 2}))
    found = run(tool, n=2)
    assert (found.ok, found.error, found.call.id) == (True, "", "c1")
    assert (found.output.text, found.output.kind, found.output.value) == (
        "four",
        "number",
        {"n": 4},
    )
    assert found.seconds >= 0


def test_every_way_to_fail_has_a_name_and_words() -> None:
    """Unknown, wrong arguments, off, refused and broken: none is an exception."""

    def refuse(arguments: object, context: object) -> ToolOutput:
        raise ToolError("Not on a Sunday.")

    def defect(arguments: object, context: object) -> ToolOutput:
        raise KeyError("lost")

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    off = FakeTool(refuse, off=Unavailable("it rains", "wait."))
    strict = FakeTool(refuse, schema=schema)
    assert run(off).failure == "unavailable"
    assert run(off).error == "The tool fake is off: it rains (fix: wait.)"
    assert run(strict).failure == "arguments"
    assert "'n' is a required property" in run(strict).error
    assert "n: 'x' is not of type 'integer'" in run(strict, n="x").error
    assert (run(strict, n=1).failure, run(strict, n=1).error) == ("refused", "Not on a Sunday.")
    assert (run(FakeTool(defect)).failure, "KeyError" in run(FakeTool(defect)).error) == (
        "crash",
        True,
    )
    unknown = ToolRegistry([saying("x"), off.__class__(refuse, name="b")]).run(ToolCall("nothing"))
    assert unknown.failure == "unknown"
    assert unknown.error == "There is no tool 'nothing'. There are: fake, b."


def test_a_tool_that_takes_too_long_is_left_and_told_to_stop() -> None:
    """The caller is free at the deadline, and the tool learns of it."""
    told = threading.Event()

    def hang(arguments: object, context: ToolContext) -> ToolOutput:
        context.stop.when_set(told.set)
        told.wait(60)
        return ToolOutput("late")

    context = ToolContext(CallLimits(seconds=0.05))
    found = run(FakeTool(hang), context)
    assert found.failure == "time"
    assert "0.05 seconds" in found.error
    assert told.wait(30)
    assert not context.stop.is_set()  # the next call of the same turn may run
    assert run(saying("next"), context).ok


def test_a_person_can_stop_a_tool() -> None:
    """Setting the stop of the context ends the wait at once, before or during the call."""
    stop = Stop()

    def hang(arguments: object, context: ToolContext) -> ToolOutput:
        stop.set()
        threading.Event().wait(60)
        return ToolOutput("late")

    assert run(FakeTool(hang), ToolContext(stop=stop)).failure == "stopped"
    assert run(FakeTool(hang), ToolContext(stop=stop)).failure == "stopped"


async def test_cancelling_the_task_stops_the_tool() -> None:
    """An answer that a person breaks off leaves no tool at work."""
    began, told = threading.Event(), threading.Event()

    def hang(arguments: object, context: ToolContext) -> ToolOutput:
        context.stop.when_set(told.set)
        began.set()
        told.wait(60)
        return ToolOutput("late")

    registry = ToolRegistry([FakeTool(hang)])
    task = asyncio.create_task(registry.run_async(ToolCall("fake")))
    await asyncio.to_thread(began.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(told.wait, 30)


def test_output_is_cut_at_its_limit_and_says_so() -> None:
    """A tool cannot flood a conversation: neither its text nor its value."""
    tool = FakeTool(lambda *_: ToolOutput("x" * 100_000, "text", ["y" * 100_000]))
    found = run(tool, ToolContext(CallLimits(output_characters=100)))
    assert found.output.truncated
    assert found.output.text == "x" * 100 + "\n[cut: the first 100 characters are shown]"
    assert found.output.value is None


def test_characters_that_act_do_not_pass() -> None:
    """Escape sequences and hidden characters of a tool's output never reach a terminal."""
    assert run(saying("a\x1b[2Jb\u202ec\u200bd")).output.text == "a[2Jbcd"


def test_a_schema_of_a_stranger_cannot_hang_fetch_or_crash() -> None:
    """Patterns are not run, references lead nowhere, nonsense is named."""
    evil = {"type": "object", "properties": {"t": {"type": "string", "pattern": "(a+)+$"}}}
    assert problem(evil, {"t": "a" * 40 + "b"}) == ""
    far = {"type": "object", "properties": {"t": {"$ref": "http://127.0.0.1:9/schema"}}}
    assert "own schema cannot be used" in problem(far, {"t": 1})
    assert problem({"$ref": "#"}, {}) != ""
    assert "own schema" in problem({"type": "no such type"}, {})
    assert "nested too deeply" in problem({"type": "object"}, deep(100_000))
    assert "object" in problem({"type": "object"}, [1])
    assert "at most" in problem({"type": "object"}, {"t": "x" * 300_000})
    assert "no JSON" in problem({"type": "object"}, {"t": {1, 2}})


def deep(levels: int) -> dict[str, object]:
    """Return a dict in a dict in a dict."""
    inner: dict[str, object] = {}
    for _ in range(levels):
        inner = {"a": inner}
    return inner


def test_the_schema_of_a_call_allows_calls_of_these_tools_alone() -> None:
    """What masks a model's reply accepts each tool with its own arguments, and nothing else."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    one, two = FakeTool(lambda *_: ToolOutput(""), name="one", schema=schema), saying("")
    whole = call_schema([one, two])
    assert problem(whole, {"name": "one", "arguments": {"n": 1}}) == ""
    assert problem(whole, {"name": "fake", "arguments": {}}) == ""
    assert problem(whole, {"name": "one", "arguments": {}}) != ""
    assert problem(whole, {"name": "three", "arguments": {}}) != ""
    assert function_spec(one)["function"]["parameters"] == schema


def test_names_are_allowed_by_patterns() -> None:
    """`web_*` means every tool of the web and no other."""
    assert allowed_by("web_open", ["calculator", "web_*"])
    assert not allowed_by("web_open", ["web", "calc*"])
    assert allowed_by("anything", ["*"])


def test_two_tools_of_one_name_are_a_mistake() -> None:
    """A second tool cannot take the place of the first."""
    with pytest.raises(ValueError, match="two tools are named 'fake'"):
        ToolRegistry([saying("a"), saying("b")])


def test_with_nothing_plugged_in_every_other_tool_says_why_it_is_off() -> None:
    """A new user has calculator and clock; the rest names what to do; no web search is faked."""
    registry = default_tools(NoFolders())
    assert [tool.name for tool in registry.usable()] == ["calculator", "clock"]
    for tool in registry:
        reason = tool.available()
        assert reason is None or (reason.reason and reason.fix.endswith(".")), tool.name
        assert tool.description.endswith(".")
        assert tool.schema["additionalProperties"] is False
    found = registry.run(ToolCall("web_search", {"query": "news"}))
    assert "web search is not configured" in found.error


class Source:
    """Servers whose tools take a while."""

    problems: ClassVar = {"gone": Unavailable("it is away", "call it back.")}

    def __init__(self) -> None:
        self.connections = 0
        self.closed = False

    def connect(self) -> list[FakeTool]:
        """See `ToolSource.connect`."""
        self.connections += 1
        return [FakeTool(lambda *_: ToolOutput("from afar"), name="far"), saying("not this one")]

    def close(self) -> None:
        """See `ToolSource.close`."""
        self.closed = True


def test_slow_tools_come_when_they_are_needed_and_only_once() -> None:
    """A known tool waits for nobody; an unknown name, or the list of all, asks the source."""
    source = Source()
    registry = ToolRegistry([saying("near")], source)
    assert registry.run(ToolCall("fake")).output.text == "near"
    assert source.connections == 0
    assert registry.run(ToolCall("far")).output.text == "from afar"
    assert [tool.name for tool in registry.usable()] == ["fake", "far"]
    assert registry.run(ToolCall("fake")).output.text == "near"  # ours cannot be replaced
    assert list(registry.connect()) == ["gone"]
    registry.close()
    assert (source.connections, source.closed) == (1, True)
