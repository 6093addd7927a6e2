"""Reading a file of conversations: our JSON (one, a list, or one a line), or ChatGPT's export."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatapp.conversations.exchange import chatgpt
from chatapp.conversations.exchange.checked import ImportFailed, cleaned
from chatapp.conversations.exchange.json_form import FORMAT, FORMAT_VERSION
from chatapp.conversations.exchange.writing import Written, write
from chatapp.conversations.store import ConversationStore

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["ImportFailed", "Imported", "import_conversations"]

MOST_BYTES = 2 * 1024**3  # of JSON, unpacked
_HINT = "Export again, or see `chatapp conversations import --help` for what can be read."


@dataclass(frozen=True)
class Imported:
    """What came in: ids of the conversations that are new, and of those that were there.

    `messages` counts the new ones of both.
    """

    new: tuple[str, ...]
    known: tuple[str, ...]
    messages: int


def import_conversations(
    store: ConversationStore,
    path: Path,
    *,
    clean: Callable[[str], str],
    then: Callable[[Database, str], object] = lambda db, conversation_id: None,
) -> Imported:
    """Write the conversations of a file into the store, each in one transaction.

    What is there already stays as it is, so a file can be imported again. For what was forgotten
    see `chatapp.memory.forgetting.import_conversations`.

    Args:
        store: where they go.
        path: our JSON or JSON lines, ChatGPT's `conversations.json`, or the zip it comes in.
        clean: what every text from the file passes (`retrieval.text.sanitize_text`).
        then: what is done with each conversation, by its id, in its transaction.

    Raises:
        ImportFailed: the file cannot be read, or is something else; what came before the faulty
            conversation has been imported, and importing again goes on from there.
        StorageError: the store cannot be written.
    """
    written = [
        _import_one(store, value, n, clean, then) for n, value in enumerate(_values(path), 1)
    ]
    if not written:
        raise ImportFailed(f"{path} holds no conversation.", _HINT)
    return Imported(
        tuple(one.conversation_id for one in written if one.is_new),
        tuple(one.conversation_id for one in written if not one.is_new),
        sum(one.messages for one in written),
    )


def _import_one(
    store: ConversationStore,
    value: Any,
    number: int,
    clean: Callable[[str], str],
    then: Callable[[Database, str], object],
) -> Written:
    place = f"conversation {number}"
    try:
        value = cleaned(value, clean)
        form = chatgpt.to_form(value, place) if chatgpt.is_chatgpt(value) else _ours(value, place)
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise ImportFailed(f"{place} is not what ChatGPT exports: {error!r}", _HINT) from error
    except ImportFailed as error:
        raise ImportFailed(error.message, error.hint or _HINT) from error

    def job(db: Database) -> Written:
        try:
            written = write(store, db, form, place)
        except ValueError as error:  # a value that JSON can say and a row cannot hold
            raise ImportFailed(f"{place} holds an impossible value: {error}.", _HINT) from error
        then(db, written.conversation_id)
        return written

    return store.write(job)


def _ours(value: Any, place: str) -> Any:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ImportFailed(f"{place} is neither chatapp's JSON nor ChatGPT's.", _HINT)
    version = value.get("v")
    if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
        raise ImportFailed(f"{place} was exported by a newer chatapp.", "Update chatapp.")
    return value


def _values(path: Path) -> Iterator[Any]:
    """Yield the conversations of a file as JSON values."""
    try:
        if zipfile.is_zipfile(path):
            yield from _zipped(path)
            return
        if path.stat().st_size > MOST_BYTES:
            raise ImportFailed(f"{path} is larger than {MOST_BYTES // 1024**3} GiB.")
        yield from _parsed(path.read_bytes(), str(path))
    except OSError as error:
        raise ImportFailed(
            f"{path} cannot be read: {error.strerror}.", "Check its name."
        ) from error
    except zipfile.BadZipFile as error:
        raise ImportFailed(
            f"{path} is a damaged zip file: {error}.", "Download it again."
        ) from error


def _zipped(path: Path) -> Iterator[Any]:
    with zipfile.ZipFile(path) as archive:
        members = [
            member
            for member in archive.infolist()
            if Path(member.filename).name.startswith("conversations")
            and member.filename.endswith(".json")
        ]
        if sum(member.file_size for member in members) > MOST_BYTES:
            raise ImportFailed(f"{path} unpacks to more than {MOST_BYTES // 1024**3} GiB.")
        for member in sorted(members, key=lambda member: member.filename):
            yield from _parsed(archive.read(member), f"{member.filename} in {path}")


def _parsed(data: bytes, name: str) -> Iterator[Any]:
    try:
        text = data.decode("utf-8-sig")
        try:
            value = _loads(text)
        except json.JSONDecodeError as error:
            if "Extra data" not in error.msg:
                raise
            value = [_loads(line) for line in text.splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ImportFailed(f"{name} is no text in UTF-8.", _HINT) from error
    except (ValueError, RecursionError) as error:
        raise ImportFailed(f"{name} is no JSON: {error}.", _HINT) from error
    yield from value if isinstance(value, list) else [value]


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
