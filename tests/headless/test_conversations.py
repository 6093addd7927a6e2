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
