"""Remote models: what is sent, what is understood, what is tried again, and what errors say."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from chatapp.assistant.catalogue import InstalledModels
from chatapp.inference.generator import (
    ChatMessage,
    ContextOverflow,
    Finished,
    SamplingParams,
    TextDelta,
)
from chatapp.inference.masks.grammar import JsonSchema, Regex
from chatapp.inference.masks.protocol import ConstraintError
from chatapp.inference.remote import DEFAULT_CONTEXT, Endpoint, RemoteGenerator
from chatapp.inference.remote_errors import RemoteError
from chatapp.settings import load_settings
from retrieval.web.http import Patience
from tests.server.conftest import Running, send, serving
from tests.server.endpoint import Respond, ScriptedServer, answer, events, failure, stream

HELLO = [ChatMessage("system", "Be brief."), ChatMessage("user", "Hello, who are you?")]
KEY = "sk-secret-0123456789"


def remote(server: ScriptedServer, **patience: float) -> RemoteGenerator:
    endpoint = Endpoint("mine", server.url, "m", KEY, Patience(**patience))
    return RemoteGenerator(endpoint, sleep=lambda seconds: None)


def say(
    generator: RemoteGenerator, params: SamplingParams | None = None
) -> tuple[str, Finished | None]:
    """Return the text of one reply and how it ended."""
    items = list(generator.stream(HELLO, params or SamplingParams(), lambda: False))
    text = "".join(item.text for item in items if isinstance(item, TextDelta))
    return text, next((item for item in items if isinstance(item, Finished)), None)


def test_our_own_server_serves_as_a_remote_model(server: Running) -> None:
    """The same seed gives the same answer here as there; the window is the server's own."""
    generator = RemoteGenerator(Endpoint("own", server.url, "chatapp-raw"))
    params = SamplingParams(max_tokens=10, seed=4)
    first, again = say(generator, params), say(generator, params)
    assert first[0] == again[0] != ""
    assert generator.context_length == 512
    assert first[1] is not None
    assert first[1].completion_tokens <= 10
    held = replace(params, constraint=JsonSchema('{"enum": ["yes", "no"]}'))
    assert say(generator, held)[0] in ('"yes"', '"no"')
    with pytest.raises(ContextOverflow, match="too long for own"):
        list(generator.stream([ChatMessage("user", "word " * 2000)], params, lambda: False))


