"""`chatapp ask`: one question, one answer on stdout, its sources below it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from chatapp.cli.completion import complete_conversations
from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.headless import Setup, run_session
from chatapp.cli.options import (
    allow_option,
    clean,
    model_option,
    read_stdin,
    sampling_options,
)
from chatapp.cli.output import output_option
from retrieval.text import sanitize_text

if TYPE_CHECKING:
    from chatapp.assistant.assistant import Assistant


@click.command()
@click.argument("prompt", required=False)
@click.option("--stdin", "from_stdin", is_flag=True, help="Add what is piped in to the prompt.")
@click.option(
    "--conversation",
    metavar="ID",
    callback=clean,
    shell_complete=complete_conversations,
    help="Go on in this conversation.",
)
@click.option("--last", is_flag=True, help="Go on in the conversation used last.")
@click.option("--ephemeral", is_flag=True, help="Store nothing of this conversation.")
@click.option(
    "--sources/--no-sources",
    default=None,
    help="Answer from the index or not at all; or let the model answer without it.",
)
@click.option("--no-web", is_flag=True, help="Never search the web for this answer.")
@click.option(
    "--attach",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="Answer from this file as well.",
)
@model_option
@sampling_options
@click.option(
    "--max-tokens", type=click.IntRange(min=1, max=32768), help="Longest answer in tokens."
)
@allow_option
@click.option("--quiet", "-q", is_flag=True, help="No warnings on stderr.")
@output_option()
def ask(
    prompt: str | None,
    from_stdin: bool,
    conversation: str | None,
    last: bool,
    ephemeral: bool,
    sources: bool | None,
    no_web: bool,
    attach: tuple[str, ...],
    model: str | None,
    seed: int | None,
    greedy: bool,
    max_tokens: int | None,
    allow: tuple[str, ...],
    quiet: bool,
    output: str,
) -> int:
    """Ask PROMPT (`-`: read it from stdin) and print the answer."""
    if (conversation is not None) + last + ephemeral > 1:
        raise CliError(
            "--conversation, --last and --ephemeral exclude each other",
            hint="give one of them.",
            code=ExitCode.USAGE,
        )
    text = read_prompt(prompt, from_stdin)
    changes: dict[str, Any] = {"max_tokens": max_tokens} if max_tokens else {}
    changes |= {} if sources is None else {"sources": sources}
    changes |= {"web": False} if no_web else {}

    from chatapp.cli.printers import make_printer
    from chatapp.cli.script.operations import Operation

    operations = [
        *([Operation(1, "set", changes)] if changes else []),
        *(Operation(1, "attach", file) for file in attach),
        Operation(1, "user", text),
    ]
    setup = Setup(model=model, ephemeral=ephemeral, seed=seed, greedy=greedy, allow=allow)
    return run_session(
        setup,
        operations,
        make_printer(output, quiet=quiet),
        choose=lambda assistant: _latest(assistant) if last else conversation,
    )


def _latest(assistant: Assistant) -> str | None:
    latest = assistant.store.latest()
    return latest.id if latest else None


def read_prompt(prompt: str | None, from_stdin: bool) -> str:
    """Return the prompt; stdin is read for `-`, `--stdin`, or when it is all there is.

    With a prompt stdin is never touched: it may be an inherited pipe that nobody ever closes.
    """
    if prompt is None and not from_stdin and _is_terminal():
        raise CliError(
            "there is no question",
            hint='write it after the command: chatapp ask "What is …?"',
            code=ExitCode.USAGE,
        )
    parts = [] if prompt in (None, "-") else [prompt or ""]
    if from_stdin or prompt in (None, "-"):
        raw = read_stdin(
            instead="save it as a file, `chatapp index add FILE`, and ask about its content."
        )
        parts.append(raw.decode("utf-8", "replace"))
    text = sanitize_text("\n\n".join(parts))
    if not text.strip():
        raise CliError("the question is empty", hint="write one.", code=ExitCode.USAGE)
    return text.removesuffix("\n")


def _is_terminal() -> bool:
    return sys.stdin is None or sys.stdin.isatty()
