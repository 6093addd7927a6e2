"""Augmentation: the same conversation once more, worded or typed as another person might.

Only what the user says is changed, and only in training records: answers stay as they were
written and held-out records are never touched. What is done to a record is a function of the
seed, its id and which repetition it is, so a run can be repeated.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass

from chatapp.training.recipe import RecipeError
from chatapp.training.records import ChatRecord

# A question in other words that suit any question. {q} has its first letter lowered, {Q} is as it
# was written.
QUESTION_TEMPLATES = (
    "Can you tell me: {q}",
    "I would like to know: {q}",
    "Please answer this question. {Q}",
    "{Q} Please explain.",
    "Hi! {Q}",
    "Question: {Q}",
    "Do you know the answer to this? {Q}",
)
_PASSAGE = re.compile(r"\n\s*\n")
_OPENER = re.compile(
    r"(what|who|whom|whose|when|where|why|which|how|is|are|am|was|were|do|does|did|have|has|had|can"
    r"|could|will|would|should|may|might)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Augmentation:
    """Shares of user messages (0 to 1) that each change is made to.

    Args:
        noise: lost capitals and punctuation, or a pair of letters typed the wrong way round.
        paraphrase: a question put into a template such as "I would like to know: …".
        shuffle: passages that stand between the first and the last paragraph put in another order.
    """

    noise: float = 0.0
    paraphrase: float = 0.0
    shuffle: float = 0.0

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            if not 0 <= share <= 1:
                raise RecipeError(f"augment.{name} is a share between 0 and 1, not {share}")

    def apply(self, record: ChatRecord, *, seed: int, repetition: int) -> ChatRecord:
        """Return the record as it is seen in one of its repetitions; the first is unchanged."""
        if not repetition:
            return record
        digest = hashlib.sha256(f"{seed}:{record.id}:{repetition}".encode()).digest()
        rng = random.Random(digest)
        messages = tuple(
            (role, self._changed(content, rng) if role == "user" else content)
            for role, content in record.messages
        )
        return ChatRecord(record.id, messages)

    def _changed(self, text: str, rng: random.Random) -> str:
        if rng.random() < self.shuffle:
            text = shuffle_passages(text, rng)
        if rng.random() < self.paraphrase:
            text = paraphrase_question(text, rng)
        if rng.random() < self.noise:
            text = rng.choice((lose_case, lose_punctuation, swap_letters))(text, rng)
        return text


def paraphrase_question(text: str, rng: random.Random) -> str:
    """Put a message that is one question into a template; anything else stays as it is."""
    question = text.strip()
    if not question.endswith("?") or "\n" in question or question.count("?") > 1:
        return text
    # "I", names and acronyms keep their capital: only a plain capitalised word loses it
    lowered = question[0].lower() + question[1:] if _OPENER.match(question) else question
    return rng.choice(QUESTION_TEMPLATES).format(q=lowered, Q=question)


def shuffle_passages(text: str, rng: random.Random) -> str:
    """Reorder the paragraphs between the first (an instruction) and the last (the question)."""
    first, *passages, last = _PASSAGE.split(text) if text.count("\n\n") > 1 else [text, text]
    if len(passages) < 2:
        return text
    rng.shuffle(passages)
    return "\n\n".join((first, *passages, last))


def lose_case(text: str, rng: random.Random) -> str:
    """Write everything small, as in a hurry; `rng` is not needed."""
    return text.lower()


def lose_punctuation(text: str, rng: random.Random) -> str:
    """Leave out the mark that ends the message; `rng` is not needed."""
    return text.rstrip().rstrip(".?!")


def swap_letters(text: str, rng: random.Random) -> str:
    """Type two neighbouring letters inside one word the wrong way round."""
    places = [match.start() for match in re.finditer(r"(?<=[a-z])[a-z]{2}(?=[a-z])", text)]
    if not places:
        return text
    place = rng.choice(places)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
