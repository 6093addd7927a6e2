"""The one registry of slash commands, for the terminal UI's palette and for scripted sessions.

A handler gets a `Session` (which conversation is open) and its arguments by name, and returns a
`Result`: text to show, a stream of events to render, or both. Only what works is listed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.events import Event
from chatapp.conversations import Conversation, Message, NotFound
from chatapp.feedback.store import BAD, GOOD, NotJudgeable
from chatapp.memory import Fact, SecretRefused
from retrieval.text import sanitize_text
from tools.calculator import Calculator
from tools.protocol import ToolError
from tools.registry import ToolRegistry


class CommandError(ValueError):
    """A command cannot be carried out; the message says what to type instead."""


@dataclass
class Session:
    """What commands act on; `conversation` is None before the first turn of a new one."""

    assistant: Assistant
    conversation: str | None = None


@dataclass(frozen=True)
class Result:
    """What a command gives back. `events` is a turn that the caller renders to its end."""

    text: str = ""
    events: AsyncGenerator[Event, None] | None = None


@dataclass(frozen=True)
class Argument:
    """One argument, always text; the last argument of a command takes the rest of the line."""

    name: str
    help: str
    required: bool = True


@dataclass(frozen=True)
class Command:
    """One command: `/name argument …`."""

    name: str
    help: str
    handler: Callable[[Session, Mapping[str, str]], Result]
    arguments: tuple[Argument, ...] = ()

    @property
    def usage(self) -> str:
        """Return how to type it, optional arguments in brackets."""
        shown = (a.name.upper() if a.required else f"[{a.name.upper()}]" for a in self.arguments)
        return " ".join([f"/{self.name}", *shown])

    def schema(self) -> dict[str, object]:
        """Return the JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": {
                a.name: {"type": "string", "description": a.help} for a in self.arguments
            },
            "required": [a.name for a in self.arguments if a.required],
            "additionalProperties": False,
        }

    def parse(self, line: str) -> dict[str, str]:
        """Split what was typed after the name into arguments."""
        words = line.split(maxsplit=len(self.arguments) - 1) if self.arguments else line.split()
        if len(words) > len(self.arguments):
            raise CommandError(f"/{self.name} takes no arguments.")
        return {a.name: word for a, word in zip(self.arguments, words, strict=False)}

    def check(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """Return the arguments sanitised. Raises CommandError: some are missing or unknown."""
        clean = {name: sanitize_text(text).strip() for name, text in arguments.items()}
        known = {argument.name for argument in self.arguments}
        missing = [a.name for a in self.arguments if a.required and not clean.get(a.name)]
        if missing or not clean.keys() <= known:
            raise CommandError(f"Use it as: {self.usage}")
        return clean

    def run(self, session: Session, arguments: Mapping[str, str]) -> Result:
        """Carry it out.

        Raises:
            CommandError: arguments are missing or unknown, or there is nothing to act on.
        """
        arguments = self.check(arguments)
        try:
            return self.handler(session, arguments)
        except (NotFound, ToolError) as error:
            raise CommandError(str(error.args[0])) from error
        except SecretRefused as error:
            raise CommandError(f"Not remembered: {error}.") from error
        except NotJudgeable as error:
            raise CommandError(f"That cannot be judged: {error}.") from error


def find_command(name: str) -> Command:
    """Return the command of this name, with or without its slash. Raises CommandError."""
    for command in COMMANDS:
        if command.name == name.removeprefix("/"):
            return command
    raise CommandError(f"There is no command /{name.removeprefix('/')}. /help lists them all.")


def run_line(session: Session, line: str) -> Result:
    """Carry out a line as typed, such as `/rename Holiday plans`. Raises CommandError."""
    name, _, rest = line.strip().partition(" ")
    command = find_command(name)
    return command.run(session, command.parse(rest))


def _new(session: Session, arguments: Mapping[str, str]) -> Result:
    session.conversation = None
    return Result("A new conversation: it is stored when you send the first message.")


def _open(session: Session, arguments: Mapping[str, str]) -> Result:
    conversation = session.assistant.store.conversation(arguments["conversation"])
    session.conversation = conversation.id
    return Result(f"Opened: {conversation.title}")


def _list(session: Session, arguments: Mapping[str, str]) -> Result:
    return Result(_lines(session.assistant.store.conversations()) or "There are no conversations.")


def _rename(session: Session, arguments: Mapping[str, str]) -> Result:
    title = _flat(arguments["title"])
    session.assistant.store.rename(_current(session), title)
    return Result(f"Renamed to: {title}")


def _delete(session: Session, arguments: Mapping[str, str]) -> Result:
    target = arguments.get("conversation") or _current(session)
    deleted = session.assistant.store.delete(target)
    if session.conversation == target:
        session.conversation = None
    return Result(f"Deleted: {deleted.title}. `/restore {deleted.id}` brings it back.")


def _restore(session: Session, arguments: Mapping[str, str]) -> Result:
    store = session.assistant.store
    if not arguments.get("conversation"):
        return Result(_lines(store.conversations(deleted=True)) or "Nothing is deleted.")
    restored = store.restore(arguments["conversation"])
    return Result(f"Restored: {restored.title}")


def _search(session: Session, arguments: Mapping[str, str]) -> Result:
    hits = session.assistant.store.search(arguments["text"])
    lines = (
        f"{hit.conversation_id}  {hit.conversation_title}: {_flat(hit.snippet)}" for hit in hits
    )
    return Result("\n".join(lines) or "No message has these words.")


def _regenerate(session: Session, arguments: Mapping[str, str]) -> Result:
    answer = _last_answer(session)
    return Result(events=session.assistant.regenerate(answer.id))


def _continue(session: Session, arguments: Mapping[str, str]) -> Result:
    answer = _last_answer(session)
    if answer.status == "complete" and answer.finish_reason != "length":
        raise CommandError("The last answer is complete. /regenerate asks for another one.")
    return Result(events=session.assistant.continue_(answer.id))


def _sources(session: Session, arguments: Mapping[str, str]) -> Result:
    citations = session.assistant.store.citations(_last_answer(session).id)
    lines = (f"[{c.n}] {c.title} — {c.uri}\n    “{_flat(c.quote)}”" for c in citations)
    return Result("\n".join(lines) or "The last answer has no sources.")


def _calculate(session: Session, arguments: Mapping[str, str]) -> Result:
    return Result(_TOOLS.run("calculator", arguments))


def _help(session: Session, arguments: Mapping[str, str]) -> Result:
    width = max(len(command.usage) for command in COMMANDS)
    return Result("\n".join(f"{c.usage:<{width}}  {c.help}" for c in COMMANDS))


def _current(session: Session) -> str:
    if session.conversation is None:
        raise CommandError("No conversation is open yet: send a message, or /open one.")
    return session.conversation


def _last_answer(session: Session) -> Message:
    messages = session.assistant.store.messages(_current(session))
    if not messages or messages[-1].role != "assistant":
        raise CommandError("This conversation has no answer yet.")
    return messages[-1]


def _lines(conversations: list[Conversation]) -> str:
    return "\n".join(f"{c.id}  {c.updated_at[:10]}  {c.title}" for c in conversations)


def _flat(text: str) -> str:
    return " ".join(text.split())


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
        f"{fact.id}  {fact.valid_from[:10]}  {_flat(fact.to_person())}"
        + ("  (waits for /confirm)" if fact.status == "review" else "")
        for fact in facts
    )
    return Result("\n".join(lines) or "Nothing is remembered yet.")


