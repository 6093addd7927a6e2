"""Whether what a rule read is believed, or only asked about.

A rule knows a wording; whether the words are meant is seen around it. What separates right readings
from wrong ones is mostly what stands before a statement in its sentence, whether its value is whole
and what a slot's values look like, and whether the message plays a part, supposes, jokes or deals
with a text: its `tone`, the words of it weighed by how much oftener they stand in such messages.
These signs are weighed by a logistic (`benchmarks/extraction_gate.py` fits both, on messages of
several hands); a reading that is not surely right is asked about once, and so is what a rule read
that was hardly ever right, unless nothing else is said. A language without a gate believes what
its rules read.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chatapp.memory.rules_file import RuleSet

TONE = "tone"
NEVER = frozenset(("torn", "misshapen", "overrun"))  # whatever else speaks for it: no value
DIRECTORY = Path(__file__).parent / "rules" / "gate"
_NAMED = frozenset({"name", "preferred_name", "relation", "home", "origin", "employer"})
# told by the way: "my sister Anna" is true whatever is said of her, also in a question
_WITHIN = frozenset({"relation", "car", "pet", "children"})
_KINDS = {
    **dict.fromkeys(("name", "preferred_name"), "self"),
    **dict.fromkeys(("home", "origin"), "place"),
    **dict.fromkeys(("employer", "occupation"), "work"),
    **dict.fromkeys(("likes", "dislikes", "favourite", "preference"), "taste"),
    "relation": "relation",
    "instruction": "instruction",
}
_WORD = re.compile(r"[a-z]+|\n|[^\w\s]")
_PARTS = re.compile(r"[.!,;\n]+")
_AROUND_OPENER = " \t\n,.!:;-–—()*'’\""


@dataclass(frozen=True)
class Reading:
    """A value that `rule` read from `start..end` of a message, in the sentence at `first..last`.

    `plain` is the message with quoted text and code blanked; `others` are the places of what else
    was read from it.
    """

    plain: str
    first: int
    last: int
    start: int
    end: int
    slot: str
    value: str
    rule: str = ""
    others: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Gate:
    """The signs of one language, how they weigh, and from which probability on one believes.

    `proven` are the rules that were seen to be right often enough to be believed at all.
    """

    opener: re.Pattern[str]
    own: re.Pattern[str]
    boundary: re.Pattern[str]
    asking: re.Pattern[str]
    task: re.Pattern[str]
    hype: re.Pattern[str]
    irreal: re.Pattern[str]
    marks: re.Pattern[str]
    overrun: re.Pattern[str]
    torn: re.Pattern[str]
    listed: re.Pattern[str]
    bygone: re.Pattern[str]
    shapes: Mapping[str, re.Pattern[str]]
    bias: float
    weights: Mapping[str, float]
    words: Mapping[str, float]
    proven: frozenset[str]
    believed_from: float

    def believes(self, reading: Reading, rules: RuleSet) -> bool:
        """Say whether a reading is surely right."""
        if reading.rule not in self.proven and not self._is_all(reading):
            return False
        found = self.signs(reading, rules)
        score = self.bias + sum(self.weights[name] * value for name, value in found.items())
        return not NEVER & found.keys() and 1 / (1 + math.exp(-score)) >= self.believed_from

    def signs(self, reading: Reading, rules: RuleSet) -> dict[str, float]:
        """Return the signs that a reading shows; one is the kind of its slot, one has degrees."""
        before, typed, after = _parts(reading)
        shown = {
            **self._signs_before(reading, before, rules),
            **self._signs_of_value(reading, typed, rules),
            **self._signs_of_message(reading),
            "hype": self.hype.search(f"{before} | {after}{_rest(reading)}") is not None,
        }
        kind = _KINDS.get(reading.slot, "other")
        signs = dict.fromkeys((kind, *(name for name, shows in shown.items() if shows)), 1.0)
        return {**signs, TONE: self.tone(reading, self.words)}

    def tone(self, reading: Reading, words: Mapping[str, float]) -> float:
        """Return how much a message sounds as if nothing in it were meant; 0 is neither.

        A message that is nothing but statements has no tone: people say "I live in" where they
        play a part oftener than where they ask for a tram.
        """
        if self._is_all(reading):
            return 0.0
        found = words_of(reading.plain)
        return sum(words.get(word, 0.0) for word in found) / math.sqrt(len(found) + 1)

    def _is_all(self, reading: Reading) -> bool:
        """Say whether a message is nothing but statements, greetings and the like aside."""
        left = reading.plain
        for start, end in ((reading.start, reading.end), *reading.others):
            left = left[:start] + "." * (end - start) + left[end:]
        return not any(self._unopened(part) for part in _PARTS.split(left))

    def _signs_before(self, reading: Reading, before: str, rules: RuleSet) -> dict[str, bool]:
        ahead = reading.plain[reading.first : reading.start]
        lead = self._lead(ahead, before, rules)
        led = bool(lead) and not self.own.match(lead)
        within = reading.slot in _WITHIN
        asking = self.asking.search(ahead + before) is not None
        asking = asking or "?" in reading.plain[reading.start : reading.end + 1]
        return {
            "led": led and not within,
            "run on": led and not within and not self.boundary.search(lead),
            "led within": led and within and not asking,
            "asking": asking and not within,
            "irreal": self.irreal.search(ahead + before) is not None,
        }

    def _signs_of_value(self, reading: Reading, typed: str, rules: RuleSet) -> dict[str, bool]:
        value, shape = reading.value, self.shapes.get(reading.slot)
        named = reading.slot in _NAMED
        words = {word.strip(".,") for word in value.lower().split()}
        return {
            "misshapen": shape is not None and shape.fullmatch(value) is None,
            "small name": named and typed.islower(),
            "everyday name": named and bool(words & rules.everyday),
            "overrun": reading.slot != "instruction" and self.overrun.search(value) is not None,
            **self._signs_of_ends(reading),
        }

    def _signs_of_ends(self, reading: Reading) -> dict[str, bool]:
        """Say if more of the value follows, if it is a later one of several, or what it was."""
        said = reading.plain[reading.start :]
        at = said.lower().find(reading.value.lower())
        if at < 0 or reading.slot == "instruction":
            return {}
        before, after = said[:at], said[at + len(reading.value) :]
        torn = reading.slot != "relation" and self.torn.match(after) is not None
        listed = _KINDS.get(reading.slot) == "taste" and self.listed.search(before) is not None
        ahead = reading.plain[reading.first : reading.start] + before
        return {"torn": torn, "listed": listed, "bygone": self.bygone.search(ahead) is not None}

    def _signs_of_message(self, reading: Reading) -> dict[str, bool]:
        plain = reading.plain
        nobodys = self.own.search(plain, reading.first, reading.end) is None
        after_others = bool(plain[: reading.first].strip())
        return {
            "all there is": self._is_all(reading),
            "nobody's": nobodys,
            "nobody's after others": nobodys and after_others,
            "on a later line": "\n" in plain[: reading.start].strip(),
            "after others": after_others,
            "text work": self.task.search(plain) is not None,
            "after text work": self.task.search(plain, 0, reading.start) is not None,
            "marks": self.marks.search(plain) is not None,
        }

    def _lead(self, ahead: str, before: str, rules: RuleSet) -> str:
        """Return what stands before a statement in its sentence, without greetings and the like.

        `ahead` is the sentence up to the clause, `before` the clause up to the value. A clause that
        leaves out its "I am" has no lead of its own: "writing my thesis in astrophysics".
        """
        spoken = self.own.search(before)
        bare = spoken is None or (spoken[0].lower() == "my" and rules.ellipsis.bare.match(before))
        lead = ahead if spoken is None or bare else ahead + before[: spoken.start()]
        return self._unopened(lead).rstrip(" \t\n'’\"*")

    def _unopened(self, words: str) -> str:
        while found := self.opener.match(words.lstrip(_AROUND_OPENER)):
            words = words.lstrip(_AROUND_OPENER)[found.end() :]
        return words.lstrip(_AROUND_OPENER)


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text and their pairs, also with its beginning and its end."""
    words = _WORD.findall(text.lower().replace("’", "'"))
    pairs = zip(["^", *words], [*words, "$"], strict=True)
    return frozenset((*words, *(f"{one} {two}" for one, two in pairs)))


