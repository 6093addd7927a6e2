"""`chatapp manual`: the manual page of all commands, made from the same help that they print."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from chatapp.cli.errors import ExitCode
from chatapp.cli.examples import EXAMPLES
from chatapp.version import __version__

_CODES = {
    ExitCode.OK: "All went well.",
    ExitCode.ERROR: "An error.",
    ExitCode.USAGE: "Wrong usage, such as an unknown option or a bad setting.",
    ExitCode.NOT_FOUND: "Something was not found.",
    ExitCode.LIMIT: "A limit was reached.",
    ExitCode.APPROVAL: "A tool needed an approval.",
    ExitCode.STORAGE: "Stored data cannot be read or written.",
    ExitCode.EXPECT: "An expectation of a script was not met.",
    ExitCode.SIGINT: "Ctrl+C stopped it.",
    ExitCode.SIGTERM: "The system ended it.",
}


@click.command()
def manual() -> None:
    """Print the manual page, in the format of man."""
    from chatapp.cli.main import cli

    click.echo("\n".join(page(cli)))


def page(cli: click.Group) -> Iterator[str]:
    """Yield the lines of the page, in roff."""
    yield f'.TH CHATAPP 1 "" "chatapp {__version__}" "User Commands"'
    yield from (".SH NAME", _text(f"chatapp - {_help(cli)[0].rstrip('.')}"))
    yield from (".SH SYNOPSIS", r"\fBchatapp\fR [COMMAND] [OPTIONS] [ARGUMENTS]")
    yield ".SH DESCRIPTION"
    yield "Without a command, chatapp opens the chat in this terminal."
    yield ".SH OPTIONS"
    yield from _options(click.Context(cli, info_name="chatapp"))
    yield ".SH COMMANDS"
    for context in _leaves(click.Context(cli, info_name="chatapp")):
        yield from _command(context)
    yield ".SH EXIT STATUS"
    for code, meaning in _CODES.items():
        yield from (".TP", rf"\fB{code.value}\fR", meaning)
    yield from (".SH ENVIRONMENT", ".TP", r"\fBCHATAPP_HOME\fR")
    yield "The one directory for everything that chatapp writes."
    yield from (".TP", r"\fBCHATAPP_*\fR", "Any setting; see `chatapp config show`.")


def _leaves(context: click.Context) -> Iterator[click.Context]:
    """Yield the context of every command that is no group, in the order of `--help`."""
    if not isinstance(context.command, click.Group):
        yield context
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        assert command is not None, f"{name} is listed and does not exist"
        yield from _leaves(click.Context(command, parent=context, info_name=name))


def _command(context: click.Context) -> Iterator[str]:
    usage = " ".join(context.command.collect_usage_pieces(context))
    yield ".SS " + _text(f"{context.command_path} {usage}")
    yield from _paragraphs(_help(context.command))
    yield from _options(context)
    if examples := EXAMPLES.get(context.command_path.removeprefix("chatapp ")):
        yield from (".PP", "Examples:", ".PP", ".nf", *(_text(line) for line in examples), ".fi")


def _options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:  # arguments stand in the synopsis
            yield from (".TP", rf"\fB{_text(record[0])}\fR", _text(record[1]))


def _help(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").splitlines()


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """Yield help text; a block after `\b` keeps its lines, as on the screen."""
    kept = False
    for line in lines:
        if line == "\b":
            kept = True
            yield from (".PP", ".nf")
        elif line:
            yield _text(line)
        else:
            yield from ([".fi"] if kept else []) + [".PP"]
            kept = False
    if kept:
        yield ".fi"


def _text(text: str) -> str:
    """Return text in which roff finds no requests of its own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
