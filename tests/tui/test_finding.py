"""Finding a message again, and keeping the list of conversations in order."""

from __future__ import annotations

import json
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from chatapp.conversations.types import Outcome
from chatapp.tui.answer_state import AnswerState
from chatapp.tui.app import ChatApp
from chatapp.tui.screens.export import ExportScreen
from chatapp.tui.screens.prompt import PromptScreen
from chatapp.tui.screens.search import SearchScreen
from tests.tui.conftest import Chat, ready, screen_text, until


def tell(chat: Chat, title: str, question: str, answer: str, **options: bool) -> str:
    """Store a finished round in a conversation of its own and return the conversation's id."""
    with chat.store_open() as store:
        conversation = store.create(title, private=options.get("private", False))
        turn = store.begin_turn(conversation.id, question).result()
        outcome = Outcome(answer, "complete", "stop", grounding="model")
        store.finish(turn.assistant.id, outcome).result()
        return conversation.id


async def search(pilot: Pilot[int], app: ChatApp, text: str) -> None:
    """Open the search and type words into it."""
    await pilot.press("ctrl+f")
    await until(lambda: isinstance(app.screen, SearchScreen))
    app.screen.query_one(Input).value = text
    await pilot.pause()


def state(app: ChatApp) -> str:
    """Return the line below the results."""
    return str(app.screen.query_one("#search-state", Static).content)


async def test_a_search_leads_to_the_message_on_its_branch(chat: Chat) -> None:
    """The words stand in an answer that a newer one hides: Enter shows that branch, selected."""
    with chat.store_open() as store:
        conversation = store.create("Trees")
        turn = store.begin_turn(conversation.id, "Which tree?").result()
        store.finish(turn.assistant.id, Outcome("a linden", "complete", "stop")).result()
        newer = store.begin_answer(turn.user.id).result()
        store.finish(newer.id, Outcome("an oak", "complete", "stop")).result()
    tell(chat, "Newest", "hello", "hi")
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await search(pilot, app, "linden")
        await until(lambda: "1 message" in state(app))
        await pilot.press("enter")
        await until(lambda: app.chat.reading.conversation_id == conversation.id)
        await until(lambda: isinstance(app.chat.selected, AnswerState), "the answer is selected")
        assert app.chat.selected_answer is not None
        assert app.chat.selected_answer.text == "a linden"


async def test_filters_narrow_the_search_with_one_key_each(chat: Chat) -> None:
    """Who wrote it, its tag, the archive: each key steps to the next value and searches again."""
    travel = tell(chat, "Travel", "a plum for the train", "plum plum")
    cooking = tell(chat, "Cooking", "how to stew a plum", "slowly")
    with chat.store_open() as store:
        store.tag(travel, "trips")
        store.organise(cooking, archived=True)
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await search(pilot, app, "plum")
        await until(lambda: "3 messages" in state(app))
        await pilot.press("f3")  # from anyone to you
        await until(lambda: "2 messages" in state(app))
        await pilot.press("f3")  # to answers
        await until(lambda: state(app).startswith("1 message"))
        await pilot.press("f3", "f6")  # anyone, with the tag
        await until(lambda: "2 messages" in state(app) and "#trips" in screen_text(app))
        await pilot.press("f6", "f5", "f5")  # any tag, archived only
        await until(lambda: state(app).startswith("1 message"))
        assert "Cooking" in screen_text(app)


async def test_without_words_the_search_lists_conversations(chat: Chat) -> None:
    """Archived ones too: this is the way back to them."""
    tell(chat, "Here", "hello", "hi")
    gone = tell(chat, "Put away", "hello", "hi")
    with chat.store_open() as store:
        store.organise(gone, archived=True)
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        assert [c.title for c in app.chat.sidebar.conversations] == ["Here"]
        await search(pilot, app, "")
        await until(lambda: state(app).startswith("2 chats"))
        assert "archived" in screen_text(app)
        await search_title(pilot, app)
        await until(lambda: app.chat.reading.conversation_id == gone)


async def search_title(pilot: Pilot[int], app: ChatApp) -> None:
    """Narrow to the one title and open it."""
    app.screen.query_one(Input).value = "put away"
    await until(lambda: state(app).startswith("1 chat"))
    await pilot.press("down", "enter")


