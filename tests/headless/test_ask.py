"""`chatapp ask`: the answer on stdout, everything else on stderr, an exit code that means it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from chatapp import paths
from chatapp.assistant.envelope import event_schema
from chatapp.assistant.events import Citation, Error, MessageDelta, MessageDone, Usage
from chatapp.cli.printers import TextPrinter
from chatapp.conversations import ConversationStore
from retrieval.errors import IndexUnavailable

CITED = "Leonardo da Vinci painted the Mona Lisa about 1503. [1]"


def stored() -> list[list[str]]:
    """Return what was said in each conversation, last used first."""
    store = ConversationStore.open(paths.database_path())
    said = [[m.text for m in store.messages(c.id)] for c in store.conversations()]
    store.close()
    return said


class TestOutput:
    def test_text_is_the_answer_then_its_sources(self, chatapp):
        done = chatapp("ask", "Who painted the Mona Lisa?")
        assert done.out == (
            f"{CITED}\n\nSources:\n[1] Mona Lisa — fake:Mona Lisa\n"
            "    “Leonardo da Vinci painted the Mona Lisa about 1503.”\n"
        )
        assert (done.code, done.err) == (0, "")

    def test_an_answer_of_the_model_has_no_sources_list(self, chatapp):
        assert chatapp("ask", "hello").out == "Hello there, you.\n"

    def test_json_is_one_object(self, chatapp):
        done = chatapp("ask", "Who painted the Mona Lisa?", "--output", "json")
        end = json.loads(done.out)
        assert (end["type"], end["text"], end["grounding"]) == ("session.end", CITED, "grounded")
        assert end["citations"][0]["uri"] == "fake:Mona Lisa"
        assert (end["status"], end["exit_code"], end["turns"]) == ("ok", 0, 1)

    def test_the_last_jsonl_line_is_the_json_object(self, chatapp):
        """The same but for ids and times."""
        question = ("ask", "Who painted the Mona Lisa?", "--output")
        last = json.loads(chatapp(*question, "jsonl").out.splitlines()[-1])
        alone = json.loads(chatapp(*question, "json").out)
        for changing in ("ts", "conversation", "seconds"):
            last.pop(changing), alone.pop(changing)
        assert last == alone

    @pytest.mark.parametrize("question", ["hello", "Who painted the Mona Lisa?", "Who was Zorro?"])
    def test_every_jsonl_line_meets_the_schema(self, chatapp, question):
        import jsonschema

        done = chatapp("ask", question, "--output", "jsonl")
        lines = [json.loads(line) for line in done.out.splitlines()]
        validator = jsonschema.Draft202012Validator(event_schema())
        for line in lines:
            validator.validate(line)
        assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
        assert (lines[0]["type"], lines[-1]["type"]) == ("session.start", "session.end")

    def test_quiet_leaves_warnings_out_but_not_errors(self, chatapp, generator):
        generator.fail_after = 0
        done = chatapp("ask", "hello", "--quiet")
        assert done.code == 1
        assert done.err.startswith("error: ")


class TestOptions:
    def test_no_sources_asks_the_model(self, chatapp):
        assert chatapp("ask", "Who painted the Mona Lisa?", "--no-sources").out.startswith("Hello")

    @pytest.mark.parametrize(
        "table",
        ['[retrieval]\nembedder = "minilm"\n', '[index]\ndsn = "postgresql://127.0.0.1:1/x"\n', ""],
    )
    def test_sources_that_were_asked_for_and_cannot_be_used_are_an_error(
        self, chatapp, monkeypatch, chatapp_home, table
    ):
        """A wrong address or embedder must not end in an answer of the model with exit code 0."""
        from chatapp.assistant import factory

        def broken() -> None:
            raise IndexUnavailable("the index is out of reach", "start the server")

        monkeypatch.setattr(factory, "open_index", broken)
        (chatapp_home / "config.toml").write_text(table)
        done = chatapp("ask", "Who painted the Mona Lisa?", *(() if table else ("--sources",)))
        assert done.code == 1
        assert "the index is out of reach" in done.err
        assert "start the server" in done.err
        assert "Hello there" not in done.out

    def test_ephemeral_stores_nothing(self, chatapp):
        assert chatapp("ask", "hello", "--ephemeral").code == 0
        assert not paths.database_path().exists()

    def test_last_and_conversation_go_on(self, chatapp):
        first = json.loads(chatapp("ask", "hello", "--output", "json").out)["conversation"]
        chatapp("ask", "hi again", "--last")
        chatapp("ask", "hey", "--conversation", first)
        assert stored() == [["hello", "Hello there, you.", "hi again", "Hello there, you.", "hey",
                             "Hello there, you."]]  # fmt: skip

    def test_last_without_any_conversation_starts_one(self, chatapp):
        assert chatapp("ask", "hello", "--last").code == 0

    def test_sampling_reaches_the_model(self, chatapp, generator):
        done = chatapp("ask", "hello", "--seed", "7", "--greedy", "--max-tokens", "2")
        assert done.out == "Hello there, \n"
        assert (generator.params[0].seed, generator.params[0].greedy) == (7, True)


class TestStdin:
    def test_a_prompt_that_is_a_dash_is_read_from_stdin(self, chatapp):
        chatapp("ask", "-", stdin="hello\n")
        assert stored()[0][0] == "hello"

    def test_without_a_prompt_a_pipe_is_the_prompt(self, chatapp):
        chatapp("ask", stdin="hello\n")
        assert stored()[0][0] == "hello"

    def test_stdin_is_added_to_a_prompt_on_request(self, chatapp):
        chatapp("ask", "Summarise this:", "--stdin", stdin="long text")
        assert stored()[0][0] == "Summarise this:\n\nlong text"

    def test_without_a_prompt_at_a_terminal_it_says_what_to_type(self, chatapp):
        done = chatapp("ask", terminal=True)
        assert done.code == 2
        assert "fix:" in done.err

    @pytest.mark.parametrize("stdin", [b"", b" \n\t\n", b"\x1b\x00", "\u200b\u202e".encode()])
    def test_an_empty_question_is_wrong_use(self, chatapp, stdin):
        assert chatapp("ask", stdin=stdin).code == 2

    def test_with_a_prompt_stdin_is_never_touched(self, spawn):
        """Stdin is a pipe that nobody ever writes to or closes; the answer comes all the same."""
        reader, writer = os.pipe()
        try:
            child = spawn("ask", "Who painted the Mona Lisa?", stdin=reader)
            out, err = child.communicate(timeout=60)
        finally:
            os.close(writer)
            os.close(reader)
        assert (child.returncode, err) == (0, b"")
        assert out.decode().startswith(CITED)

    def test_bytes_that_are_no_text_are_taken_as_far_as_they_go(self, chatapp):
        assert chatapp("ask", stdin=b"hello \xff\xfe there").code == 0


class TestFailures:
    def test_a_megabyte_is_stored_and_refused_with_the_limit_code(self, chatapp):
        text = "word " * 210_000
        done = chatapp("ask", "-", stdin=text)
        assert done.code == 4
        assert "the limit is 32,000" in done.err
        assert "chatapp index add" in done.err
        assert stored()[0][0] == text

    def test_more_than_stdin_may_hold_is_refused(self, chatapp, monkeypatch):
        monkeypatch.setattr("chatapp.cli.options.MOST_STDIN_BYTES", 1000)
        done = chatapp("ask", "-", stdin=b"x" * 1001)
        assert done.code == 4
        assert "stdin" in done.err

    def test_an_unknown_conversation_is_not_found(self, chatapp):
        done = chatapp("ask", "hello", "--conversation", "01XYZ")
        assert done.code == 3
        assert "01XYZ" in done.err

    def test_what_is_no_text_in_an_id_is_neither_a_crash_nor_printed(self, chatapp):
        """Bytes that are no UTF-8 reach Python as lone surrogates."""
        done = chatapp("ask", "hello", "--conversation", "\udcff\x1b[31mx")
        assert done.code == 3
        assert "There is no conversation [31mx." in done.err

    @pytest.mark.parametrize("seed", ["-1", str(2**63), str(10**30)])
    def test_a_seed_that_the_engine_cannot_take_is_wrong_use(self, chatapp, seed):
        assert chatapp("ask", "hello", "--seed", seed).code == 2

    def test_options_that_exclude_each_other_are_wrong_use(self, chatapp):
        assert chatapp("ask", "hello", "--last", "--ephemeral").code == 2

    def test_a_home_that_cannot_be_written_is_a_storage_error(self, chatapp, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("CHATAPP_HOME", str(tmp_path / "file" / "home"))
        done = chatapp("ask", "hello")
        assert (done.code, done.out) == (6, "")
        assert "CHATAPP_HOME" in done.err

    def test_a_damaged_database_is_set_aside_with_a_warning(self, chatapp):
        paths.database_path().write_bytes(b"no database " * 1000)
        done = chatapp("ask", "hello")
        assert done.code == 0
        assert "was damaged" in done.err
        [aside] = paths.data_dir().glob("*.corrupt-*")
        assert aside.read_bytes() == b"no database " * 1000

    def test_a_broken_engine_is_one_clear_line(self, chatapp, generator):
        generator.fail_after = 1
        done = chatapp("ask", "hello")
        assert done.code == 1
        assert done.out == "Hello \n"
        assert "Traceback" not in done.err


class TestStdout:
    def test_a_closed_stdout_takes_the_answer_in_silence(self, chatapp, monkeypatch):
        """As after `>&-`: the question is answered and stored all the same."""
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", None)
            done = chatapp("ask", "hello")
        assert (done.code, done.err) == (0, "")
        assert stored() == [["hello", "Hello there, you."]]

    def test_characters_that_stdout_cannot_show_are_escaped(self, spawn):
        child = spawn(
            "ask", "Who painted the Mona Lisa?", env=os.environ | {"PYTHONIOENCODING": "latin-1"}
        )
        out, err = child.communicate(timeout=60)
        assert (child.returncode, err) == (0, b"")
        assert b"[1] Mona Lisa \\u2014 fake:" in out


class TestPrinter:
    """What is printed may come from a damaged file or a page; it cannot act on the terminal."""

    def show(self, *events) -> None:
        printer = TextPrinter()
        for event in events:
            printer.show(event, {})

    def test_an_error_begins_its_own_line(self, capsys):
        self.show(MessageDelta("Hel"), Error("internal", "It broke."))
        assert capsys.readouterr() == ("Hel\n", "error: It broke.\n")

    def test_escape_sequences_are_taken_out(self, capsys):
        self.show(MessageDelta("a\x1b[31m\u202e\n"), Error("x", "b\x9b", "c\x07"))
        assert capsys.readouterr() == ("a[31m\n", "error: b\n  fix: c\n")

    def test_a_title_cannot_forge_a_second_source(self, capsys):
        cited = Citation(1, "Quote.", "Real\n[2] Forged", "file:real", "d", "p", 0, 6, 1.0)
        self.show(cited, MessageDone("m", "", "stop", "grounded", Usage(), 0.0, ""))
        assert "[1] Real [2] Forged — file:real\n" in capsys.readouterr().out


def test_without_a_model_cited_answers_still_work(chatapp, monkeypatch):
    """Only what the model must say fails, with the reason it gives."""

    class ModelUnavailable(ValueError):
        """As the inference room raises it."""

    def missing(settings):
        raise ModelUnavailable("There is no model in the given directory.")

    monkeypatch.setattr("chatapp.assistant.factory._load_generator", missing)
    done = chatapp("ask", "hello")
    assert (done.code, "There is no model" in done.err) == (1, True)
    assert chatapp("ask", "Who painted the Mona Lisa?").out.startswith(CITED)


def test_importing_the_command_loads_nothing_heavy():
    """The question must not wait for libraries it may never need."""
    program = (
        "import sys, chatapp.cli.ask, chatapp.cli.session, chatapp.assistant.factory, "
        "chatapp.assistant.commands, chatapp.conversations\n"
        "heavy = {'torch', 'textual', 'faiss', 'trafilatura', 'pydantic', 'sqlite_utils', 'numpy', "
        "'transformers'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [os.sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
