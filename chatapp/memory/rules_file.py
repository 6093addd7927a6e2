"""Reading a language's rules from `rules/LANGUAGE.toml`, compiled once.

The files are data: a new language is a new file. A rule that does not compile, names an unknown
slot or lacks the group `value` is an error at load, so a broken file cannot pass the tests.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from chatapp.memory.slots import SLOTS

_DIRECTORY = Path(__file__).parent / "rules"
DEFAULT = "en"


@dataclass(frozen=True)
class Rule:
    """One way of stating, or ending, a fact. See the head of `rules/en.toml` for the fields."""

    id: str
    slot: str
    pattern: re.Pattern[str]
    key: str = ""
    closes: bool = False
    presupposed: bool = False
    negated: bool = False
    list: bool = False
    name: bool = False
    cased_value: bool = False
    strict: bool = False
    asks: bool = False
    value_prefix: str = ""
    value_suffix: str = ""


@dataclass(frozen=True)
class Question:
    """One way of asking for a slot of the profile; `*` is all of it."""

    slot: str
    pattern: re.Pattern[str]
    history: bool = False


@dataclass(frozen=True)
class Split:
    """How a message falls into sentences, clauses, lists, and what may stand before a colon."""

    sentence: re.Pattern[str]
    clause: re.Pattern[str]
    piece: re.Pattern[str]
    asks: re.Pattern[str]
    greeting: re.Pattern[str]
    own_words: re.Pattern[str]
    list: re.Pattern[str]


@dataclass(frozen=True)
class Reject:
    """What is left alone: whole messages, sentences, clauses; and what negates a match.

    A clause that is `asking`, or only `unsettled` (planned, or true for a while), still takes some
    things for granted: rules marked `presupposed` read it. What is `reported` before a match was
    said by others. What is read from a `doubtful` sentence is asked about instead of believed.
    """

    message: tuple[re.Pattern[str], ...]
    sentence: tuple[re.Pattern[str], ...]
    clause: tuple[re.Pattern[str], ...]
    asking: tuple[re.Pattern[str], ...]
    unsettled: tuple[re.Pattern[str], ...]
    reported: tuple[re.Pattern[str], ...]
    doubtful: tuple[re.Pattern[str], ...]
    negation: re.Pattern[str]


@dataclass(frozen=True)
class Ellipsis:
    """What people leave out: which pieces are about the person, and how bare ones are completed.

    `is_speaker` and `speaker` begin a piece about the person, `bare` one that may lean on it;
    `opening` begins a sentence without its subject, if `speech` is in the message; `lead_in` is no
    part of it. `acts` are put in front of a bare piece, and `being` too where the piece before said
    what the person is.
    """

    is_speaker: re.Pattern[str]
    speaker: re.Pattern[str]
    bare: re.Pattern[str]
    opening: re.Pattern[str]
    lead_in: re.Pattern[str]
    speech: re.Pattern[str]
    acts: tuple[str, ...]
    being: tuple[str, ...]


@dataclass(frozen=True)
class Clean:
    """What is cut from values (`lead_in` from instructions), and which values name nothing."""

    cut: re.Pattern[str]
    cut_name: re.Pattern[str]
    trailing: re.Pattern[str]
    tail: re.Pattern[str]
    lead_in: re.Pattern[str]
    empty_start: re.Pattern[str]
    not_a_name: re.Pattern[str]
    particles: frozenset[str]


@dataclass(frozen=True)
class RuleSet:
    """The rules of one language: what states a fact, what asks for one, what rejects and cleans.

    `implausible` are values that a slot cannot have; `everyday` words name no person and no place.
    """

    words: frozenset[str]
    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]
    recall: tuple[re.Pattern[str], ...]
    parts: re.Pattern[str]
    spelling: tuple[tuple[re.Pattern[str], str], ...]
    split: Split
    ellipsis: Ellipsis
    reject: Reject
    clean: Clean
    implausible: Mapping[str, re.Pattern[str]]
    everyday: frozenset[str]


def languages() -> list[str]:
    """Return the languages that have rules; English first, which serves when none stands out."""
    found = sorted(file.stem for file in _DIRECTORY.glob("*.toml"))
    return sorted(found, key=lambda language: language != DEFAULT)


def language_of(text: str) -> str:
    """Return the language whose small words `text` has most of."""
    words = re.findall(r"[\w'’]+", text.casefold())
    counts = {name: sum(word in load_rules(name).words for word in words) for name in languages()}
    return max(counts, key=lambda name: counts[name])


@cache
def load_rules(language: str = DEFAULT) -> RuleSet:
    """Return the compiled rules of a language.

    Raises:
        ValueError: there are no rules for it, or its file is broken; the message names the place.
    """
    path = _DIRECTORY / f"{language}.toml"
    if not path.is_file():
        known = ", ".join(languages())
        raise ValueError(f"there are no memory rules for language {language!r}; known: {known}")
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    fragments = _expand(values["fragments"])
    reject, clean, ellipsis = values["reject"], values["clean"], values["ellipsis"]
    return RuleSet(
        frozenset(values["words"].split()),
        tuple(_rule(entry, fragments) for entry in values["rule"]),
        tuple(_question(entry, fragments) for entry in values["question"]),
        tuple(_compile(pattern) for pattern in values["questions"]["recall"]),
        _compile(values["questions"]["parts"]),
        tuple(
            (_compile(rf"\b(?:{slips})\b"), word)
            for word, slips in values.get("spelling", {}).items()
        ),
        Split(
            **{
                name: _compile(_insert(pattern, fragments))
                for name, pattern in values["split"].items()
            }
        ),
        Ellipsis(
            **{
                name: _compile(_insert(pattern, fragments))
                for name, pattern in ellipsis.items()
                if name not in ("acts", "being")
            },
            acts=tuple(ellipsis["acts"]),
            being=tuple(ellipsis["being"]),
        ),
        Reject(
            tuple(map(_compile, reject["message"])),
            tuple(map(_compile, reject["sentence"])),
            tuple(map(_compile, reject["clause"])),
            tuple(map(_compile, reject.get("asking", ()))),
            tuple(map(_compile, reject["unsettled"])),
            tuple(map(_compile, reject.get("reported", ()))),
            tuple(map(_compile, reject.get("doubtful", ()))),
            _compile(reject["negation"]),
        ),
        Clean(
            **{name: _compile(text) for name, text in clean.items() if name != "particles"},
            particles=frozenset(clean["particles"].split()),
        ),
        {slot: _compile(text) for slot, text in values.get("implausible", {}).items()},
        _everyday(language),
    )


def _everyday(language: str) -> frozenset[str]:
    """Return the words that are hardly ever names; none where the language has no list of them."""
    path = _DIRECTORY / f"{language}.words.txt"
    return frozenset(path.read_text(encoding="utf-8").split()) if path.is_file() else frozenset()


def _expand(fragments: dict[str, str]) -> dict[str, str]:
    """Fragments may use those above them."""
    expanded: dict[str, str] = {}
    for name, pattern in fragments.items():
        expanded[name] = _insert(pattern, expanded)
    return expanded


def _insert(pattern: str, fragments: dict[str, str]) -> str:
    # not str.format: patterns hold braces of their own, such as {1,2}
    return re.sub(r"\{([A-Z]+)\}", lambda found: fragments[found[1]], pattern)


def _rule(entry: dict[str, Any], fragments: dict[str, str]) -> Rule:
    fields = dict(entry)
    pattern, cased = fields.pop("pattern"), fields.pop("cased", False)
    if fields["slot"] not in SLOTS:
        raise ValueError(f"rule {fields['id']}: unknown slot {fields['slot']!r}")
    compiled = re.compile(_insert(pattern, fragments), 0 if cased else re.IGNORECASE)
    if "value" not in compiled.groupindex:
        raise ValueError(f"rule {fields['id']}: its pattern lacks the group `value`")
    return Rule(pattern=compiled, **fields)


def _question(entry: dict[str, Any], fragments: dict[str, str]) -> Question:
    fields = dict(entry)
    pattern = _compile(_insert(fields.pop("pattern"), fragments))
    if fields["slot"] not in SLOTS and fields["slot"] != "*":
        raise ValueError(f"a question asks for the unknown slot {fields['slot']!r}")
    return Question(pattern=pattern, **fields)


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
