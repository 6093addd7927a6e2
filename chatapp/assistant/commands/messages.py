"""Commands about messages: files to go along, other words, other versions, a chat of its own."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.attachments import AttachmentError, read_attachment
from chatapp.assistant.commands.protocol import Argument, Command, CommandError, Result, Session
from chatapp.assistant.commands.targets import current, last_message, last_question
from chatapp.conversations import Message


def _attach(session: Session, arguments: Mapping[str, str]) -> Result:
    try:
        attachment = read_attachment(arguments["file"])
    except AttachmentError as error:
        fix = f"; {error.hint}" if error.hint else ""
        raise CommandError(f"Not attached: {error.message}{fix}.") from error
    session.attachments.append(attachment)
    return Result(f"Attached: {attachment.name}. It goes with your next message.")


def _detach(session: Session, arguments: Mapping[str, str]) -> Result:
    names = ", ".join(attachment.name for attachment in session.attachments)
    session.attachments.clear()
    return Result(f"No longer attached: {names}." if names else "No file waits to be sent.")


def _edit(session: Session, arguments: Mapping[str, str]) -> Result:
    question = last_question(session)
    return Result(events=session.assistant.edit(question.id, arguments["text"]))


def _switch(session: Session, arguments: Mapping[str, str]) -> Result:
    shown, versions = _versions(session)
    place = versions.index(shown)
    wanted = arguments.get("version") or "next"
    if wanted in ("next", "previous"):
        place = (place + (1 if wanted == "next" else -1)) % len(versions)
    elif wanted.isdecimal() and 1 <= int(wanted) <= len(versions):
        place = int(wanted) - 1
    else:
        raise CommandError(f"Name a version from 1 to {len(versions)}, or next, or previous.")
    session.assistant.store.select(versions[place].id)
    return Result(f"Version {place + 1} of {len(versions)} is shown.")


def _versions(session: Session) -> tuple[Message, list[Message]]:
    """Return the last message of the branch that has other versions, and all of them."""
    store = session.assistant.store
    for message in reversed(store.messages(current(session))):
        versions = store.siblings(message.id)
        if len(versions) > 1:
            return message, versions
    raise CommandError("There is one version of everything. /regenerate and /edit make others.")


def _fork(session: Session, arguments: Mapping[str, str]) -> Result:
    copy = session.assistant.store.fork(last_message(session).id)
    session.conversation = copy.id
    return Result(f"A copy of the conversation up to here is open: {copy.title}")


COMMANDS = (
    Command(
        "attach",
        "Send a text, Markdown, HTML or PDF file along with the next message.",
        _attach,
        (Argument("file", "Path of the file."),),
    ),
    Command("detach", "Send no file along after all.", _detach),
    Command(
        "edit",
        "Ask the last question in other words; the old one is kept beside it.",
        _edit,
        (Argument("text", "The question as it should be."),),
    ),
    Command(
        "switch",
        "Show another version of the last message that has several.",
        _switch,
        (Argument("version", "next, previous, or its number.", required=False),),
    ),
    Command("fork", "Go on in a copy of this conversation; this one stays as it is.", _fork),
)
