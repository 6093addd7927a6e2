"""From one message that a person typed to candidate facts about them. Pure text, no storage.

Order: what is quoted or code is blanked out, whole messages that are texts to work on are left
alone, the rest is cut into clauses, clauses that ask, suppose, plan, report or hold for a while
are dropped, and only then the rules are tried. Only words of the person themself may come in here:
answers, sources, attachments and recalled memories are never mined, which is what lets a memory
feed on itself (see mem0#4573).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from chatapp.memory.dates import is_a_day
from chatapp.memory.gate import Reading, load_gate
from chatapp.memory.pieces import Piece, Standing, clauses, pieces, sentences
from chatapp.memory.rules_file import Rule, RuleSet, language_of, load_rules
from chatapp.memory.slots import SLOTS

LONGEST_MESSAGE = 4_000  # characters; what is longer is pasted, not said
LONGEST_TALK = 1_000  # characters; what is longer is prose, whose clauses say what they are about
LONGEST_VALUE = 120
_EDGES = " .,!'’\"-"
_BLANK = "\ufffc"  # stands for quoted text and code, so that offsets stay true
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|^[ \t]*>.*$"  # code, lines quoted from mail
    r"|[\"“„«][^\"”“»\n]*[\"”»]|(?<!\w)['‘][^'’\n]{3,}['’](?!\w)",
    re.DOTALL | re.MULTILINE,
)
_EMOTICON = re.compile(r"(?<!\w)(?:[:;=8xX][-']?[()\[\]DPpOo3/\\|]+|<3|\^\^)(?!\w)")
_NAMED = ("home", "origin", "name", "preferred_name")
_PEOPLE = ("name", "preferred_name", "relation")
_LEADS, _TAILS = " \t\n,(", " \t\n.!,…)"


@dataclass(frozen=True)
class Candidate:
    """A fact that a message states, or with `closes` ends.

    `start` and `end` are offsets of the clause in the message: where the fact comes from.
    `value` is empty when a whole slot is ended ("I quit my job"). A `doubtful` one was said with a
    doubt or is not surely meant, and is asked about.
    """

    slot: str
    key: str
    value: str
    start: int
    end: int
    rule: str
    closes: bool = False
    doubtful: bool = False


def extract(text: str, language: str | None = None) -> list[Candidate]:
    """Return the facts that `text`, as typed, states about the person who typed it, in order.

    `language` None reads it by the rules of the language it seems to be written in.
    """
    language = language or language_of(text)
    rules, gate = load_rules(language), load_gate(language)
    found = []
    for candidate, reading in readings(text, rules):
        unsure = gate is not None and not gate.believes(reading, rules)
        doubtful = not candidate.closes and (candidate.doubtful or unsure)
        found.append(replace(candidate, doubtful=doubtful))
    return found


def readings(text: str, rules: RuleSet) -> list[tuple[Candidate, Reading]]:
    """Return what the rules read in `text` and where, before it is weighed how sure that is."""
    plain = blanked(text)
    if len(text) > LONGEST_MESSAGE or any(p.search(plain) for p in rules.reject.message):
        return []
    found = list(_from_message(plain, rules))
    places = tuple((candidate.start, candidate.end) for candidate, _ in found)
    return [(candidate, replace(reading, others=places)) for candidate, reading in found]


def _from_message(plain: str, rules: RuleSet) -> Iterator[tuple[Candidate, Reading]]:
    for sentence in sentences(plain, rules):
        start, end = sentence.start, sentence.end
        said = plain[start:end]
        doubted = sentence.cut or any(p.search(said) for p in rules.reject.doubtful)
        for found in _from_sentence(plain, start, end, rules):
            ends_for_sure = found.closes and not sentence.cut
            if (not found.closes or ends_for_sure) and not _is_reported(
                plain[start : found.start], rules
            ):
                place = (start, end, found.start, found.end)
                where = Reading(plain, *place, found.slot, found.value, found.rule)
                yield replace(found, doubtful=found.doubtful or doubted), where


def _is_reported(before: str, rules: RuleSet) -> bool:
    """Say whether what stands before a statement in its sentence makes it somebody else's."""
    own = rules.split.clause.split(before)[-1] or before
    return any(pattern.search(own) for pattern in rules.reject.reported)


