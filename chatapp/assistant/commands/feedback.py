"""Commands that say what the person thinks of the last answer."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.commands.protocol import Argument, Command, CommandError, Result, Session
from chatapp.assistant.commands.targets import last_answer
from chatapp.feedback.store import BAD, GOOD


def _good(session: Session, arguments: Mapping[str, str]) -> Result:
    session.assistant.feedback.rate(last_answer(session).id, GOOD)
    return Result("Rated good. `chatapp feedback export` writes your ratings for training.")


def _bad(session: Session, arguments: Mapping[str, str]) -> Result:
    session.assistant.feedback.rate(last_answer(session).id, BAD)
    return Result("Rated bad. /correct says what the answer should have been.")


def _correct(session: Session, arguments: Mapping[str, str]) -> Result:
    session.assistant.feedback.correct(last_answer(session).id, arguments["text"])
    return Result("Your correction is stored beside the answer.")


def _prefer(session: Session, arguments: Mapping[str, str]) -> Result:
    answer = last_answer(session)
    answers = session.assistant.store.siblings(answer.id)
    if len(answers) < 2:
        raise CommandError("There is only one answer. /regenerate makes another one to compare.")
    shown = answers.index(answer)
    other = answers[shown - 1] if shown else answers[1]
    session.assistant.feedback.prefer(answer.id, other.id)
    return Result("Stored: this answer is better than the one before it.")


COMMANDS = (
    Command("good", "Say that the last answer was good.", _good),
    Command("bad", "Say that the last answer was bad.", _bad),
    Command(
        "correct",
        "Say what the last answer should have been.",
        _correct,
        (Argument("text", "The answer you would have wanted."),),
    ),
    Command("prefer", "Say that this answer is better than the other one.", _prefer),
)
