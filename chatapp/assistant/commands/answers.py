"""Commands about the last answer: once more, go on, its sources."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.commands.protocol import Command, CommandError, Result, Session
from chatapp.assistant.commands.targets import flat, last_answer


def _regenerate(session: Session, arguments: Mapping[str, str]) -> Result:
    answer = last_answer(session)
    return Result(events=session.assistant.regenerate(answer.id))


def _continue(session: Session, arguments: Mapping[str, str]) -> Result:
    answer = last_answer(session)
    if answer.status == "complete" and answer.finish_reason != "length":
        raise CommandError("The last answer is complete. /regenerate asks for another one.")
    return Result(events=session.assistant.continue_(answer.id))


def _sources(session: Session, arguments: Mapping[str, str]) -> Result:
    citations = session.assistant.store.citations(last_answer(session).id)
    lines = (
        f"[{c.n}] {c.title}{f' ({c.date})' if c.date else ''} — {c.uri}\n    “{flat(c.quote)}”"
        for c in citations
    )
    return Result("\n".join(lines) or "The last answer has no sources.")


COMMANDS = (
    Command("regenerate", "Answer the last question again; both answers are kept.", _regenerate),
    Command("continue", "Go on with a last answer that was cut off.", _continue),
    Command("sources", "Show the quotes of the last answer.", _sources),
)
