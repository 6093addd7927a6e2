"""`/v1/chat/completions` with the bare model: whole and streamed, bounded, repeatable, masked."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.server.conftest import Ask, Running, chat


def streamed(
    server: Running, body: dict[str, Any], path: str = "/chat/completions"
) -> list[dict[str, Any]]:
    """Return the chunks of a streamed answer; it must end with [DONE]."""
    request = urllib.request.Request(
        f"{server.url}{path}",
        json.dumps(body | {"stream": True}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in response.read().decode().split("\n\n")]
    assert lines[-2:] == ["[DONE]", ""]
    return [json.loads(line) for line in lines[:-2]]


def test_a_question_gets_an_answer_with_its_cost(ask: Ask) -> None:
    answer = ask("/v1/chat/completions", chat())
    assert answer.status == 200
    [choice] = answer.body["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    usage = answer.body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert 0 < usage["completion_tokens"] <= 12


def test_a_stream_says_the_same_as_the_whole(ask: Ask, server: Running) -> None:
    """The pieces together are the answer; the counts come last, if they were asked for."""
    whole = ask("/v1/chat/completions", chat()).body
    chunks = streamed(server, chat(stream_options={"include_usage": True}))
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1]]
    assert "".join(pieces) == whole["choices"][0]["message"]["content"]
    assert chunks[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_the_same_seed_gives_the_same_answer_and_choices_differ(ask: Ask) -> None:
    hot = chat(temperature=2.0, n=3)
    first, again = (ask("/v1/chat/completions", hot).body["choices"] for _ in range(2))
    assert first == again
    assert [choice["index"] for choice in first] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in first}) > 1


def test_a_stop_text_ends_the_answer_and_is_no_part_of_it(ask: Ask) -> None:
    free = ask("/v1/chat/completions", chat()).body["choices"][0]["message"]["content"]
    word = free.split()[1]
    choice = ask("/v1/chat/completions", chat(stop=word)).body["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert word not in choice["message"]["content"]
    assert free.startswith(choice["message"]["content"])


def test_penalties_and_biases_change_what_is_said(ask: Ask) -> None:
    """A token that is forbidden by its bias never comes."""
    plain = chat(temperature=0, logprobs=True)
    tokens = ask("/v1/chat/completions", plain).body["choices"][0]["logprobs"]["content"]
    first = tokens[0]["token"]
    banned = chat(temperature=0, logprobs=True, logit_bias={str(n): -100 for n in range(300, 640)})
    other = ask("/v1/chat/completions", banned).body["choices"][0]["logprobs"]["content"]
    assert all(token["token"] != first for token in other)
    forced = ask("/v1/chat/completions", chat(temperature=0, frequency_penalty=2, max_tokens=40))
    assert forced.status == 200


def test_log_probabilities_come_with_every_token(ask: Ask) -> None:
    body = ask("/v1/chat/completions", chat(logprobs=True, top_logprobs=3)).body
    content = body["choices"][0]["logprobs"]["content"]
    assert len(content) == body["usage"]["completion_tokens"]
    text = b"".join(bytes(token["bytes"]) for token in content).decode()
    assert text == body["choices"][0]["message"]["content"]
    assert all(len(token["top_logprobs"]) == 3 for token in content)


SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Rome", "Paris"]}, "n": {"type": "integer", "maximum": 9}},
    "required": ["city", "n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("seed", range(3))
def test_an_answer_by_a_schema_is_valid(ask: Ask, seed: int) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    body = chat(response_format=wanted, temperature=2.0, seed=seed, max_tokens=60)
    value = json.loads(ask("/v1/chat/completions", body).body["choices"][0]["message"]["content"])
    assert value["city"] in ("Rome", "Paris")
    assert value["n"] <= 9


TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two digits.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/digit"}, "b": {"$ref": "#/$defs/digit"}},
            "required": ["a", "b"],
            "additionalProperties": False,
            "$defs": {"digit": {"type": "integer", "minimum": 0, "maximum": 9}},
        },
    },
}


def test_a_required_tool_is_called_with_arguments_that_follow_its_schema(
    ask: Ask, server: Running
) -> None:
    body = chat(tools=[TOOL], tool_choice="required", max_tokens=80, parallel_tool_calls=False)
    [choice] = ask("/v1/chat/completions", body).body["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    [call] = choice["message"]["tool_calls"]
    arguments = json.loads(call["function"]["arguments"])
    assert call["function"]["name"] == "add"
    assert set(arguments) == {"a", "b"}
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed(server, body)]
    [made] = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert json.loads(made[0]["function"]["arguments"]) == arguments


def test_a_tool_that_need_not_be_called_leaves_room_for_a_text(ask: Ask) -> None:
    body = chat(tools=[TOOL], temperature=0)
    message = ask("/v1/chat/completions", body).body["choices"][0]["message"]
    assert message["content"] or message["tool_calls"]
    calls = [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]
    said = [
        {"role": "user", "content": "2 and 3?"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "5"},
    ]
    assert ask("/v1/chat/completions", chat(tools=[TOOL], messages=said)).status == 200


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"temperature": "hot"}, "temperature"),
        ({"n": 0}, "n"),
        ({"functions": []}, "functions"),
        ({"logit_bias": {"999999": 1}}, "logit_bias"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"messages": [{"role": "user", "content": "word " * 3000}]}, "messages"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 1}}}},
         "response_format"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
         "messages.0.content"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_by_name(
    ask: Ask, fields: dict[str, Any], param: str
) -> None:
    """The error says which field is meant, in the shape that OpenAI's clients expect."""
    answer = ask("/v1/chat/completions", chat(**fields))
    assert answer.status == 400
    assert answer.body["error"]["param"] == param
    assert answer.body["error"]["type"] == "invalid_request_error"


def test_numbers_and_texts_that_json_can_write_and_few_expect(ask: Ask) -> None:
    """Integers as 3.0, halves of surrogate pairs, and fields that are null."""
    odd = chat("half \ud800 of a pair", seed=3.0, max_tokens=4.0, n=1.0, tools=None, stop=None)
    answer = ask("/v1/chat/completions", odd)
    assert answer.status == 200
    assert answer.body["usage"]["completion_tokens"] <= 4


def test_another_model_is_not_found(ask: Ask) -> None:
    answer = ask("/v1/chat/completions", chat(model="gpt-4o"))
    assert answer.status == 404
    assert answer.body["error"]["code"] == "model_not_found"
    assert "chatapp-raw" in answer.body["error"]["message"]
