"""Checks of the terminal: size, characters, colours, the way to the clipboard, and tmux.

They look at whichever of stdin, stdout and stderr is a terminal, so a report that goes into a
file still says what the terminal is like.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from chatapp.cli.doctor.check import Check

SMALLEST = (80, 24)
_TMUX_SECONDS = 2.0
_LONGEST_ESCAPE = 100  # milliseconds that tmux may hold the Esc key back


def _descriptor() -> int | None:
    """Return one that is a terminal, None where there is none."""
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        if stream is not None and stream.isatty():
            return stream.fileno()
    return None


def checks() -> list[Check]:
    """Return what there is to say about the terminal, if this is one."""
    descriptor = _descriptor()
    if descriptor is None:
        return [Check("terminal", "ok", "this is none, so there is nothing to check")]
    found = [size(os.get_terminal_size(descriptor)), colours(), clipboard()]
    return [*found, tmux()] if os.environ.get("TMUX") else found


def size(window: os.terminal_size) -> Check:
    """The chat can be drawn here."""
    kind = os.environ.get("TERM", "dumb")
    if kind == "dumb":
        return Check("terminal", "fail", "TERM is unset or dumb", "use a terminal with colours.")
    if "utf" not in (sys.stdout.encoding or "").lower():
        return Check(
            "terminal", "warn", f"text is sent as {sys.stdout.encoding}", "set LANG=C.UTF-8."
        )
    detail = f"{kind}, {window.columns}x{window.lines}, UTF-8"
    if window.columns < SMALLEST[0] or window.lines < SMALLEST[1]:
        return Check("terminal", "warn", detail, "make the window at least 80 by 24.")
    return Check("terminal", "ok", detail)


def colours() -> Check:
    """The themes look as they are meant to."""
    environ = os.environ
    if environ.get("NO_COLOR"):
        return Check("colours", "ok", "switched off by NO_COLOR")
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return Check("colours", "ok", "16 million")
    if "256" in environ.get("TERM", "") or "direct" in environ.get("TERM", ""):
        return Check("colours", "ok", "256; themes are shown in the nearest ones")
    return Check(
        "colours",
        "warn",
        f"TERM={environ.get('TERM', '')} has few",
        "if the terminal can more, say so: export COLORTERM=truecolor.",
    )


def clipboard() -> Check:
    """What is copied arrives where it can be pasted."""
    from chatapp.tui.clipboard import NO_OSC52, desktop_tools

    environ = os.environ
    remote = "SSH_CONNECTION" in environ or "SSH_TTY" in environ
    tool = None if remote else next(desktop_tools(environ), None)
    if tool is not None:
        return Check("clipboard", "ok", f"through {tool[0]}")
    if environ.get("TERM", "") in NO_OSC52:
        return Check(
            "clipboard",
            "warn",
            "there is none here, so what is copied is written to a file",
            "use a terminal on a desktop.",
        )
    if environ.get("TMUX") and _tmux("show-options", "-gv", "set-clipboard") != "on":
        return Check(
            "clipboard",
            "warn",
            "tmux keeps it from the terminal",
            "add `set -g set-clipboard on` to ~/.tmux.conf.",
        )
    return Check("clipboard", "ok", "through the terminal, if it lets programs copy (OSC 52)")


def tmux() -> Check:
    """tmux, where the chat runs in one, does not hold keys or colours back."""
    version = _tmux("-V").removeprefix("tmux ") or "of unknown version"
    wait = _tmux("show-options", "-sv", "escape-time")
    if wait.isdigit() and int(wait) > _LONGEST_ESCAPE:
        return Check(
            "tmux",
            "warn",
            f"{version}, holds the Esc key back for {wait} ms",
            "add `set -sg escape-time 10` to ~/.tmux.conf.",
        )
    if not os.environ.get("TERM", "").startswith(("tmux", "screen")):
        return Check(
            "tmux",
            "warn",
            f"{version}, but TERM={os.environ.get('TERM', '')}",
            "let tmux set TERM: add `set -g default-terminal tmux-256color` to ~/.tmux.conf.",
        )
    return Check("tmux", "ok", version)


def _tmux(*arguments: str) -> str:
    """Return what a tmux command says, empty where it cannot be asked."""
    path = shutil.which("tmux")
    if path is None:
        return ""
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, timeout=_TMUX_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
