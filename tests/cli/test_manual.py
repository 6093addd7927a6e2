"""Help of manual-page quality: every command has examples that can be typed, and `man` shows it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from chatapp.cli.errors import ExitCode
from chatapp.cli.examples import EXAMPLES
from chatapp.cli.main import cli, main


def leaves(context: click.Context) -> Iterator[click.Context]:
    """Yield every command that is no group."""
    if not isinstance(context.command, click.Group):
        yield context
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        yield from leaves(click.Context(command, parent=context, info_name=name))


ROOT = click.Context(cli, info_name="chatapp")
LEAVES = {context.command_path.removeprefix("chatapp "): context for context in leaves(ROOT)}
NO_OUTPUT = {
    "completion": "it prints a program for a shell",
    "conversations export": "its data are a file in a format of their own",
    "feedback export": "its data are training records",
    "manual": "it prints a page for man",
    "memory export": "its data are JSON already",
    "serve": "it answers over HTTP",
    "web": "it shows the chat in a browser",
}
commands = pytest.mark.parametrize("name", sorted(LEAVES))


def test_the_table_names_commands_and_nothing_else() -> None:
    assert set(EXAMPLES) == set(LEAVES)


@commands
def test_help_explains_and_shows_examples(name: str) -> None:
    text = LEAVES[name].get_help()
    assert "Examples:" in text
    assert all(line in text for line in EXAMPLES[name])
    undocumented = [
        option.name
        for option in LEAVES[name].command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert undocumented == []


@commands
def test_every_example_can_be_typed(name: str) -> None:
    """Each names this command and options that it has, with values that they take."""
    for example in EXAMPLES[name]:
        typed = example.partition("|")[2] if " | chatapp" in example else example
        words = shlex.split(typed.partition(" > ")[0].partition(" | ")[0])
        assert " ".join(words).startswith("chatapp")
        if words[1 : 1 + len(name.split())] != name.split():
            continue  # a step on the way, which is an example of its own command
        command = LEAVES[name].command
        before = set(Path.cwd().iterdir())
        with command.make_context(name, words[1 + len(name.split()) :], resilient_parsing=False):
            pass
        assert set(Path.cwd().iterdir()) == before, "a file is written before the command runs"


@commands
def test_output_is_text_json_or_json_lines(name: str) -> None:
    choices = [
        parameter.type.choices
        for parameter in LEAVES[name].command.params
        if parameter.name == "output" and isinstance(parameter.type, click.Choice)
    ]
    assert choices == ([] if name in NO_OUTPUT else [("text", "json", "jsonl")])


@pytest.mark.parametrize("arguments", [["config", "path"], ["model", "list"]])
def test_the_last_json_line_is_the_json_object(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--output", "json"]) == 0
    whole = capsys.readouterr().out
    assert main([*arguments, "--output", "jsonl"]) == 0
    assert capsys.readouterr().out.splitlines(keepends=True)[-1] == whole


def test_the_page_holds_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manual"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(".TH CHATAPP 1")
    assert all(f".SS chatapp {name} " in page + " " for name in LEAVES)
    assert all(rf"\fB{code.value}\fR" in page for code in ExitCode)


def test_man_shows_the_page_without_a_warning(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    assert main(["manual"]) == 0
    page = tmp_path / "chatapp.1"
    page.write_text(capsys.readouterr().out, encoding="utf-8")
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(page)],
        capture_output=True, text=True, timeout=60, check=True, env={"MANWIDTH": "80"},
    )  # fmt: skip
    assert done.stderr == ""
    assert "Ask one question" in done.stdout or "and print the answer" in done.stdout


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["conversatons"], "chatapp conversations"),
        (["conversations", "serch", "x"], "search"),
        (["ask", "--outptu", "json", "x"], "--output"),
        (["memory", "ad", "x"], "add"),
    ],
)
def test_what_is_mistyped_names_the_nearest(
    typed: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed) == ExitCode.USAGE
    assert "id you mean" in (err := capsys.readouterr().err)
    assert meant in err
