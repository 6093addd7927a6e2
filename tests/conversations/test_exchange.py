"""Out of one store and into another: nothing is lost, nothing doubled, nothing harmful let in."""

from __future__ import annotations

import contextlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.conversations import ConversationStore, Outcome, Part, StoredCitation, Turn
from chatapp.conversations.exchange import (
    ImportFailed,
    import_conversations,
    to_html,
    to_json,
    to_markdown,
)
from chatapp.feedback import Feedback
from retrieval.text import sanitize_text
from tests.conversations.helpers import say, texts

CITATION = StoredCitation(1, "It is a cube.", "Kaaba", "https://k.example/", "d1", "p1", 4, 17, 0.9)


@pytest.fixture
def rich(store: ConversationStore) -> str:
    """Return the id of a conversation with everything a conversation can have."""
    file = Part("attachment", {"name": "notes.txt", "text": "quokkas smile"})
    first = store.begin_turn(None, "What is the Kaaba?", attachments=[file]).result()
    call = Turn("m", 9, 4, 0.5, 0.1, "stop", {"seed": 7})
    outcome = Outcome(
        "It is a **cube**. [1]", "complete", "stop", "grounded", "m", 0.5, {"prompt_tokens": 9},
        (CITATION,), (call,),
    )  # fmt: skip
    store.add_parts(first.assistant.id, [Part("tool_call", {"name": "clock", "arguments": {}})])
    store.finish(first.assistant.id, outcome).result()
    conversation = first.conversation.id
    again = store.begin_answer(first.user.id).result()
    store.finish(again.id, Outcome("A hou", "interrupted", "interrupted")).result()
    deleted = say(store, "Never mind", conversation=conversation)
    store.delete_message(deleted.user.id)
    store.select(first.assistant.id)
    store.configure(conversation, persona="Be brief.", options={"model": "m", "sampling": {}})
    store.organise(conversation, pinned=True, archived=True)
    store.tag(conversation, "architecture")
    Feedback(store).rate(first.assistant.id, 1.0)
    return conversation


def write(path: Path, value: Any) -> Path:
    """Write a JSON file."""
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def bring(store: ConversationStore, path: Path):
    """Import a file as the command does."""
    return import_conversations(store, path, clean=sanitize_text)


