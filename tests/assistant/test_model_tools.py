"""Tools that the model itself calls: offered, held to their schemas, run, and answered from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence

import pytest

from chatapp.assistant.events import (
    Citation,
    MessageDone,
    ToolCall,
    ToolResult,
    TurnEnd,
    Warning,
)
from chatapp.assistant.evidence import borne_out, shown_by_tool
from chatapp.assistant.using import Used
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from chatapp.inference.tool_calls import read_calls, written_call
from retrieval.types import Hit, Passage
from tests.assistant.helpers import collect, every, only
from tests.fakes import FakeIndex
from tools.calls import ToolCall as Call
from tools.protocol import CallLimits, ToolContext
from tools.registry import ToolRegistry
from tools.search_index import IndexSearch


class FakeCaller:
    """Says its replies one after the other, in pieces of `size` characters."""

    name = "caller"
    context_length = 4096
    knows_tools = True

    def __init__(self, *replies: str, size: int = 4) -> None:
        self.replies, self.size = list(replies), size
        self.prompts: list[list[ChatMessage]] = []
        self.params: list[SamplingParams] = []

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return one token a word."""
        return sum(1 + len(message.content.split()) for message in messages)

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        """Yield the next reply."""
        reply = self.replies[len(self.prompts)]
        self.prompts.append(list(messages))
        self.params.append(params)
        made = 0
        for at in range(0, len(reply), self.size):
            made += 1
            yield TextDelta(reply[at : at + self.size], made)
        yield Finished("stop", 10, made, 0.0, 0.0)


SUM = written_call("calculator", {"expression": "6 * 7"})


def chat_with(make, model: FakeCaller, index=None, **options):
    assistant = make(model, index)
    assistant.options = dataclasses.replace(assistant.options, **options)
    return assistant