def _forget(session: Session, arguments: Mapping[str, str]) -> Result:
    fact = _one_fact(session, arguments["memory"])
    done = session.assistant.forget(fact.id)
    text = f"Forgotten: {done.fact.to_person()}."
    if done.message_redacted:
        text += " The words were taken out of the message they were read from."
    if done.mentions:
        text += f" {done.mentions} other message(s) still hold “{done.fact.value}”."
    return Result(text)


def _confirm(session: Session, arguments: Mapping[str, str]) -> Result:
    fact = session.assistant.profile.confirm(_one_fact(session, arguments["memory"]).id)
    return Result(f"Confirmed: {fact.to_person()}.")


def _private(session: Session, arguments: Mapping[str, str]) -> Result:
    session.conversation = session.assistant.store.create(private=True).id
    return Result("A private conversation: nothing in it is learnt, recalled or used.")


def _good(session: Session, arguments: Mapping[str, str]) -> Result:
    session.assistant.feedback.rate(_last_answer(session).id, GOOD)
    return Result("Rated good. `chatapp feedback export` writes your ratings for training.")


def _bad(session: Session, arguments: Mapping[str, str]) -> Result:
    session.assistant.feedback.rate(_last_answer(session).id, BAD)
    return Result("Rated bad. /correct says what the answer should have been.")


def _correct(session: Session, arguments: Mapping[str, str]) -> Result:
    session.assistant.feedback.correct(_last_answer(session).id, arguments["text"])
    return Result("Your correction is stored beside the answer.")


def _prefer(session: Session, arguments: Mapping[str, str]) -> Result:
    answer = _last_answer(session)
    answers = session.assistant.store.siblings(answer.id)
    if len(answers) < 2:
        raise CommandError("There is only one answer. /regenerate makes another one to compare.")
    shown = answers.index(answer)
    other = answers[shown - 1] if shown else answers[1]
    session.assistant.feedback.prefer(answer.id, other.id)
    return Result("Stored: this answer is better than the one before it.")


def _one_fact(session: Session, wanted: str) -> Fact:
    found = session.assistant.profile.find(wanted)
    if not found:
        raise CommandError(f"No memory is about “{wanted}”. /memory lists them all.")
    if len(found) > 1:
        lines = "\n".join(f"{fact.id}  {_flat(fact.to_person())}" for fact in found)
        raise CommandError(f"More than one memory fits; name one by its id:\n{lines}")
    return found[0]


_TOOLS = ToolRegistry([Calculator()])
_ONE = Argument("conversation", "Id of a conversation.")

COMMANDS: tuple[Command, ...] = (
    Command("new", "Start a new conversation.", _new),
    Command("open", "Open another conversation.", _open, (_ONE,)),
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
    Command("regenerate", "Answer the last question again; both answers are kept.", _regenerate),
    Command("continue", "Go on with a last answer that was cut off.", _continue),
    Command("sources", "Show the quotes of the last answer.", _sources),
    Command(
        "calc",
        "Calculate, for example /calc 2 * (3 + 4).",
        _calculate,
        (Argument("expression", "Arithmetic."),),
    ),
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
    Command("good", "Say that the last answer was good.", _good),
    Command("bad", "Say that the last answer was bad.", _bad),
    Command(
        "correct",
        "Say what the last answer should have been.",
        _correct,
        (Argument("text", "The answer you would have wanted."),),
    ),
    Command("prefer", "Say that this answer is better than the other one.", _prefer),
    Command("private", "Start a conversation that memory neither reads nor writes.", _private),
    Command("help", "List these commands.", _help),
)