class TestRoundTrip:
    def test_a_conversation_comes_back_the_same_to_the_last_field(self, store, rich, tmp_path):
        """Branches, deleted messages, parts, citations, turns, tags, settings and ratings."""
        exported = to_json(store, rich)
        other = ConversationStore.open(tmp_path / "other.sqlite3")
        done = bring(other, write(tmp_path / "x.json", exported))
        assert (done.new, done.known, done.messages) == ((rich,), (), 5)
        assert to_json(other, rich) == exported
        assert other.verify() == []
        assert len(other.search("quokkas")) == 1
        assert other.restore_message(exported["messages"][-1]["id"]).message_count == 5
        other.close()

    def test_importing_again_changes_nothing_and_a_longer_export_adds_what_is_new(
        self, store, rich, tmp_path
    ):
        first = write(tmp_path / "first.json", to_json(store, rich))
        say(store, "More?", "More.", rich)
        longer = write(tmp_path / "longer.json", to_json(store, rich))
        other = ConversationStore.open(None)
        assert bring(other, first).messages == 5
        again = bring(other, first)
        assert (again.new, again.known, again.messages) == ((), (rich,), 0)
        assert bring(other, longer).messages == 2
        assert len(Feedback(other).all()) == 1
        assert other.verify() == []
        other.close()

    def test_many_conversations_come_one_a_line_or_in_a_list(self, store, tmp_path):
        ids = [say(store, f"Question {n}").conversation.id for n in range(3)]
        forms = [to_json(store, one) for one in ids]
        lines = tmp_path / "all.jsonl"
        lines.write_text("\n".join(map(json.dumps, forms)) + "\n", encoding="utf-8")
        for file in (lines, write(tmp_path / "list.json", forms)):
            other = ConversationStore.open(None)
            assert bring(other, file).new == tuple(ids)
            other.close()

    def test_an_id_that_another_message_has_is_replaced(self, store, tmp_path):
        """Two stores with a fixed clock make the same ids for different things."""
        form = to_json(store, say(store, "Mine").conversation.id)
        form["conversation"]["id"] = "OTHER"
        done = bring(store, write(tmp_path / "x.json", form))
        assert done.messages == 2
        assert texts(store, "OTHER") == ["Mine", "Yes."]
        assert store.verify() == []

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.tuples(st.text(max_size=30), st.integers(0, 9)), min_size=1, max_size=12))
    def test_any_tree_of_any_words_round_trips(self, said):
        """Each round hangs on the tip, on an earlier answer, or at the root."""
        store, other = ConversationStore.open(None), ConversationStore.open(None)
        conversation, answers = None, [""]
        for text, place in said:
            text = sanitize_text(text)
            started = say(store, text, text[::-1], conversation, answers[place % len(answers)])
            conversation = started.conversation.id
            answers.append(started.assistant.id)
        form = to_json(store, conversation)
        from chatapp.conversations.exchange.writing import write as write_form

        other.write(lambda db: write_form(other, db, json.loads(json.dumps(form)), "it"))
        assert to_json(other, conversation) == form
        store.close()
        other.close()


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda f: f.update(format="something"), "neither chatapp's JSON nor ChatGPT's"),
            (lambda f: f.update(v=99), "newer chatapp"),
            (lambda f: f.pop("conversation"), "'id' is not a text"),
            (lambda f: f["messages"][0].update(role="villain"), "'role' is not one of"),
            (lambda f: f["messages"][0].update(text=7), "'text' is not a text"),
            (lambda f: f["messages"][0].update(created_at="yesterday"), "is not a time"),
            (lambda f: f["messages"][0].update(id="../../x"), "'id' is not an id"),
            (lambda f: f["messages"][1].update(id=f["messages"][0]["id"]), "two messages"),
            (lambda f: f["messages"][0].update(parent_id=f["messages"][1]["id"]), "answers itself"),
            (lambda f: f["messages"][1].update(seconds="9"), "'seconds' is not a number"),
            (lambda f: f["messages"][1]["turns"][0].update(prompt_tokens=1e30), "whole number"),
            (lambda f: f["messages"][0]["parts"][0].update(kind="citation"), "'kind' is not one"),
            (lambda f: f["feedback"][0].update(prompt="{"), "impossible value"),
            (lambda f: f["feedback"][0].update(prompt='{"a": 1}'), "impossible value"),
            (lambda f: f["feedback"][0].update(other_prompt="5"), "impossible value"),
            (lambda f: f["messages"][0].update(created_at="0001-01-01T00:00+14:00"), "a time"),
            (lambda f: f["conversation"].update(tags="x"), "'tags' is not a list"),
        ],
    )
    def test_a_wrong_field_is_named_and_nothing_is_written(
        self, store, rich, tmp_path, change, said
    ):
        form = to_json(store, rich)
        change(form)
        other = ConversationStore.open(None)
        with pytest.raises(ImportFailed) as caught:
            bring(other, write(tmp_path / "x.json", form))
        assert said in caught.value.message
        assert other.conversations() == []
        assert other.search("Kaaba") == []
        other.close()

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "no JSON"),
            (b"{", "no JSON"),
            (b"\xff\xfe\x00", "no text in UTF-8"),
            (b"[]", "no conversation"),
            (b'{"a": NaN}', "no JSON"),
            (b"[" * 100_000, "no JSON"),
            (b"7", "neither chatapp's JSON"),
            (b'{"mapping": {"x": 5}, "id": "1", "create_time": "soon"}' * 1, ""),
            (b"PK\x03\x04 and then nothing of a zip file", "no"),
        ],
    )
    def test_a_file_of_something_else_is_refused_in_words(self, store, tmp_path, content, said):
        file = tmp_path / "x"
        file.write_bytes(content)
        if said:
            with pytest.raises(ImportFailed, match=said):
                bring(store, file)
        else:  # a conversation in which nothing was said
            assert bring(store, file).messages == 0
        with pytest.raises(ImportFailed, match="cannot be read"):
            bring(store, tmp_path / "missing")

    def test_a_file_that_was_cut_off_anywhere_is_refused_whole(self, store, rich, tmp_path):
        whole = json.dumps(to_json(store, rich)).encode()
        other = ConversationStore.open(None)
        for length in range(0, len(whole) - 1, 97):
            (tmp_path / "cut").write_bytes(whole[:length])
            with pytest.raises(ImportFailed):
                bring(other, tmp_path / "cut")
        assert other.conversations() == []
        other.close()

    def test_hidden_and_acting_characters_do_not_come_in(self, store, tmp_path):
        form = to_json(store, say(store, "Hello").conversation.id)
        form["conversation"]["id"] = "NEW"
        form["conversation"]["title"] = "\x1b[31mred\u202e"
        form["messages"][0] |= {"id": "M1", "text": "a\x1b]52;c;x\x07b\u200bc\ud800"}
        form["messages"][1] |= {"id": "M2", "parent_id": "M1"}
        bring(store, write(tmp_path / "x.json", form))
        assert store.conversation("NEW").title == "[31mred"
        assert store.message("M1").text == "a]52;c;xbc"


