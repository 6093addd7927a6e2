"""Questions that take something for granted, and whether the quotes found for them bear it out.

"When did Einstein invent the telephone?" says that Einstein invented the telephone. A quote that
gives a year for the telephone and never names Einstein answers another question; shown bare, it
would agree with the premise. The rules read one form only, an auxiliary followed by a proper name,
and stay silent where they are not sure: a right answer must not be talked away, and what is said of
the sources must be a whole clause.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.assistant.naming import in_some_form, is_abbreviated, named_in, telling
from retrieval.question import without_courtesy
from retrieval.terms import STOP_WORDS, fold, words
from retrieval.types import Quote

# The answer lies outside of subject and predicate, so both are taken for granted. "Who …" and
# "What … is" ask for one of the two, and so do "How many goals did …" and "Which country did …".
_TIME = (
    r"when"
    r"|(?:(?:in|on|at|by|since|from) )?(?:what|which) (?:year|month|date|day|century|decade|age)"
    r"|how (?:long|often|many (?:times|years|months|weeks|days|hours))(?: ago)?"
)
_REASON = r"why|for (?:what|which) reason"
_MANNER = (
    r"where|how(?: (?:far|high|fast|deep))?"
    r"|(?:in|on|at|from|to) (?:what|which) (?:city|town|country|state|place|continent)"
)
_JOINS = r"of|the|de|la|van|von|der|da|di|bin|ibn|al|and|&"
_ASKED = re.compile(
    rf"(?:(?P<time>{_TIME})|(?P<reason>{_REASON})|(?:{_MANNER}))\s+"
    r"(?P<auxiliary>did|does|do|was|were|is|are|has|have|had)\s+"
    r"(?P<article>the\s+)?"
    rf"(?P<subject>[A-Z][\w'.-]*(?:\s+(?:(?:{_JOINS})\s+){{0,2}}[A-Z\d][\w'.-]*)*)\s+"
    r"(?P<predicate>[^?]+?)(?:,? (?:please|thanks|thank you))?[?.!\s]*",
)
_APP = "chatapp"  # its handbook calls it by other words
_FIRST = re.compile(r"\w")
_LONGEST = 200  # characters; a longer question says more than one clause

_BE = ("is", "are", "was", "were")
_PLURAL = ("are", "were", "do", "have")
_CONTINUES = re.compile(rf"(?:(?:{_JOINS})\s+)*\S*[A-Z\d]|(?:of|and|or|vs\.?|than|&)\s")
# Common nouns that end a name which is not written in capitals: "the Roman empire fell".
_ENDS_NAME = re.compile(
    r"(?:empire|war|revolution|wall|tower|bridge|river|lake|sea|ocean|canal|island|mountain|desert"
    r"|dynasty|kingdom|republic|union|army|navy|government|parliament|church|cathedral|temple"
    r"|museum|university|college|school|station|airport|stadium|palace|castle|company|team|band"
    r"|album|movie|novel|series|theory|treaty|pact|period|civili[sz]ation|language|alphabet"
    r"|calendar|constitution|crisis|disaster|plague|death|prize|award|cup|league|bowl|games|day"
    r"|night|eve|festival|sunday|monday|tuesday|wednesday|thursday|friday|saturday)s?\b"
    r"|(?:president|king|queen|emperor|pope)s?\s+(?!of\b)\S"
)
# So are adjectives the beginning of one: "the Roman emperors", "American universities".
_PEOPLES = """
african american arab argentine asian australian austrian belgian brazilian british canadian
catholic chinese christian danish dutch egyptian english european finnish french german greek
hungarian indian iranian irish islamic israeli italian japanese jewish korean latin mexican muslim
norwegian ottoman pakistani persian polish portuguese roman russian scottish soviet spanish swedish
swiss turkish ukrainian welsh
"""
_ADJECTIVES = frozenset(_PEOPLES.split())
_OPENS_ADJUNCT = re.compile(
    r"(?:in|on|at|from|to|by|for|with|near|inside|outside|under|above|below|like|about|into|between"
    r"|before|after|during|since|until|when|while|if|because|as|compared|this|that|next|every|each"
    r"|last (?:year|month|week|night|time|season))\b"
)
_ARTICLE = re.compile(r"(?:an?|the)\b")
_IS_DONE = (
    r"(?:\w+(?:ed|en|wn|ing)|born|built|made|won|lost|sold|held|cut|hit|set|put|sent|led|fought|shot"
    r"|hung|struck|laid|paid|kept|left|taught|caught|bought|brought|sung|read|said|told|cast|spent"
    r"|sunk|found|done|gone|come|become|begun|run|heard|meant|met|fed|bound|split|spread|hurt)\b"
)
_PARTICIPLE = re.compile(
    rf"(?:(?:first|last|not|never|ever|still|once|also|really|so|\w+ly) )*{_IS_DONE}"
)
_NOUN_FIRST = re.compile(rf"[\w-]+ (?:\w+ )?{_IS_DONE}")  # "the Walkman brand launched"
_EMPTY = """
anyway based come currently exactly found happening headquartered located nowadays originally placed
really right situated today tomorrow yesterday
"""
_SAYS_NOTHING = STOP_WORDS.union(_EMPTY.split())
_DANGLES = re.compile(r"\b(?:in|at|on|of|from|to|with|for|by|about|like|into)$")
_SAYS_MORE = re.compile(
    r"[.;:]\s|,\s+[a-z]|\b(?:and|or|but) (?:who|whom|what|which|when|where|why|how)\b"
)


@dataclass(frozen=True)
class Premise:
    """What a question takes for granted: that `subject` did or was what `predicate` says."""

    auxiliary: str
    subject: str
    predicate: str

    @property
    def clause(self) -> str:
        """Return it as a clause: "Einstein did invent the telephone"."""
        return f"{self.subject} {self.auxiliary} {self.predicate}"


def premise_of(question: str) -> Premise | None:
    """Return what a question takes for granted of somebody or something that it names."""
    line = " ".join(without_courtesy(question).replace("’", "'").split())
    line = _FIRST.sub(lambda found: found[0].lower(), line, count=1)
    found = _ASKED.fullmatch(line) if len(line) <= _LONGEST else None
    if found is None or not (_is_name(found) and _is_predicate(found)):
        return None
    subject = f"{found['article'] or ''}{found['subject']}"
    return Premise(found["auxiliary"], subject, found["predicate"])


def _is_name(found: re.Match[str]) -> bool:
    """Return whether the subject is a whole name that sources write in one way.

    "JFK" may be written out, "Einstein's" and "American" go on, "Tesla" is not who "do" things.
    """
    name = found["subject"]
    if name.lower() == _APP or name.endswith(("'s", "s'")) or is_abbreviated(name):
        return False
    if name.split()[-1].lower() in _ADJECTIVES:
        return False
    several = name.endswith("s") or re.search(r" (?:and|&) ", name)
    return found["auxiliary"] not in _PLURAL or bool(several)


def _is_predicate(found: re.Match[str]) -> bool:
    """Return whether the words after the name say something of it that makes a clause."""
    said, auxiliary = found["predicate"], found["auxiliary"]
    if not said[0].islower() or _CONTINUES.match(said) or _ENDS_NAME.match(said):
        return False
    if _SAYS_MORE.search(said) or _DANGLES.search(said):
        return False
    if not {fold(w) for w in words(said)} - _SAYS_NOTHING:
        return False
    if auxiliary not in _BE:
        return not (_OPENS_ADJUNCT.match(said) or _ARTICLE.match(said))
    # "Where is X in summer?" and "How high is X in feet?" say nothing of it but what they ask.
    if _OPENS_ADJUNCT.match(said) and not found["reason"]:
        return False
    if _PARTICIPLE.match(said):
        return True
    is_something = found["reason"] or (found["time"] and not found["article"])
    return bool(is_something) and not _NOUN_FIRST.match(said)


def contradicted(premise: Premise, quotes: Sequence[Quote], around: Sequence[str]) -> bool:
    """Return whether no quote bears the premise out, although they speak of what it is about.

    A quote can bear it out where it names the subject. `around` is the text that each stands in: a
    page on Einstein says "he" further down.
    """
    if any(
        named_in(premise.subject, f"{quote.title} {text} {quote.text}")
        for quote, text in zip(quotes, around, strict=True)
    ):
        return False
    return any(_speaks_of(premise.predicate, quote.text) for quote in quotes)


def may_stand_in(premise: Premise, text: str) -> bool:
    """Return whether a text names the subject and speaks of what the premise says of it."""
    return named_in(premise.subject, text) and _speaks_of(premise.predicate, text)


_SPOKEN_OF = 0.6  # share of the predicate's words; with fewer, a text is on something else


def _speaks_of(predicate: str, text: str) -> bool:
    carrying, said = telling(predicate), {fold(word) for word in words(text)}
    return sum(in_some_form(word, said) for word in carrying) >= _SPOKEN_OF * len(carrying)
