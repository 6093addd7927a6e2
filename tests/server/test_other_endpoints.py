"""Everything but chats: texts that go on, vectors, models, health, metrics, the document."""

from __future__ import annotations

import base64
import struct
import urllib.request

import pytest

from tests.server.conftest import Ask, Running, chat
from tests.server.test_chat import streamed

TEXT = {"model": "chatapp-raw", "prompt": "Once upon", "max_tokens": 8, "seed": 3}


def test_a_text_goes_on(ask: Ask) -> None:
    [choice] = ask("/v1/completions", TEXT).body["choices"]
    assert choice["text"]
    echoed = ask("/v1/completions", TEXT | {"echo": True}).body["choices"][0]["text"]
    assert echoed == "Once upon" + choice["text"]


def test_several_prompts_and_choices_keep_their_places(ask: Ask) -> None:
    """Choices come prompt by prompt; each is what its prompt would get alone."""
    both = ask("/v1/completions", TEXT | {"prompt": ["Once upon", "The"], "n": 2}).body
    assert [choice["index"] for choice in both["choices"]] == [0, 1, 2, 3]
    alone = ask("/v1/completions", TEXT | {"prompt": "The", "n": 2}).body
    assert [c["text"] for c in both["choices"][2:]] == [c["text"] for c in alone["choices"]]
    assert both["usage"]["prompt_tokens"] > alone["usage"]["prompt_tokens"]


def test_token_ids_can_be_a_prompt_and_bad_ones_are_refused(ask: Ask) -> None:
    assert ask("/v1/completions", TEXT | {"prompt": [300, 301]}).status == 200
    assert ask("/v1/completions", TEXT | {"prompt": [300, 640]}).status == 400


def test_log_probabilities_of_a_text_have_the_older_shape(ask: Ask) -> None:
    choice = ask("/v1/completions", TEXT | {"logprobs": 2}).body["choices"][0]
    logprobs = choice["logprobs"]
    assert "".join(logprobs["tokens"]) == choice["text"]
    assert logprobs["text_offset"][0] == 0
    assert len(logprobs["top_logprobs"][0]) == 2


def test_a_streamed_text_says_the_same(ask: Ask, server: Running) -> None:
    whole = ask("/v1/completions", TEXT).body["choices"][0]
    chunks = streamed(server, TEXT, "/completions")
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == whole["text"]
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["finish_reason"]


def test_vectors_are_of_length_one_in_either_encoding(ask: Ask) -> None:
    wanted = {"model": "chatapp-embeddings", "input": ["a river", "the sea"]}
    data = ask("/v1/embeddings", wanted).body["data"]
    vector = data[0]["embedding"]
    assert [each["index"] for each in data] == [0, 1]
    assert sum(value * value for value in vector) == pytest.approx(1, abs=1e-4)
    packed = ask("/v1/embeddings", wanted | {"encoding_format": "base64"}).body["data"][0]
    raw = base64.b64decode(packed["embedding"])
    assert struct.unpack(f"<{len(raw) // 4}f", raw) == pytest.approx(vector)
    assert ask("/v1/embeddings", wanted | {"dimensions": 7}).status == 400
    assert ask("/v1/embeddings", wanted | {"model": "chatapp-raw"}).status == 404


def test_models_are_listed_and_found_by_name(ask: Ask) -> None:
    names = [model["id"] for model in ask("/v1/models").body["data"]]
    assert {"chatapp-raw", "model", "chatapp-embeddings"} <= set(names)
    assert ask("/v1/models/chatapp-raw").body["max_model_len"] == 512
    assert ask("/v1/models/gpt-4o").status == 404


def test_health_and_metrics_say_what_the_server_did(ask: Ask, server: Running) -> None:
    assert ask("/health").body["status"] == "ok"
    before = metrics(server)
    made = ask("/v1/chat/completions", chat()).body["usage"]["completion_tokens"]
    after = metrics(server)
    counted = "chatapp_completion_tokens_total"
    assert after[counted] - before[counted] == made
    finished = 'chatapp_requests_total{path="/v1/chat/completions",status="200"}'
    assert after[finished] == before.get(finished, 0) + 1
    assert after["chatapp_replies_running"] == 0


def metrics(server: Running, **headers: str) -> dict[str, float]:
    """Return the values of /metrics by name and labels."""
    request = urllib.request.Request(f"{server.url.removesuffix('/v1')}/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as got:
        assert got.headers["content-type"].startswith("text/plain")
        lines = got.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def test_the_document_names_every_endpoint(ask: Ask) -> None:
    """What the document lists is there, and whatever is not says so in the usual shape."""
    paths = ask("/openapi.json").body["paths"]
    assert "/v1/chat/completions" in paths
    for path, methods in paths.items():
        if "get" in methods and "{" not in path and path != "/metrics":
            assert ask(path).status == 200
    assert ask("/v1/nothing").body["error"]["code"] == "not_found"
    assert ask("/v1/models", {}).body["error"]["code"] == "method_not_allowed"
