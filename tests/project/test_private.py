"""What the app makes is for one person alone; what is there already keeps its mode."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp import paths
from chatapp.assistant.assistant import Assistant
from chatapp.assistant.commands import Session, run_line
from chatapp.assistant.factory import open_web
from chatapp.assistant.own_index import open_own_index
from chatapp.cli import crash
from chatapp.cli.output import writing
from chatapp.conversations import ConversationStore
from chatapp.conversations.backups import back_up
from chatapp.settings import Settings
from chatapp.settings.keeping import keep_setting
from tests.conversations.helpers import say
from tests.fakes import FakeGenerator


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Let it be what it is on most machines: others may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_all_that_is_made_is_for_one_person_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other user of the machine reads a conversation, a backup, a page, a quote or the log."""
    home = tmp_path / "above" / "home"
    monkeypatch.setenv("CHATAPP_HOME", str(home))
    keep_setting(paths.user_config_path(), "ui", "theme", "chatapp-dark")
    crash.unexpected(RuntimeError("x"))
    store = ConversationStore.open(paths.database_path())
    say(store, "My secret", "Kept.")
    back_up(paths.database_path(), every_hours=0)
    index = open_own_index()
    index.add_text("test:a", "A", "A quote.", collection="files")
    open_web(Settings(), cache=True)
    files = [path for path in home.rglob("*") if path.is_file()]
    names = " ".join(path.name for path in files)
    for name in ("chatapp.sqlite3", "index.sqlite3", "web.sqlite3", "-wal", "-shm", ".backup-2"):
        assert name in names
    assert {path.name: oct(mode(path)) for path in files if mode(path) & 0o077} == {}
    folders = [home.parent, home, *(path for path in home.rglob("*") if path.is_dir())]
    assert {str(path): oct(mode(path)) for path in folders if mode(path) & 0o077} == {}
    index.close()
    store.close()


def test_a_damaged_file_is_replaced_by_one_for_the_person_alone(tmp_path: Path) -> None:
    """The file that is made of what could be read is no wider open than any other."""
    path = tmp_path / "chat.sqlite3"
    path.write_bytes(b"no database" * 1000)
    ConversationStore.open(path).close()
    assert mode(path) == 0o600


def test_a_directory_that_a_person_made_keeps_its_mode(chatapp_home: Path) -> None:
    """Whoever shares a home on purpose goes on doing so."""
    chatapp_home.chmod(0o750)
    ConversationStore.open(paths.database_path()).close()
    assert mode(chatapp_home) == 0o750


@pytest.mark.parametrize("before", [0o600, 0o664])
def test_an_export_keeps_the_mode_of_the_file_it_replaces(tmp_path: Path, before: int) -> None:
    """A private export stays private when it is written anew."""
    file = tmp_path / "chat.md"
    file.write_text("old")
    file.chmod(before)
    with writing(str(file)) as stream:
        stream.write("new")
    assert (file.read_text(), mode(file)) == ("new", before)
    store = ConversationStore.open(None)
    here = say(store, "Hello", "Hi.").assistant.conversation_id
    assistant = Assistant(store, settings=Settings(), open_index=None, load_generator=FakeGenerator)
    run_line(Session(assistant, here), f"/export {file}")
    assert "Hi." in file.read_text()
    assert mode(file) == before
    assistant.close()


def test_an_ordinary_export_is_an_ordinary_file(tmp_path: Path) -> None:
    """A file at a place of one's own choice gets the mode of one's other files."""
    with writing(str(tmp_path / "chat.md")) as stream:
        stream.write("new")
    assert mode(tmp_path / "chat.md") == 0o644
