"""`chatapp memory`: what is remembered can be read, corrected, taken along and forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatapp.cli.errors import ExitCode


@pytest.fixture
def home(chatapp) -> str:
    """Return the id of a remembered home."""
    return json.loads(chatapp("memory", "add", "I live in Rome", "--output", "json").out)["fact"][
        "id"
    ]


def test_a_fact_is_added_listed_and_closed_by_a_newer_one(chatapp, home):
    assert "you live in Rome" in chatapp("memory", "list").out
    done = chatapp("memory", "add", "I moved to Berlin")
    assert done.out.endswith("no longer: you live in Rome\n")
    assert "Rome" not in chatapp("memory", "list").out
    rows = json.loads(chatapp("memory", "list", "--all", "--output", "json").out)
    assert [(row["value"], row["status"]) for row in rows] == [
        ("Rome", "closed"),
        ("Berlin", "active"),
    ]


def test_what_ask_is_told_can_be_asked_later(chatapp):
    chatapp("ask", "My sister is called Julia.")
    done = chatapp("ask", "What is my sister's name?")
    assert "Your sister is called Julia" in done.out


def test_edit_corrects_a_value(chatapp, home):
    assert "you live in Roma" in chatapp("memory", "edit", home, "Roma").out


def test_forgetting_needs_a_word_from_the_person(chatapp, home):
    refused = chatapp("memory", "forget", "rome")
    assert (refused.code, "--yes" in refused.err) == (5, True)
    assert chatapp("memory", "forget", "rome", "--yes").out == "forgotten: you live in Rome\n"
    assert chatapp("memory", "list", "--all").out == ""


def test_hiding_keeps_the_fact(chatapp, home):
    assert "(expired)" in chatapp("memory", "forget", home, "--hide").out
    assert chatapp("memory", "list").out == ""


def test_export_and_import_round_trip(chatapp, home, tmp_path):
    file = tmp_path / "memory.json"
    assert chatapp("memory", "export", "-o", str(file)).code == 0
    assert chatapp("memory", "import", str(file)).out == (
        "added 0, known before 1, forgotten before 0\n"
    )
    chatapp("memory", "forget", home, "--yes")
    assert "forgotten before 1" in chatapp("memory", "import", str(file)).out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("edit", "NOPE", "x"), 3, "no memory NOPE"),
        (("forget", "nothing", "--yes"), 3, "no memory is about 'nothing'"),
        (("add", "my password is hunter2"), 2, "secrets are not remembered"),
        (("import", "/dev/null"), 1, "holds no exported memory"),
    ],
)
def test_errors_name_the_fix(chatapp, arguments, code, says):
    done = chatapp("memory", *arguments)
    assert done.code == code
    assert says in done.err


def told_in(chatapp, text: str) -> str:
    """Say something in a conversation of its own; return its id."""
    told = json.loads(chatapp("ask", text, "--output", "json").out)
    return told["conversation"]


def test_deleting_a_conversation_offers_the_memories_learnt_there(chatapp):
    first, second = (told_in(chatapp, text) for text in ("I live in Rome.", "I love tea."))
    assert "1 memories learnt there stay" in chatapp("conversations", "delete", first).err
    assert "you live in Rome" in chatapp("memory", "list").out
    chatapp("conversations", "delete", second, "--facts")
    assert "tea" not in chatapp("memory", "list", "--all").out


def test_an_imported_conversation_brings_nothing_forgotten_back(chatapp, tmp_path):
    """The file was exported before; the words are blanked as they come in."""
    conversation = told_in(chatapp, "I live in Qwertzburg.")
    file = tmp_path / "out.json"
    exported = chatapp("conversations", "export", conversation, "--format", "json")
    file.write_text(exported.out, encoding="utf-8")
    assert "Qwertzburg" in file.read_text(encoding="utf-8")
    chatapp("memory", "forget", "qwertzburg", "--yes")
    chatapp("conversations", "purge", conversation, "--yes")
    assert chatapp("conversations", "import", str(file)).code == 0
    assert chatapp("memory", "list", "--all").out == ""
    assert "Qwertzburg" not in chatapp("conversations", "show", conversation).out


@pytest.mark.parametrize(
    "command", [("memory", "export"), ("conversations", "export", "--all"), ("feedback", "export")]
)
def test_an_export_that_fails_leaves_the_older_one(chatapp, home, tmp_path, monkeypatch, command):
    """The file is replaced when the new one is whole, and nothing half-written stays beside it."""
    kept = tmp_path / "kept.json"
    kept.write_text("the older export")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "chatapp.sqlite3").mkdir()  # no file: the conversations cannot be opened
    monkeypatch.setenv("CHATAPP_HOME", str(broken))
    assert chatapp(*command, "-o", str(kept)).code == ExitCode.STORAGE
    assert kept.read_text() == "the older export"
    assert {path.name for path in tmp_path.glob("kept*")} == {"kept.json"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_however_little_is_written(chatapp):
    done = chatapp("memory", "export", "-o", "/dev/full")
    assert done.code == ExitCode.STORAGE
    assert "No space left" in done.err


@pytest.mark.parametrize(
    ("name", "why"), [("none/memories.json", "No such file or directory"), ("x" * 300, "too long")]
)
def test_an_export_names_a_file_that_cannot_be(chatapp, tmp_path, name, why):
    done = chatapp("memory", "export", "-o", str(tmp_path / name))
    assert done.code == ExitCode.USAGE
    assert "cannot be written: " in done.err
    assert why in done.err
