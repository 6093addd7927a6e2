"""What the rows mean: one schema per kind of record, whatever file they came from.

    text        text, perhaps title                         pretraining
    chat        messages: [{role, content}, ...]            fine-tuning
    preference  messages, chosen, rejected                  reward model, DPO
    rating      messages, response, reward from 0 to 1      reward model
    qa          question, answers, perhaps context, choices
    reasoning   question, answer, perhaps solution
    code        prompt, code

Questions of the last three can be read as conversations of one turn, so they serve fine-tuning.
A record of the wrong kind is refused with its file and line, never skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatapp.model.tokenizer import ROLE_TOKENS
from chatapp.training.readers import RecordError, Row, read_rows, source_files
from chatapp.training.recipe import Source

__all__ = [
    "KINDS",
    "ChatRecord",
    "PreferenceRecord",
    "RatingRecord",
    "RecordError",
    "TextRecord",
    "kind_of",
    "read_chats",
    "read_preferences",
    "read_ratings",
    "read_texts",
    "source_files",
]

Messages = tuple[tuple[str, str], ...]  # (role, content) in order

# The fields that tell each kind, the most specific first.
KINDS = {
    "preference": ("messages", "chosen", "rejected"),
    "rating": ("messages", "response", "reward"),
    "chat": ("messages",),
    "qa": ("question", "answers"),
    "reasoning": ("question", "answer"),
    "code": ("prompt", "code"),
    "text": ("text",),
}


@dataclass(frozen=True)
class TextRecord:
    """One document to pretrain on."""

    id: str
    text: str


@dataclass(frozen=True)
class ChatRecord:
    """One conversation: (role, content) pairs in order."""

    id: str
    messages: Messages


@dataclass(frozen=True)
class PreferenceRecord:
    """Two answers to the same conversation, the better one first."""

    id: str
    messages: Messages
    chosen: str
    rejected: str


@dataclass(frozen=True)
class RatingRecord:
    """One answer to a conversation and its reward, from 0 to 1."""

    id: str
    messages: Messages
    response: str
    reward: float


def kind_of(fields: Mapping[str, Any]) -> str | None:
    """Return the kind of record that has these fields, or None."""
    for kind, needed in KINDS.items():
        if all(fields.get(name) is not None for name in needed):
            return kind
    return None


def text_record(row: Row) -> TextRecord:
    """Return a row as a document, its title first.

    Raises:
        RecordError: it is none; so for the other kinds below.
    """
    text, title = row.fields.get("text"), row.fields.get("title")
    if not isinstance(text, str):
        raise _wrong_kind(row, "a text record needs a string 'text'")
    return TextRecord(_identity(row), f"{title}\n\n{text}" if title else text)


def chat_record(row: Row) -> ChatRecord:
    """Return a row as a conversation; a question and its answer make one of one turn."""
    match kind_of(row.fields):
        case "qa":
            messages = _question_turn(row, _asked(row), _first_answer(row))
        case "reasoning":
            messages = _question_turn(row, row.fields["question"], _worked_answer(row))
        case "code":
            messages = _question_turn(row, row.fields["prompt"], row.fields["code"])
        case _:
            messages = _messages(row, "a chat record")
    return ChatRecord(_identity(row), messages)


def preference_record(row: Row) -> PreferenceRecord:
    """Return a row as a pair of answers."""
    messages = _messages(row, "a preference record")
    chosen, rejected = row.fields.get("chosen"), row.fields.get("rejected")
    if not isinstance(chosen, str) or not isinstance(rejected, str):
        raise _wrong_kind(row, "a preference record needs strings 'chosen' and 'rejected'")
    return PreferenceRecord(_identity(row), messages, chosen, rejected)


def rating_record(row: Row) -> RatingRecord:
    """Return a row as a rated answer."""
    messages = _messages(row, "a rating record")
    response, reward = row.fields.get("response"), row.fields.get("reward")
    if not isinstance(response, str) or not isinstance(reward, (int, float)):
        raise _wrong_kind(row, "a rating record needs a string 'response' and a 'reward'")
    if not 0 <= reward <= 1:
        raise RecordError(f"{row.where}: the reward must lie between 0 and 1, not {reward}")
    return RatingRecord(_identity(row), messages, response, float(reward))


def read_texts(root: Path, source: Source) -> Iterator[TextRecord]:
    """Yield a source's documents up to its cap per file."""
    return map(text_record, read_rows(root, source))


def read_chats(root: Path, source: Source) -> Iterator[ChatRecord]:
    """Yield a source's conversations up to its cap per file."""
    return map(chat_record, read_rows(root, source))


def read_preferences(root: Path, source: Source) -> Iterator[PreferenceRecord]:
    """Yield a source's pairs of answers up to its cap per file."""
    return map(preference_record, read_rows(root, source))


def read_ratings(root: Path, source: Source) -> Iterator[RatingRecord]:
    """Yield a source's rated answers up to its cap per file."""
    return map(rating_record, read_rows(root, source))


def _messages(row: Row, what: str) -> Messages:
    messages = row.fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _wrong_kind(row, f"{what} needs a list 'messages'")
    return tuple(_message(message, row.where) for message in messages)


def _message(message: Any, where: str) -> tuple[str, str]:
    match message:
        case {"role": str(role), "content": str(content)} if role in ROLE_TOKENS:
            return role, content
    raise RecordError(
        f"{where}: a message needs a role ({', '.join(ROLE_TOKENS)}) and a string 'content'"
    )


def _question_turn(row: Row, question: Any, answer: Any) -> Messages:
    if not isinstance(question, str) or not isinstance(answer, str):
        raise RecordError(f"{row.where}: the question and the answer must be strings")
    return ("user", question), ("assistant", answer)


def _asked(row: Row) -> str:
    """Return the question under its context and over its choices, where it has them."""
    context, choices = row.fields.get("context"), row.fields.get("choices")
    asked = row.fields["question"]
    if choices:
        asked = "\n".join([asked, "Options:", *(f"- {choice}" for choice in choices)])
    return f"{context}\n\n{asked}" if context else str(asked)


def _first_answer(row: Row) -> Any:
    answers = row.fields["answers"]
    return answers[0] if answers else "The text does not say."


def _worked_answer(row: Row) -> str:
    """Return the solution, then the answer on a line of its own, as GSM8K writes it."""
    solution = row.fields.get("solution")
    answer = f"#### {row.fields['answer']}"
    return f"{solution}\n{answer}" if solution else answer


def _identity(row: Row) -> str:
    """Return the record's id, or its file's name and line: a split must not hang on directories."""
    identity = row.fields.get("id")
    return str(Path(row.where).name if identity is None else identity)


def _wrong_kind(row: Row, needed: str) -> RecordError:
    """Say what the reader needs and what the record is instead."""
    kind = kind_of(row.fields)
    if kind is not None:
        return RecordError(f"{row.where}: {needed}; this is a {kind} record")
    known = "; ".join(f"{name} ({', '.join(fields)})" for name, fields in KINDS.items())
    return RecordError(
        f"{row.where}: {needed}; a record with {', '.join(row.fields) or 'no fields'} fits no "
        f"known schema: {known}. Name the columns with fields = {{ text = 'column' }}"
    )
