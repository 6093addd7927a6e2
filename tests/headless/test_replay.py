"""`chatapp replay`: a recorded session is run again and held to what it said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatapp import paths

CLOCK = ("--seed", "1", "--greedy", "--clock", "2026-01-01T00:00:00Z", "--ephemeral")
SCRIPT = "- user: hello\n- user: Who painted the Mona Lisa?\n- expect: {cites: 1}\n- sources\n"


@pytest.fixture
def record(chatapp, tmp_path: Path):
    """Return a function that records a session and returns the name of its transcript."""

    def run(*options: str, script: str = SCRIPT) -> str:
        path = tmp_path / "transcript.jsonl"
        path.write_text(chatapp("run", "-", "--output", "jsonl", *options, stdin=script).out)
        return str(path)

    return run


def test_the_same_session_is_the_same(chatapp, record):
    done = chatapp("replay", record(*CLOCK), "--strict")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("The same: ")


def test_times_ids_and_pieces_do_not_count_unless_strict(chatapp, record):
    transcript = record()
    assert chatapp("replay", transcript).code == 0
    strict = chatapp("replay", transcript, "--strict")
    assert strict.code == 2
    assert "recorded without --clock" in strict.err


def test_nothing_of_a_replay_is_stored(chatapp, record):
    chatapp("replay", record(*CLOCK))
    assert not paths.database_path().exists()


def test_a_replay_writes_no_files(chatapp, record, tmp_path: Path, monkeypatch):
    """What the session wrote then is left as it is now, and it still is the same session."""
    monkeypatch.chdir(tmp_path)
    script = "- user: hello\n- save: answer.txt\n- export: talk.md\n- export: talk.sh\n"
    transcript = record(*CLOCK, script=script)
    for name in ("answer.txt", "talk.md"):
        (tmp_path / name).write_text("mine")
    assert chatapp("replay", transcript, "--strict").code == 0
    assert {(tmp_path / name).read_text() for name in ("answer.txt", "talk.md")} == {"mine"}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("model", None, "'model' is a required property"),
        ("seed", 3.0, "`session.start.seed`: 3.0"),
        ("allow", "*", "`session.start.allow`: '*' is not of type 'array'"),
        ("clock", "noon", "'noon' is no time"),
        ("clock", "9999-12-31T23:59:59-23:00", "is no time"),
    ],
)
def test_a_start_that_cannot_be_repeated_is_wrong_use(chatapp, record, field, value, said):
    first, *rest = Path(record(*CLOCK)).read_text().splitlines()
    start = json.loads(first) | {field: value}
    start = {name: one for name, one in start.items() if name != "model" or one}
    done = chatapp("replay", "-", stdin="\n".join([json.dumps(start), *rest]))
    assert done.code == 2
    assert f"line 1: {'`session.start`: ' if value is None else ''}" in done.err
    assert said in done.err


def test_a_line_that_is_no_event_is_wrong_use(chatapp, record):
    lines = Path(record(*CLOCK)).read_text() + "{}"
    assert "this is no event" in chatapp("replay", "-", stdin=lines).err
    lines = lines.removesuffix("{}") + '{"type": "operation", "line": 1}'
    assert "is a required property" in chatapp("replay", "-", stdin=lines).err


def test_another_answer_is_shown_with_both_texts(chatapp, record, generator):
    transcript = record(*CLOCK)
    generator.reply = "Good day."
    done = chatapp("replay", transcript)
    assert done.code == 7
    assert "- " in done.out
    assert "Hello there, you." in done.out
    assert "Good day." in done.out


def test_the_differences_are_data_too(chatapp, record, generator):
    transcript = record(*CLOCK)
    generator.reply = "Good day."
    whole = json.loads(chatapp("replay", transcript, "--output", "json").out)
    assert whole["same"] is False
    assert {"line", "was", "now"} == set(whole["differences"][0])
    lines = chatapp("replay", transcript, "--output", "jsonl").out.splitlines()
    assert json.loads(lines[-1]) == whole
    assert len(lines) == len(whole["differences"]) + 1


def test_failures_are_replayed_as_failures(chatapp, record):
    """The first run failed an expectation; the same failure again is the same session."""
    script = "- user: hello\n- expect: {contains: zebra}\n- user: hi\n"
    assert chatapp("replay", record(*CLOCK, "--keep-going", script=script), "--strict").code == 0


def test_what_ask_printed_can_be_replayed(chatapp, tmp_path: Path):
    transcript = tmp_path / "t.jsonl"
    asked = ("ask", "hello", "--max-tokens", "2", "--no-sources", "--output", "jsonl")
    transcript.write_text(chatapp(*asked).out)
    assert chatapp("replay", str(transcript)).code == 0


def test_a_transcript_may_come_from_a_pipe(chatapp, record):
    assert chatapp("replay", "-", stdin=Path(record()).read_text()).code == 0


def test_another_model_may_answer(chatapp, record):
    """The model's name is part of the session, so a strict replay says that it changed."""
    done = chatapp("replay", record(*CLOCK), "--model", "other", "--strict")
    assert done.code == 7
    assert '"model": "other"' in done.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: a transcript begins with `session.start`"),
        ('{"user": "hello"}', "line 1: a transcript begins with `session.start`"),
        ("hello", "line 1: this is no JSON"),
        ("[1]", "line 1: this is no event"),
    ],
)
def test_what_is_no_transcript_is_wrong_use(chatapp, text, said):
    done = chatapp("replay", "-", stdin=text)
    assert done.code == 2
    assert said in done.err


def test_an_operation_of_another_release_is_named(chatapp, record):
    transcript = Path(record(*CLOCK))
    transcript.write_text(transcript.read_text().replace('"name": "sources"', '"name": "sing"'))
    done = chatapp("replay", str(transcript))
    assert done.code == 2
    assert "there is no operation 'sing'" in done.err


def test_a_missing_file_is_not_found(chatapp):
    assert chatapp("replay", "nowhere.jsonl").code == 3
