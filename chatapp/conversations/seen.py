"""What a call of a model was given: enough to rebuild its prompt to the byte.

The thing to know: messages are not copied. A call keeps how many characters of each it was given;
the words stay in their rows, so what is forgotten there is forgotten here. Only what stands in no
message is kept itself: the system text, and the calls of tools on the way to this answer. Where
that repeats what is remembered of the person, or a summary, it says so (`told`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatapp.conversations.types import Message

BLANK = "▒"  # stands for each character that was forgotten, so offsets of other words stay true
ToldFact = tuple[str, str, str, str]
"""Id, slot, key and value of a fact that a prompt told."""


@dataclass(frozen=True)
class PromptTurn:
    """One message of a prompt.

    `told` are spans of `content`, as offsets of characters, that repeat what is remembered;
    `facts` are those among it. `tools` are what a template offered: JSON texts.
    """

    role: str
    content: str
    told: tuple[tuple[int, int], ...] = ()
    facts: tuple[ToldFact, ...] = ()
    tools: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it, without its empty fields."""
        whole = {"role": self.role, "content": self.content}
        rest = {"told": self.told, "facts": self.facts, "tools": self.tools}
        return {**whole, **{name: value for name, value in rest.items() if value}}

    @classmethod
    def from_json(cls, value: Any) -> PromptTurn:
        """Read what `to_json` made. Raises ValueError: it is something else."""
        match value:
            case {"role": str(role), "content": str(content)}:
                told = tuple((int(start), int(end)) for start, end in value.get("told", ()))
                facts = tuple(_told_fact(fact) for fact in value.get("facts", ()))
                return cls(role, content, told, facts, _texts(value.get("tools", ())))
            case _:
                raise ValueError("a turn of a stored prompt needs a role and a content")


@dataclass(frozen=True)
class Seen:
    """One call's prompt.

    Attributes:
        head: the system message, if there was one.
        history: characters that were given of the newest messages of the branch, oldest first, down
            to the question; 0 for one without text.
        continued: characters of the answer itself that the call went on from.
        tail: earlier calls of this answer and their results.
        tools: what the template was given to offer.
    """

    head: PromptTurn | None = None
    history: tuple[int, ...] = ()
    continued: int = 0
    tail: tuple[PromptTurn, ...] = ()
    tools: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        fields = {**asdict(self), "head": self.head and self.head.to_json()}
        fields["tail"] = [turn.to_json() for turn in self.tail]
        return {name: value for name, value in fields.items() if value}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Seen | None:
        """Read what `to_json` made; None of nothing. Raises ValueError: it is something else."""
        if not value:
            return None
        try:
            return cls(
                PromptTurn.from_json(value["head"]) if value.get("head") else None,
                tuple(int(length) for length in value.get("history", ())),
                int(value.get("continued", 0)),
                tuple(PromptTurn.from_json(turn) for turn in value.get("tail", ())),
                _texts(value.get("tools", ())),
            )
        except TypeError as error:
            raise ValueError(f"a stored prompt is malformed ({error})") from error


def rebuild(seen: Seen, path: Sequence[Message]) -> list[PromptTurn] | None:
    """Return the prompt of a call, or None where messages that it was given are lost.

    Args:
        seen: what was kept of the call.
        path: the branch down to the answer, root first, the answer last.
    """
    *before, answer = path
    given = before[len(before) - len(seen.history) :] if len(before) >= len(seen.history) else []
    lengths = [*seen.history, seen.continued]
    messages = [*given, answer]
    if len(messages) != len(lengths) or any(
        len(message.text) < length for message, length in zip(messages, lengths, strict=True)
    ):
        return None
    said = [
        PromptTurn(message.role, message.text[:length])
        for message, length in zip(messages, lengths, strict=True)
        if length
    ] or [PromptTurn(given[-1].role, "")]  # a file without a word
    first, *rest = [*([seen.head] if seen.head else []), *said, *seen.tail]
    return [PromptTurn(first.role, first.content, first.told, first.facts, seen.tools), *rest]


def _told_fact(value: Any) -> ToldFact:
    fact_id, slot, key, told = value
    return str(fact_id), str(slot), str(key), str(told)


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
