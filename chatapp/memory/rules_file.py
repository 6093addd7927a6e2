"""Reading a language's rules from `rules/LANGUAGE.toml`, compiled once.

The files are data: a new language is a new file. A rule that does not compile, names an unknown
slot or lacks the group `value` is an error at load, so a broken file cannot pass the tests.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from chatapp.memory.slots import SLOTS

_DIRECTORY = Path(__file__).parent / "rules"


@dataclass(frozen=True)
class Rule:
    """One way of stating, or ending, a fact. See the head of `rules/en.toml` for the fields."""

    id: str
    slot: str
    pattern: re.Pattern[str]
    key: str = ""
    closes: bool = False
    negated: bool = False
    list: bool = False
    cased_value: bool = False
    value_prefix: str = ""


@dataclass(frozen=True)
class Question:
    """One way of asking for a slot of the profile; `*` is all of it."""

    slot: str
    pattern: re.Pattern[str]
    history: bool = False


@dataclass(frozen=True)
class RuleSet:
    """The rules of one language: what states a fact, what asks for one, what rejects and cleans."""

    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]
    recall: tuple[re.Pattern[str], ...]
    reject_message: tuple[re.Pattern[str], ...]
    reject_clause: tuple[re.Pattern[str], ...]
    negation: re.Pattern[str]
    cut: re.Pattern[str]
    trailing: re.Pattern[str]
    empty_start: re.Pattern[str]
    not_a_name: re.Pattern[str]


@cache
def load_rules(language: str = "en") -> RuleSet:
    """Return the compiled rules of a language.

    Raises:
        ValueError: there are no rules for it, or its file is broken; the message names the place.
    """
    path = _DIRECTORY / f"{language}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in _DIRECTORY.glob("*.toml")))
        raise ValueError(f"there are no memory rules for language {language!r}; known: {known}")
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    fragments = _expand(values["fragments"])
    reject, clean = values["reject"], values["clean"]
    return RuleSet(
        tuple(_rule(entry, fragments) for entry in values["rule"]),
        tuple(_question(entry, fragments) for entry in values["question"]),
        tuple(_compile(pattern) for pattern in values["questions"]["recall"]),
        tuple(_compile(pattern) for pattern in reject["message"]),
        tuple(_compile(pattern) for pattern in reject["clause"]),
        _compile(reject["negation"]),
        *(_compile(clean[name]) for name in ("cut", "trailing", "empty_start", "not_a_name")),
    )


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
