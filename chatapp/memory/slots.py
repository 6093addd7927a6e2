"""The slots of a profile: what kinds of facts there are, and how many values each may hold.

A single-valued slot closes its old value when a new one comes (`home`); a many-valued one adds
(`likes`). A keyed slot is single-valued for each key (`relation`, key `sister`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Slot:
    """One kind of fact.

    `you` and `user` word it for the person and for a prompt; `{value}` and `{key}` are filled in,
    `{a_value}` is the value with its article. `stable` values do not change in
    a life: a second one is asked about instead of believed. `half_life_days` is how fast a fact
    loses weight when facts are ranked (None: never). `opposite` is the slot a new value ends.
    Keys in `several` may hold more values although the slot is `single`: one has two sisters.
    """

    name: str
    you: str
    user: str
    single: bool = False
    stable: bool = False
    half_life_days: float | None = None
    opposite: str = ""
    several: frozenset[str] = frozenset()

    def one_value(self, key: str) -> bool:
        """Say whether a new value under this key ends the one before."""
        return self.single and key not in self.several

    def to_person(self, key: str, value: str) -> str:
        """Return the fact as said to the person, such as `you live in Berlin`."""
        return self.you.format(key=key, value=value, a_value=_with_article(value))

    def to_model(self, key: str, value: str) -> str:
        """Return the fact as written into a prompt, such as `The user lives in Berlin.`"""
        return self.user.format(key=key, value=value, a_value=_with_article(value))


_NO_ARTICLE = re.compile(r"(?:an?|the|my|our|one|in|at|for|on|with|head|chief)\b|.*[^su]s$", re.I)
_AN = re.compile(r"(?!uni|use|eu|one)[aeiou]|(?-i:[FHLMNRSX][A-Z])", re.I)


def _with_article(value: str) -> str:
    """Return `value` with "a" or "an", as far as its first letters tell whether it takes one."""
    if _NO_ARTICLE.match(value):
        return value
    return f"{'an' if _AN.match(value) else 'a'} {value}"


_YEAR, _HALF_YEAR, _FORTNIGHT = 365.0, 180.0, 14.0
_SEVERAL = frozenset(
    re.findall(
        r"\w+",
        """
        sister brother son daughter twin aunt uncle cousin niece nephew neighbour neighbor roommate
        flatmate kid child grandson granddaughter friend dog cat puppy kitten hamster rabbit bird
        parrot horse fish chicken teacher doctor
        schwester bruder sohn tochter tante onkel cousine nichte neffe nachbar nachbarin hund katze
        """,
    )
)


# words of keys that mean the same, the one that stands for all of them first
_SAME_KEYS = {
    word: words.split()[0]
    for words in (
        "mother mum mom mama mommy",
        "father dad papa",
        "grandmother grandma granny gran nan nana",
        "grandfather grandpa grandad granddad",
        "husband hubby",
        "colour color",
        "film movie",
        "neighbour neighbor",
        "flavour flavor",
    )
    for word in words.split()
}


def canonical_key(key: str) -> str:
    """Return the key that all its other words and spellings are told by."""
    return " ".join(_SAME_KEYS.get(word, word) for word in key.split())


SLOTS: dict[str, Slot] = {
    slot.name: slot
    for slot in (
        Slot(
            "name", "your name is {value}", "The user's name is {value}.", single=True, stable=True
        ),
        Slot(
            "preferred_name",
            "you want to be called {value}",
            "The user wants to be called {value}.",
            single=True,
        ),
        Slot("home", "you live in {value}", "The user lives in {value}.", single=True),
        Slot(
            "origin", "you are from {value}", "The user is from {value}.", single=True, stable=True
        ),
        Slot(
            "birthday",
            "your birthday is {value}",
            "The user's birthday is {value}.",
            single=True,
            stable=True,
        ),
        Slot(
            "birth_year",
            "you were born in {value}",
            "The user was born in {value}.",
            single=True,
            stable=True,
        ),
        Slot(
            "age",
            "you are {value} years old",
            "The user is {value} years old.",
            single=True,
            half_life_days=_YEAR,
        ),
        Slot("employer", "you work at {value}", "The user works at {value}.", single=True),
        Slot("occupation", "you work as {a_value}", "The user works as {a_value}.", single=True),
        Slot("study", "you study {value}", "The user studies {value}.", single=True),
        Slot("children", "you have {value}", "The user has {value}.", single=True),
        Slot(
            "timezone", "your time zone is {value}", "The user's time zone is {value}.", single=True
        ),
        Slot("car", "you drive {a_value}", "The user drives {a_value}.", single=True),
        Slot(
            "relation",
            "your {key} is called {value}",
            "The user's {key} is called {value}.",
            single=True,
            several=_SEVERAL,
        ),
        Slot(
            "favourite",
            "your favourite {key} is {value}",
            "The user's favourite {key} is {value}.",
            single=True,
        ),
        Slot("language", "you speak {value}", "The user speaks {value}."),
        Slot(
            "learning",
            "you are learning {value}",
            "The user is learning {value}.",
            half_life_days=_HALF_YEAR,
        ),
        Slot("allergy", "you are allergic to {value}", "The user is allergic to {value}."),
        Slot("diet", "your diet: {value}", "The user's diet: {value}."),
        Slot("pet", "you have {value}", "The user has {value}."),
        Slot(
            "likes",
            "you like {value}",
            "The user likes {value}.",
            half_life_days=_HALF_YEAR,
            opposite="dislikes",
        ),
        Slot(
            "dislikes",
            "you dislike {value}",
            "The user dislikes {value}.",
            half_life_days=_HALF_YEAR,
            opposite="likes",
        ),
        Slot(
            "preference",
            "you prefer {value}",
            "The user prefers {value}.",
            half_life_days=_HALF_YEAR,
        ),
        Slot("instruction", "you asked: {value}", "The user asks: {value}."),
        Slot(
            "project",
            "you are working on {value}",
            "The user is working on {value}.",
            half_life_days=_FORTNIGHT,
        ),
        Slot("note", "{value}", "{value}"),
    )
}


def told_to_person(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield slot, key and value of what a text may say to the person, such as "you live in Rome".

    The other way round of `Slot.to_person`; several wordings may fit, and a note fits anything.
    """
    for slot in SLOTS.values():
        if found := _wording(slot).fullmatch(text):
            yield slot.name, found.groupdict().get("key") or "", found["value"]


@cache
def _wording(slot: Slot) -> re.Pattern[str]:
    pattern = re.escape(slot.you).replace(re.escape("{a_value}"), r"(?:an? )?(?P<value>.+?)")
    for group in ("key", "value"):
        pattern = pattern.replace(re.escape(f"{{{group}}}"), f"(?P<{group}>.+?)")
    return re.compile(pattern, re.DOTALL)
