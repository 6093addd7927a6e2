"""Slash commands, as the palette and scripts use them."""

from __future__ import annotations

import jsonschema
import pytest

from chatapp.assistant.commands import COMMANDS, CommandError, Session, find_command, run_line
from chatapp.assistant.events import MessageDone, TurnStart
from tests.assistant.helpers import collect, only
from tests.fakes import FakeGenerator, FakeIndex


@pytest.fixture
async def session(make) -> Session:
    """Return a session in which one cited answer was given."""
    assistant = make(FakeGenerator("Sure."), FakeIndex())
    start = only(await collect(assistant.turn(None, "Who painted the Mona Lisa?")), TurnStart)
    return Session(assistant, start.conversation)


async def test_rename_takes_the_rest_of_the_line(session):
    assert run_line(session, "/rename Notes on  art").text == "Renamed to: Notes on art"
    assert session.assistant.store.conversation(session.conversation).title == "Notes on art"


async def test_delete_closes_the_conversation_and_restore_brings_it_back(session):
    opened = session.conversation
    assert f"/restore {opened}" in run_line(session, "/delete").text
    assert session.conversation is None
    assert opened in run_line(session, "/restore").text
    run_line(session, f"/restore {opened}")
    assert run_line(session, "/restore").text == "Nothing is deleted."
    run_line(session, f"/open {opened}")
    assert session.conversation == opened


async def test_sources_shows_the_quotes_of_the_last_answer(session):
    text = run_line(session, "/sources").text
    assert "[1] Mona Lisa — fake:Mona Lisa" in text
    assert "Leonardo da Vinci painted" in text


async def test_search_names_the_conversation_and_the_words(session):
    assert session.conversation in run_line(session, "/search leonardo").text
    assert run_line(session, "/search zebra").text == "No message has these words."


async def test_regenerate_gives_a_stream_to_render(session):
    events = await collect(run_line(session, "/regenerate").events)
    assert only(events, MessageDone).grounding == "grounded"


async def test_continue_needs_an_answer_that_was_cut_off(session):
    with pytest.raises(CommandError, match="complete"):
        run_line(session, "/continue")


async def test_new_means_the_next_message_starts_a_conversation(session):
    run_line(session, "/new")
    assert session.conversation is None
    with pytest.raises(CommandError, match="No conversation is open"):
        run_line(session, "/sources")


async def test_list_shows_ids_and_titles(session):
    text = run_line(session, "/list").text
    assert session.conversation in text
    assert "Who painted the Mona Lisa?" in text


async def test_calc_calculates_and_explains_what_it_cannot(session):
    assert run_line(session, "/calc 2 * (3 + 4)").text == "14"
    with pytest.raises(CommandError, match="Division by zero"):
        run_line(session, "/calc 1/0")


async def test_help_names_every_command(session):
    text = run_line(session, "/help").text
    assert all(f"/{command.name}" in text for command in COMMANDS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/nothing", "There is no command /nothing"),
        ("/rename", "Use it as: /rename TITLE"),
        ("/new now", "takes no arguments"),
        ("/open 01XYZ", "There is no conversation 01XYZ"),
        ("/open \udcff\x1b01XYZ", "There is no conversation 01XYZ"),
        ("/rename \x1b", "Use it as: /rename TITLE"),
        ("/search", "Use it as: /search TEXT"),
        ("/import ~nobody-of-this-name/chats.json", "No such file"),
    ],
)
async def test_wrong_use_says_what_to_type(session, line, message):
    with pytest.raises(CommandError, match=message):
        run_line(session, line)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_and_a_valid_schema(command):
    jsonschema.Draft202012Validator.check_schema(command.schema())
    assert command.help.endswith(".")
    assert find_command(f"/{command.name}") is command
