"""Questions about the person themself, read by rules and answered from their own facts.

"Where do I live?" has one right answer, and it stands in the profile or nowhere: such a question
never goes to a language model or to a search of other people's pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chatapp.memory.normal import normalised
from chatapp.memory.profile import Profile
from chatapp.memory.rules_file import language_of, load_rules
from chatapp.memory.slots import SLOTS
from chatapp.memory.types import Fact

EVERYTHING = "*"
NOT_TOLD = "You have not told me that."
_LONGEST_QUESTION = 300  # characters
_EDGES = " ?!.,"
# Questions of so few words that they may mean something else ("What do I do?" of somebody in
# trouble), and what they ask when they are about the person.
_SHORT = {
    "what do i do": "what do i do for a living",
    "was mache ich": "was mache ich beruflich",
}
# Joins questions of which the later ones leave out how they begin.
_JOIN = re.compile(r"\s*,?\s+(?:and|as well as|und|sowie|&)\s+|\s*,\s+", re.IGNORECASE)
_CLAUSE = re.compile(r"\b(?:i|you|it|we|ich|du|es|wir)\b", re.IGNORECASE)  # nothing is left out
# Asks how to deal with what is remembered, and not what was said.
_ON_MEMORY = re.compile(
    r"^\W*(?:(?:how|where) )?(?:do|can|could|should|may) i\b.*\babout me\b", re.IGNORECASE
)
_MONTHS = "January February March April May June July August September October November December"


@dataclass(frozen=True)
class Asked:
    """What a question asks of the profile; `value` is one value it asks about, or empty.

    Only where it is `sure` is "you have not told me" an answer, if it is the whole question.
    """

    slot: str
    key: str = ""
    value: str = ""
    history: bool = False
    sure: bool = True


def asks_about_person(text: str, language: str | None = None) -> Asked | None:
    """Return what `text` asks of the profile, or None when it asks something else."""
    if len(text) > _LONGEST_QUESTION:
        return None
    meant = _SHORT.get(" ".join(re.findall(r"\w+", text.lower())))
    for question in load_rules(language or language_of(meant or text)).questions:
        found = question.pattern.search(meant or text)
        if found is not None:
            key, value = _group(found, "key"), _group(found, "value")
            return Asked(question.slot, key.lower(), value, question.history, sure=not meant)
    return None


def parts_about_person(text: str, language: str | None = None) -> list[tuple[str, Asked]]:
    """Return each part of `text` that asks something of the profile, with what it asks.

    "Where did I live before, and what is my name?" has two, and so has "Where do I live and work?";
    a text of one part has one or none.
    """
    if len(text) > _LONGEST_QUESTION:
        return []
    language = language or language_of(text)
    clauses = [part.strip(_EDGES) for part in load_rules(language).parts.split(text)]
    parts = [part for clause in clauses for part in _completed(clause, language)]
    asked: dict[Asked, str] = {}
    for part in parts:
        if found := asks_about_person(part, language):
            asked.setdefault(found, part)
    if len(asked) > 1:
        return [(part, found) for found, part in asked.items()]
    whole = asks_about_person(text, language)
    return [] if whole is None else [(text, whole)]


def _completed(clause: str, language: str) -> list[str]:
    """Return the questions that a clause joins: "what is my name and job" leaves out "what is my".

    A later piece gets the shortest beginning of the first one with which it asks something.
    """
    first, *later = (piece.strip(_EDGES) for piece in _JOIN.split(clause))
    if not later or asks_about_person(first, language) is None:
        return [clause]
    words = first.split()
    found = [first]
    for piece in later:
        beginnings = [] if _CLAUSE.search(piece) else range(1, len(words))
        tried = (" ".join([*words[:count], piece]) for count in beginnings)
        whole = next((text for text in tried if asks_about_person(text, language)), None)
        if whole is None:
            return [clause]
        found.append(whole)
    return found


def _group(found: re.Match[str], kind: str) -> str:
    """Return what one of the groups `key`, `key2`, … matched: a pattern may ask in several ways."""
    groups = found.groupdict().items()
    return next((text.strip() for name, text in groups if name.startswith(kind) and text), "")


def asks_what_was_said(text: str, language: str | None = None) -> bool:
    """Return whether `text` asks what was said in earlier conversations."""
    if len(text) > _LONGEST_QUESTION or _ON_MEMORY.search(text):
        return False
    rules = load_rules(language or language_of(text))
    return any(pattern.search(text) for pattern in rules.recall)


def facts_for(profile: Profile, asked: Asked) -> list[Fact]:
    """Return the facts that answer the question, newest first; none when it was never told.

    Where nothing says yes, what says no answers it too ("Do I like olives?"), and so does what was
    said with a doubt and waits for review.
    """
    if asked.slot == EVERYTHING:
        return [fact for fact in profile.facts() if fact.status == "active"]
    if found := _held(profile, asked, asked.slot):
        return found
    opposite = SLOTS[asked.slot].opposite if asked.value else ""
    if opposite and (found := _held(profile, asked, opposite)):
        return found
    return [] if asked.history else _held(profile, asked, asked.slot, review=True)


def _held(profile: Profile, asked: Asked, slot: str, *, review: bool = False) -> list[Fact]:
    found = [
        fact
        for each in (slot, *_RELATED.get(slot, ()))
        for fact in profile.held(each, asked.key, before=asked.history, review=review)
    ]
    if slot == "pet":
        return [fact for fact in found if _is_pet(fact, asked.value)]
    wanted = normalised(asked.value)
    return [fact for fact in found if _same_thing(normalised(fact.value), wanted) or not wanted]


def _is_pet(fact: Fact, animal: str) -> bool:
    """Say whether a fact is of this animal, or of any; a breed may be of the one asked about."""
    animals = _ANIMALS.findall((fact.fact_key or fact.value).lower())
    if fact.slot == "relation" and not animals:
        return False  # somebody of the family
    return not animal or not animals or any(_same_thing(each, animal.lower()) for each in animals)


def answers(told: list[tuple[str, Asked, list[Fact]]]) -> str:
    """Return the answers to the parts of a question, each with the facts that answer it.

    What answers two parts is said once.
    """
    if len(told) == 1 or not any(facts for _, _, facts in told):
        _, asked, facts = told[0]
        return answer(facts, asked)
    said: list[str] = []
    for part, asked, facts in told:
        text = answer(facts, asked) if facts else f"“{part}?”: {NOT_TOLD}"
        if text not in said:
            said.append(text)
    return " ".join(said)


def answer(facts: list[Fact], asked: Asked) -> str:
    """Return the answer in words, with the day each fact was told on."""
    if not facts:
        return NOT_TOLD
    if asked.history:
        return _sentences(f"{_past(fact)} (until {day(fact.valid_to)})" for fact in facts)
    return _sentences(f"{fact.to_person()} ({_told(fact)})" for fact in facts)


# a slot whose facts answer the question as well
_RELATED = {
    "name": ("preferred_name",),
    "preferred_name": ("name",),
    "occupation": ("employer",),
    "birthday": ("birth_year",),
    "age": ("birthday", "birth_year"),
    "likes": ("favourite",),
    "diet": ("allergy",),
    "pet": ("relation",),
}
_ANIMALS = re.compile(
    r"\b(?:dog|cat|hamster|rabbit|parrot|bird|horse|fish|turtle|snake|lizard|chicken|hund|katze)n?e?s?\b"
)


def _same_thing(held: str, asked: str) -> bool:
    """Singular and plural are one: `two cats` and `peanuts` answer for `cat` and `peanut`."""
    wanted = asked.rstrip("s")
    return held.rstrip("s") == wanted or wanted in (word.rstrip("s") for word in held.split())


def _told(fact: Fact) -> str:
    unsure = ", not confirmed" if fact.status == "review" else ""
    return f"told on {day(fact.valid_from)}{unsure}"


def _past(fact: Fact) -> str:
    words = SLOTS[fact.slot].to_person(fact.fact_key, fact.value)
    for present, past in (("you live", "you lived"), ("you work", "you worked")):
        words = words.replace(present, past)
    return words


def _sentences(parts: Iterable[str]) -> str:
    return " ".join(part[0].upper() + part[1:] + "." for part in parts)


def day(stamp: str | None) -> str:
    """Return the day of a time stamp in words."""
    if not stamp:
        return "an unknown day"
    year, month, day = stamp[:10].split("-")
    return f"{int(day)} {_MONTHS.split()[int(month) - 1]} {year}"
