"""Whether a text names somebody or something: in full, in part, misspelt, or by another form.

The thing to know: it errs towards yes. Whoever hears that sources do not speak of somebody must be
able to rely on it, while a name that is passed over costs nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from retrieval.terms import STOP_WORDS, content_words, fold, words

_SHORTEST = 4
_STEM = 5  # letters that forms of one word share: "invent", "invented", "invention"
_ALIKE = 0.8  # of two spellings of a name: "Ghandi", "Gandhi"

# Countries, their other names and their people, where the first letters do not tell.
_PEOPLES = """
america states|britain british britons kingdom|carthage punic|china chinese|cuba cuban cubans
denmark danish danes|england english|finland finnish finns|france french|greece greek greeks
iran iranian persia persian|iraq iraqi|ireland irish|italy italian italians|naples neapolitan
netherlands holland dutch|norway norwegian norwegians|peru peruvian|philippines filipino
poland polish poles|rome roman romans|russia soviet|scotland scottish scots|spain spanish spaniards
sweden swedish swedes|switzerland swiss|thailand thai siam|troy trojan trojans
turkey turkish turks|venice venetian venetians|wales welsh
"""
_SAME = {
    word: frozenset(group.split())
    for group in re.split(r"[|\n]", _PEOPLES)
    for word in group.split()
}
_FULL_NAME = re.compile(
    r"(?<![\w.])[A-Z][\w.]*+(?:[\s-]++(?:(?:of|the|and|for)\s++)*[A-Z][\w.]*+)+"
)


def is_abbreviated(name: str) -> bool:
    """Return whether a name is written in capitals only: "JFK", "the U.S.", "X"."""
    spelt = [word for word in words(name) if not word.isdigit()]
    return all(word.isupper() for word in spelt if word.isupper() or fold(word) not in STOP_WORDS)


def named_in(name: str, text: str) -> bool:
    """Return whether any of the longer words of `name` stands in `text`, or `text` spells it out.

    So "Albert Einstein" and "Einstein" agree, as do "France" and "the French".
    """
    said = {fold(word) for word in words(text)}
    return any(_named(word, said) for word in telling(name)) or _is_short_for(name, text)


def telling(text: str) -> list[str]:
    """Return the words that carry a name or a predicate."""
    carrying = content_words(text)
    return [word for word in carrying if len(word) >= _SHORTEST] or carrying


def in_some_form(word: str, among: Collection[str]) -> bool:
    """Return whether a folded word or another form of it is among these."""
    return word in among or any(other[:_STEM] == word[:_STEM] for other in among if len(other) > 4)


def _named(word: str, said: Collection[str]) -> bool:
    if in_some_form(word, said) or not _SAME.get(word, frozenset()).isdisjoint(said):
        return True
    like = [other for other in said if other[0] == word[0] and abs(len(other) - len(word)) <= 2]
    return bool(difflib.get_close_matches(word, like, 1, _ALIKE))


def _is_short_for(name: str, text: str) -> bool:
    """Return whether the letters of a name begin the words of one: "Nyc", "MoMA"."""
    letters = name.replace(".", "").lower()
    if len(letters) < 2 or not letters.isalpha():
        return False
    for full in _FULL_NAME.findall(text):
        parts = re.split(r"[\s-]+", full)
        every = "".join(part[0] for part in parts)
        if letters in every.lower() or letters in "".join(filter(str.isupper, every)).lower():
            return True
    return False
