"""Makes a follow-up question searchable: "and who painted it?" needs the topic asked about before.

The thing to know: a short question is a follow-up when it opens like one ("what about …"), when
next to nothing is left of it without common words ("Why?", "Who won?"), or when a word in it points
at something that it does not name itself. It is searched together with the key words of the last
question that stood on its own; thanks, jokes and sums between the two are no topic. What people
tell of themselves ("I am reading Dune.") is one only where nothing was asked before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from chatapp.assistant.routing import route
from chatapp.assistant.wording import WORD, folded, spelled_out
from retrieval.intent import needs_sources, tells_of_oneself
from retrieval.question import analyse, without_courtesy
from retrieval.talk import EDGES, acknowledges, is_talk

_COMPUTING = ("calculator", "python")
LONGEST_FOLLOW_UP = 9  # words; a longer question names its own topic
MOST_KEY_TERMS = 8
_NAMED = 2  # content words before a pronoun that are likely to hold what it means


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PERSONAL = _words_of("it he she him they them")
_POSSESSIVE = _words_of("its his her hers their theirs")
_POINTING = _words_of("this these")
_PRONOUNS = _PERSONAL | _POSSESSIVE | _POINTING | _words_of("that those there")
_AUXILIARY = _words_of(
    "am are be can could did do does had has have if is may might must should was were will would"
)
_PREPOSITIONS = _words_of(
    "about after against among around at before behind between by during for from in into like near"
    " of on over since than through to under until up with within without"
)
_ASKING = _words_of("how what when where which who whom whose why")
_CHOOSING = _words_of("how what which who whose")
_FILLER = (
    _AUXILIARY
    | _PREPOSITIONS
    | _ASKING
    | _words_of(
        "a an and any as but describe done explain i know many me much my or please so tell the"
        " then us want we you your"
    )
)
# Words that a question may hold and still name nothing to look for.
_EMPTY = _words_of(
    "again also another anyone anything bit else ever everything exactly example first give last"
    " little long"
    " mean more most next not often old one ones other people really same show simpler someone"
    " something still that there too words"
)
# Nouns that are always somebody's or something's: "the captain" of what?
_RELATIONAL = _words_of(
    "advantages aim author authors benefits captain cause causes consequences cost dangers date"
    " difference disadvantages effects ending goal ingredients inventor leader loser main meaning"
    " moral motto name nickname origin outcome owner parts plot population price purpose reason"
    " reasons result results risks rules runner-up side size stages steps summary symptoms title"
    " treaty types uses victims winner"
)

# What comes before "one" where it is a number or part of a name: World War One, a loved one.
_COUNTED = _words_of(
    "act apollo article book capital chapter chosen class day division episode force formula grade"
    " lesson level line loved minus no number page part phase plan platform player plus question"
    " rogue round scene season section square stage step type unit volume war week xbox year zone"
)
_NOW = _words_of("century evening month morning season summer week weekend winter year")  # this …

_OPENS = re.compile(r"^\s*(what about|how about)\b", re.IGNORECASE)
_JOINS = re.compile(r"^\s*(?:and|but|so|also|then)\b[\s,]*", re.IGNORECASE)
# "It" and "there" that stand for nothing: it is raining; is it true that …; there is …
_DUMMY = re.compile(
    r"\b(?:is|was) it (?=(?:\w+ )?(?:that|true|possible|legal|safe|raining|snowing|hot|cold)\b)"
    r"|\b(?:is|was) it to\b|\btime is it\b|\bdoes it (?:mean|take) to\b|\bit takes to\b"
    r"|\bit (?=is (?:true|possible|legal|safe|raining|snowing)\b)",
    re.IGNORECASE,
)
_EXISTS = re.compile(
    r"\b(?:is|are|was|were|be|been) there\b|\bthere (?:is|are|was|were|be)\b", re.IGNORECASE
)
_QUOTED = re.compile(r"[\"“][^\"“”]+[\"”]")
_PAUSE = re.compile(r"[.!,;:]+\s+")
_RESUMES = re.compile(
    rf"(?:{'|'.join(sorted(_ASKING | _AUXILIARY))}|and|but|so|also|then|in|tell|explain|please)\b",
    re.IGNORECASE,
)
_THE_ONE = re.compile(r"\bones?(?= (?:that|which|who|of|in|with)\b)", re.IGNORECASE)


def search_query(text: str, earlier: Sequence[str]) -> str:
    """Return what to search for `text`; `earlier` holds the messages before it, oldest first."""
    asked = _asked(text)
    if not is_follow_up(text):
        return asked
    before = list(reversed(earlier))
    told = (message for message in before if _tells_of_something(message))
    topic = next((message for message in before if _has_topic(message)), None) or next(told, "")
    return " ".join([*key_terms(_asked(topic)), asked])


def is_follow_up(text: str) -> bool:
    """Return whether a question leans on what was asked before."""
    asked = _asked(text)
    if not 0 < len(WORD.findall(asked)) <= LONGEST_FOLLOW_UP:
        return False
    joined = _JOINS.match(asked)
    rest = asked[joined.end() :] if joined else asked
    if _OPENS.match(rest):
        return True
    plain = spelled_out(_QUOTED.sub("Quoted Text", rest))
    named = _THE_ONE.sub("", _EXISTS.sub("", _DUMMY.sub("", plain)))
    words = folded(named)
    if _names_nothing(words) or _points_elsewhere(words):
        return True
    # "And Argentina?" goes on with a list; "And who wrote Faust?" only goes on talking.
    return bool(joined) and words[0] not in _ASKING | _AUXILIARY


def key_terms(question: str) -> list[str]:
    """Return the words of a question that carry its topic, in order, each once."""
    spelled = spelled_out(question)
    pairs = zip(WORD.findall(spelled), folded(spelled), strict=True)
    terms = (word for word, folded in pairs if folded not in _FILLER | _PRONOUNS)
    return list(dict.fromkeys(terms))[:MOST_KEY_TERMS]


def _has_topic(message: str) -> bool:
    """Whether a later question can lean on a message: no talk, no sum, no follow-up itself."""
    tool = route(message)
    if tool is not None and (tool.name in _COMPUTING or not tool.arguments):
        return False
    return needs_sources(message) and not tells_of_oneself(message) and not is_follow_up(message)


def _tells_of_something(message: str) -> bool:
    """Whether somebody tells of more than how they are: "I am tired" is talk, without a name."""
    named = analyse(message).names
    return tells_of_oneself(message) and bool(named or not is_talk(message.lower().strip(EDGES)))


def _asked(text: str) -> str:
    """Return a question without the thanks and the courtesy before it."""
    start = 0
    for pause in _PAUSE.finditer(text):
        if not acknowledges(text[start : pause.start()]):
            break
        start = pause.end()
    # "The Good, the Bad and the Ugly" begins like thanks, and goes on like a name.
    return without_courtesy(text[start:] if _RESUMES.match(text, start) else text)


def _names_nothing(words: list[str]) -> bool:
    """Whether no topic is left: "Where exactly?", "Who won?", "What was the result?"."""
    left = [word for word in words if _is_content(word)]
    if all(word in _RELATIONAL for word in left):
        return True
    # "Who won?", "How tall?", "In which year?"
    asked = words[1:] if words[0] in _PREPOSITIONS else words
    return len(asked) == 2 and asked[0] in _CHOOSING and left == [asked[1]]


def _points_elsewhere(words: list[str]) -> bool:
    """Whether a pronoun stands for something that the question does not name before it."""
    named = 0
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        after = words[place + 1] if place + 1 < len(words) else ""
        if word in _PERSONAL | _POSSESSIVE and named < _NAMED:
            if word in _PERSONAL or not _owner_is_subject(words[:place]):
                return True
        elif _is_pointer(word, before, after):
            return True
        named += _is_content(word)
    return False


def _is_pointer(word: str, before: str, after: str) -> bool:
    """Whether "this", "that", "there" or "one" is meant that stands for something."""
    if word in _POINTING:
        return after not in _NOW
    if word in ("that", "those"):
        return _is_demonstrative(before, after)
    if word == "there":
        return not after or after not in _AUXILIARY
    if word in ("one", "ones"):
        return bool(before) and before not in _PREPOSITIONS | _COUNTED and not after
    return False


def _owner_is_subject(before: list[str]) -> bool:
    """Whether a possessive has its owner in front: "Why do leaves change their colour?"."""
    subject = next((n for n, word in enumerate(before) if word in _AUXILIARY), len(before))
    return before[-1:] != ["of"] and any(map(_is_content, before[subject:]))


def _is_demonstrative(before: str, after: str) -> bool:
    """Whether "that" points ("Why is that?") and joins no clause ("the man that walked …")."""
    if not after:
        return True
    return before in _AUXILIARY | _PREPOSITIONS | {""} and after not in _PREPOSITIONS


def _is_content(word: str) -> bool:
    return word not in _FILLER | _EMPTY | _PRONOUNS
