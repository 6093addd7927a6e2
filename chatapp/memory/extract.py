"""From one message that a person typed to candidate facts about them. Pure text, no storage.

Order: what is quoted or code is blanked out, whole messages that are texts to work on are left
alone, the rest is cut into clauses, clauses that ask, suppose, plan, report or hold for a while
are dropped, and only then the rules are tried. Only words of the person themself may come in here:
answers, sources, attachments and recalled memories are never mined, which is what lets a memory
feed on itself (see mem0#4573).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chatapp.memory.rules_file import Rule, RuleSet, load_rules

LONGEST_MESSAGE = 4_000  # characters; what is longer is pasted, not said
LONGEST_VALUE = 120
_BLANK = "\ufffc"  # stands for quoted text and code, so that offsets stay true
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>.*$"  # code, lines quoted from mail
    r"|[\"“„«][^\"”“»\n]*[\"”»]|(?<!\w)['‘][^'’\n]{3,}['’](?!\w)",
    re.DOTALL | re.MULTILINE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”')\]]*\s+|\n+|;\s+|(?:,\s+|\s+)(?=but\s+i\b)")
# "…, and I work at Siemens" is a clause of its own, "a dog and a cat" is not
_CLAUSE_START = re.compile(
    r"(?:,\s*|\s+)(?:and|but|so|also)\s+(?=(?:i|i['’]m|im|my|we)\b)|(?<!hi)(?<!hello)(?<!hey),\s+(?=(?:i|i['’]m|im|my)\b)",
    re.I,
)
_LIST = re.compile(r"\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+", re.IGNORECASE)
_NAME_SLOTS = {"name", "preferred_name", "home", "origin", "employer", "relation"}


@dataclass(frozen=True)
class Candidate:
    """A fact that a message states, or with `closes` ends.

    `start` and `end` are offsets of the clause in the message: where the fact comes from.
    `value` is empty when a whole slot is ended ("I quit my job").
    """

    slot: str
    key: str
    value: str
    start: int
    end: int
    rule: str
    closes: bool = False


def extract(text: str, language: str = "en") -> list[Candidate]:
    """Return the facts that `text`, as typed, states about the person who typed it, in order."""
    if len(text) > LONGEST_MESSAGE:
        return []
    rules = load_rules(language)
    plain = _QUOTED.sub(lambda found: _BLANK * len(found[0]), text)
    if any(pattern.search(plain) for pattern in rules.reject_message):
        return []
    found: list[Candidate] = []
    for start, end in _clauses(plain, rules):
        found += _from_clause(plain, start, end, rules)
    return _without_repeats(found)


def _clauses(text: str, rules: RuleSet) -> Iterator[tuple[int, int]]:
    """Yield the clauses that may state a fact, as offsets."""
    for start, end in _pieces(text, 0, len(text), _SENTENCE_END):
        # a question or a supposition colours its whole sentence
        sentence = text[start:end]
        if any(pattern.search(sentence) for pattern in rules.reject_clause):
            continue
        yield from _pieces(text, start, end, _CLAUSE_START)


def _pieces(text: str, start: int, end: int, cut: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for separator in cut.finditer(text, start, end):
        if text[start : separator.start()].strip():
            yield start, separator.start()
        start = separator.end()
    if text[start:end].strip():
        yield start, end


def _from_clause(text: str, start: int, end: int, rules: RuleSet) -> Iterator[Candidate]:
    clause = text[start:end].rstrip(" \t\n.!,…)")
    if _BLANK in clause:
        return
    for rule in rules.rules:
        found = rule.pattern.search(clause)
        if found is None or (not rule.negated and rules.negation.search(found[0])):
            continue
        if not rule.negated and rules.negation.search(clause[: found.start()]):
            continue
        for value in _values(rule, found, rules):
            key = (found.groupdict().get("key") or rule.key).lower()
            yield Candidate(rule.slot, key, value, start, start + len(clause), rule.id, rule.closes)


def _values(rule: Rule, found: re.Match[str], rules: RuleSet) -> Iterator[str]:
    raw = found["value"] or ""
    if rule.closes and not raw:
        yield ""
        return
    if rule.list:
        for part in _LIST.split(raw):
            if value := _clean(rule, part, rules):
                yield value
    elif value := _clean(rule, raw, rules):
        yield value


def _clean(rule: Rule, raw: str, rules: RuleSet) -> str:
    """Return the value without what follows it, or nothing when it names nothing."""
    value = raw if rule.slot == "instruction" else rules.cut.sub("", raw)
    value = rules.trailing.sub("", value.strip(" .,!'’-")).strip(" .,!'’-")
    if not value or len(value) > LONGEST_VALUE or rules.empty_start.match(value):
        return ""
    if rule.slot in _NAME_SLOTS:
        if rules.not_a_name.match(value):
            return ""
        if rule.cased_value and not value[0].isupper() and not value[0].isdigit():
            return ""
        value = _proper(value)
    return rule.value_prefix + value


def _proper(value: str) -> str:
    """Capitals for a name typed without any; keep only the capitalised head of a mixed one."""
    words = value.split()
    if value.islower():
        # typed in lower case: a long run of words is a sentence, not a name
        return " ".join(word.capitalize() for word in words) if len(words) <= 2 else ""
    if not words[0][0].isupper():
        return ""
    head = []
    for word in words:
        if not (word[0].isupper() or word[0].isdigit() or word.lower() in _PARTICLES):
            break
        head.append(word)
    while head and head[-1].lower() in _PARTICLES:
        head.pop()
    return " ".join(head).rstrip(",")


_PARTICLES = {
    "de",
    "da",
    "di",
    "del",
    "della",
    "der",
    "den",
    "van",
    "von",
    "la",
    "le",
    "el",
    "al",
    "bin",
    "of",
    "the",
    "upon",
    "am",
    "an",
    "zu",
    "&",
}


def _without_repeats(found: list[Candidate]) -> list[Candidate]:
    """One statement, one fact: of equal ones the first stays."""
    seen: set[tuple[str, str, str, bool]] = set()
    kept = []
    for candidate in found:
        mark = (candidate.slot, candidate.key, candidate.value.casefold(), candidate.closes)
        if mark not in seen:
            seen.add(mark)
            kept.append(candidate)
    return kept
