"""The handbook answers questions about the app: by default, with no network and no model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp import resources
from chatapp.assistant.grounding import gather
from chatapp.settings import RetrievalSettings
from retrieval.index import Index

# What a new user asks, and words that a quote shown for it must hold.
QUESTIONS = {
    "What is chatapp?": "private, local ChatGPT",
    "What can chatapp do?": "Chatapp can",
    "How do I add my own files?": "chatapp index add",
    "Where are my conversations stored?": "chatapp.sqlite3",
    "How do I stop an answer?": "Ctrl+C or Esc",
    "Which files can chatapp read?": "Markdown, HTML, PDF",
    "What leaves this machine?": "Nothing leaves this machine",
    "How do I delete a conversation?": "conversations delete",
    "What does exit code 6 mean?": "Exit code 6 means",
    "How do I train my own model?": "chatapp train",
    "Where is the log file?": "chatapp.log",
    "How do I change a setting?": "user file",
    "What does the number in brackets mean?": "citation",
    "How do I move all data to another directory?": "CHATAPP_HOME",
    "What happens when the program is killed?": "nothing that you typed is lost",
    "How do I start a new conversation?": "new conversation",
    "Does chatapp need a graphics card?": "does not need a graphics card",
    "Is my data sent anywhere?": "not sent anywhere",
    "Can I use it offline?": "offline",
    "How do I quit?": "Ctrl+Q quits",
    "How do I open a source?": "press the number",
    "How do I run a script?": "chatapp run FILE",
    "What can a script expect?": "contains is a text",
    "How are tools allowed in a script?": "--allow",
    "How do I test with a recorded session?": "chatapp replay",
    "How do I make a session repeatable?": "--seed",
    "How do I complete commands in the shell?": "Tab key",
    "How do I calculate something?": "exact",
    "How do I run a Python program?": "code block",
    "How do I let tools read my files?": "tools.folders",
    "How do I attach a file?": "attach",
    "How do I forget a memory?": "/forget",
    "How do I start a private conversation?": "/private",
    "How do I start the server?": "chatapp serve",
    "How do I add a remote model?": "remotes",
    "How do I serve many users?": "chatapp serve",
    "How do I import conversations from ChatGPT?": "chatapp conversations import",
    "Can I import my chats from ChatGPT?": "chatapp conversations import",
    "How do I tag a conversation?": "conversations tag",
    "What happens to a damaged database?": "sets the damaged file aside",
    "How do I rate an answer?": "/good",
    "How do I change the keys?": "/keys",
    "What does partly grounded mean?": "some sentences are quotes",
    "How do I edit a message?": "press e",
    "How do I forget something you know about me?": "/forget",
    "How do I delete a memory?": "/forget",
    "How can I make you forget my address?": "/forget",
    "How do I correct something you remember about me?": "memory edit",
    "Can I see my memories?": "/memory",
    "How do I turn off memory?": "memory.enabled",
    "Can you search the web?": "can search the web",
    "How do I turn off the web?": "/web off",
    "Does chatapp work offline?": "works offline",
    "Do I need an internet connection?": "do not need an internet connection",
    "How do I use another model?": "/model",
    "How do I use an OpenAI model?": "remote model",
    "How do I export my conversations?": "conversations export",
    "How do I back up my conversations?": "backups --now",
    "What happens when my computer crashes?": "nothing that you typed is lost",
    "What files can you read?": "Markdown, HTML, PDF",
    "How do I ask about a PDF?": "/attach",
    "Why did you not find an answer?": "does not find an answer when",
    "How do I make answers shorter?": "retrieval.max_quotes",
    "Why are answers slow?": "Answers are slow when",
    "Can you do maths?": "calculates exactly",
    "How do I use chatapp from another program?": "chatapp serve",
    "Can several people use chatapp?": "chatapp serve",
    "How do I give you an API key?": "environment variable",
    "How do I update chatapp?": "git pull",
    "How do I uninstall chatapp?": "delete the directory",
    "How much memory does chatapp need?": "memory (RAM)",
    "How do I check that everything is installed correctly?": "chatapp doctor",
    "How do I go back to an older answer?": "press Left",
    "How do I make you remember my birthday?": "/remember",
    "How do I delete the index?": "delete the directory",
    "How do I stop a search of the web?": "press Ctrl+C or Esc",
    "Can I use my own GPU?": "can use your own GPU",
    "How do I turn off the sources?": "retrieval.enabled",
    "Can you read scanned documents?": "cannot read scanned",
    "How do I write several lines in a message?": "Shift+Enter",
}
NOT_ANSWERED = [
    "Who won the football world cup in 1954?",
    "What is the boiling point of tungsten?",
    "How many legs does a spider have?",
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The index as a new user has it: the handbook and nothing else."""
    path = tmp_path_factory.mktemp("handbook") / "index.sqlite3"
    opened = Index.open(path, embedder_dir=resources.embedder_dir())
    opened.add([resources.handbook_dir()], collection="handbook")
    yield opened
    opened.close()


@pytest.mark.parametrize(("question", "words"), QUESTIONS.items())
def test_the_app_can_be_asked_about_itself(index: Index, question: str, words: str) -> None:
    """A question of a new user is answered with a quote that holds the answer."""
    quotes = [quote.text for quote in gather(index, question, RetrievalSettings()).quotes]
    assert any(words in quote for quote in quotes), quotes


@pytest.mark.parametrize("question", NOT_ANSWERED)
def test_the_handbook_does_not_answer_what_it_does_not_know(index: Index, question: str) -> None:
    """A question about the world gets an honest refusal from the handbook alone."""
    assert gather(index, question, RetrievalSettings()).quotes == []


def test_every_page_of_the_handbook_is_indexed(index: Index) -> None:
    """No page is lost on the way into the index."""
    pages = list(Path(resources.handbook_dir()).glob("*.md"))
    assert index.status().documents == len(pages)
