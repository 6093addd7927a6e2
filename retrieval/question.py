"""What a question asks for: its content words and the kind of answer it expects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from retrieval.manner import as_question
from retrieval.terms import content_words, fold, words


class AnswerKind(Enum):
    """The kind of span that can answer."""

    PERSON = "person"
    PLACE = "place"
    TIME = "time"
    NUMBER = "number"
    REASON = "reason"
    MANNER = "manner"
    NAME = "name"
    OTHER = "other"


@dataclass(frozen=True)
class Question:
    """A question, analysed once."""

    text: str
    words: tuple[str, ...]
    names: tuple[str, ...]
    kind: AnswerKind
    asks_definition: bool
    personal: bool


_NUMBER_NOUN = (
    "number|percentage|percent|population|amount|cost|price|ratio|size|length|height|age"
    "|temperature|speed|rate"
)
_TIME_NOUN = "year|date|day|month|century|decade|time|era|period|season"
_PERSON_NOUN = (
    "person|man|woman|actor|actress|author|writer|singer|artist|president|king|queen|emperor"
    "|leader|scientist|player|director|composer"
)
_PLACE_NOUN = (
    "country|city|town|state|place|region|county|continent|island|river|capital|province"
    "|location|village"
)
_NAME_NOUN = (
    "company|organi[sz]ation|team|band|film|movie|book|song|album|language|school|university|group"
)
_MEASURED = "many|much|old|long|tall|far|high|deep|big|large|heavy|fast|often"
_DONE = "do|does|did|can|could|should|would|will|to|is|are|was|were|has|have|had|might|must"
_WHICH_IS = r"\b(?:what|which) (?:(?:is|was|are|were|the) )*(?:\w+ )?"
_WHICH = r"\b(?:what|which) (?:\w+ )?"

# The first rule that matches decides; "in what year" must be met before "what", "what happens when"
# before "when", and a question that begins with why or how asks for that, whatever else it names.
_RULES = (
    (AnswerKind.REASON, r"\A(?:and |but |so )?why\b"),
    (AnswerKind.MANNER, rf"\A(?:and |but |so )?how (?:{_DONE})\b"),
    (AnswerKind.MANNER, r"\bwhat (?:happens|will happen|would happen|should (?:i|we) do)\b"),
    (AnswerKind.NUMBER, rf"\bhow (?:{_MEASURED})\b"),
    (AnswerKind.NUMBER, rf"{_WHICH_IS}(?:{_NUMBER_NOUN})\b"),
    (AnswerKind.TIME, rf"\bwhen\b|{_WHICH}(?:{_TIME_NOUN})\b"),
    (AnswerKind.PERSON, rf"\bwho(?:m|se)?\b|{_WHICH}(?:{_PERSON_NOUN})\b"),
    (AnswerKind.PLACE, rf"\bwhere\b|{_WHICH}(?:{_PLACE_NOUN})\b"),
    (AnswerKind.REASON, r"\bwhy\b|\bfor what reason\b|\bwhat (?:\w+ )?(?:reason|cause[sd]?)\b"),
    (AnswerKind.MANNER, r"\bhow\b"),
    (AnswerKind.NAME, rf"\bname\b|\bcalled\b|\bwhich\b|\bwhat (?:{_NAME_NOUN})\b"),
)


# What a definition is asked of; "What do you mean?" and "what time it is" want none.
_THING = (
    r"(?:an? |the )?+(?!(?:i|me|you|it|this|that|these|those|they|we|he|she|there|my|your|our|up"
    r"|time|day|date|year)\b)([^\W_]+(?:[ -][^\W_]+){0,3})"
)
_DEFINITION = re.compile(
    rf"(?:what(?: is| was|'s) )?(?:the )?(?:definition|meaning) of {_THING}"
    rf"|(?:what|who)(?: is| are| was| were|'s|s) (?:meant by )?{_THING}"
    rf"|what (?:can|does) {_THING} do"
    rf"|define {_THING}"
    rf"|what (?:do|does) (?:the (?:word|term) )?{_THING} mean"
    rf"|(?:what|who) {_THING} (?:is|are|was|were|means)"
)
_QUOTED = str.maketrans({"’": "'", **dict.fromkeys('"“”')})
# "How do I …" asks for anybody, "What did I …" for one person. "The deepest mine", "our solar
# system", "My Fair Lady" and "I, Claudius" are nobody's own.
_EVERYBODYS = (
    "solar|planet|sun|moon|galaxy|universe|world|earth|atmosphere|oceans?|species|ancestors|society"
    "|bod(?:y|ies)|brains?|blood|eyes?|ears?|hearts?|lungs|kidneys?|livers?|bones|skin|teeth|muscles"
    "|cells|genes|dna|immune|nervous|digestive|senses"
)
_PERSONAL = re.compile(
    rf"\bmy\b|\bMy\b(?! [A-Z])|\b[Mm]yself\b|\b[Oo]ur\b(?! (?:{_EVERYBODYS})\b)|\b[Oo]urs\b"
    r"|\b(?:of|is|are|was|were) mine\b|\b(?:this|that) (?:\w+ )?mine\W*\Z"
    r"|\b(?:did|was|am|were|have|had|Did|Was|Am|Were|Have|Had) (?:[Ii]|we)\b(?![.,])"
)
_ADDRESSES = re.compile(r"\b(?:you|your|yours|my|our|ours)\b")  # "You" may be part of a title
_NAME = re.compile(r"(?<=[\w,'’\"“(] )[\"“'(]*([A-Z][^\W_]+)")


_TO_SOMEBODY = (
    r"(?:please\s+|kindly\s+)?(?:(?:tell|remind|explain\s+to)\s+(?:me|us)|explain|let\s+(?:me|us)\s+know)"
    r"(?:\s+please)?"
)
_COURTESY = re.compile(
    r"\s*(?:(?:hi|hello|hey|ok(?:ay)?|so|well|um+|btw|by the way"
    r"|(?:just )?out of (?:curiosity|interest)|(?:quick|another|one (?:more|last)) question"
    r"|one (?:more|last) thing|just curious|please)"
    r"(?:\s+there)?\b[\s,.:;!-]*)*"
    rf"(?:(?:(?:can|could|would|will)\s+you\s+{_TO_SOMEBODY}|{_TO_SOMEBODY}"
    r"|(?:can|could|may|might)\s+i\s+ask|would\s+you\s+mind\s+telling\s+(?:me|us)"
    rf"|would\s+you\s+be\s+so\s+(?:kind|good)\s+(?:as\s+to|and)\s+{_TO_SOMEBODY}"
    r"|(?:do|would)\s+you\s+(?:(?:happen\s+to|by\s+any\s+chance|perhaps)\s+)?know"
    r"|(?:(?:do\s+you\s+)?have\s+you(?:\s+got)?\s+|do\s+you\s+have\s+)?any\s+idea"
    r"|i(?:'m|\s+am|\s+was)\s+(?:just\s+)?wondering|i\s+(?:just\s+)?wonder"
    r"|i(?:'m|\s+am|'d\s+be|\s+would\s+be)\s+(?:(?:just|very|really)\s+)?(?:curious|interested)"
    r"(?:\s+(?:to\s+(?:know|learn|find\s+out)|in\s+knowing))?"
    r"|i(?:'d|\s+would)?(?:\s+really|\s+just)?\s+(?:like|love|want|need)\s+to"
    r"\s+(?:know|learn|find\s+out))[\s,:]+)?"
    # What is said of oneself or of whom one speaks to is no question about the world.
    r"(?=(?:who|whom|whose|what|which|when|where|why|how|in\s+(?:what|which)|if|whether"
    r"|(?:(?:a|little|bit|something|anything)\s+)*more)(?:'s|\b)"
    r"(?!\s+(?:i|i'm|my|you|you're|your|we|our)\b(?!\s+(?:can|could|should|may|must|need)\b)))",
    re.IGNORECASE,
)


def without_courtesy(text: str) -> str:
    """Return a question without what is said around it: "Do you know who …" asks who.

    Unchanged where it does not go on with a question word ("Do you know my name?") or may be a
    title ("Tell Me Why"). A wish to have something explained becomes the question that it is.
    """
    text = as_question(text)
    found = _COURTESY.match(text.replace("’", "'"))
    if found is None or not found.end():
        return text
    rest = text[found.end() :]
    titled = rest[:1].isupper() and text[: found.end()].rstrip()[-1:].isalnum()
    return text if titled and not text.isupper() else rest


def analyse(text: str) -> Question:
    """Return content words, names, expected answer kind and form of `text`."""
    lowered = " ".join(text.lower().split())
    kind = next((kind for kind, rule in _RULES if re.search(rule, lowered)), AnswerKind.OTHER)
    definition = _DEFINITION.fullmatch(lowered.translate(_QUOTED).rstrip("?!. "))
    # "define" and "meaning" are no words of what is defined
    thing = next(filter(None, definition.groups())) if definition else text
    return Question(
        text=text,
        words=tuple(content_words(thing)),
        names=tuple(content_words(" ".join(_NAME.findall(text)))),
        kind=kind,
        asks_definition=definition is not None,
        personal=bool(_PERSONAL.search(lowered if text.isupper() else " ".join(text.split()))),
    )


def may_answer(question: Question, uri: str, text: str) -> bool:
    """Whether a passage can answer at all, whatever words it shares with the question.

    A public page knows nothing of the person who asks, unless it addresses its reader: "What
    colour is my car?" is answered by no article on cars. A person's own files may answer it.
    """
    public = uri.startswith(("https://", "http://"))
    return not (question.personal and public) or bool(_ADDRESSES.search(text))


def asks_again(question: Question, sentence: str) -> bool:
    """Whether a sentence ends in the question itself: it quotes it, and does not answer it."""
    if "?" not in sentence:
        return False
    asked, said = ([fold(word) for word in words(text)] for text in (question.text, sentence))
    return bool(asked) and said[-len(asked) :] == asked


def says_more(question: Question, span: str) -> bool:
    """Whether a span holds a word of content that the question does not hold itself."""
    return not set(question.words).issuperset(content_words(span))
