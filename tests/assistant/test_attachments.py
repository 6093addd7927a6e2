"""Attached files: read or refused with a reason, kept with the message, quoted like sources."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from chatapp.assistant import attachments
from chatapp.assistant.attachments import AttachmentError, read_attachment
from chatapp.assistant.events import Browse, Citation, MessageDone, TurnStart
from chatapp.settings import Settings
from retrieval.quotes import select_quotes
from tests.assistant.helpers import collect, every, only
from tests.fakes import FakeGenerator
from tests.retrieval.test_loaders import make_pdf

SHIPPED = Settings()  # with the threshold that is fitted to real quotes

NOTES = """# Boat trip

The ferry to Hiiumaa leaves Rohuküla at seven in the morning. Tickets cost nine euros.

The lighthouse of Kõpu was built in 1531. It is the oldest in the Baltic.
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Return a Markdown file."""
    path = tmp_path / "trip notes.md"
    path.write_text(NOTES, encoding="utf-8")
    return path


@pytest.fixture
def real_quotes(monkeypatch: pytest.MonkeyPatch, make) -> None:
    """Select quotes as the app does; `make` has put a fake in."""
    monkeypatch.setattr("retrieval.quotes.select_quotes", select_quotes)


class TestReading:
    def test_text_and_title_come_through_the_loaders(self, notes):
        read = read_attachment(notes)
        assert (read.name, read.uri) == ("trip notes.md", notes.as_uri())
        assert "Hiiumaa leaves" in read.text

    def test_html_is_read_as_text(self, tmp_path):
        page = tmp_path / "page.html"
        page.write_text("<html><title>Tea</title><body><p>Green tea is steamed.</p></body></html>")
        assert "Green tea is steamed." in read_attachment(page).text

    def test_hidden_and_control_characters_are_taken_out(self, tmp_path):
        hostile = tmp_path / "hostile.txt"
        hostile.write_text("red\x1b[31m and \u202ehidden\u200b text", encoding="utf-8")
        assert read_attachment(hostile).text == "red[31m and hidden text"

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("empty.txt", b"", "empty"),
            ("picture.png", b"\x89PNG\r\n\x00\x00", "binary"),
            ("latin.txt", b"caf\xe9", "not valid UTF-8"),
            ("broken.pdf", b"%PDF-1.4 nothing", "PDF"),
            ("blank.md", b"  \n\n ", "no text"),
        ],
    )
    def test_what_holds_no_text_is_refused_by_name(self, tmp_path, name, content, said):
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(AttachmentError) as refused:
            read_attachment(file)
        assert name in refused.value.message
        assert said in refused.value.message
        assert refused.value.hint

    def test_an_encrypted_pdf_says_so(self, tmp_path):
        key = "/Filter /Standard /V 1 /R 2 /P -4 /O <" + "00" * 32 + "> /U <" + "00" * 32 + ">"
        pdf = make_pdf(tmp_path / "e.pdf", ["secret"], extra=f"/Encrypt << {key} >> ")
        with pytest.raises(AttachmentError, match="encrypted"):
            read_attachment(pdf)

    def test_missing_files_folders_and_sockets_are_refused(self, tmp_path):
        with pytest.raises(AttachmentError, match="no such file"):
            read_attachment(tmp_path / "nothing.txt")
        with pytest.raises(AttachmentError, match="is a folder"):
            read_attachment(tmp_path)
        for nameless in ("a\0b", "~nobody-of-this-name/notes.txt", "half \ud800.txt"):
            with pytest.raises(AttachmentError, match="no file name"):
                read_attachment(nameless)
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(AttachmentError, match="pipe, socket or device"):
            read_attachment(tmp_path / "pipe")

    def test_too_large_is_refused_before_it_is_read(self, tmp_path, monkeypatch):
        big = tmp_path / "big.txt"
        with big.open("wb") as file:
            file.truncate(attachments.LARGEST_FILE + 1)
        with pytest.raises(AttachmentError, match="21 MB") as refused:
            read_attachment(big)
        assert "chatapp index add" in refused.value.hint
        monkeypatch.setattr(attachments, "LONGEST_TEXT", 10)
        small = tmp_path / "small.txt"
        small.write_text("more than ten characters")
        with pytest.raises(AttachmentError, match="24 characters"):
            read_attachment(small)


@pytest.mark.usefixtures("real_quotes")
class TestAnswering:
    async def ask(self, assistant, text, *files, conversation=None):
        return await collect(assistant.turn(conversation, text, attachments=files))

    async def test_a_question_is_answered_with_quotes_of_the_file(self, make, store, notes):
        """The quote stands in the kept text where its citation says, and can be opened."""
        assistant = make(RuntimeError("no model"), settings=SHIPPED)
        events = await self.ask(
            assistant, "When was the lighthouse of Kõpu built?", read_attachment(notes)
        )
        done, citation = only(events, MessageDone), only(events, Citation)
        assert done.grounding == "grounded"
        assert "1531" in done.text
        assert citation.uri == notes.as_uri()
        document = await assistant.document(citation.document)
        assert document.text[citation.start : citation.end] == citation.quote
        assert [event.action for event in every(events, Browse)] == ["search", "open", "quote"]
        [part] = store.parts(only(events, TurnStart).user_message)
        assert (part.kind, part.data["name"]) == ("attachment", "trip notes.md")

    async def test_what_is_not_in_the_file_is_not_found(self, make, notes):
        events = await self.ask(
            make(settings=SHIPPED),
            "Who won the chess championship in 1972?",
            read_attachment(notes),
        )
        assert only(events, MessageDone).grounding == "not_found"

    async def test_a_file_alone_reaches_the_model(self, make, notes):
        """Nothing was asked about it, so the model says something to it."""
        assistant = make(FakeGenerator("A nice file."), settings=SHIPPED)
        events = await self.ask(assistant, "", read_attachment(notes))
        assert only(events, MessageDone).text == "A nice file."

    async def test_a_summary_is_made_of_what_the_file_begins_with(self, make, notes):
        done = only(
            await self.ask(make(settings=SHIPPED), "Summarise this file", read_attachment(notes)),
            MessageDone,
        )
        assert done.text.startswith("The ferry to Hiiumaa leaves Rohuküla at seven")
        assert done.sources == 3

    async def test_later_questions_still_see_the_file_and_other_chats_do_not(self, make, notes):
        assistant = make(FakeGenerator("No idea."), settings=SHIPPED)
        first = await self.ask(assistant, "Summarise this file", read_attachment(notes))
        conversation = only(first, TurnStart).conversation
        question = "How much do tickets for the ferry cost?"
        later = await self.ask(assistant, question, conversation=conversation)
        assert "nine euros" in only(later, MessageDone).text
        other = await self.ask(assistant, question)
        assert only(other, MessageDone).text == "No idea."

    async def test_an_edited_question_keeps_its_file(self, make, notes):
        assistant = make(settings=SHIPPED)
        start = only(await self.ask(assistant, "Who built it?", read_attachment(notes)), TurnStart)
        events = await collect(
            assistant.edit(start.user_message, "When was the lighthouse of Kõpu built?")
        )
        assert "1531" in only(events, MessageDone).text

    async def test_an_edited_question_may_bring_another_file(self, make, notes, tmp_path):
        assistant = make(settings=SHIPPED)
        start = only(await self.ask(assistant, "Who built it?", read_attachment(notes)), TurnStart)
        other = tmp_path / "mill.txt"
        other.write_text("The windmill of Angla was restored by a carpenter in 2007.")
        question = "When was the windmill of Angla restored?"
        edit = assistant.edit(start.user_message, question, attachments=[read_attachment(other)])
        events = await collect(edit)
        assert "2007" in only(events, MessageDone).text
        edited = only(events, TurnStart).user_message
        assert len(assistant.store.parts(edited)) == 2

    async def test_a_chat_that_is_killed_leaves_no_copy_of_its_files(
        self, make, notes, tmp_path, monkeypatch
    ):
        """While the chat is open, nothing of a file stands anywhere but in the database."""
        place = tmp_path / "scratch"
        place.mkdir()
        monkeypatch.chdir(place)
        monkeypatch.setattr("tempfile.tempdir", str(place))
        assistant = make(settings=SHIPPED)
        events = await self.ask(assistant, "What do tickets cost?", read_attachment(notes))
        assert "nine euros" in only(events, MessageDone).text
        assert not list(place.iterdir())
        written = [path for path in tmp_path.rglob("*") if path.is_file() and path != notes]
        copies = [path.name for path in written if b"Tickets cost nine" in path.read_bytes()]
        assert {name.partition(".sqlite3")[0] for name in copies} <= {"chat"}


def test_sockets_are_no_files(tmp_path):
    """A socket would never end."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(AttachmentError, match="pipe, socket or device"):
            read_attachment(tmp_path / "s")
