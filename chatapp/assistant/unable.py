"""What is asked of the app that it cannot do, told in one sentence and without a search.

The thing to know: only a request is refused so. "Who translated the Bible into German?" is a
question for the sources, and a model of the person's own may be able to do what is asked.
"""

from __future__ import annotations

import re

from chatapp.assistant.catalogue import SHIPPED
from chatapp.assistant.writing import Writing

NO_TRANSLATIONS = "I cannot translate: please use a dictionary or a translation program."

_HEAD = 300  # characters; what is longer holds the text to be translated
_POLITE = (
    r"\s*(?:(?:hi|hello|hey|ok(?:ay)?|so|now|and|please|kindly|just|help me(?: to)?"
    r"|(?:can|could|would|will) you|i(?:'d| would)? (?:want|need|like) you to)\b[\s,!]*)*"
)
# "mRNA into protein" names no language, nor does "to metres".
_LANGUAGE = (
    r"(?:[A-Z][a-z]+|another language|(?:[a-z]+ )?(?:[a-z]{2,}(?:ish|ese|[ai]an|ic)"
    r"|french|german|dutch|greek|czech|hindi|latin|urdu|thai|turkish|swahili))\b"
)
_TRANSLATE = re.compile(
    rf"(?i:{_POLITE}translate\s+(?:(?:this|that|these|it|the|my|your|an?|for me)\b|[\"'“‘«]))"
    rf"|(?i:{_POLITE}translate\b)[^\n]*?\s(?i:(?:in)?to|from)\s+{_LANGUAGE}"
    r"|(?i:\s*(?:can|could|do) you translate(?: (?:texts?|things|languages?|for me))?[\s?.!]*\Z)"
)


def say_unable(writing: Writing) -> bool:
    """Say that the app cannot do what is asked, if that is so; return whether it did."""
    options = writing.options
    model = options.model or writing.services.settings.model
    if model != SHIPPED or options.system or not options.use_sources:
        return False
    said = cannot(writing.draft.question.text)
    if said:
        writing.reply.grounding = "written"
        writing.reply.say(said)
    return bool(said)


def cannot(text: str) -> str:
    """Return what to say to a request that the app cannot fulfil, "" to any other message."""
    return NO_TRANSLATIONS if _TRANSLATE.match(text.replace("’", "'")[:_HEAD]) else ""
