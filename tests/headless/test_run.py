"""`chatapp run`: scripted sessions that can be held to what they say."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from chatapp import paths
from chatapp.cli import headless
from chatapp.cli.main import main
from chatapp.cli.script.operations import ScriptError
from chatapp.cli.script.parse import parse_script

REPEATABLE = ("--seed", "1", "--greedy", "--clock", "2026-01-01T00:00:00Z", "--ephemeral")


@pytest.fixture
def script(tmp_path):
    """Return a function that writes operations to a file and returns its name."""

    def write(*operations: dict[str, object]) -> str:
        path = tmp_path / "script.jsonl"
        path.write_text("# a script\n\n" + "\n".join(json.dumps(o) for o in operations))
        return str(path)

    return write


EVERYTHING = (
    {"set": {"max_tokens": 50, "temperature": 0.5}},
    {"system": "Be brief."},
    {"user": "hello"},
    {"expect": {"contains": "Hello", "regex": "^H.*you", "equals": "Hello there, you."}},
    {"user": "Who painted the Mona Lisa?"},
    {"expect": {"cites": 1, "grounding": "grounded"}},
    {"sources": None},
    {"rename": "Art"},
    {"calc": "6 * 7"},
    {"set": {"sources": False}},
    {"interrupt": {"after_tokens": 1}},
    {"user": "Who painted it?"},
    {"expect": {"equals": "Hello "}},
    {"continue": None},
    {"expect": {"equals": "Hello there, you."}},
    {"regenerate": None},
    {"new": None},
    {"user": "hello"},
)


def test_every_operation_does_what_it_says(chatapp, script, generator):
    done = chatapp("run", script(*EVERYTHING), "--output", "jsonl")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    end = lines[-1]
    assert (end["turns"], end["expected"], end["errors"]) == (6, 4, [])
    results = {line["name"]: line["text"] for line in lines if line["type"] == "command.result"}
    assert results["calc"] == "42"
    assert results["rename"] == "Renamed to: Art"
    assert "[1] Mona Lisa" in results["sources"]
    assert generator.prompts[0][0].content == "Be brief."
    assert (generator.params[0].max_tokens, generator.params[0].temperature) == (50, 0.5)
    conversations = {line["conversation"] for line in lines if line["type"] == "turn.start"}
    assert len(conversations) == 2


def test_two_runs_are_the_same_to_the_byte(chatapp, script):
    name = script(*EVERYTHING)
    first = chatapp("run", name, "--output", "jsonl", *REPEATABLE)
    second = chatapp("run", name, "--output", "jsonl", *REPEATABLE)
    assert first.code == 0
    assert first.out == second.out
    assert '"ts": "2026-01-01T00:00:00.000Z"' in first.out


def test_every_line_meets_the_printed_schema(chatapp, script):
    schema = json.loads(chatapp("run", "--schema").out)
    failing = (
        {"expect": {"contains": "zebra"}},
        {"open": "x"},
    )
    done = chatapp("run", script(*EVERYTHING, *failing), "--output", "jsonl", "--keep-going")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert {"error", "command.result", "retrieval", "citation"} <= {line["type"] for line in lines}
    validator = jsonschema.Draft202012Validator(schema)
    for line in lines:
        validator.validate(line)


def test_the_json_object_is_the_last_jsonl_line(chatapp, script):
    name = script(*EVERYTHING)
    jsonl = chatapp("run", name, "--output", "jsonl", *REPEATABLE).out
    assert chatapp("run", name, "--output", "json", *REPEATABLE).out == jsonl.splitlines(True)[-1]


class TestExpect:
    @pytest.mark.parametrize(
        ("expected", "said"),
        [
            ({"contains": "zebra"}, "does not contain 'zebra'"),
            ({"regex": "^x"}, "has no match '^x'"),
            ({"equals": "Hello"}, "does not equal 'Hello'"),
            ({"cites": 1}, "0 citations, expected 1"),
            ({"grounding": "grounded"}, "the grounding is model, expected 'grounded'"),
        ],
    )
    def test_an_unmet_expectation_ends_the_session_with_its_own_code(
        self, chatapp, script, expected, said
    ):
        done = chatapp("run", script({"user": "hello"}, {"expect": expected}, {"user": "hi"}))
        assert done.code == 7
        assert said in done.err
        assert "line 4" in done.err
        assert done.out.count("Hello") == 1

    def test_keep_going_runs_the_rest_and_still_fails(self, chatapp, script):
        operations = ({"user": "hello"}, {"expect": {"contains": "zebra"}}, {"user": "hi"})
        done = chatapp("run", script(*operations), "--keep-going")
        assert done.code == 7
        assert done.out.count("Hello") == 2

    def test_before_any_answer_nothing_is_met(self, chatapp, script):
        assert chatapp("run", script({"expect": {"contains": "Hello"}})).code == 7


class TestScripts:
    def test_stdin_is_a_script_too(self, chatapp):
        assert chatapp("run", "-", stdin='{"user": "hello"}').out == (
            "> hello\nHello there, you.\n"
        )

    def test_a_closed_stdin_is_an_empty_script(self, monkeypatch):
        monkeypatch.setattr("sys.stdin", None)
        assert main(["run", "-", "--ephemeral"]) == 0

    def test_line_ends_are_those_of_files_only(self):
        """A text may hold U+2028 as it is; editors on Windows put a mark before the first line."""
        [operation] = parse_script('{"user": "a\u2028b"}\r\n')
        assert operation.value == "a\nb"

    def test_a_byte_order_mark_is_left_out(self, chatapp):
        done = chatapp("run", "-", stdin=b'\xef\xbb\xbf{"user": "hello"}')
        assert (done.code, done.err) == (0, "")

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("hello", "no JSON"),
            ("[]", "one object"),
            ('{"user": "a", "system": "b"}', "one object"),
            ('{"sing": "a"}', "there is no operation 'sing'"),
            ('"sing"', "there is no operation 'sing'"),
            ('"user"', "`user`: None is not of type 'string'"),
            ('{"user": 1}', "1 is not of type 'string'"),
            ('{"user": " "}', "cannot be empty"),
            ('{"user": "\\u001b\\u200b"}', "cannot be empty"),
            ('{"user": "a", "user": "b"}', "a key stands twice"),
            ('{"set": {"colour": "red"}}', "there is no 'colour'"),
            ('{"set": {"max_tokens": true}}', "True is not of type 'integer'"),
            ('{"set": {}}', "takes an object"),
            ('{"set": {"temperature": NaN}}', "NaN is no number"),
            ('{"set": {"top_k": -5}}', "-5 is less than the minimum of 0"),
            ('{"set": {"max_tokens": 0}}', "`set.max_tokens`: 0 is less than the minimum of 1"),
            ('{"set": {"seed": -1}}', "minimum of 0"),
            ('{"set": {"seed": 9223372036854775808}}', "greater than the maximum"),
            ('{"expect": {"regex": "("}}', "no regular expression"),
            ('{"expect": {"grounding": "yes"}}', "'yes' is not one of"),
            ('{"interrupt": {"after_tokens": 0}}', "minimum of 1"),
            ('{"interrupt": "soon"}', "is not valid under any of the given schemas"),
            ('{"approve": {"tool": "x", "decision": "maybe"}}', "not one of"),
            ('{"rename": {"name": "x"}}', "/rename TITLE"),
            ('"rename"', "/rename TITLE"),
            ('{"rename": ""}', "/rename TITLE"),
            ('{"rename": "\\u001b"}', "/rename TITLE"),
            ('{"new": "now"}', "takes no arguments"),
            ('{"calc": {"expression": 1}}', "1 is not of type 'string'"),
            ("[" * 200_000, "nested too deeply"),
        ],
    )
    def test_a_line_that_is_wrong_is_named_and_nothing_is_run(self, line, said):
        with pytest.raises(ScriptError, match="line 2") as caught:
            parse_script('{"user": "hello"}\n' + line)
        assert said in str(caught.value)

    def test_a_wrong_script_is_wrong_use_and_stores_nothing(self, chatapp, script):
        done = chatapp("run", script({"user": "hello"}, {"sing": "a"}))
        assert (done.code, done.out) == (2, "")
        assert not paths.database_path().exists()

    def test_a_missing_file_is_not_found(self, chatapp):
        assert chatapp("run", "nowhere.jsonl").code == 3

    def test_a_file_that_is_no_text_is_wrong_use(self, chatapp, tmp_path):
        (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
        assert chatapp("run", str(tmp_path / "x")).code == 2

    def test_db_is_where_the_conversation_goes(self, chatapp, script, tmp_path: Path):
        assert chatapp("run", script({"user": "hello"}), "--db", str(tmp_path / "my.db")).code == 0
        assert (tmp_path / "my.db").exists()
        assert not paths.database_path().exists()

    @pytest.mark.parametrize("clock", ["noon", "", "9999-12-31T23:59:59-23:00"])
    def test_a_clock_that_is_no_time_is_wrong_use(self, chatapp, script, clock):
        assert chatapp("run", script({"user": "hi"}), "--clock", clock).code == 2

    def test_the_same_clock_again_adds_to_the_same_home(self, chatapp, script):
        """The second session makes the ids of the first one again and passes them over."""
        for _ in range(2):
            assert chatapp("run", script({"user": "hi"}), "--clock", "2026-01-01").code == 0
        assert len(chatapp("conversations", "list").out.splitlines()) == 2

    def test_a_command_that_fails_names_its_line(self, chatapp, script):
        done = chatapp("run", script({"sources": None}))
        assert done.code == 2
        assert "line 3: No conversation is open" in done.err

    def test_too_long_a_session_is_stopped_with_the_limit_code(
        self, chatapp, script, generator, monkeypatch
    ):
        monkeypatch.setattr(
            headless, "leave_busy_threads", lambda code: None
        )  # it would end pytest
        generator.reply, generator.delay = "word " * 2000, 0.01
        done = chatapp("run", script({"user": "hello"}, {"user": "hi"}), "--timeout", "0.2")
        assert done.code == 4
        assert "longer than 0.2 seconds" in done.err
        assert done.out.startswith("> hello\nword ")
