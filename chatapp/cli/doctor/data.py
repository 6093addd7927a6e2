"""Checks of what is stored: home, settings, conversations, index, and the shipped models."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from pathlib import Path

from chatapp import paths, resources
from chatapp.cli.doctor.check import Check
from chatapp.settings import SettingsError, load_settings


def home() -> Check:
    """The app can write where it keeps its data."""
    place = paths.data_dir()
    # What is there, or nearest above it; a link to a disk that is not mounted counts as there.
    there = next(one for one in (place, *place.parents) if os.path.lexists(one))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return Check(
            "home",
            "fail",
            f"cannot write in {place}: {error.strerror or error}",
            "make it writable, or set CHATAPP_HOME to a directory that is.",
            storage=True,
        )
    said = "is writable" if place.is_dir() else "is made when it is needed"
    return Check("home", "ok", f"{place} {said}")


def settings() -> Check:
    """Every settings file and variable can be read."""
    try:
        resolved = load_settings()
    except SettingsError as error:
        return Check("settings", "fail", error.message, error.hint)
    changed = [key for key, _, origin in resolved.items() if origin != "default"]
    detail = f"set by you: {', '.join(changed) or 'none'}"
    if any(resolved.is_secret(key) for key in changed) and _open_to_others(
        paths.user_config_path()
    ):
        fix = f"keep what may be a key to yourself: chmod 600 {paths.user_config_path()}"
        return Check("settings", "warn", f"{detail}; other users can read the file", fix)
    return Check("settings", "ok", detail)


def _open_to_others(path: Path) -> bool:
    return path.is_file() and bool(path.stat().st_mode & 0o077)


def database() -> Check:
    """The conversations pass SQLite's own integrity check."""
    path = paths.database_path()
    if not path.exists():
        return Check("conversations", "ok", "none yet")
    try:
        problem = _integrity(path)
    except sqlite3.Error as error:
        problem = str(error)
    if problem:
        return Check(
            "conversations",
            "fail",
            f"{path}: {problem}",
            "start `chatapp`: it sets the damaged file aside and saves what can be read.",
            storage=True,
        )
    return Check("conversations", "ok", f"{path} is sound ({path.stat().st_size:,} bytes)")


def _integrity(path: Path) -> str:
    """Return what is wrong with a database, or nothing; never changes it."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    finally:
        connection.close()
    return "" if found == "ok" else found


def index() -> Check:
    """The search index opens and its parts agree."""
    if not (paths.index_path().exists() or load_settings().settings.index.dsn):
        return Check("index", "ok", "none yet; it is made when the first question is asked")
    from chatapp.assistant.own_index import open_own_index
    from retrieval.errors import IndexUnavailable

    try:
        opened = open_own_index(read_only=True)
        status = opened.status()
        opened.close()
    except IndexUnavailable as error:
        return Check("index", "fail", error.message, error.hint, storage=True)
    detail = (
        f"{status.documents:,} documents, {status.passages:,} passages, {status.vectors:,} vectors"
    )
    if status.vectors < status.passages:
        return Check("index", "warn", detail, "run `chatapp index rebuild` to make the vectors.")
    return Check("index", "ok", detail)


def model() -> Check:
    """The chosen chat model is there; the shipped one must be whole."""
    from chatapp.assistant.factory import model_dir

    settings = load_settings().settings
    if settings.model in settings.remotes:
        return Check("model", "ok", f"the remote model {settings.model}; see below")
    chosen = model_dir(settings)
    if chosen == resources.default_model_dir():
        return _shipped("model", chosen)
    if not (chosen / "config.json").is_file():
        return Check("model", "fail", f"{chosen} holds no model", "correct the setting `model`.")
    return Check("model", "ok", f"{chosen}, chosen by you")


def helpers() -> list[Check]:
    """The shipped models beside the chat model are whole, each."""
    return [
        _shipped("embedder", resources.embedder_dir()),
        _shipped("reader", resources.reader_dir()),
        _shipped("recall", resources.pieces_dir()),
        _shipped("solver", resources.solver_dir()),
        _shipped("filter", resources.filter_dir()),
    ]


def _shipped(name: str, directory: Path) -> Check:
    fix = "install chatapp again, or check out its files again."
    if not (directory / "config.json").is_file():
        return Check(name, "fail", f"{directory} holds no model", fix)
    expected = checksums(directory)
    if not expected:
        return Check(name, "fail", f"no checksum is listed for {directory}", fix)
    damaged = [path.name for path, digest in expected.items() if _sha256(path) != digest]
    if damaged:
        return Check(name, "fail", f"damaged or missing in {directory}: {', '.join(damaged)}", fix)
    size = sum(path.stat().st_size for path in expected)
    return Check(name, "ok", f"{directory}, {size / 1e6:.1f} MB, checksums right")


def checksums(directory: Path) -> dict[Path, str]:
    """Return the SHA-256 that `SHA256SUMS` beside `directory` lists for each file in it."""
    sums = directory.parent / "SHA256SUMS"
    if not sums.is_file():
        return {}
    pairs = (line.split(maxsplit=1) for line in sums.read_text(encoding="utf-8").splitlines())
    listed = {Path(os.path.normpath(sums.parent / name)): digest for digest, name in pairs}
    return {path: digest for path, digest in listed.items() if directory in path.parents}


def _sha256(path: Path) -> str:
    """Return the file's SHA-256 in hex, or nothing when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
