"""Calls by real models: masked ones always parse; a chat template offers tools in its own way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from chatapp.assistant.events import ToolCall, ToolResult
from chatapp.inference.generator import ChatMessage
from chatapp.inference.load import load_generator
from chatapp.inference.prompt_ids import prompt_ids
from chatapp.model.interop.templates import JinjaTemplate
from tests.assistant.helpers import collect, every
from tools.calls import ToolCall as Call

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"


@pytest.fixture
def tiny(make, monkeypatch):
    """Return an assistant over a random model, which would never call anything by itself."""
    monkeypatch.setenv("CHATAPP_NATIVE", "false")
    return make(load_generator(FIXTURE, threads=1))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_random_model_under_the_mask_makes_calls_that_parse(tiny, seed):
    """Whatever it says, name and arguments are by the tool's schema."""
    tiny.options = dataclasses.replace(tiny.options, tools=("clock",), tool_choice="required")
    tiny.sample(max_tokens=200, seed=seed, temperature=1.0)
    events = await collect(tiny.turn(None, "hello"))
    calls, results = every(events, ToolCall), every(events, ToolResult)
    assert len(calls) == len(results)
    for call in calls:
        assert call.name == "clock"
        run = await tiny.tools.run_async(Call(call.name, call.arguments))
        assert run.failure in ("", "refused")  # never "arguments"


def test_a_template_that_knows_tools_is_given_them():
    """As `transformers` gives them, so that the model reads what it was trained on."""
    template = JinjaTemplate(
        "{% if tools %}{% for tool in tools %}<{{ tool.function.name }}>{% endfor %}{% endif %}"
        "{% for message in messages %}{{ message.content }}{% endfor %}",
        {},
    )
    assert template.knows_tools
    tool = {"name": "clock", "description": "Tell the time.", "parameters": {"type": "object"}}
    assert template.render([("user", "hello")], answer=True, tools=[tool]) == "<clock>hello"
    assert template.render([("user", "hello")], answer=True) == "hello"
    assert not JinjaTemplate("{{ messages[0].content }}", {}).knows_tools


def test_tools_on_any_message_reach_the_tokenizer():
    """They hold for the whole prompt."""

    class Noting:
        def encode_prompt(self, messages, partial="", tools=()):
            self.seen = (messages, partial, tools)
            return [1]

    noting = Noting()
    messages = [ChatMessage("user", "hello", ('{"name": "clock"}',)), ChatMessage("assistant", "I")]
    assert prompt_ids(noting, messages) == [1]  # type: ignore[arg-type]
    assert noting.seen == ([("user", "hello")], "I", [{"name": "clock"}])
