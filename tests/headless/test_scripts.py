"""The language of scripts: two forms that mean the same, and operations that do what they say."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from chatapp import paths
from chatapp.cli.script.operations import ScriptError
from chatapp.cli.script.parse import parse_script
from chatapp.conversations import ConversationStore

YAML = """\
# a comment
- user: |
    What is
    the Kaaba?
- expect: {contains: [Mecca, Islam], cites: 1, grounded: true}

- set: {max_tokens: 40, temperature: 0.5, greedy: true}
- regenerate
- rename: Holy places
- calc: "1 + 1"
- interrupt: 3
"""
LINES = """\
# a comment
{"user": "What is\\nthe Kaaba?\\n"}
{"expect": {"contains": ["Mecca", "Islam"], "cites": 1, "grounded": true}}

{"set": {"max_tokens": 40, "temperature": 0.5, "greedy": true}}
"regenerate"
{"rename": "Holy places"}
{"calc": "1 + 1"}
{"interrupt": 3}
"""


def meaning(text: str) -> list[tuple[str, object]]:
    """Return names and values of a script."""
    return [(operation.name, operation.value) for operation in parse_script(text)]


class TestForms:
    def test_yaml_and_json_lines_mean_the_same(self):
        assert meaning(YAML) == meaning(LINES)
        assert [o.line for o in parse_script(YAML)] == [2, 5, 7, 8, 9, 10, 11]

    def test_both_meet_the_printed_schema(self, chatapp):
        schema = json.loads(chatapp("run", "--schema", "script").out)
        jsonschema.Draft202012Validator.check_schema(schema)
        whole = [{name: value} for name, value in meaning(YAML)]
        jsonschema.validate(whole, schema)
        for bad in ({"sing": "x"}, {"user": ""}, {"set": {}}, {"rename": None}, "user"):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate([bad], schema)

    @pytest.mark.parametrize("value", ["no", "off", "2026-01-01", "1:30", "0x10", "1_000", ".inf"])
    def test_what_other_yaml_would_change_stays_text(self, value):
        assert meaning(f"- user: {value}") == [("user", value)]

    @pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "[]"])
    def test_a_script_may_be_empty(self, text):
        assert parse_script(text) == []

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("user: hello", "line 1: a script is a list"),
            ("- user: a\n  system: b", "line 1: write one object"),
            ("- user: a\n- sing: b", "line 2: there is no operation 'sing'"),
            ("- usr: a", "there is no operation 'usr'; did you mean 'user'?"),
            ("- expect: {cites: 1, cites: 2}", "the key 'cites' stands twice"),
            ("- user: &a hello\n- user: *a", "line 1: anchors and aliases are not used"),
            ("- user: !!python/object:os.system x", "the tag"),
            ("- ? [a]\n  : b", "a key is a word"),
            ("- user: 'hello", "this is no YAML"),
            ("- user: a\n\t- b", "this is no YAML"),
            ("- user: 12", "12 is not of type 'string'"),
            ("- expect: {max_ms: 0}", "minimum of 1"),
            ("- save: ' '", "cannot be empty"),
            ("- user: " + "7" * 5000, "a number of 5000 digits; a text has quotation marks"),
            ("- interrupt: 3.0", "3.0 is not valid"),
            ("- set: {max_tokens: 3.0}", "3.0 is not of type 'integer'"),
            ("- " + "[" * 3000, "nested too deeply"),
        ],
    )
    def test_a_mistake_is_named_with_its_line(self, text, said):
        with pytest.raises(ScriptError) as caught:
            parse_script(text)
        assert said in str(caught.value)
        assert str(caught.value).startswith("line ")


class TestOperations:
    def test_files_go_along_and_come_out(self, chatapp, tmp_path: Path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "sea.md").write_text("# The sea\n\nThe zebra fish lives in rivers of India.\n")
        script = (
            "- attach: sea.md\n"
            "- user: Where does the zebra fish live?\n"
            "- expect: {contains: India}\n"
            "- save: answer.txt\n"
            "- export: talk.md\n"
            "- export: talk.json\n"
        )
        done = chatapp("run", "-", stdin=script)
        assert (done.code, done.err) == (0, "")
        assert "India" in Path("answer.txt").read_text()
        assert "# Where does the zebra fish live?" in Path("talk.md").read_text()
        assert json.loads(Path("talk.json").read_text())["messages"]

    def test_a_file_that_cannot_be_written_is_named(self, chatapp):
        done = chatapp("run", "-", stdin="- user: hello\n- save: /nowhere/answer.txt\n")
        assert done.code == 6
        assert "line 2: /nowhere/answer.txt: No such file" in done.err

    def test_edit_and_switch_move_between_branches(self, chatapp):
        script = "- user: hello\n- edit: good day\n- switch: 1\n- switch: next\n- switch: 9\n"
        done = chatapp("run", "-", stdin=script)
        assert done.out.count("> ") == 2
        assert "Version 1 of 2 is shown." in done.out
        assert "Version 2 of 2 is shown." in done.out
        assert "line 5: Name a version from 1 to 2" in done.err
        assert done.code == 2

    def test_fork_goes_on_in_a_copy(self, chatapp):
        chatapp("run", "-", stdin="- user: hello\n- fork\n- user: hi\n")
        store = ConversationStore.open(paths.database_path())
        counts = sorted(len(store.messages(c.id)) for c in store.conversations())
        store.close()
        assert counts == [2, 4]

    def test_persona_tags_and_pins_are_stored(self, chatapp, generator):
        script = "- persona: Be a pirate.\n- user: hello\n- tag: '#sea'\n- pin\n- archive\n"
        assert chatapp("run", "-", stdin=script).code == 0
        store = ConversationStore.open(paths.database_path())
        [found] = store.conversations(archived=True)
        store.close()
        assert (found.persona, found.tags, found.pinned) == ("Be a pirate.", ("sea",), True)
        assert "Be a pirate." in generator.prompts[0][0].content

    def test_system_switches_and_models(self, chatapp, generator):
        script = (
            "- system: Be brief.\n- set: {tools: false, memory: false}\n- user: hello\n- model\n"
        )
        done = chatapp("run", "-", stdin=script)
        assert generator.prompts[0][0].content == "Be brief."
        assert "* default" in done.out


class TestExpect:
    @pytest.mark.parametrize(
        ("expected", "said"),
        [
            ("{contains: [Hello, zebra]}", "does not contain 'zebra'"),
            ("{grounded: true}", "the answer is not grounded"),
            ("{tool: calculator}", "the tool 'calculator' gave no result; used: none"),
            ("{memory: Paris}", "no memory that was used holds 'Paris'"),
        ],
    )
    def test_what_is_not_met_is_said(self, chatapp, expected, said):
        done = chatapp("run", "-", stdin=f"- user: hello\n- expect: {expected}\n")
        assert done.code == 7
        assert said in done.err

    def test_a_slow_answer_is_too_late(self, chatapp, generator):
        generator.delay = 0.03
        done = chatapp("run", "-", stdin="- user: hello\n- expect: {max_ms: 5}\n")
        assert done.code == 7
        assert "ms, expected 5" in done.err

    def test_tools_and_memories_are_met(self, chatapp):
        script = (
            "- user: What is 6 * 7?\n- expect: {tool: calculator, contains: '42', max_ms: 60000}\n"
            "- remember: I live in Paris\n- user: Where do I live?\n- expect: {memory: Paris}\n"
        )
        assert chatapp("run", "-", stdin=script).code == 0


class TestApproval:
    READ = "- user: read the file notes.txt\n"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, chatapp_home: Path) -> None:
        """Allow one folder with one file."""
        (tmp_path / "notes.txt").write_text("The key is under the mat.\n")
        (chatapp_home / "config.toml").write_text(f'[tools]\nfolders = ["{tmp_path}"]\n')

    def test_unattended_tools_are_denied(self, chatapp):
        done = chatapp("run", "-", stdin=self.READ)
        assert done.code == 5
        assert "error: The tool read_file was not allowed to run." in done.err
        assert "--allow read_file" in done.err

    def test_ask_is_unattended_too(self, chatapp):
        assert chatapp("ask", "read the file notes.txt", terminal=True).code == 5

    @pytest.mark.parametrize("allow", ["read_file", "clock, read_*", "*"])
    def test_allowed_tools_run(self, chatapp, allow):
        done = chatapp("run", "-", "--allow", allow, stdin=self.READ)
        assert (done.code, done.err) == (0, "")
        assert "under the mat" in done.out

    def test_an_approval_counts_from_then_on(self, chatapp):
        done = chatapp("run", "-", stdin="- approve: read_file\n" + self.READ * 2)
        assert done.out.count("under the mat") == 2

    def test_once_is_once_and_no_is_no_failure(self, chatapp):
        once = "- approve: {tool: 'read_*', decision: once}\n" + self.READ * 2
        assert chatapp("run", "-", stdin=once).code == 5
        never = "- approve: {tool: '*', decision: deny}\n" + self.READ
        done = chatapp("run", "-", stdin=never)
        assert done.code == 0
        assert "You denied it" in done.out