class TestLoop:
    @pytest.mark.parametrize("size", [1, 4, 1000])
    async def test_a_call_is_run_and_the_model_answers_with_its_result(self, make, size):
        """The call is no part of the text, however it is cut into pieces."""
        model = FakeCaller(f"Let me see. {SUM}", "It is 42.", size=size)
        events = await collect(chat_with(make, model).turn(None, "hello"))
        done = only(events, MessageDone)
        assert done.text == "Let me see. It is 42."
        assert (done.grounding, done.usage.completion_tokens > 2 or size == 1000) == ("tool", True)
        assert only(events, ToolCall).arguments == {"expression": "6 * 7"}
        assert only(events, ToolResult).text == "42"
        assistant, result = model.prompts[1][-2:]
        assert (assistant.role, SUM in assistant.content) == ("assistant", True)
        assert (result.role, result.content) == ("tool", "42")

    async def test_the_template_is_given_the_tools_and_nothing_is_masked(self, make):
        """A model that has learnt to call is left to its own way."""
        model = FakeCaller("Fine.")
        await collect(chat_with(make, model).turn(None, "hello"))
        offered = [json.loads(tool)["name"] for tool in model.prompts[0][0].tools]
        assert {"calculator", "clock"} <= set(offered)
        assert model.params[0].constraint is None

    async def test_any_other_model_is_offered_only_what_is_named_and_is_masked(self, make):
        """It is told in words."""
        model = FakeCaller(SUM, "It is 42.")
        model.knows_tools = False
        assistant = chat_with(make, model, tools=("calc*",))
        await collect(assistant.turn(None, "hello"))
        told = model.prompts[0][0]
        assert (told.role, told.tools) == ("system", ())
        assert '"calculator"' in told.content
        assert "clock" not in told.content
        assert model.params[0].constraint is not None

    async def test_a_small_model_is_offered_nothing_unless_asked(self, make):
        model = FakeCaller("Fine.")
        model.knows_tools = False
        await collect(chat_with(make, model).turn(None, "hello"))
        assert model.params[0].constraint is None
        assert model.prompts[0][0].role == "user"

    async def test_a_required_tool_is_required_once(self, make):
        """Else it would never come to an answer."""
        model = FakeCaller(SUM, "It is 42.")
        events = await collect(chat_with(make, model, tool_choice="calculator").turn(None, "hello"))
        first, second = model.params
        assert "start: call+\n" in first.constraint.lark + "\n"
        assert "text" in second.constraint.lark
        assert only(events, MessageDone).text == "It is 42."

    async def test_a_model_that_only_calls_is_made_to_answer(self, make):
        model = FakeCaller(*[SUM] * 5, "Enough.")
        events = await collect(chat_with(make, model).turn(None, "hello"))
        assert len(every(events, ToolCall)) == 5
        assert only(events, MessageDone).text == "Enough."
        assert model.prompts[-1][0].tools == ()

    async def test_a_call_of_nothing_or_of_wrong_arguments_is_told_to_the_model(self, make):
        model = FakeCaller(written_call("calculator", {"sum": 1}), "I cannot.")
        events = await collect(chat_with(make, model).turn(None, "hello"))
        assert "cannot use this" in only(events, ToolResult).error
        assert "cannot use this" in model.prompts[1][-1].content
        assert only(events, TurnEnd).status == "ok"

    async def test_half_a_call_is_not_shown(self, make):
        model = FakeCaller(SUM[:-30])
        events = await collect(chat_with(make, model).turn(None, "hello"))
        assert only(events, MessageDone).text == ""
        assert only(events, Warning).code == "tool_call_cut"

    @pytest.mark.parametrize("text", ["a < b and <b> c", '{"name": 1}', "{}", "[1] is a list"])
    async def test_text_that_only_looks_like_a_call_is_shown_whole(self, make, text):
        events = await collect(chat_with(make, FakeCaller(text)).turn(None, "hello"))
        assert only(events, MessageDone).text == text


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "clock", "arguments": {"time_zone": "Tokyo"}}\n</tool_call>',
        'Yes.\n<tool_call>{"name":"clock","arguments":"{\\"time_zone\\": \\"Tokyo\\"}"}',
        '[TOOL_CALLS][{"name": "clock", "arguments": {"time_zone": "Tokyo"}}]',
        '{"name": "clock", "parameters": {"time_zone": "Tokyo"}}',
        '<|python_tag|>{"name": "clock", "parameters": {"time_zone": "Tokyo"}}<|eom_id|>',
        '[{"name": "clock", "arguments": {"time_zone": "Tokyo"}}]',
        '```json\n{"name": "clock", "arguments": {"time_zone": "Tokyo"}}\n```',
    ],
)
def test_every_common_form_of_a_call_is_understood(text):
    """Hermes and Qwen, Mistral, Llama 3, and JSON in a fence."""
    assert read_calls(text, ["clock"]) == [{"name": "clock", "arguments": {"time_zone": "Tokyo"}}]


@pytest.mark.parametrize(
    "text", ["", "hello", '{"name": "other"}', "<tool_call>{", "[TOOL_CALLS]", "[" * 5_000, "{}"]
)
def test_what_is_no_call_of_a_known_tool_is_none(text):
    """Nor does it raise."""
    assert read_calls(text, ["clock"]) == []


TEXT = "Kõpu lighthouse was built in 1531. It is the oldest lighthouse in the Baltic."
PASSAGE = Passage("p", "d", "file:///x", "Kõpu", "", TEXT, 100, 100 + len(TEXT))