def node(name: str, parent: str | None, role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    """Return one node of a ChatGPT export."""
    content = {"content_type": "text", "parts": list(parts)} | more.pop("content", {})
    message = {"id": name, "author": {"role": role}, "content": content, **more}
    return {name: {"id": name, "parent": parent, "message": message}}


def chatgpt(**nodes: Any) -> dict[str, Any]:
    """Return a ChatGPT conversation as its export has it."""
    return {
        "title": "Trip", "create_time": 1700000000.5, "update_time": 1700000100.0,
        "conversation_id": "6543f0aa-0000", "current_node": "a2", "is_archived": False,
        "mapping": {"root": {"id": "root", "parent": None, "message": None}, **nodes},
    }  # fmt: skip


@pytest.fixture
def trip() -> dict[str, Any]:
    """Return a conversation with a hidden system message, a regenerated answer and a picture."""
    asset = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}
    hidden = {"is_visually_hidden_from_conversation": True}
    return chatgpt(
        **node("s", "root", "system", "", create_time=None, metadata=hidden),
        **node("q", "s", "user", "Where to?", create_time=1700000001.0,
               metadata={"attachments": [{"name": "map.pdf"}]}),
        **node("a1", "q", "assistant", "Rome.", create_time=1700000002.0,
               metadata={"model_slug": "gpt-4"}),
        **node("a2", "q", "assistant", "Paris.", create_time=1700000003.0, status="in_progress"),
        **node("q2", "a1", "user", asset, "Like this?", create_time=1700000004.0,
               content={"content_type": "multimodal_text"}),
        **node("t", "q2", "tool", create_time=1700000005.0,
               content={"content_type": "execution_output", "text": "42"}),
    )  # fmt: skip


