"""Whether what a rule read is believed, or only asked about.

A rule knows a wording; whether the words are meant is seen around it. What separates right readings
from wrong ones is mostly what stands before a statement in its sentence, what a slot's values look
like, and whether the message deals with a text or a part to play. These signs are weighed by a
logistic (`benchmarks/extraction_gate.py` fits it, on messages of several hands); a reading that is
not surely right is asked about once. A language without a gate believes what its rules read.
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
_AROUND_OPENER = " \t\n,.!:;-–—()*'’\""


@dataclass(frozen=True)
class Reading:
    """A value read from `start..end` of a message, in the sentence at `first..last` of it.

    `plain` is the message with quoted text and code blanked.
    """

    plain: str
    first: int
    last: int
    start: int
    end: int
    slot: str
    value: str


@dataclass(frozen=True)
class Gate:
    """The signs of one language, how they weigh, and from which probability on one believes."""

    opener: re.Pattern[str]
    own: re.Pattern[str]
    boundary: re.Pattern[str]
    asking: re.Pattern[str]
    task: re.Pattern[str]
    hype: re.Pattern[str]
    irreal: re.Pattern[str]
    marks: re.Pattern[str]
    overrun: re.Pattern[str]
    shapes: Mapping[str, re.Pattern[str]]
    bias: float
    weights: Mapping[str, float]
    believed_from: float

    def believes(self, reading: Reading, rules: RuleSet) -> bool:
        """Say whether a reading is surely right."""
        return self.probability(reading, rules) >= self.believed_from

    def probability(self, reading: Reading, rules: RuleSet) -> float:
        """Return how probably a reading is right."""
        found = self.signs(reading, rules)
        score = self.bias + sum(self.weights[name] for name in found)
        return 1 / (1 + math.exp(-score))

    def signs(self, reading: Reading, rules: RuleSet) -> frozenset[str]:
        """Return the names of the signs that a reading shows; one is the kind of its slot."""
        before, typed, after = _parts(reading)
        shown = {
            **self._signs_before(reading, before, rules),
            **self._signs_of_value(reading, typed, rules),
            **self._signs_of_message(reading),
            "hype": self.hype.search(f"{before} | {after}{_rest(reading)}") is not None,
        }
        kind = _KINDS.get(reading.slot, "other")
        return frozenset({kind, *(name for name, shows in shown.items() if shows)})

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
            "asking": asking,
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
        }

    def _signs_of_message(self, reading: Reading) -> dict[str, bool]:
        plain = reading.plain
        return {
            "on a later line": "\n" in plain[: reading.start].strip(),
            "after others": bool(plain[: reading.first].strip()),
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
        while found := self.opener.match(lead.lstrip(_AROUND_OPENER)):
            lead = lead.lstrip(_AROUND_OPENER)[found.end() :]
        return lead.lstrip(_AROUND_OPENER).rstrip(" \t\n'’\"*")


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
        believed_from=fitted["believed_from"],
    )
