"""The `chatapp` command: a table of commands that are imported only when they run.

`--help` must be instant, so the table carries each command's one-line help and nothing below is
imported to print it. `main` is the outermost handler: whatever happens, a person sees one line.
"""

from __future__ import annotations

import difflib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from chatapp.cli.errors import CliError, ExitCode, as_cli_error
from chatapp.version import __version__


class Entry(NamedTuple):
    """Where a command lives (`module:attribute`) and its line in `--help`."""

    target: str
    help: str


COMMANDS: dict[str, Entry] = {
    "ask": Entry("chatapp.cli.ask:ask", "Ask one question and print the answer."),
    "run": Entry("chatapp.cli.run:run", "Run a scripted session from a file or stdin."),
    "replay": Entry("chatapp.cli.replay:replay", "Run a recorded session again and compare."),
    "conversations": Entry(
        "chatapp.cli.conversations:conversations", "List, find, organise, export and import chats."
    ),
    "memory": Entry("chatapp.cli.memory:memory", "List, add, edit, forget what is remembered."),
    "feedback": Entry(
        "chatapp.cli.feedback:feedback", "List and export what you thought of answers."
    ),
    "index": Entry("chatapp.cli.index:index", "Add, search, watch, install and remove sources."),
    "data": Entry("chatapp.cli.data:data", "Import, tokenise and check training records."),
    "train": Entry("chatapp.cli.train:train", "Train a model from a recipe, or resume it."),
    "model": Entry("chatapp.cli.model:model", "List, show, import and export models."),
    "eval": Entry("chatapp.cli.eval:eval_", "Measure the answers, or a model, on files."),
    "serve": Entry("chatapp.cli.serve:serve", "Let other programs use the model over HTTP."),
    "web": Entry("chatapp.cli.web:web", "Open the chat in a browser on this machine."),
    "report": Entry("chatapp.cli.report:report", "Write the report card of a training run."),
    "doctor": Entry("chatapp.cli.doctor:doctor", "Check this installation and name each fix."),
    "config": Entry("chatapp.cli.config:config", "Show the settings and where each comes from."),
    "completion": Entry(
        "chatapp.cli.completion:completion", "Let your shell complete commands and options."
    ),
    "manual": Entry("chatapp.cli.manual:manual", "Print the manual page."),
}


DUMB_TERMINALS = {"", "dumb", "unknown"}
"""Values of TERM that promise neither a cursor that moves nor a screen that clears."""


class LazyGroup(click.Group):
    """A click group whose commands come from `COMMANDS` and are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; None when the table does not name it."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), f"{entry.target} is no click command"
        from chatapp.cli.examples import add_examples

        add_examples(cmd_name, command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command names from the table, importing none of them."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        names = (name for name in COMMANDS if name.startswith(incomplete))
        return [CompletionItem(name, help=COMMANDS[name].help) for name in names] + options

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one names the nearest that exists."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            nearest = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean `chatapp {nearest[0]}`?" if nearest else "see `chatapp --help`."
            raise CliError(f"there is no command '{name}'", hint=hint, code=ExitCode.USAGE)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list from the table, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Run `chatapp` alone to open the chat in this terminal.",
)
@click.option("--resume", metavar="ID", help="Open this conversation in the chat.")
@click.option("--plain", is_flag=True, help="Chat in lines of text: for screen readers and pipes.")
@click.version_option(__version__, "--version", prog_name="chatapp")
@click.pass_context
def cli(ctx: click.Context, resume: str | None, plain: bool) -> None:
    """A private, local ChatGPT that answers from your own sources."""
    _require_directory()
    if ctx.invoked_subcommand is None:
        ctx.exit(_open_plain(resume) if plain else _open_tui(resume))
    elif resume is not None or plain:
        given = "--plain" if plain else "--resume"
        raise click.UsageError(f"{given} opens the chat and takes no command.", ctx)


def _require_directory() -> None:
    """Refuse to run in a directory that was deleted: torch ends the whole process there."""
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise CliError(
            "the current directory no longer exists", hint="change to another one: cd ~"
        ) from error


def _open_tui(resume: str | None) -> int:
    """Open the terminal UI and return its exit code; refuse where there is no terminal."""
    from chatapp.cli.person import is_terminal

    in_browser = os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")  # `chatapp web`
    if not in_browser and not is_terminal(sys.stdin, sys.stdout):
        raise CliError(
            "the chat needs a terminal, and stdin or stdout is none",
            hint="use `chatapp --plain`, or `chatapp ask` or `chatapp run` in a script or a pipe.",
            code=ExitCode.USAGE,
        )
    if not in_browser and os.environ.get("TERM", "") in DUMB_TERMINALS:
        raise CliError(
            f"this terminal cannot draw the chat (TERM is '{os.environ.get('TERM', '')}')",
            hint="use `chatapp --plain`, or set TERM to what the terminal is, such as xterm.",
            code=ExitCode.USAGE,
        )
    from chatapp.settings import load_settings

    settings = load_settings().settings
    from chatapp.tui.app import run_tui

    return run_tui(settings, resume=resume)


def _open_plain(resume: str | None) -> int:
    """Open the chat that speaks in lines of text and return its exit code."""
    from chatapp.cli.plain import run_plain
    from chatapp.settings import load_settings

    return run_plain(load_settings().settings, resume=resume)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; no exception leaves this function."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character gets its escape, as on stderr, and no failure.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        result = cli.main(args=args, prog_name="chatapp", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, so that a closed pipe is met inside the handler
        return int(result) if isinstance(result, int) else ExitCode.OK
    except click.exceptions.Abort as error:
        return ExitCode.SIGINT if _caused_by_ctrl_c(error) else ExitCode.ERROR
    except KeyboardInterrupt:
        return ExitCode.SIGINT
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        return _close_quietly()
    except Exception as error:  # noqa: BLE001 - the outermost handler: nothing may pass
        return _report(error)


def _caused_by_ctrl_c(error: BaseException) -> bool:
    return isinstance(error.__cause__, KeyboardInterrupt)


def _close_quietly() -> int:
    """Let the interpreter's last flush go nowhere: the reader of our pipe has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.ERROR


def _report(error: Exception) -> int:
    """Show a promised error as its room wrote it, and anything else as one line and a log."""
    known = as_cli_error(error)
    if known is None:
        from chatapp.cli.crash import unexpected

        known = unexpected(error)
    known.show()
    return known.exit_code
