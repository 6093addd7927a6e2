"""Commands about what is remembered of the person."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.commands.protocol import Argument, Command, CommandError, Result, Session
from chatapp.assistant.commands.targets import flat
from chatapp.memory import Fact


def _remember(session: Session, arguments: Mapping[str, str]) -> Result:
    learnt = session.assistant.profile.remember(arguments["text"])
    assert learnt.fact is not None or learnt.closed
    ended = "".join(f" No longer: {fact.to_person()}." for fact in learnt.closed)
    if learnt.fact is None:
        return Result(f"Noted.{ended}")
    return Result(f"Remembered: {learnt.fact.to_person()} ({learnt.fact.id}).{ended}")


def _memory(session: Session, arguments: Mapping[str, str]) -> Result:
    facts = session.assistant.profile.facts()
    lines = (
        f"{fact.id}  {fact.valid_from[:10]}  {flat(fact.to_person())}"
        + ("  (waits for /confirm)" if fact.status == "review" else "")
        for fact in facts
    )
    return Result("\n".join(lines) or "Nothing is remembered yet.")


def _forget(session: Session, arguments: Mapping[str, str]) -> Result:
    fact = _one_fact(session, arguments["memory"])
    done = session.assistant.forget(fact.id)
    text = f"Forgotten: {done.fact.to_person()}."
    if done.messages_redacted:
        text += f" The words were taken out of {done.messages_redacted} message(s)."
    if done.mentions:
        text += f" {done.mentions} other message(s) still hold “{done.fact.value}”."
    return Result(text)


def _confirm(session: Session, arguments: Mapping[str, str]) -> Result:
    fact = session.assistant.profile.confirm(_one_fact(session, arguments["memory"]).id)
    return Result(f"Confirmed: {fact.to_person()}.")


def _one_fact(session: Session, wanted: str) -> Fact:
    found = session.assistant.profile.find(wanted)
    if not found:
        raise CommandError(f"No memory is about “{wanted}”. /memory lists them all.")
    if len(found) > 1:
        lines = "\n".join(f"{fact.id}  {flat(fact.to_person())}" for fact in found)
        raise CommandError(f"More than one memory fits; name one by its id:\n{lines}")
    return found[0]


COMMANDS = (
    Command(
        "remember",
        "Remember something about you, until you forget it.",
        _remember,
        (Argument("text", "What to remember."),),
    ),
    Command("memory", "List what is remembered about you.", _memory),
    Command(
        "forget",
        "Forget a memory for good: everywhere, backups included.",
        _forget,
        (Argument("memory", "Its id, or words of it."),),
    ),
    Command(
        "confirm",
        "Say that a memory which contradicts an older one is right.",
        _confirm,
        (Argument("memory", "Its id, or words of it."),),
    ),
)
