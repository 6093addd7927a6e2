"""The command about the summary of the open conversation."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.commands.protocol import Argument, Command, CommandError, Result, Session
from chatapp.assistant.commands.targets import current, last_message
from chatapp.assistant.run import Interrupted
from chatapp.assistant.summarising import NothingToSummarise, by_whom, summarise
from chatapp.conversations import Summary
from chatapp.memory.secrets import holds_secret

_NONE = "This conversation has no summary. /summary write lets the model write one."


def _summary(session: Session, arguments: Mapping[str, str]) -> Result:
    action, text = arguments.get("action", "show"), arguments.get("text", "")
    match action:
        case "show" if not text:
            return Result(_shown(_held(session)))
        case "write" if not text:
            return _write(session)
        case "edit" if text:
            return _edit(session, text)
        case "delete" if not text:
            return _delete(session)
    raise CommandError("Use it as: /summary, /summary write, /summary edit TEXT, /summary delete")


def _write(session: Session) -> Result:
    """Blocks until it is written or stopped, in the worker thread of the command."""
    assistant, last = session.assistant, last_message(session)
    messages = assistant.store.path_to(last.id)
    try:
        made = assistant.with_model(
            current(session),
            lambda model, stopped: summarise(assistant.store, model, messages, None, stopped),
        )
    except Interrupted as error:
        raise CommandError("Stopped; no summary was written.") from error
    except NothingToSummarise as error:
        raise CommandError(f"No summary was written: {error}.") from error
    return Result(_shown(made))


def _edit(session: Session, text: str) -> Result:
    if holds_secret(text):
        raise CommandError("Not stored: this looks like a password, key or card number.")
    old = session.assistant.store.summary(last_message(session).id)
    place = old.message_id if old else last_message(session).id
    return Result(_shown(session.assistant.store.keep_summary(place, text, edited=True)))


def _delete(session: Session) -> Result:
    session.assistant.store.drop_summary(_held(session))
    return Result("The summary is deleted; the messages stay.")


def _held(session: Session) -> Summary:
    found = session.assistant.store.summary(last_message(session).id)
    if found is None:
        raise CommandError(_NONE)
    return found


def _shown(summary: Summary) -> str:
    return f"Summary, {by_whom(summary)}:\n{summary.text}"


COMMANDS = (
    Command(
        "summary",
        "Show the summary of this conversation, or write, edit or delete it.",
        _summary,
        (
            Argument("action", "Nothing, `write`, `edit` or `delete`.", required=False),
            Argument("text", "The text to store in its place, for `edit`.", required=False),
        ),
        stoppable=True,
    ),
)