def _from_sentence(text: str, start: int, end: int, rules: RuleSet) -> list[Candidate]:
    """Read whole clauses first: they say more exactly than their pieces what a value is."""
    found: list[Candidate] = []
    for clause in clauses(text, start, end, rules):
        found += _new(_read(text, clause, rules), found)
    if len(text) <= LONGEST_TALK:
        for piece in pieces(text, start, end, rules):
            stated = [c for c in _read(text, piece, rules) if not c.closes]
            found += _new(stated, found)
    return found


def _new(candidates: Iterable[Candidate], found: Sequence[Candidate]) -> list[Candidate]:
    """Return those that are not told by what was found before, nor by each other."""
    new: list[Candidate] = []
    for candidate in candidates:
        if not any(_tells_no_more(candidate, other) for other in (*found, *new)):
            new.append(candidate)
    return new


def _tells_no_more(candidate: Candidate, other: Candidate) -> bool:
    """Say whether a fact read before holds this one: the same slot, and one value in the other."""
    if (candidate.slot, candidate.key, candidate.closes) != (other.slot, other.key, other.closes):
        return False
    one, two = candidate.value.casefold(), other.value.casefold()
    return SLOTS[candidate.slot].one_value(candidate.key) or one in two or two in one


def blanked(text: str) -> str:
    """Blank quoted text, code and emoticons, keeping every offset."""
    plain = _QUOTED.sub(lambda found: _BLANK * len(found[0]), text)
    return _EMOTICON.sub(lambda found: "." + " " * (len(found[0]) - 1), plain)


def _read(text: str, piece: Piece, rules: RuleSet) -> list[Candidate]:
    """Return what a piece states: by itself, or with the first completion that states anything."""
    if piece.standing is Standing.REJECTED:
        return []
    own = text[piece.start : piece.end].rstrip(_TAILS)
    end = piece.start + len(own)
    for slips, word in rules.spelling:
        own = slips.sub(word, own)
    bare = rules.ellipsis.lead_in.sub("", own).lstrip(_LEADS)
    for completion in piece.completions:
        words = completion + (bare if completion else own)
        # "here", "now" and greetings belong to some rules and are in the way of others
        plainer = rules.clean.tail.sub("", words).rstrip(_TAILS)
        said = dict.fromkeys((words, plainer, _ungreeted(words, rules)))
        read = [c for reading in said for c in _apply(reading, piece, end, rules)]
        if read:
            return read
    return []


def _ungreeted(words: str, rules: RuleSet) -> str:
    """Return the words without a greeting before them; "Hired" holds none."""
    greeting = rules.split.greeting.match(words)
    if greeting is None or greeting[0][-1].isalnum():
        return words
    return words[greeting.end() :]


def _apply(words: str, piece: Piece, end: int, rules: RuleSet) -> Iterator[Candidate]:
    for rule in rules.rules:
        if piece.standing is Standing.PRESUPPOSED and not rule.presupposed:
            continue
        found = rule.pattern.search(words)
        if found is None or (not rule.negated and rules.reject.negation.search(found[0])):
            continue
        if not rule.negated and rules.reject.negation.search(words[: found.start()]):
            continue
        if _is_reported(words[: found.start()], rules):
            continue
        greeted = rules.split.greeting.fullmatch(words[: found.start()])
        start = piece.start + (found.start() if greeted else 0)
        for value in _values(rule, found, rules):
            key = (found.groupdict().get("key") or rule.key).lower()
            yield Candidate(rule.slot, key, value, start, end, rule.id, rule.closes, rule.asks)


def _values(rule: Rule, found: re.Match[str], rules: RuleSet) -> Iterator[str]:
    raw = next(
        (text for name, text in found.groupdict().items() if name.startswith("value") and text), ""
    )
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
    if rule.slot == "instruction":
        value = clean.lead_in.sub("", value)
    elif clean.empty_start.match(value):
        return ""
    if rule.slot == "birthday" and not is_a_day(value):
        return ""
    if (never := rules.implausible.get(rule.slot)) and never.search(value):
        return ""
    if rule.name:
        strict = rule.strict or (rule.slot in _NAMED and value.islower())
        if strict and all(word in rules.everyday for word in value.lower().split()):
            return ""
        if clean.not_a_name.match(raw.strip(_EDGES)) or clean.not_a_name.match(value):
            return ""
        if rule.cased_value and not value[0].isupper() and not value[0].isdigit():
            return ""
        value = _proper(value, clean.particles)
        if rule.slot in _PEOPLE:  # a firm may be called McDonald's
            value = value.removesuffix("'s").removesuffix("’s")
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
    while head and head[-1] in particles:  # "Big Al" ends in a name
        head.pop()
    return " ".join(head).rstrip(",")