def test_a_remote_named_in_the_settings_is_a_model_to_choose(
    server: Running, chatapp_home: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`[remotes.NAME]` is listed and loaded like any other model; its key may not be missing."""
    table = f'[remotes.own]\nbase_url = "{server.url}"\nmodel = "chatapp-raw"\n'
    (chatapp_home / "config.toml").write_text(table + 'api_key_env = "OWN_KEY"\n')
    catalogue = InstalledModels(load_settings().settings, lambda settings: pytest.fail("loaded"))
    [choice] = [choice for choice in catalogue.choices() if choice.name == "own"]
    assert choice.kind == "remote"
    with pytest.raises(RemoteError, match="key for own is missing") as told:
        catalogue.load("own", lambda fraction: None)
    assert "OWN_KEY" in told.value.hint
    monkeypatch.setenv("OWN_KEY", "anything")
    assert catalogue.load("own", lambda fraction: None).name == "own"


def test_only_standard_fields_are_sent_and_the_key_as_a_bearer() -> None:
    params = SamplingParams(max_tokens=7, seed=3, stop=("END",), presence_penalty=0.5)
    with ScriptedServer(stream("Hi", " there")).running() as server:
        text, finished = say(remote(server), params)
    assert text == "Hi there"
    assert server.keys == [f"Bearer {KEY}"]
    [body] = server.bodies
    assert body["messages"][1] == {"role": "user", "content": "Hello, who are you?"}
    assert (body["max_tokens"], body["seed"], body["stop"]) == (7, 3, ["END"])
    assert not {"top_k", "repetition_penalty", "min_p", "frequency_penalty"} & set(body)
    assert finished is not None
    assert (finished.reason, finished.prompt_tokens, finished.completion_tokens) == ("stop", 22, 2)


def test_counts_are_guessed_first_and_learned_from_the_server() -> None:
    with ScriptedServer(stream("Hi")).running() as server:
        generator = remote(server)
        assert generator.context_length == 777
        before = generator.count_tokens(HELLO)
        say(generator)
        assert generator.count_tokens(HELLO) == 22 != before


def test_a_server_that_cannot_list_its_models_may_still_answer() -> None:
    """The window is then a careful guess."""
    with ScriptedServer(stream("Hi"), models=failure(500, "no cache")).running() as server:
        generator = remote(server)
        assert say(generator)[0] == "Hi"
    assert generator.context_length == DEFAULT_CONTEXT


def test_a_busy_server_is_asked_again_before_the_first_word() -> None:
    busy = failure(429, "slow down", retry_after="0")
    with ScriptedServer(busy, failure(503, "starting"), stream("Hi")).running() as server:
        assert say(remote(server))[0] == "Hi"
    assert len(server.bodies) == 3


def test_an_answer_that_breaks_off_keeps_its_text_and_is_not_asked_for_twice() -> None:
    with ScriptedServer(stream("Half", " of", end=False)).running() as server:
        arrived: list[TextDelta | Finished] = []
        with pytest.raises(RemoteError, match="broke off"):
            arrived.extend(remote(server).stream(HELLO, SamplingParams(), lambda: False))
    assert [item.text for item in arrived if isinstance(item, TextDelta)] == ["Half", " of"]
    assert len(server.bodies) == 1


def test_newer_models_get_the_limit_under_its_newer_name() -> None:
    old = failure(400, "Unsupported parameter: use 'max_completion_tokens' instead")
    with ScriptedServer(old, stream("Hi"), stream("Hi")).running() as server:
        generator = remote(server)
        say(generator)
        say(generator)
    assert ["max_tokens" in body for body in server.bodies] == [True, False, False]


@pytest.mark.parametrize(
    ("answers", "message", "hint"),
    [
        ([failure(401, f"bad key {KEY}")], r"wants another key .*bad key \*\*\*", "api_key_env"),
        ([failure(404, "no such model")], "is not there .*no such model", "base_url or model"),
        ([failure(429, "quota")] * 3, "too much to do .*quota", "wait a little"),
        ([failure(500, "boom")], "is in trouble .*boom", "try again later"),
        ([failure(307, "over there")], "at another address", "correct base_url"),
        ([failure(400, "what?")], "refuses the request .*what", "remotes.mine"),
    ],
)
def test_each_refusal_names_its_fix_and_never_the_key(
    answers: list[Respond], message: str, hint: str
) -> None:
    with (
        ScriptedServer(*answers).running() as server,
        pytest.raises(RemoteError, match=message) as told,
    ):
        say(remote(server))
    assert hint in told.value.hint
    assert KEY not in f"{told.value!r} {told.value.hint}"


@pytest.mark.parametrize(
    "event",
    [
        {"choices": ["x"]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"content": ["x"]}}]},
        5,
    ],
)
def test_events_of_another_shape_are_a_broken_answer(event: object) -> None:
    with (
        ScriptedServer(events(event)).running() as server,
        pytest.raises(RemoteError, match="something else than events"),
    ):
        say(remote(server))


@pytest.mark.parametrize("count", ["many", -5, [1], 1e300, None])
def test_counts_that_cannot_be_are_not_believed(count: object) -> None:
    """Neither the window that a server claims nor the tokens that it says it counted."""
    usage = {"usage": {"prompt_tokens": count, "completion_tokens": count}}
    word = {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    claims = answer(200, {"data": [{"id": "m", "max_model_len": count}]})
    with ScriptedServer(events(word, usage), models=claims).running() as server:
        generator = remote(server)
        text, finished = say(generator)
    assert (generator.context_length, text) == (DEFAULT_CONTEXT, "Hi")
    assert finished is not None
    assert finished.completion_tokens == 1
    assert finished.prompt_tokens == generator.count_tokens(HELLO)


def test_an_answer_without_an_end_is_cut() -> None:
    """A server that ignores the limit fills neither the memory nor the evening."""
    with ScriptedServer(
        events(*[{"choices": [{"delta": {"content": "a" * 400}}]}] * 50)
    ).running() as server:
        reply = list(remote(server).stream(HELLO, SamplingParams(max_tokens=8), lambda: False))
    assert isinstance(reply[-1], Finished)
    assert reply[-1].reason == "length"
    assert len(reply) < 5


def test_a_line_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.web.wire._MOST_LINE", 1000)
    with (
        ScriptedServer(events("a" * 100_000)).running() as server,
        pytest.raises(RemoteError, match="no end of line"),
    ):
        say(remote(server))


def test_text_may_hold_any_separator_of_lines() -> None:
    """A line of events ends at a line feed alone; JSON may hold the others as they are."""
    odd = "one\u2028two\x85three\x0cfour"
    with ScriptedServer(stream(odd)).running() as server:
        assert say(remote(server))[0] == odd


def test_a_prompt_that_is_too_long_is_an_overflow() -> None:
    long = failure(400, "maximum context length is 8", "context_length_exceeded")
    with ScriptedServer(long).running() as server, pytest.raises(ContextOverflow):
        say(remote(server))


def test_nobody_listening_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(RemoteError, match="mine cannot be reached"):
            RemoteGenerator(Endpoint("mine", url, "m"))


def test_silence_ends_after_the_patience() -> None:
    hold = threading.Event()
    with ScriptedServer(stream(end=False, wait=hold)).running() as server:
        with pytest.raises(RemoteError, match="does not answer"):
            say(remote(server, connect=0.1, first=0.2, next=0.2))
        hold.set()


def test_an_interrupt_is_obeyed_while_the_server_is_silent() -> None:
    """`should_stop` is asked while nothing arrives; the connection is closed."""
    hold = threading.Event()
    with ScriptedServer(stream("One", end=False, wait=hold)).running() as server:
        heard = []
        for item in remote(server).stream(HELLO, SamplingParams(), lambda: bool(heard)):
            heard.append(item)
        hold.set()
    assert [type(item) for item in heard] == [TextDelta, Finished]
    assert heard[1].reason == "interrupted"


def test_a_reply_can_be_held_to_a_schema_and_to_nothing_else() -> None:
    with ScriptedServer(stream('"yes"')).running() as server:
        generator = remote(server)
        say(generator, SamplingParams(constraint=JsonSchema('{"enum": ["yes"]}')))
        assert server.bodies[0]["response_format"]["type"] == "json_schema"
        with pytest.raises(ConstraintError, match="JSON Schema"):
            say(generator, SamplingParams(constraint=Regex("a+")))


def test_a_key_that_is_none_is_refused_before_it_is_sent() -> None:
    with pytest.raises(RemoteError, match="characters that no key has") as told:
        RemoteGenerator(Endpoint("mine", "http://127.0.0.1:9/v1", "m", "a\nb"))
    assert "a\nb" not in str(told.value)
    assert KEY not in repr(Endpoint("mine", "http://x", "m", KEY))


def test_a_server_before_a_remote_model_answers_from_the_sources(
    server: Running, tmp_path: Path
) -> None:
    """`chatapp serve` of a remote model: the sources are ours, the words are the other engine's."""
    table = f'model = "far"\n[remotes.far]\nbase_url = "{server.url}"\nmodel = "chatapp-raw"\n'
    (tmp_path / "config.toml").write_text(table)
    with serving(tmp_path, "--model", "far") as front:
        names = [model["id"] for model in send(front.url, "/v1/models").body["data"]]
        body = {"model": "chatapp", "max_tokens": 8, "seed": 1}
        talk = [{"role": "user", "content": "Hello!"}]
        said = send(front.url, "/v1/chat/completions", body | {"messages": talk}).body
        asked = [{"role": "user", "content": "Where are my conversations stored?"}]
        quoted = send(front.url, "/v1/chat/completions", body | {"messages": asked}).body
    assert names == ["chatapp", "chatapp-embeddings"]
    assert said["chatapp"]["grounding"] == "model"
    assert said["usage"]["completion_tokens"] > 0
    assert quoted["citations"]
