"""Does this message ask for facts, or is it talk? Rules only: they run before any model is loaded.

The thing to know: the default is True. A needless search costs milliseconds and ends in an honest
"not found"; a fact question answered without sources is the one mistake this app exists to avoid.
"""

from __future__ import annotations

import re

from retrieval.talk import EDGES, is_talk, without_opener

_LONGEST_STATEMENT = 300  # characters; a longer message carries content worth searching for

# What somebody says of themselves or of those around them. It is no question about the world unless
# it asks for something, tells of trouble that a manual may know, or is a title ("I Have a Dream").
_OF_ONESELF = re.compile(
    r"(?:(?:well|so|and|but|oh|yes|no|hi|hello|hey|today|yesterday|actually|by the way|fyi)[, ]+)*"
    r"(?:i(?:'(?:m|ve|d|ll))?|we(?:'(?:re|ve|d|ll))?) \S.*"
    r"|(?:(?:well|so|and|but|oh|actually|by the way)[, ]+)*(?:my|our) (?:[\w'-]+ ){1,6}?"
    r"(?:is|are|was|were|has|have|had|will|would|lives?|lived|works?|worked|likes?|liked|loves?"
    r"|loved|hates?|wants?|plays?|played|comes?|came|goes|went|got|said|says|turned|turns) \S.*"
)
# What is told of something named: only where it ends like a sentence, for "the capital of France
# is" waits for an answer.
_OF_OTHERS = re.compile(
    r"(?:he|she|it|they|this|that|these|those|there|his|her|its|their|the|an?|\w+(?= (?:is|are|was"
    r"|were) ))(?:'s|'re)?(?: [\w',-]+){0,8}? ?\b(?:is|are|was|were|has|have|had|will|would|can"
    r"|likes?|loves?|lives?|works?|named|called|'s|'re)\b.*"
)
_ASKING = re.compile(
    r"\?|\b(?:who|whom|whose|what|which|why|how|whether|when|where|if|please|tell|show|explain"
    r"|describe|define|list|name the|give|find|search|look(?:ing)? (?:for|up|into)|wonder\w*"
    r"|curious|interested|question|help|know|understand|remember|forg[eo]t\w*|explanation|summary"
    r"|need|(?:want|like|love|wish|try|trying|have) to|i'd|would|could|can you|summari[sz]e)\b"
)
_TROUBLE = re.compile(
    r"\w+n't\b|\b(?:not|cannot|never|no|error|warning|exit code|fail\w*|crash\w*|wrong|broken|stuck"
    r"|problem|trouble|issue|slow|missing|lost|hangs?|freezes?|empty)\b"
)
_SENTENCE_END = re.compile(r"(?<=[.!;])\s+|\n+")

_NOTED = re.compile(
    r"(?:please )?(?:remember|note|keep in mind|don't forget)(?: that)? (?=(?:i|we|my|our)\b)"
)
_TITLED = re.compile(r"\W*(?:I|We) [A-Z][a-z]")  # "I Have a Dream"
_HAS_WORD = re.compile(r"[^\W_]")


def needs_sources(text: str) -> bool:
    """Whether the answer to `text` should rest on sources.

    False for greetings, thanks, small talk, creative requests, remarks about the chat itself and
    what people tell of themselves;
    True for questions, requests for facts and bare noun phrases ("Battle of Hastings").
    """
    message = _plain(text).strip(EDGES)
    if not _HAS_WORD.search(message):
        return False
    if is_talk(message):
        return False
    # Without a full stop it may be a title, or go on.
    return not (text.rstrip().endswith((".", "!")) and tells_of_oneself(text))


def tells_of_oneself(text: str) -> bool:
    """Whether `text` only states something about who writes it: "I live in Rome"."""
    message = without_opener(_plain(text))
    if noted := _NOTED.match(message):
        message = message[noted.end() :]
    if not _OF_ONESELF.match(message) or _TITLED.match(text):
        return False
    return asks_nothing(message) and not _TROUBLE.search(message)


def asks_nothing(text: str) -> bool:
    """Whether `text` only states something ("I live in Rome."): nothing in it waits for a fact.

    Where sources say nothing about a statement, that is no news to anybody.
    """
    message = _plain(text)
    if len(message) > _LONGEST_STATEMENT or _ASKING.search(message):
        return False
    return all(_states(sentence) for sentence in _SENTENCE_END.split(message) if sentence.strip())


def _states(sentence: str) -> bool:
    if _OF_ONESELF.fullmatch(sentence) or is_talk(sentence.strip(EDGES)):
        return True
    return sentence.endswith((".", "!")) and bool(_OF_OTHERS.fullmatch(sentence))


def _plain(text: str) -> str:
    return " ".join(text.replace("’", "'").lower().split())
