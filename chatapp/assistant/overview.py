"""Does a message ask for the whole of an attached file, and not for something in it?

The thing to know: an overview is quoted without any search, so a message has to request one. One
that merely speaks of a summary ("Does the summary say when …?") is searched like any other.
"""

from __future__ import annotations

import re

_LONGEST = 300  # characters; whoever writes more asks for more

_FILE = (
    r"(?:file|document|doc|text|pdf|paper|article|report|letter|e-?mail|note|book|story|study"
    r"|contract|agreement|attachment|log|csv|spreadsheet|transcript|essay|script|meeting|lecture"
    r"|interview)s?"
)
_PIECE = r"(?:page|chapter|section|table|code|data|content|thing)s?"  # of a file, unless "this"
_WHOLE = (
    r"(?:this|it|that|them|these|everything|all of (?:it|this)"
    rf"|(?:this|that|these|those|the|my|our)(?: \w+)? {_FILE}|(?:this|these)(?: \w+)? {_PIECE}"
    r"|the (?:attached )?page|(?:the )?[\w-]+\.[a-z]\w{1,4})"
)
_POINTS = r"(?:points?|ideas?|takeaways?|messages?|topics?)"
_NOUN = (
    r"(?:summar(?:y|ies)|overview|outline|gist|synopsis|recap|takeaways?|tl;? ?dr"
    rf"|(?:key|main|central|core|(?:most )?important) {_POINTS})"
)
_SIZE = (
    r"(?:very|short|shorter|brief|quick|concise|general|rough|high-level|detailed|executive|simple"
    r"|good|full|complete|bullet-point|small|plain|overall|\w+-(?:sentence|line|paragraph|word)),?"
)
_SOME = rf"(?:(?:an?|the|some|its|your|one|me|us) )*(?:{_SIZE} )*{_NOUN}"
_OF = r"(?: (?:made|raised|discussed|covered))? (?:of|for|from|in)"
_SAYS = r"(?: all| mainly| mostly)?(?: about| says?| contains?| covers?)"

# What stands before a request: nothing that asks something itself.
_BEFORE = (
    r"(?:(?!(?:who|what|when|where|which|why|how|if|does|do|is|are|was|were|in|on|according)\b)"
    r"[^,;:]*[,;:] )?"
    r"(?:(?:hi|hello|hey|ok|okay|so|now|then|and|just|please|kindly|quickly|briefly|thanks"
    r"|in short|(?:can|could|would|will) you(?: mind)?|do you mind|let's|help me"
    r"|i(?:'d| would)? (?:like|want|need)(?: you)? to)[ ,!]+)*"
)
_AFTER = (
    r"(?:,? (?:please|pls|thanks|thank you|for me|for us|now|briefly|quickly|exactly|here|in short"
    r"|in brief|in a nutshell|in (?:\w+ ){1,3}(?:words?|sentences?|lines?|points?|paragraphs?)"
    r"|as bullet points))*"
)
_REQUEST = re.compile(
    rf"{_BEFORE}(?:"
    r"summari[sz](?:e|ing)(?: (?P<summarised>.+?))?"
    r"|(?:give|get|write|make|create|prepare|provide|show|send|draft|list|name|extract|need|want"
    r"|i (?:need|want)|i(?:'d| would) like|(?:can|could|may) i (?:get|have|see))"
    rf" {_SOME}(?:{_OF} (?P<of>.+?)| (?:about|on) {_WHOLE})?"
    rf"|(?:what(?:'s|s| is| are) (?!an? ))?{_SOME}(?:{_OF} {_WHOLE})?"
    rf"|(?:tell me )?what(?:'s|s| is| does| do| are)? {_WHOLE}(?: is| are)?{_SAYS}"
    rf"|what(?:'s|s| is) (?:this|(?:this|that|the(?: attached)?) (?:{_FILE}|page))"
    rf"|what(?:'s|s| is) in {_WHOLE}"
    rf"|sum (?:it|this|that|them) up|(?:sum up|outline|recap|condense) {_WHOLE}"
    rf"){_AFTER}"
)
_NUMBER = r"(?:\d+|one|two|three|four|five|six|[ivx]{2,})"
_PART_KIND = r"(?:chapter|section|page|paragraph|part|clause|table|figure|slide|row|column|step)s?"
_PART = re.compile(
    rf"\b{_PART_KIND} {_NUMBER}\b"
    rf"|\b(?:second|third|fourth|fifth|last|final|\d+(?:st|nd|rd|th)) {_PART_KIND}\b"
)
_TOPIC = re.compile(
    r"\b(?:about|on|regarding|concerning|whether|who|whom|what|which|when|where|why|how)\b"
)
_THIS = re.compile(rf"(?:this|these|it|my|our|the attached)\b|what {_WHOLE}(?: is)?{_SAYS}$")
_ALSO = re.compile(
    r"\band (?:also |then )?"
    r"(?:tell|say|find|list|explain|answer|check|who|what|which|when|where|why|how)\b"
)
_WHAT = re.compile(r"what(?:'s|s| is) (?:it|that)\W*")  # behind other words it points at them
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def wants_overview(message: str) -> bool:
    """Return whether a message asks for the whole of a file, and for nothing in it."""
    text = " ".join(message.replace("’", "'").lower().split())
    if len(text) > _LONGEST or _PART.search(text):
        return False
    if _WHAT.fullmatch(text):
        return True
    requests = {each: _requests(each.strip(" .:!?…\"'")) for each in _SENTENCE_END.split(text)}
    return any(requests.values()) and all(
        requested for sentence, requested in requests.items() if sentence.endswith("?")
    )


def _requests(sentence: str) -> bool:
    found = _REQUEST.fullmatch(sentence)
    if found is None or _ALSO.search(sentence):
        return False
    of = found["summarised"] or found["of"] or ""
    return bool(_THIS.match(of)) or not _TOPIC.search(of)
