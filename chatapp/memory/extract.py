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

from chatapp.memory.rules_file import Rule, RuleSet, language_of, load_rules

LONGEST_MESSAGE = 4_000  # characters; what is longer is pasted, not said
LONGEST_VALUE = 120
_EDGES = " .,!'’\"-"
_BLANK = "\ufffc"  # stands for quoted text and code, so that offsets stay true
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>.*$"  # code, lines quoted from mail
    r"|[\"“„«][^\"”“»\n]*[\"”»]|(?<!\w)['‘][^'’\n]{3,}['’](?!\w)",
    re.DOTALL | re.MULTILINE,
)
_EMOTICON = re.compile(r"(?<!\w)(?:[:;=8xX][-']?[()\[\]DPpOo3/\\|]+|<3|\^\^)(?!\w)")
_COLON = re.compile(r":(?=\s|$)")


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


def extract(text: str, language: str | None = None) -> list[Candidate]:
    """Return the facts that `text`, as typed, states about the person who typed it, in order.

    `language` None reads it by the rules of the language it seems to be written in.
    """
    if len(text) > LONGEST_MESSAGE:
        return []
    rules = load_rules(language or language_of(text))
    plain = _blanked(text)
    if any(pattern.search(plain) for pattern in rules.reject.message):
        return []
    found: list[Candidate] = []
    for start, end in clauses(plain, rules):
        found += _from_clause(plain, start, end, rules)
    return _without_repeats(found)


def clauses(text: str, rules: RuleSet) -> Iterator[tuple[int, int]]:
    """Yield the clauses that may state a fact, as offsets."""
    end = _end_of_own_words(text, rules)
    for start, stop in _greeted(text, _pieces(text, 0, end, rules.split.sentence), rules):
        sentence = text[start:stop]
        if any(pattern.search(sentence) for pattern in rules.reject.sentence):
            continue  # a supposition or a report colours its whole sentence
        if found := rules.split.asks.search(text, start, stop):
            stop = found.start()
        parts = _pieces(text, start, stop, rules.split.clause)
        for first, last in _greeted(text, parts, rules):
            if not any(pattern.search(text[first:last]) for pattern in rules.reject.clause):
                yield first, last


def _blanked(text: str) -> str:
    """Blank quoted text, code and emoticons, keeping every offset."""
    plain = _QUOTED.sub(lambda found: _BLANK * len(found[0]), text)
    return _EMOTICON.sub(lambda found: "." + " " * (len(found[0]) - 1), plain)


def _end_of_own_words(text: str, rules: RuleSet) -> int:
    """Return where somebody else's text begins: after a colon, unless it only opens a remark."""
    for colon in _COLON.finditer(text):
        start = max(text.rfind(mark, 0, colon.start()) for mark in "\n.!?") + 1
        head = text[start : colon.start()].strip(" ,-–*")
        if not rules.split.own_words.fullmatch(head):
            return colon.start()
    return len(text)


def _greeted(
    text: str, pieces: Iterator[tuple[int, int]], rules: RuleSet
) -> Iterator[tuple[int, int]]:
    """Yield the pieces; one that only greets is kept together with the next: "Hi! I'm Tom"."""
    held: int | None = None
    for start, end in pieces:
        start, held = (start if held is None else held), None
        if rules.split.greeting.fullmatch(text[start:end]):
            held = start
        else:
            yield start, end


def _pieces(text: str, start: int, end: int, cut: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for separator in cut.finditer(text, start, end):
        if text[start : separator.start()].strip():
            yield start, separator.start()
        start = separator.end()
    if text[start:end].strip():
        yield start, end


def _from_clause(text: str, start: int, end: int, rules: RuleSet) -> Iterator[Candidate]:
    clause = text[start:end].rstrip(" \t\n.!,…)")
    for rule in rules.rules:
        found = rule.pattern.search(clause)
        if found is None or (not rule.negated and rules.reject.negation.search(found[0])):
            continue
        if not rule.negated and rules.reject.negation.search(clause[: found.start()]):
            continue
        greeted = rules.split.greeting.fullmatch(clause[: found.start()])
        first = start + (found.start() if greeted else 0)
        for value in _values(rule, found, rules):
            key = (found.groupdict().get("key") or rule.key).lower()
            yield Candidate(rule.slot, key, value, first, start + len(clause), rule.id, rule.closes)


def _values(rule: Rule, found: re.Match[str], rules: RuleSet) -> Iterator[str]:
    raw = found["value"] or ""
    if rule.closes and not raw:
        yield ""
        return
    # the thought is cut off first: "tea, but I hate coffee" is no list of three
    whole = raw if rule.slot == "instruction" else rules.clean.cut.sub("", raw)
    for part in rules.split.list.split(whole) if rule.list else [whole]:
        if value := _clean(rule, part, rules):
            yield value


def _clean(rule: Rule, raw: str, rules: RuleSet) -> str:
    """Return the value without what follows it, or nothing when it names nothing."""
    clean = rules.clean
    value = clean.cut_name.sub("", raw) if rule.name else raw
    value = clean.trailing.sub("", value.strip(_EDGES)).strip(_EDGES)
    if not value or len(value) > LONGEST_VALUE or _BLANK in value:
        return ""
    if rule.slot != "instruction" and clean.empty_start.match(value):
        return ""
    if rule.name:
        if clean.not_a_name.match(raw.strip(_EDGES)) or clean.not_a_name.match(value):
            return ""
        if rule.cased_value and not value[0].isupper() and not value[0].isdigit():
            return ""
        value = _proper(value, clean.particles)
    return f"{rule.value_prefix}{value}{rule.value_suffix}" if value else ""


def _proper(value: str, particles: frozenset[str]) -> str:
    """Capitals for a name typed without any; keep only the capitalised head of a mixed one."""
    words = value.split()
    first = next((at for at, word in enumerate(words) if word.lower() not in particles), None)
    if first is None:
        return ""
    if value.islower():
        # typed in lower case: a long run of words is a sentence, not a name
        short = len(words) - first <= 2
        return " ".join(w if w in particles else w.capitalize() for w in words) if short else ""
    if not (words[first][0].isupper() or words[first][0].isdigit()):
        return ""
    head = []
    for word in words:
        if not (word[0].isupper() or word[0].isdigit() or word.lower() in particles):
            break
        head.append(word)
    while head and head[-1].lower() in particles:
        head.pop()
    return " ".join(head).rstrip(",")


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