class TestEvidence:
    def test_a_mark_that_its_passage_bears_out_becomes_a_citation(self):
        citations, grounding = borne_out("The Kõpu lighthouse was built in 1531. [1]", [PASSAGE])
        assert grounding == "grounded"
        [citation] = citations
        assert citation.quote == "Kõpu lighthouse was built in 1531."
        assert TEXT[citation.start - 100 : citation.end - 100] == citation.quote

    def test_some_sentences_without_a_citation_make_it_partly_grounded(self):
        text = "Kõpu lighthouse was built in 1531 [1]. The keeper loved strawberries."
        citations, grounding = borne_out(text, [PASSAGE])
        assert (len(citations), grounding) == (1, "partly")

    @pytest.mark.parametrize(
        "text", ["The keeper loved ripe strawberries [1].", "Built in 1531 [2].", "Built in 1531."]
    )
    def test_marks_that_do_not_hold_ground_nothing(self, text):
        assert borne_out(text, [PASSAGE]) == ([], None)

    def test_a_checker_decides_where_there_is_one_whatever_words_are_shared(self):
        text = "Kõpu lighthouse was built in 1531. [1]"
        assert borne_out(text, [PASSAGE], lambda said, passage: 0.1) == ([], None)
        citations, grounding = borne_out("It is quite old. [1]", [PASSAGE], lambda *pair: 0.9)
        assert (len(citations), grounding) == (1, "grounded")

    async def test_what_a_source_does_not_say_is_followed_by_what_it_says(self, make):
        """The model made something up and cited it; the extract stands below, with its citation."""
        search = written_call("index_search", {"query": "Mona Lisa painted"})
        said = "The Mona Lisa was stolen by pirates from Venice in winter [1]."
        events = await collect(
            chat_with(make, FakeCaller(search, said), FakeIndex()).turn(None, "hello")
        )
        done, citation = only(events, MessageDone), only(events, Citation)
        assert done.grounding == "partly"
        assert citation.quote == "Leonardo da Vinci painted the Mona Lisa about 1503."
        assert done.text.endswith(f"They say:\n\n- “{citation.quote}” [1]")

    async def test_what_a_model_found_in_the_index_is_cited(self, make):
        """It searched, and its answer stands on what it found."""
        search = written_call("index_search", {"query": "Mona Lisa painted"})
        said = "Leonardo da Vinci painted the Mona Lisa about 1503 [1]. I love it."
        events = await collect(
            chat_with(make, FakeCaller(search, said), FakeIndex()).turn(None, "hello")
        )
        done, citation = only(events, MessageDone), only(events, Citation)
        assert (done.grounding, done.sources, citation.title) == ("partly", 1, "Mona Lisa")

    async def test_a_passage_that_was_cut_is_no_source(self, make, settings_with):
        """Its offsets would count what the cut added."""
        search = written_call("index_search", {"query": "Mona Lisa painted"})
        said = "Leonardo da Vinci painted the Mona Lisa about [cut: the first 60 characters [1]."
        model, settings = FakeCaller(search, said), settings_with(output_characters=60)
        assistant = make(model, FakeIndex(), settings=settings)
        events = await collect(assistant.turn(None, "hello"))
        assert "[cut: the first 60" in only(events, ToolResult).text
        assert every(events, Citation) == []
        assert only(events, MessageDone).grounding == "tool"

    @pytest.mark.parametrize("texts", [[TEXT], [TEXT, "Another one."], ["See:\n\nmore", TEXT]])
    def test_what_a_search_gives_is_a_source_unless_any_of_it_was_cut(self, texts):
        places = [
            Passage(f"p{n}", "d", "u", "T", "", t, 7, 7 + len(t)) for n, t in enumerate(texts)
        ]

        class Found:
            def search(self, query, k=8):
                return [Hit(passage, 1.0) for passage in places]

        registry, call = ToolRegistry([IndexSearch(Found)]), Call("index_search", {"query": "q"})
        whole = registry.run(call).output
        for longest in range(1, len(whole.text) + 2):
            output = registry.run(call, ToolContext(CallLimits(5.0, longest))).output
            used = Used(output.text, "", output.value, output.truncated)
            shown = shown_by_tool("index_search", used)
            if longest < len(whole.text):
                assert shown is None
            else:
                assert shown is not None
                assert [(p.text, p.end - p.start) for p in shown.passages] == [
                    (text, len(text)) for text in texts
                ]
