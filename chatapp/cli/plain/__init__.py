"""`chatapp --plain`: the chat in lines of text, for screen readers and terminals that cannot draw.

The same assistant and the same command registry as everywhere; nothing is coloured, redrawn or
moved, so a screen reader reads each line once, in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatapp.leaving import leave_busy_threads

if TYPE_CHECKING:
    from chatapp.settings import Settings


def run_plain(settings: Settings, *, resume: str | None = None) -> int:
    """Chat until the input ends and return the exit code.

    Raises:
        StorageError: the conversations cannot be opened.
        CliError: there is no conversation `resume`.
    """
    from chatapp.assistant.factory import build_assistant
    from chatapp.cli.plain.chat import PlainChat
    from chatapp.cli.plain.lines import open_lines
    from chatapp.cli.plain.speaker import Speaker

    assistant = build_assistant(settings)
    lines = open_lines()
    code = PlainChat(assistant, lines, Speaker(spoken=lines.interactive)).run(resume)
    leave_busy_threads(code)
    return code
