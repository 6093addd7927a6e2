"""Model `chatapp`: answers from the sources over the API, with citations that can be checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatapp import paths, resources
from chatapp.conversations import ConversationStore
from tests.miniweb.samples import ARTICLES
from tests.miniweb.server import MiniWeb
from tests.server.conftest import Ask, Running, send, serving
from tests.server.test_chat import streamed

QUESTION = "Where are my conversations stored?"  # the handbook answers it


def grounded(text: str = QUESTION, **fields: object) -> dict[str, object]:
    return {"model": "chatapp", "messages": [{"role": "user", "content": text}], **fields}


def test_an_answer_cites_what_it_quotes(ask: Ask) -> None:
    """Each `[n]` is a citation, and an annotation in OpenAI's form that points at its mark."""
    body = ask("/v1/chat/completions", grounded()).body
    message = body["choices"][0]["message"]
    assert body["chatapp"]["grounding"] == "grounded"
    assert "chatapp.sqlite3" in message["content"]
    for citation, annotation in zip(body["citations"], message["annotations"], strict=True):
        place = annotation["url_citation"]
        mark = message["content"][place["start_index"] : place["end_index"]]
        assert mark == f"[{citation['n']}]"
        assert citation["quote"].split()[0] in message["content"]
        assert place["url"] == citation["uri"]


def test_a_stream_ends_with_the_same_citations(ask: Ask, server: Running) -> None:
    whole = ask("/v1/chat/completions", grounded()).body
    chunks = streamed(server, grounded(stream_options={"include_usage": True}))
    texts = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
    assert "".join(texts) == whole["choices"][0]["message"]["content"]
    [cited] = [chunk["citations"] for chunk in chunks if "citations" in chunk]
    assert cited == whole["citations"]
    assert "usage" in chunks[-1]


def test_what_the_sources_do_not_know_is_said_so(ask: Ask) -> None:
    body = ask("/v1/chat/completions", grounded("What is the boiling point of tungsten?")).body
    assert body["chatapp"]["grounding"] == "not_found"
    assert body["citations"] == []


def test_small_talk_is_the_models_own_and_history_is_read(ask: Ask) -> None:
    """Without a need for sources the model answers, and what was said before is in its prompt."""
    alone = ask("/v1/chat/completions", grounded("Hello!", seed=1, max_tokens=8)).body
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Good morning to you"},
        {"role": "assistant", "content": "Hello there."},
        {"role": "user", "content": "Hello!"},
    ]
    later = ask("/v1/chat/completions", grounded(messages=talk, seed=1, max_tokens=8)).body
    assert alone["chatapp"]["grounding"] == later["chatapp"]["grounding"] == "model"
    assert later["usage"]["prompt_tokens"] > alone["usage"]["prompt_tokens"] > 0


@pytest.mark.parametrize("fields", [{"n": 2}, {"tools": [{}]}, {"logprobs": True}])
def test_what_only_the_bare_model_can_do_is_refused(ask: Ask, fields: dict[str, object]) -> None:
    assert ask("/v1/chat/completions", grounded(**fields)).status == 400


@pytest.mark.parametrize("question", ["", " \n", "\0\0", "\u200b"])
def test_a_question_without_a_character_is_refused(ask: Ask, question: str) -> None:
    assert ask("/v1/chat/completions", grounded(question)).status == 400


def test_nothing_is_kept_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain request leaves no conversation behind; `store` leaves one, with its history."""
    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path))
    talk = [
        {"role": "user", "content": "Good morning"},
        {"role": "assistant", "content": "Hello there."},
        {"role": "user", "content": QUESTION},
    ]
    with serving(tmp_path) as server:
        send(server.url, "/v1/chat/completions", grounded())
        assert not paths.database_path().exists()
        kept = send(server.url, "/v1/chat/completions", grounded(messages=talk, store=True)).body
    store = ConversationStore.open(paths.database_path())
    [conversation] = store.conversations()
    texts = [message.text for message in store.messages(conversation.id)]
    store.close()
    assert conversation.id == kept["chatapp"]["conversation"]
    assert texts[:3] == ["Good morning", "Hello there.", QUESTION]
    assert texts[3] == kept["choices"][0]["message"]["content"]


@pytest.mark.parametrize("allowed", [True, False])
def test_the_web_is_asked_only_if_the_setting_says_so(tmp_path: Path, allowed: bool) -> None:
    """Nobody is there to look at a query, so the owner of the server decides beforehand."""
    with MiniWeb(ARTICLES, resources.embedder_dir()) as web:
        environment = {
            "CHATAPP_SERVER_WEB": str(allowed).lower(),
            "CHATAPP_WEB_PROVIDERS": "wikipedia",
            "CHATAPP_WEB_WIKIPEDIA_URL": web.base,
            "CHATAPP_WEB_ALLOW": web.base,
        }
        with serving(tmp_path, **environment) as server:
            question = grounded("When was Marie Curie born?")
            body = send(server.url, "/v1/chat/completions", question).body
        assert bool(web.log) == allowed
    assert (body["chatapp"]["grounding"] == "grounded") == allowed
    assert any(citation["date"] == "2019-07-20" for citation in body["citations"]) == allowed
