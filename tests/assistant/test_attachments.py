"""Attached files: read or refused with a reason, kept with the message, quoted like sources."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from chatapp.assistant import attachments
from chatapp.assistant.attachments import AttachmentError, read_attachment
from chatapp.assistant.events import Browse, Citation, MessageDone, TurnStart
from chatapp.assistant.overview import wants_overview
from chatapp.settings import Settings
from retrieval.quotes import MAX_QUOTE_CHARACTERS, select_quotes
from tests.assistant.helpers import collect, every, only
from tests.fakes import FakeGenerator, FakeIndex
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

    async def test_a_question_that_speaks_of_a_summary_is_searched(self, make, tmp_path):
        contract = tmp_path / "contract.md"
        contract.write_text(
            "This agreement is made between the two parties named below.\n\n"
            "It replaces every older agreement between these parties.\n\n"
            "In summary, the payment is due on 14 March 2031.\n"
        )
        question = "Does the summary say when the payment is due?"
        events = await self.ask(make(settings=SHIPPED), question, read_attachment(contract))
        done = only(events, MessageDone)
        assert "14 March 2031" in done.text
        assert "This agreement is made" not in done.text

    async def test_a_summary_is_asked_for_whatever_was_asked_before(self, make, notes):
        """ "This" points at the file, not at the topic of the question before."""
        assistant = make(settings=SHIPPED)
        question = "When was the lighthouse of Kõpu built?"
        first = await self.ask(assistant, question, read_attachment(notes))
        conversation = only(first, TurnStart).conversation
        events = await self.ask(
            assistant, "Summarise this", read_attachment(notes), conversation=conversation
        )
        assert only(events, MessageDone).text.startswith("The ferry to Hiiumaa leaves")

    @pytest.mark.parametrize(
        ("text", "opening"),
        [
            # rows of a table
            ("id,name,price\n" + "".join(f"{n},tea number {n},2.50\n" for n in range(2_000)),
             "id,name,price 0,tea number 0,2.50 1,tea"),
            # lines of a log, the first too long to be quoted
            ("x" * 2_000 + "\n" + "a\n" * 9_000, None),
            # comments at the top, then rows
            ("# exported\n# by hand\n" + "1;2;3\r\n" * 3_000, "1;2;3 1;2;3"),
            # a list whose entries are short
            ("- Milk\n- Eggs\n- Bread\n", "- Milk"),
            ("a,b\n1,2\n", "a,b 1,2"),
            # nothing that is whole is short enough
            ("word " * 4_000, None),
            ("x" * 50_000, None),
            # sentences, one of which is too long
            ("word " * 400 + "end. It is a short sentence about nothing much.",
             "It is a short sentence"),
        ],
    )  # fmt: skip
    async def test_a_summary_quotes_whole_sentences_or_lines(self, make, tmp_path, text, opening):
        """However the file is written, no quote is longer than quotes are, or cut."""
        path = tmp_path / "data.txt"
        path.write_text(text, newline="")
        attached = read_attachment(path)
        events = await self.ask(make(settings=SHIPPED), "Summarise this", attached)
        done = only(events, MessageDone)
        citations = every(events, Citation)
        assert (done.grounding, bool(citations)) == (
            ("grounded", True) if opening else ("not_found", False)
        )
        assert done.text.startswith(opening or "")
        for citation in citations:
            assert len(citation.quote) <= MAX_QUOTE_CHARACTERS
            assert attached.text[citation.start : citation.end] == citation.quote
            assert attached.text[citation.end : citation.end + 1] in ("", "\n", "\r", " ")
            assert attached.text[: citation.start][-1:] in ("", "\n", " ")

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


@pytest.mark.parametrize(
    "message",
    [
        "Summarise this file",
        "summarize",
        "Please summarise the attached document.",
        "could you please summarise this in three sentences?",
        "Would you mind summarising this?",
        "I need you to summarise this",
        "Summarise report.pdf",
        "Summarise this report on climate change",
        "Summarise what this says",
        "Summarize the main points of the attached report",
        "Give me a summary of the report",
        "Write a brief summary about this document",
        "write me a summary on this",
        "give me a short overview",
        "Give me an outline of this document, please",
        "I'd like a brief summary of the contract",
        "Can I get a summary?",
        "Write a one-paragraph summary",
        "List the main points",
        "tl;dr",
        "TL;DR please",
        "tldr?",
        "summary please",
        "Summary:",
        "Quick summary?",
        "Summary of contract.pdf",
        "key points",
        "What are the main points?",
        "What are the key takeaways of this paper?",
        "What's the gist of it?",
        "What is this about?",
        "What’s this about?",
        "what is this file about",
        "what's this chapter about",
        "What is this?",
        "What is it?",
        "What does it say?",
        "What do these notes say?",
        "What's in this file?",
        "Tell me what this is about",
        "Sum it up",
        "Outline the document",
        "Here are my notes. Please summarise them.",
        "I attached my notes, could you summarise them?",
        "I attached the contract. Can you give me a summary?",
    ],
)
def test_an_overview_is_given_where_one_is_requested(message):
    assert wants_overview(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Does the summary say when the payment is due?",
        "What is the total in the summary table?",
        "Who wrote The Outline of History?",
        "What does the summary say about payment?",
        "Where is the outline?",
        "Is there a summary?",
        "How long is the executive summary?",
        "What is a summary?",
        "Why is a summary useful?",
        "How do I summarise a document?",
        "Do you summarise documents?",
        "Who asked for the summary?",
        "Is the tl;dr correct?",
        "The summary says 400. Is that right?",
        "Give me the summary table",
        "Show me the summary statistics",
        "In the overview, which city is named?",
        "Sum up the numbers in column B",
        "Find the key points on which the parties disagree",
        "What is the main reason for the delay?",
        "What is the main point of the argument about taxes?",
        "What does it say about payment?",
        "What does the payment section say?",
        "Summarise what the contract says about payment",
        "Summarise how the payment works",
        "Summarise chapter 3",
        "Give me a summary of section 4.2",
        "Give me a summary on the payment terms",
        "What is in the second chapter?",
        "Summarise this and tell me when the payment is due",
        "Please summarise it. When is the payment due?",
        "What is it that the landlord owes?",
        "What is that in euros?",
        "I am trying to remember the capital of Norway, what is it?",
        "The car shows a yellow triangle. What's that?",
        "What is this for?",
        "What is the code?",
        "What is this number in row 7?",
        "Overview of the payment terms: when are they due?",
        "Summarise this:\n" + "word " * 100,
    ],
)
def test_what_only_speaks_of_an_overview_requests_none(message):
    assert not wants_overview(message)


@pytest.mark.parametrize("unit", [" ", "a", "please ", "so, ", "the ", "in the ", "very short "])
@pytest.mark.parametrize("length", [250, 30_000])
def test_long_messages_are_read_at_once(unit, length):
    """No rule goes back over what it has read again and again."""
    for opening in ("", "give me ", "what is ", "summarise "):
        wants_overview(f"{opening}{unit * (length // len(unit))}?")


async def test_without_a_file_a_summary_is_a_word_like_any_other(make):
    """What leads the answer is not lost."""
    question = "In which year was the Mona Lisa painted, in summary?"
    events = await collect(make(RuntimeError("no model"), FakeIndex()).turn(None, question))
    assert only(events, MessageDone).text.startswith("1503 [1]")