class TestChatGPT:
    def test_tree_times_models_and_attachments_arrive(self, store, trip, tmp_path):
        [conversation] = bring(store, write(tmp_path / "conversations.json", [trip])).new
        assert texts(store, conversation) == ["Where to?", "Paris."]
        assert store.conversation(conversation).created_at == "2023-11-14T22:13:20.500Z"
        tree = store.tree(conversation)
        assert [m.text for m in tree] == [
            "Where to?", "Rome.", "Paris.", "[image]\n\nLike this?", "```\n42\n```",
        ]  # fmt: skip
        assert (tree[1].model, tree[2].status, tree[4].role) == ("gpt-4", "interrupted", "tool")
        assert tree[3].parent_id == tree[1].id
        assert store.parts(tree[0].id)[0].data == {"name": "map.pdf"}
        assert store.verify() == []

    def test_the_zip_is_read_and_a_later_export_adds_what_is_new(self, store, trip, tmp_path):
        def pack() -> Path:
            with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
                archive.writestr("conversations.json", json.dumps([trip]))
                archive.writestr("chat.html", "<p>")
            return tmp_path / "export.zip"

        assert bring(store, pack()).messages == 5
        trip["mapping"] |= node("q3", "a2", "user", "Again?", create_time=1700000009.0)
        assert bring(store, pack()).messages == 1

    @settings(max_examples=50, deadline=None)
    @given(data=st.data())
    def test_whatever_stands_where_something_else_should_it_is_refused_or_read(self, data):
        """Any JSON value in any place of an export: an ImportFailed at worst."""
        trip = chatgpt(**node("q", "root", "user", "Where to?", create_time=1.0, metadata={}))
        at: Any = trip
        while True:
            key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
                break
            at = at[key]
        json_values = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
        at[key] = data.draw(
            json_values | st.lists(json_values) | st.dictionaries(st.text(), json_values)
        )
        store = ConversationStore.open(None)
        from chatapp.conversations.exchange.importing import _import_one

        with contextlib.suppress(ImportFailed):
            _import_one(store, json.loads(json.dumps(trip)), 1, sanitize_text, lambda *_: None)
        assert store.verify() == []
        store.close()


class TestHtml:
    @pytest.fixture
    def hostile(self, store) -> str:
        """Return a page of a conversation that tries everything."""
        attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
        title = f"</title>{attack}"
        link = (
            "[a](javascript:alert(1)) ![b](https://tracker.example/x.png) [c](https://ok.example)"
        )
        citation = StoredCitation(1, attack, attack, "javascript:alert(1)", "d", "p", 0, 1, 0.5)
        file = Part("attachment", {"name": attack, "text": attack})
        conversation = store.create(title)
        said = store.begin_turn(conversation.id, f"{attack}{link}", attachments=[file]).result()
        outcome = Outcome(f"{attack}\n\n{link}", "complete", "stop", citations=(citation,))
        store.finish(said.assistant.id, outcome).result()
        store.tag(conversation.id, "<b>")
        return to_html(store, conversation.id)

    def test_nothing_in_it_acts_or_loads(self, hostile):
        from lxml import html as parser

        page = parser.fromstring(hostile)
        tags = {element.tag for element in page.iter() if isinstance(element.tag, str)}
        assert not tags & {"script", "img", "iframe", "object", "link", "form", "svg"}
        assert not [name for element in page.iter() for name in element.attrib if name[:2] == "on"]
        links = {"https://ok.example", "https://tracker.example/x.png"}  # opened by a click only
        assert set(page.xpath("//@href")) == links
        assert not page.xpath("//@src")
        assert "default-src 'none'" in hostile

    def test_what_was_written_is_all_there_to_read(self, hostile):
        from lxml import html as parser

        text = parser.fromstring(hostile).text_content()
        assert text.count("<script>alert(1)</script>") >= 5

    def test_answers_are_rendered_and_questions_shown_as_typed(self, store, rich):
        page = to_html(store, rich)
        assert "<strong>cube</strong>" in page
        assert '<a href="https://k.example/" rel="noopener noreferrer">' in page
        assert "Attached: notes.txt" in page

    def test_markdown_holds_tags_persona_files_and_sources(self, store, rich):
        text = to_markdown(store, rich)
        for expected in ("#architecture", "> Be brief.", "*Attached: notes.txt*", "[1] Kaaba"):
            assert expected in text
