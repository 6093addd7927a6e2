"""Where a source comes from, as a person recognises it, and which addresses may be opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from chatapp.tui.text import one_line


def domain_of(uri: str) -> str:
    """Return the host of a web address, the name of a file, or what else the source is.

    A host with letters beyond ASCII is shown in its ASCII form too: `аpple.com` in Cyrillic letters
    looks like another one.
    """
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return one_line(uri, 60)
    if parts.scheme in ("http", "https") and host:
        return _readable(host)
    if parts.scheme == "file":
        return one_line(unquote(parts.path).rsplit("/", 1)[-1], 60) or "file"
    return one_line(parts.scheme or uri, 60)


def is_web_address(uri: str) -> bool:
    """Say whether `uri` is something a browser may be asked to open: http or https with a host."""
    try:
        parts = urlsplit(uri)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def has_desktop(environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether a browser could open a window here.

    Without one, Python would start a text browser in the very terminal this app draws on.
    """
    if "SSH_CONNECTION" in environ or "SSH_TTY" in environ:
        return False
    desktop = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
    return sys.platform in ("darwin", "win32") or any(environ.get(name) for name in desktop)


def _readable(host: str) -> str:
    if host.isascii():
        return one_line(host, 80)
    try:
        ascii_form = host.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_form = "not a valid name"
    return one_line(f"{host} ({ascii_form})", 80)
