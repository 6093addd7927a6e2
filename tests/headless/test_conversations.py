"""`chatapp conversations`: everything that was said can be found, changed and taken along."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def said(chatapp) -> str:
    """Return the id of a conversation with a cited answer."""
    done = chatapp("ask", "Who painted the Mona Lisa?", "--output", "json")
    return json.loads(done.out)["conversation"]


def test_list_and_search_show_ids_and_titles(chatapp, said):
    for command in (("list",), ("search", "leonardo", "vinci")):
        done = chatapp("conversations", *command)
        assert said in done.out
        assert "Mona Lisa" in done.out


def test_list_as_json_and_jsonl_hold_the_same(chatapp, said):
    rows = json.loads(chatapp("conversations", "list", "--output", "json").out)
    lines = chatapp("conversations", "list", "--output", "jsonl").out.splitlines()
    assert rows == [json.loads(line) for line in lines]
    assert (rows[0]["id"], rows[0]["message_count"]) == (said, 2)


def test_show_prints_what_was_said_and_its_sources(chatapp, said):
    out = chatapp("conversations", "show", said).out
    assert "## You\n\nWho painted the Mona Lisa?" in out
    assert "[1] Mona Lisa — fake:Mona Lisa" in out
    as_json = json.loads(chatapp("conversations", "show", said, "--output", "json").out)
    assert as_json["messages"][1]["citations"][0]["n"] == 1


def test_rename_delete_and_restore(chatapp, said):
    assert chatapp("conversations", "rename", said, "Art\x1b[31m").out == "renamed to: Art[31m\n"
    assert chatapp("conversations", "delete", said).code == 0
    assert chatapp("conversations", "list").out == ""
    assert said in chatapp("conversations", "list", "--deleted").out
    assert chatapp("conversations", "restore", said).code == 0
    assert said in chatapp("conversations", "list").out


def test_export_writes_markdown_or_the_whole_tree(chatapp, said, tmp_path):
    markdown = tmp_path / "chat.md"
    chatapp("conversations", "export", said, "--output", str(markdown))
    assert markdown.read_text("utf-8").startswith("# Who painted the Mona Lisa?")
    exported = json.loads(chatapp("conversations", "export", said, "--format", "json").out)
    assert exported["format"] == "chatapp-conversation"
    assert [m["role"] for m in exported["messages"]] == ["user", "assistant"]


@pytest.mark.parametrize(
    "command", [("show",), ("delete",), ("restore",), ("export",), ("rename", "x")]
)
def test_an_unknown_id_is_not_found(chatapp, command):
    name, *rest = command
    done = chatapp("conversations", name, "01XYZ", *rest)
    assert done.code == 3
    assert "01XYZ" in done.err
    assert "conversations list" in done.err


@pytest.mark.parametrize("command", [("show", "\udcff"), ("rename", "\udcff", "x")])
def test_an_id_that_is_no_text_is_not_found(chatapp, command):
    assert chatapp("conversations", *command).code == 3


@pytest.mark.parametrize(
    "arguments", [("list", "--limit", "1" + "0" * 30), ("rename", "x", "\x1b")]
)
def test_wrong_values_are_wrong_use(chatapp, arguments):
    assert chatapp("conversations", *arguments).code == 2


@pytest.mark.parametrize("words", ["\udcff", "_", "の" * 30_000, "hello " * 5_000])
def test_odd_searches_find_nothing_and_fail_not(chatapp, said, words):
    done = chatapp("conversations", "search", words)
    assert (done.code, done.out) == (0, "")


def test_tag_pin_and_archive_change_the_list_and_can_be_undone(chatapp, said):
    assert chatapp("conversations", "tag", said, "Art", "italy").out.startswith("tagged: Who")
    assert chatapp("conversations", "tags").out == "    1  #art\n    1  #italy\n"
    assert chatapp("conversations", "tag", said, "italy", "--remove").code == 0
    chatapp("conversations", "pin", said)
    line = chatapp("conversations", "list", "--tag", "art").out
    assert line.startswith(f"{said} *")
    assert line.endswith("#art\n")
    chatapp("conversations", "archive", said)
    assert chatapp("conversations", "list").out == ""
    assert said in chatapp("conversations", "list", "--archived").out
    chatapp("conversations", "archive", said, "--undo")
    row = json.loads(chatapp("conversations", "pin", said, "--undo", "--output", "json").out)
    assert (row["pinned"], row["archived"], row["tags"]) == (False, False, ["art"])
    assert chatapp("conversations", "tag", said, "#").code == 6


@pytest.mark.parametrize(
    ("options", "hits"),
    [
        (("--role", "user"), 0),
        (("--role", "assistant"), 1),
        (("--grounding", "grounded"), 1),
        (("--since", "2999-01-01"), 0),
        (("--until", "2999-01-01"), 1),
        (("--archived",), 0),
        (("--not-archived",), 1),
        (("--tag", "none"), 0),
        (("--pinned",), 0),
    ],
)
def test_a_search_can_be_narrowed(chatapp, said, options, hits):
    done = chatapp("conversations", "search", "leonardo", *options, "--output", "json")
    assert len(json.loads(done.out)) == hits


def test_purging_empties_the_cache_of_web_pages(chatapp, said, chatapp_home):
    """Which conversation read which page is not known there, so none is left."""
    from retrieval.web.cache import PageCache, Stored

    cache = PageCache(chatapp_home / "web.sqlite3")
    cache.put(Stored("http://read.example/", 200, "", {}, "", "", 0.0, 0.0, False))
    assert cache.size()[0] == 1
    assert chatapp("conversations", "purge", said, "--yes").code == 0
    assert cache.size()[0] == 0
    cache.close()


def test_a_purged_conversation_is_gone_and_a_script_must_say_yes(chatapp, said):
    refused = chatapp("conversations", "purge", said)
    assert (refused.code, "--yes" in refused.err) == (5, True)
    assert chatapp("conversations", "purge", said, "--yes").out.startswith("gone for good")
    assert chatapp("conversations", "show", said).code == 3
    assert chatapp("conversations", "purge", "--deleted", "--yes").out == ""
    assert chatapp("conversations", "purge").code == 2


def test_the_bin_is_emptied_at_once(chatapp, said):
    chatapp("conversations", "delete", said)
    done = chatapp("conversations", "purge", "--deleted", "--yes", "--output", "json")
    assert [row["id"] for row in json.loads(done.out)] == [said]
    assert chatapp("conversations", "list", "--deleted").out == ""


def test_an_export_of_everything_is_imported_again(chatapp, said, tmp_path, monkeypatch):
    file = tmp_path / "all.jsonl"
    chatapp("ask", "And who painted the ceiling?")
    chatapp("conversations", "archive", said)
    chatapp("conversations", "export", "--all", "--output", str(file))
    assert len(file.read_text("utf-8").splitlines()) == 2
    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path / "elsewhere"))
    done = chatapp("conversations", "import", str(file))
    assert done.out == "imported 2 conversations and 4 messages; 0 were there already\n"
    again = json.loads(chatapp("conversations", "import", str(file), "--output", "json").out)
    assert (again["new"], len(again["known"]), again["messages"]) == ([], 2, 0)
    assert said in chatapp("conversations", "list", "--archived").out
    page = chatapp("conversations", "export", said, "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert chatapp("conversations", "export").code == 2


def test_a_file_that_is_no_export_is_refused_with_the_fix(chatapp, tmp_path):
    (tmp_path / "x").write_text("not json")
    done = chatapp("conversations", "import", str(tmp_path / "x"))
    assert done.code == 1
    assert "is no JSON" in done.err
    assert "fix:" in done.err


def test_a_file_that_is_not_there_is_not_found(chatapp, tmp_path):
    """Each says what is missing, and where to look for what there is."""
    done = chatapp("conversations", "import", str(tmp_path / "gone.json"))
    assert (done.code, "there is no file" in done.err) == (3, True)
    done = chatapp("conversations", "recover", str(tmp_path / "gone"))
    assert (done.code, "conversations backups" in done.err) == (3, True)


def test_backups_are_made_listed_and_recovered_from(chatapp, said):
    assert chatapp("conversations", "backups").out == ""
    [backup] = json.loads(chatapp("conversations", "backups", "--now", "--output", "json").out)
    assert backup["bytes"] > 0
    done = chatapp("conversations", "recover", backup["path"])
    assert done.out == "recovered 0 conversations and 0 messages\n"
    assert chatapp("conversations", "recover", "nothing.here").code == 3


def test_verify_says_that_all_is_well_or_what_is_not(chatapp, said):
    import sqlite3
    from contextlib import closing

    from chatapp.paths import database_path

    assert chatapp("conversations", "verify").out == "everything is as it was written\n"
    with closing(sqlite3.connect(database_path())) as db, db:
        db.execute("update messages set text = 'Forged.' where role = 'assistant'")
    done = chatapp("conversations", "verify")
    assert done.code == 6
    assert "text is not what was written" in done.out
    assert "conversations recover" in done.err