async def test_the_keys_of_the_list_pin_tag_and_archive(chat: Chat) -> None:
    """p, t and a act on the highlighted conversation; the list shows it at once."""
    old = tell(chat, "Old", "hello", "hi")
    tell(chat, "New", "hello", "hi")
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await until(lambda: [c.title for c in app.chat.sidebar.conversations] == ["New", "Old"])
        app.chat.show_sidebar()
        await until(lambda: isinstance(app.focused, OptionList))
        await pilot.press("down", "p")
        await until(lambda: [c.title for c in app.chat.sidebar.conversations] == ["Old", "New"])
        assert "★ Old" in screen_text(app)
        await pilot.press("t")
        await until(lambda: isinstance(app.screen, PromptScreen))
        await pilot.press(*"#work", "space", *"later", "enter")
        await until(lambda: app.chat.sidebar.conversations[0].tags == ("later", "work"))
        assert "#later" in screen_text(app)
        await pilot.press("a")
        await until(lambda: [c.title for c in app.chat.sidebar.conversations] == ["New"])
        with chat.store_open() as store:
            assert store.conversation(old).archived


async def test_a_private_conversation_is_marked_wherever_it_shows(chat: Chat) -> None:
    """In the list, above the transcript, around the input: nobody writes there by mistake."""
    tell(chat, "Secret", "hello", "hi", private=True)
    app = chat.app()
    async with app.run_test(size=(120, 40)):
        await ready(app)
        await until(lambda: " PRIVATE  Secret" in screen_text(app))
        assert "memory is off" in screen_text(app)
        assert app.chat.has_class("-private")
        await until(lambda: "· private" in screen_text(app))
        await app.chat.reading.open(None)
        await until(lambda: "PRIVATE" not in screen_text(app))
        assert not app.chat.has_class("-private")


async def test_the_export_dialog_writes_the_form_that_was_chosen(
    chat: Chat, tmp_path: Path
) -> None:
    """Its ending says the form; a file that exists is asked about first."""
    tell(chat, "Where is it?", "hello", "hi there")
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        app.chat.composer.insert("/export")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, ExportScreen))
        name = app.screen.query_one(Input)
        assert Path(name.value).name == "where-is-it.md"
        await pilot.press("down", "down")
        await until(lambda: name.value.endswith(".json"))
        await pilot.press("up", "up")
        await until(lambda: name.value.endswith(".md"))
        file = tmp_path / "kept.md"
        file.write_text("mine")
        name.value = str(file)
        await pilot.press("enter")
        await until(lambda: "This file exists" in screen_text(app))
        assert file.read_text() == "mine"
        await pilot.press("enter")
        await until(lambda: "hi there" in file.read_text())
        await until(lambda: "Exported to" in screen_text(app))


async def test_the_export_dialog_says_which_names_cannot_be(chat: Chat, tmp_path: Path) -> None:
    """No name, or one that is too long: said, and the dialog stays."""
    tell(chat, "Where is it?", "hello", "hi there")
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        app.chat.composer.insert("/export")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, ExportScreen))
        name = app.screen.query_one(Input)
        name.value = ""
        await pilot.press("down")
        await until(lambda: "The name must end in" in screen_text(app))
        name.value = str(tmp_path / f"{'x' * 300}.md")
        await pilot.press("enter")
        await until(lambda: "This file cannot be written: File name too long." in screen_text(app))


async def test_the_export_of_another_program_is_imported(chat: Chat, tmp_path: Path) -> None:
    """/import asks for the file; what was in it stands in the list and can be opened."""
    message = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["hello"]}}
    root = {"id": "a", "message": None, "parent": None, "children": ["b"]}
    said = {"id": "b", "message": {"id": "b", **message}, "parent": "a", "children": []}
    exported = {"title": "From ChatGPT", "mapping": {"a": root, "b": said}, "current_node": "b"}
    exported |= {"id": "1", "create_time": 1_700_000_000.0, "update_time": 1_700_000_000.0}
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps([exported]))
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        app.chat.composer.insert("/import")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, PromptScreen))
        app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await until(lambda: [c.title for c in app.chat.sidebar.conversations] == ["From ChatGPT"])
        await until(lambda: "Imported" in screen_text(app))
