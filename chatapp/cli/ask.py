"""`chatapp ask`: one question, one answer on stdout, its sources below it."""

from __future__ import annotations

import sys

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.options import clean, read_stdin, sampling_options
from chatapp.cli.output import output_option
from retrieval.text import sanitize_text


@click.command()
@click.argument("prompt", required=False)
@click.option("--stdin", "from_stdin", is_flag=True, help="Add what is piped in to the prompt.")
@click.option("--conversation", metavar="ID", callback=clean, help="Go on in this conversation.")
@click.option("--last", is_flag=True, help="Go on in the conversation used last.")
@click.option("--ephemeral", is_flag=True, help="Store nothing of this conversation.")
@click.option("--no-sources", is_flag=True, help="Let the model answer without the index.")
@sampling_options
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer in tokens.")
@click.option("--quiet", "-q", is_flag=True, help="No warnings on stderr.")
@output_option("text", "json", "jsonl")
def ask(
    prompt: str | None,
    from_stdin: bool,
    conversation: str | None,
    last: bool,
    ephemeral: bool,
    no_sources: bool,
    seed: int | None,
    greedy: bool,
    max_tokens: int | None,
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

    from chatapp.assistant import factory
    from chatapp.cli.printers import make_printer
    from chatapp.cli.session import HeadlessSession
    from chatapp.conversations.ids import utc_now
    from chatapp.settings import load_settings

    settings = load_settings({"generation.max_tokens": max_tokens}).settings
    assistant = factory.build_assistant(settings, ephemeral=ephemeral, use_index=not no_sources)
    assistant.sample(greedy=greedy, seed=seed)
    session = HeadlessSession(assistant, make_printer(output, quiet=quiet), utc_now)
    if last and (latest := assistant.store.latest()):
        conversation = latest.id

    async def body() -> None:
        await session.render(assistant.turn(conversation, text))

    return session.run(body, model=settings.model)


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
