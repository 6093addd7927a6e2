"""Commands that choose, name, delete and find conversations."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.commands.protocol import Argument, Command, Result, Session
from chatapp.assistant.commands.targets import current, flat
from chatapp.conversations import Conversation


def _new(session: Session, arguments: Mapping[str, str]) -> Result:
    session.conversation = None
    return Result("A new conversation: it is stored when you send the first message.")


def _open(session: Session, arguments: Mapping[str, str]) -> Result:
    conversation = session.assistant.store.conversation(arguments["conversation"])
    session.conversation = conversation.id
    return Result(f"Opened: {conversation.title}")


def _private(session: Session, arguments: Mapping[str, str]) -> Result:
    session.conversation = session.assistant.store.create(private=True).id
    return Result("A private conversation: nothing in it is learnt, recalled or used.")


def _list(session: Session, arguments: Mapping[str, str]) -> Result:
    return Result(_lines(session.assistant.store.conversations()) or "There are no conversations.")


def _rename(session: Session, arguments: Mapping[str, str]) -> Result:
    title = flat(arguments["title"])
    session.assistant.store.rename(current(session), title)
    return Result(f"Renamed to: {title}")


def _delete(session: Session, arguments: Mapping[str, str]) -> Result:
    target = arguments.get("conversation") or current(session)
    deleted = session.assistant.store.delete(target)
    learnt = len(session.assistant.profile.learnt_from(target))
    kept = f" {learnt} memories learnt there stay: /memory lists them." if learnt else ""
    if session.conversation == target:
        session.conversation = None
    return Result(f"Deleted: {deleted.title}. `/restore {deleted.id}` brings it back.{kept}")


def _restore(session: Session, arguments: Mapping[str, str]) -> Result:
    store = session.assistant.store
    if not arguments.get("conversation"):
        return Result(_lines(store.conversations(deleted=True)) or "Nothing is deleted.")
    restored = store.restore(arguments["conversation"])
    return Result(f"Restored: {restored.title}")


def _search(session: Session, arguments: Mapping[str, str]) -> Result:
    hits = session.assistant.store.search(arguments["text"])
    lines = (
        f"{hit.conversation_id}  {hit.conversation_title}: {flat(hit.snippet)}" for hit in hits
    )
    return Result("\n".join(lines) or "No message has these words.")


def _lines(conversations: list[Conversation]) -> str:
    return "\n".join(f"{c.id}  {c.updated_at[:10]}  {c.title}" for c in conversations)


_ONE = Argument("conversation", "Id of a conversation.")

COMMANDS = (
    Command("new", "Start a new conversation.", _new),
    Command("open", "Open another conversation.", _open, (_ONE,)),
    Command("private", "Start a conversation that memory neither reads nor writes.", _private),
    Command("list", "List the conversations, last used first.", _list),
    Command(
        "rename",
        "Give this conversation another title.",
        _rename,
        (Argument("title", "The new title."),),
    ),
    Command(
        "delete",
        "Delete this conversation, or another; it can be restored.",
        _delete,
        (Argument("conversation", _ONE.help, required=False),),
    ),
    Command(
        "restore",
        "Bring a deleted conversation back; alone, list what is deleted.",
        _restore,
        (Argument("conversation", _ONE.help, required=False),),
    ),
    Command(
        "search",
        "Find messages with all these words, in all conversations.",
        _search,
        (Argument("text", "Words to look for."),),
    ),
)
