"""`<<3*4=12>>` in an answer: hidden, computed, and put right where the model was wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from chatapp.assistant.annotations import Computed, stream_computed
from chatapp.assistant.events import MessageDone, ToolCall, ToolResult
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from tests.assistant.helpers import collect, every, only


class Scripted:
    """Says what `replies` holds for how the answer begins so far, `size` characters at a time."""

    name = "scripted"
    context_length = 1024

    def __init__(self, replies: dict[str, str], size: int = 3) -> None:
        self.replies, self.size = replies, size
        self.begun: list[str] = []

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return something small."""
        return 5

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        """Yield the reply that belongs to what was said."""
        said = messages[-1].content if messages[-1].role == "assistant" else ""
        self.begun.append(said)
        reply = self.replies[said]
        made = 0
        for at in range(0, len(reply), self.size):
            if made == params.max_tokens:
                yield Finished("length", 5, made, 0.0, 0.0)
                return
            made += 1
            yield TextDelta(reply[at : at + self.size], made)
        yield Finished("stop", 5, made, 0.0, 0.0)


ASKED = [ChatMessage("user", "How many?")]


def said(generator: Scripted, messages=ASKED, **params) -> tuple[str, list[Computed], Finished]:
    items = list(stream_computed(generator, messages, SamplingParams(**params), lambda: False))
    text = "".join(item.text for item in items if isinstance(item, TextDelta))
    assert isinstance(items[-1], Finished)
    return text, [item for item in items if isinstance(item, Computed)], items[-1]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_right_result_is_hidden_and_nothing_is_made_anew(size):
    """However the text is cut into pieces."""
    generator = Scripted({"": "Ann has 3*4=<<3*4=12>>12 apples."}, size)
    text, computed, _ = said(generator)
    assert text == "Ann has 3*4=12 apples."
    assert computed == [Computed("3*4", "12")]
    assert generator.begun == [""]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_wrong_result_is_put_right_and_the_model_goes_on_from_there(size):
    """What it said after the wrong result is thrown away."""
    right = "It is 17*23=<<17*23=391>>"
    generator = Scripted({"": "It is 17*23=<<17*23=400>>400.", right: "391."}, size)
    text, computed, finished = said(generator)
    assert text == "It is 17*23=391."
    assert computed == [Computed("17*23", "391")]
    assert generator.begun == ["", right]
    assert finished.reason == "stop"


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    "text",
    [
        "Use <<user=name>> here",
        "So <<3 apples*4=12>>12.",
        "<<a=b>><<c=d>>",
        "Fill in <<e=mail>>, <<pi=rate>> and <<today=Monday>>.",
        "<<1=Monday>>, <<2=Tuesday>>",
        "<<=1>> <<version=1.2.3>>",
        "<<1/0=0>>",
        "#pragma <<key=value>>>",
    ],
)
def test_what_cannot_be_computed_is_text(text, size):
    """Templates are written like that, and nothing in them needs to be put right."""
    generator = Scripted({"": text}, size)
    shown, computed, _ = said(generator)
    assert (shown, computed, generator.begun) == (text, [], [""])


@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_sum_beside_what_cannot_be_computed_is_hidden_all_the_same(size):
    generator = Scripted({"": "<<user=name>> has <<2+3=5>>5, <<20=20>>20 or <<a"}, size)
    shown, computed, _ = said(generator)
    assert shown == "<<user=name>> has 5, 20 or <<a"
    assert computed == [Computed("2+3", "5"), Computed("20", "20")]


def test_what_cannot_be_computed_is_gone_on_from_as_it_was_said():
    right = "<<x=y>> <<1+1=2>>"
    generator = Scripted({"": "<<x=y>> <<1+1=3>>3", right: "2"})
    assert said(generator)[0] == "<<x=y>> 2"
    assert generator.begun == ["", right]


@pytest.mark.parametrize(
    "text",
    ["a << b", "1 < 2", "x <<y", "<<3*4=", "<<3*4", "<<3*4=12>", "<", "cout << 1 << endl;\n"],
)
def test_other_angle_brackets_stay(text):
    """Programs are full of them, and an answer may end in the middle of a calculation."""
    assert said(Scripted({"": text}))[0] == text


def test_the_limit_of_tokens_holds_over_corrections():
    """Tokens that were thrown away were made too."""
    replies = {"": "<<1+1=3>>x", "<<1+1=2>>": "abcdefghijkl"}
    text, _, finished = said(Scripted(replies, size=3), max_tokens=5)
    assert finished.reason == "length"
    assert finished.completion_tokens == 5
    assert text == "abcdef"


def test_a_model_that_never_gets_on_ends():
    """Each correction starts it anew, but not for ever."""

    class Stubborn(Scripted):
        def stream(self, messages, params, should_stop):
            yield TextDelta("<<1+1=3>>", 1)
            yield Finished("stop", 5, 1, 0.0, 0.0)

    text, computed, _ = said(Stubborn({}), max_tokens=10_000)
    assert text == ""
    assert 1 < len(computed) <= 50


async def test_a_turn_shows_the_calculation_as_a_tool_and_stores_clean_text(make, store):
    """Front ends fold it away; the text has the numbers only."""
    generator = Scripted({"": "That is 2*3=<<2*3=6>>6 in all."})
    events = await collect(make(generator).turn(None, "hello"))
    assert only(events, MessageDone).text == "That is 2*3=6 in all."
    assert only(events, ToolCall).arguments == {"expression": "2*3"}
    assert only(events, ToolResult).text == "6"
    kinds = [part.kind for part in store.parts(only(events, MessageDone).message)]
    assert kinds == ["tool_call", "tool_result"]
    assert len(every(events, ToolCall)) == 1
