"""Copies text by the best way there is: the desktop's own tool, the terminal (OSC 52), a file.

Only a tool says whether it worked: a terminal does not answer, and over SSH the desktop is not
here. So what is told to the person names the way that was taken.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from chatapp.private import make_directory, make_file

LONGEST_OSC52 = 74_994
"""Bytes: terminals drop longer sequences (100,000 characters of base64) without a word."""

TOOL_SECONDS = 2.0

_TOOLS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
    ("TERMUX_VERSION", ("termux-clipboard-set",)),
    ("WSL_DISTRO_NAME", ("clip.exe",)),
    ("", ("pbcopy",)),
)
"""An environment variable that says the tool has something to talk to, and the tool."""

NO_OSC52 = ("linux", "dumb", "")
"""Values of TERM: consoles that have no clipboard."""


async def copy_text(
    text: str, terminal: Callable[[str], None], environ: Mapping[str, str], file: Path
) -> str:
    """Copy `text` and return what to tell the person.

    Args:
        text: what to copy.
        terminal: hands a text to the terminal's clipboard (OSC 52).
        environ: tells which desktop and terminal this is.
        file: where to leave the text when there is no clipboard.
    """
    data = text.encode("utf-8", errors="replace")
    remote = "SSH_CONNECTION" in environ or "SSH_TTY" in environ
    if not remote and await _by_tool(data, environ):
        return "Copied."
    if len(data) <= LONGEST_OSC52 and environ.get("TERM", "") not in NO_OSC52:
        terminal(text)
        return "Copied, if this terminal lets programs copy."
    return await asyncio.to_thread(_to_file, data, file)


def desktop_tools(environ: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the commands that may reach the desktop's clipboard from here."""
    for variable, command in _TOOLS:
        if variable and not environ.get(variable):
            continue
        path = shutil.which(command[0], path=environ.get("PATH"))
        if path is not None:
            yield [path, *command[1:]]


async def _by_tool(data: bytes, environ: Mapping[str, str]) -> bool:
    for command in desktop_tools(environ):
        if await _run(command, data):
            return True
    return False


async def _run(command: list[str], data: bytes) -> bool:
    """Say whether the tool took the data; one that hangs is given up."""
    nowhere = asyncio.subprocess.DEVNULL  # xclip stays behind and would hold a pipe open
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=nowhere, stderr=nowhere
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TOOL_SECONDS):
            await process.communicate(data)
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    return process.returncode == 0


def _to_file(data: bytes, file: Path) -> str:
    try:
        make_directory(file.parent)
        make_file(file)
        file.write_bytes(data)
    except OSError as error:
        return f"Could not be copied, nor written to {file}: {error.strerror}."
    return f"There is no clipboard for this; it was written to {file}."
