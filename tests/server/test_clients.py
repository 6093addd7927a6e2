"""Programs that people really use, against a real server: OpenAI's Python client and `llm`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import ENDS, Running, send
from tests.server.test_chat import SCHEMA, TOOL
from tests.server.test_limits import until

openai = pytest.importorskip("openai", reason="needs the extra [dev]")
HELLO = [{"role": "user", "content": "Hello"}]
QUESTION = [{"role": "user", "content": "Where are my conversations stored?"}]


@pytest.fixture
def client(server: Running) -> Iterator[Any]:
    with openai.OpenAI(base_url=server.url, api_key="anything", max_retries=0) as made:
        yield made


def test_openai_chat_and_stream_say_the_same(client: Any) -> None:
    asked = {"model": "chatapp-raw", "messages": HELLO, "seed": 1, "max_tokens": 12}
    whole = client.chat.completions.create(**asked)
    parts = client.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(parts)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content != ""
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def test_openai_tools_are_called_and_answered(client: Any) -> None:
    """The whole round: a call, its result, and the answer after it."""
    asked = {"model": "chatapp-raw", "tools": [TOOL], "max_tokens": 80}
    first = client.chat.completions.create(
        **asked, messages=HELLO, tool_choice="required", parallel_tool_calls=False
    )
    [call] = first.choices[0].message.tool_calls
    arguments = json.loads(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": str(sum(arguments.values()))}
    said = [*HELLO, first.choices[0].message, result]
    assert client.chat.completions.create(**asked, messages=said, tool_choice="none").choices


def test_openai_schema_gives_an_object_of_ones_own_class(client: Any) -> None:
    """`parse` takes a pydantic class and returns one of it."""
    pydantic = pytest.importorskip("pydantic")
    place = pydantic.create_model("Place", rainy=(bool, ...))
    trip = pydantic.create_model("Trip", place=(place, ...))
    asked = client.chat.completions.parse(
        model="chatapp-raw", messages=HELLO, response_format=trip, max_tokens=60, seed=1
    )
    assert asked.choices[0].message.parsed.place.rainy in (True, False)


def test_openai_embeddings_completions_models_and_errors(client: Any) -> None:
    vectors = client.embeddings.create(model="chatapp-embeddings", input=["a river", "a stream"])
    assert len(vectors.data[0].embedding) == len(vectors.data[1].embedding) > 10
    text = client.completions.create(model="chatapp-raw", prompt="Once", max_tokens=5)
    assert text.choices[0].text
    assert "chatapp" in [model.id for model in client.models.list()]
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-4o'"):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(model="chatapp-raw", messages=HELLO, temperature=9)


def test_openai_sees_citations_of_a_grounded_answer(client: Any) -> None:
    answer = client.chat.completions.create(model="chatapp", messages=QUESTION)
    [first, *_] = answer.choices[0].message.annotations
    assert first.type == "url_citation"
    assert answer.citations[0]["quote"]
    assert answer.chatapp["grounding"] == "grounded"


def test_openai_cancels_by_closing_its_stream(client: Any, server: Running) -> None:
    """What a client does not want any more is not made."""
    stream = client.chat.completions.create(
        model="chatapp-raw",
        messages=HELLO,
        stream=True,
        n=4,
        max_tokens=450,
        extra_body={"logit_bias": ENDS},
    )
    next(iter(stream))
    stream.close()
    until(lambda: send(server.url, "/health").body["running"] == 0)


def llm(server: Running, home: Path, *arguments: str) -> str:
    """Run the `llm` command line with our server among its models; return what it prints."""
    home.mkdir(exist_ok=True)
    own = [
        {
            "model_id": name,
            "model_name": name,
            "api_base": server.url,
            "supports_schema": True,
            "supports_tools": True,
        }
        for name in ("chatapp", "chatapp-raw")
    ]
    (home / "extra-openai-models.yaml").write_text(json.dumps(own), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "llm", *arguments],
        env=os.environ | {"LLM_USER_PATH": str(home), "OPENAI_API_KEY": "anything"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_llm_chats_streams_calls_tools_and_follows_a_schema(
    server: Running, tmp_path: Path
) -> None:
    pytest.importorskip("llm", reason="needs the extra [dev]")
    home = tmp_path / "llm"
    raw = ("-m", "chatapp-raw", "-o", "seed", "1", "-o", "max_tokens", "12")
    assert "chatapp.sqlite3" in llm(server, home, QUESTION[0]["content"], "-m", "chatapp")
    long = (*raw[:-1], "60")
    value = json.loads(llm(server, home, "Hello", *long, "--schema", json.dumps(SCHEMA)))
    assert value["city"] in ("Rome", "Paris")
    tool = "def shout(word: str) -> str:\n    return word.upper()"
    assert llm(server, home, "Hello", *long, "--functions", tool, "--chain-limit", "2", "--td")
