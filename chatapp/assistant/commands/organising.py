"""Commands that set a conversation up and keep the list of them in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from chatapp import paths
from chatapp.assistant.commands.protocol import Argument, Command, CommandError, Result, Session
from chatapp.assistant.commands.targets import current, flat
from chatapp.conversations import Conversation, ConversationStore
from chatapp.conversations.exchange import (
    ImportFailed,
    to_html,
    to_json,
    to_markdown,
)
from chatapp.memory.forgetting import import_conversations
from chatapp.private import make_stand_in
from retrieval.text import sanitize_text


def _persona(session: Session, arguments: Mapping[str, str]) -> Result:
    store = session.assistant.store
    text = arguments.get("text", "")
    if not text:
        persona = store.conversation(session.conversation).persona if session.conversation else ""
        return Result(persona or "There is no persona. `/persona TEXT` sets one.")
    if session.conversation is None:
        session.conversation = store.create().id
    store.configure(session.conversation, persona="" if text == "none" else text)
    return Result("No persona any more." if text == "none" else f"Persona: {flat(text)}")


def _organise(said: str, **changes: bool) -> Callable[[Session, Mapping[str, str]], Result]:
    """Return a handler that pins or archives the open conversation and says `said`."""

    def handler(session: Session, arguments: Mapping[str, str]) -> Result:
        changed = session.assistant.store.organise(current(session), **changes)
        return Result(f"{said}: {changed.title}")

    return handler


def _tag(session: Session, arguments: Mapping[str, str]) -> Result:
    return _tagged(session.assistant.store.tag(current(session), _name(arguments)))


def _untag(session: Session, arguments: Mapping[str, str]) -> Result:
    return _tagged(session.assistant.store.untag(current(session), _name(arguments)))


def _name(arguments: Mapping[str, str]) -> str:
    return arguments["tag"].removeprefix("#")


def _tagged(conversation: Conversation) -> Result:
    tags = " ".join(f"#{tag}" for tag in conversation.tags)
    return Result(f"Tags: {tags}" if tags else "This conversation has no tags.")


def _export(session: Session, arguments: Mapping[str, str]) -> Result:
    path = paths.expanded(arguments["file"])
    write = _FORMATS.get(path.suffix)
    if write is None:
        raise CommandError(f"Name a file that ends in {' or '.join(_FORMATS)}.")
    try:
        _write_whole(path, write(session.assistant.store, current(session)))
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
    return Result(f"Exported to {path}.")


def _write_whole(path: Path, text: str) -> None:
    """Write the file at once: what stood there stays until the new one is complete."""
    part = path.with_name(f".{path.name}.part")
    try:
        make_stand_in(part, path)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _json(store: ConversationStore, conversation_id: str) -> str:
    return json.dumps(to_json(store, conversation_id), ensure_ascii=False, indent=2) + "\n"


def _import(session: Session, arguments: Mapping[str, str]) -> Result:
    path = paths.expanded(arguments["file"])
    try:
        done = import_conversations(session.assistant.store, path, clean=sanitize_text)
    except ImportFailed as error:
        raise CommandError(f"{error.message} {error.hint}".strip()) from error
    return Result(f"Imported {len(done.new)} conversations; {len(done.known)} were there already.")


_FORMATS: dict[str, Callable[[ConversationStore, str], str]] = {
    ".md": to_markdown,
    ".html": to_html,
    ".json": _json,
}
_TAG = Argument("tag", "A word.")

COMMANDS = (
    Command(
        "persona",
        "Say how the model shall be in this conversation; `none` takes that back.",
        _persona,
        (Argument("text", "Instructions for the model.", required=False),),
    ),
    Command("pin", "Keep this conversation at the top.", _organise("Pinned", pinned=True)),
    Command("unpin", "Sort this conversation by date.", _organise("Unpinned", pinned=False)),
    Command(
        "archive",
        "Take this conversation out of the list; it can still be found.",
        _organise("Archived", archived=True),
    ),
    Command(
        "unarchive",
        "Put this conversation back into the list.",
        _organise("Back in the list", archived=False),
    ),
    Command("tag", "Put a tag on this conversation.", _tag, (_TAG,)),
    Command("untag", "Take a tag off this conversation.", _untag, (_TAG,)),
    Command(
        "export",
        "Write this conversation to a file: Markdown, HTML or JSON, by its ending.",
        _export,
        (Argument("file", "Path of the file."),),
    ),
    Command(
        "import",
        "Read conversations from a file: exported JSON, or what ChatGPT exports.",
        _import,
        (Argument("file", "Path of the file."),),
    ),
)