def _parts(reading: Reading) -> tuple[str, str, str]:
    """Return what is before the value in its clause, the value as typed, and what is after it."""
    clause = reading.plain[reading.start : reading.end]
    at = clause.lower().find(reading.value.lower())
    if at < 0:  # a rule put something around it
        return clause, reading.value, ""
    end = at + len(reading.value)
    return clause[:at], clause[at:end], clause[end:]


def _rest(reading: Reading) -> str:
    """Return the sentence after the clause."""
    return reading.plain[reading.end : reading.last]


@cache
def load_gate(language: str) -> Gate | None:
    """Return the gate of a language, None where it has none."""
    path = DIRECTORY / f"{language}.toml"
    if not path.is_file():
        return None
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    fitted = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    patterns = values["patterns"]
    flags = {name: 0 if name == "hype" else re.IGNORECASE for name in patterns}
    patterns["opener"] = rf"{patterns['opener']}\b"
    return Gate(
        **{name: re.compile(pattern, flags[name]) for name, pattern in patterns.items()},
        shapes={slot: re.compile(shape, re.IGNORECASE) for slot, shape in values["shapes"].items()},
        bias=fitted["bias"],
        weights=fitted["weights"],
        words=fitted["words"],
        proven=frozenset(fitted["proven"]),
        believed_from=fitted["believed_from"],
    )
