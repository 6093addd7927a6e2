"""What a command acts on when it names nothing: the open conversation and its last answer."""

from __future__ import annotations

from chatapp.assistant.commands.protocol import CommandError, Session
from chatapp.conversations import Message


def current(session: Session) -> str:
    """Return the id of the open conversation. Raises CommandError: none is open."""
    if session.conversation is None:
        raise CommandError("No conversation is open yet: send a message, or /open one.")
    return session.conversation


def last_message(session: Session) -> Message:
    """Return the last message of the branch that is shown. Raises CommandError: there is none."""
    messages = session.assistant.store.messages(current(session))
    if not messages:
        raise CommandError("This conversation has no messages yet.")
    return messages[-1]


def last_answer(session: Session) -> Message:
    """Return the answer that was shown last. Raises CommandError: there is none."""
    messages = session.assistant.store.messages(current(session))
    if not messages or messages[-1].role != "assistant":
        raise CommandError("This conversation has no answer yet.")
    return messages[-1]


def last_question(session: Session) -> Message:
    """Return the question that was asked last. Raises CommandError: there is none."""
    for message in reversed(session.assistant.store.messages(current(session))):
        if message.role == "user":
            return message
    raise CommandError("This conversation has no question yet.")


def flat(text: str) -> str:
    """Return the text on one line."""
    return " ".join(text.split())
