"""Everyday talk answered with a reply that was written beforehand, where one fits.

The thing to know: the shipped model is too small to be good company, so it talks only where nobody
has written a reply. A larger model of the person's own, or a persona, is never talked over, nor is
anybody who asked for another answer. What is asked about the world or about the app is left to the
sources.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re

from chatapp.assistant.moderating import moderation
from chatapp.assistant.unasked import may_answer_unasked
from chatapp.assistant.writing import Writing
from chatapp.talk import WrittenReplies, WrittenReply

log = logging.getLogger("chatapp")

# Chosen on the messages of one person, measured on those of another (docs/log.md).
_FITS = 0.65
_SURELY = 0.85
_REACTION = 4  # words

# Whom a wish is put to says nothing of what it is about: "Tell me who won".
_ADDRESS = re.compile(
    r"^(?:(?:please|pl[sz]|hey|hi|so|ok|and|(?:can|could|would|will) you|do you know|tell (?:me|us)"
    r"|show (?:me|us)|give (?:me|us)|explain(?: to (?:me|us))?|i (?:want|need|would like) to know"
    r"|about)\b[ ,]*)+",
    re.IGNORECASE,
)
_BETWEEN_US = re.compile(
    r"\b(?:i|i'?m|i'?ve|i'?d|i'?ll|me|my|mine|we|we'?re|us|our|you|your|yours|yourself|u|ur|let'?s"
    r"|say|write|make|recommend|suggest|ideas?|tips?)\b",
    re.IGNORECASE,
)
# What somebody's notes know or nobody does, unless advice is wished for.
_OWN_FACT = re.compile(
    r"^(?:when|where|whose?|which|how (?:much|many|old|long|far|often)|what(?:'s| is| are| was"
    r"| were| time| day| date)|did i|do i have|have i|(?:is|are|was|were) (?:my|our|the)|will)\b"
    r"(?!.*\b(?:good|nice|nicest|best|better|funny|easy|quick|polite|ways?|should|could|ideas?|tips?"
    r"|you|your)\b)",
    re.IGNORECASE,
)
# What the handbook may know better.
_ABOUT_THE_APP = re.compile(
    r"\b(?:chatapp|google\w*|browse\w*|websites?|look\w* up|apps?|programs?|conversations?|chats?"
    r"|data|offline|online|web|internet|connection"
    r"|files?|documents?|sources?|index|maths?|calculat\w+|settings?|models?|remember\w*|memor\w+"
    r"|forget|delete|private|privacy|save[sd]?|store[sd]?|quit|exit|import|export|themes?|tools?"
    r"|commands?|servers?|scripts?|keys?|type|screen|terminal)\b",
    re.IGNORECASE,
)


async def answer_from_written(writing: Writing, *, surely: bool = False) -> bool:
    """Answer with the written reply that fits, if one does; `surely`: only if it clearly does.

    Any failure is logged and leaves the answer to what comes next.

    Raises Interrupted.
    """
    waited = asyncio.ensure_future(asyncio.to_thread(_reply, writing, surely))
    reply = await writing.run.unless_stopped(waited)
    if reply:
        writing.reply.grounding = "written"
        writing.reply.say(reply)
    return bool(reply)


def between_us(text: str) -> bool:
    """Whether a message is about who talks here, or wishes for something: no fact of the world."""
    from retrieval.intent import needs_sources

    if not needs_sources(text):
        return True
    plain = text.replace("’", "'")
    about = _ADDRESS.sub("", plain.strip())
    if _OWN_FACT.search(about) or _ABOUT_THE_APP.search(plain):
        return False
    return bool(_BETWEEN_US.search(about))


def _reply(writing: Writing, surely: bool) -> str:
    """Return the reply that fits, "" for none. Blocking."""
    draft, text = writing.draft, writing.draft.question.text
    answers = [message for message in draft.path if message.role == "assistant"]
    reacts = bool(answers) and answers[-1].grounding == "written" and _is_short(text)
    talks = _may_talk(writing) and (reacts or between_us(text))
    if not talks or moderation(writing).refuses(text):
        return ""
    try:
        replies = writing.services.replies() if writing.services.replies else None
        said = tuple(message.text for message in answers)
        found = _nearest(replies, text, said) if replies is not None else None
    except Exception:
        log.warning("No written reply could be looked up", exc_info=True)
        return ""
    least = _SURELY if surely and not reacts else _FITS
    return found.text if found and found.likeness >= least else ""


def _is_short(text: str) -> bool:
    """Whether this is a mere reaction ("another one please") to what was just said."""
    facts = _OWN_FACT.search(text) or _ABOUT_THE_APP.search(text)
    return len(text.split()) <= _REACTION and not facts


@functools.lru_cache(maxsize=4)
def _nearest(replies: WrittenReplies, text: str, said: tuple[str, ...]) -> WrittenReply | None:
    """Look up once what a turn may ask for before the sources, after them and before the model."""
    return replies.nearest(text, said[-1] if said else "", said)


def _may_talk(writing: Writing) -> bool:
    """Whether nothing else is called for; who switched the sources off talks with the model."""
    services = writing.services
    if services.index is None or not writing.options.use_sources:
        return False
    return may_answer_unasked(writing)
