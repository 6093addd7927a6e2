"""Does this message ask for facts, or is it talk? Rules only: they run before any model is loaded.

The thing to know: the default is True. A needless search costs milliseconds and ends in an honest
"not found"; a fact question answered without sources is the one mistake this app exists to avoid.
"""

from __future__ import annotations

import re

_GREETING = re.compile(
    r"(?:hi+|hello+|hey+|hiya|howdy|yo|greetings|good (?:morning|afternoon|evening|night|day)"
    r"|bye+|goodbye|good ?bye|see (?:you|ya)(?: \w+)?|farewell|cheers|welcome back|what'?s up|sup)"
    r"(?: (?:there|all|everyone|everybody|again|friend|assistant|chatapp|bot|buddy|you))*"
)
_ACKNOWLEDGING = """
ok okay yes yeah yep no nope sure right cool great nice perfect awesome amazing wonderful
excellent lol haha hahaha hmm hm oh wow alright fine got it i see makes sense nevermind never
mind sorry please good job work bot well done thanks thank you thx ty many so very much a lot
that that's is was it's helpful really for your the help all then and but bye again
"""
_ACKNOWLEDGEMENTS = frozenset(_ACKNOWLEDGING.split())
_ABOUT_ASSISTANT = re.compile(
    r"(?:who|what) are you(?: (?:called|doing|up to|exactly))?"
    r"|what(?:'s| is) your (?:name|favou?rite\b.*|mood|opinion\b.*)|how are (?:you|things)\b.*"
    r"|how(?:'s| is) it going|how do you (?:do|feel)\b.*|how old are you|where are you from"
    r"|are you (?:an?|there|ok|okay|real|human|alive|sure|happy|sad|busy|awake|sentient"
    r"|conscious)\b.*"
    r"|do you (?:like|love|feel|think|have feelings|remember|know me|sleep|dream|want|enjoy)\b.*"
    r"|can (?:we|you) (?:talk|chat|help me|hear me|understand me)(?: please)?"
    r"|what(?:'s| is) (?:new|my name)|who am i|what can you do|nice to meet you\b.*"
    r"|(?:i am|i'm|my name is) \w+(?: \w+)?|how was your (?:day|week|weekend)\b.*"
    r"|what do you (?:think|like|feel|want)\b.*|tell me (?:about yourself|something about you)"
    r"|(?:i \w+ [^.?!]{1,60}[.!,]+ )?(?:do|are|have|would|what about|how about) you(?: too)?"
)
_WISHING = (
    r"(?:(?:can|could|would|will) you |please |now |let'?s |help (?:me|us) (?:to )?"
    r"|i(?: need| want| would like|'d like) you to )*"
)
_CREATIVE = re.compile(
    rf"{_WISHING}"
    r"(?:write|compose|invent|make up|create|draft|sing|improvise|generate|imagine|pretend|act as"
    r"|role ?play|tell|give)(?: (?:me|us))?(?: (?:a|an|another|some|the|up|one))?"
    r"(?: (?:\w+[- ]){0,3}?(?:poem|haiku|limerick|story|joke|song|lyrics|rhyme|tale|essay|letter"
    r"|e-?mail|speech|slogan|tweet|sonnet|riddle|pun|dialogue|toast|caption|motto|apology|invitation))s?\b.*"
    rf"|{_WISHING}(?:write|draft|compose)"
    r"(?: (?:me|us))?(?: (?:a|an|the|my|our))?(?: [\w-]+){0,2}?"
    r" (?:message|note|reply|post|sentences?|paragraphs?|lines|verses?)\b.*"
    r"|(?:pretend|imagine|act as|role ?play|sing)\b.*"
)
_ABOUT_CHAT = re.compile(
    r"(?:please |can you |could you )*(?:"
    r"(?:re-?write|rephrase|reword|summari[sz]e|translate|shorten|expand|simplify|repeat|continue"
    r"|correct|proofread|explain)"
    r"(?: (?:this|that|it|again|your (?:last )?(?:answer|reply|message)|the (?:above|conversation"
    r"|last (?:answer|reply|message))|(?:our|this) (?:chat|conversation)"
    r"|in (?:simpler|other) words))*(?:[:].*)?"
    r"|say (?:that|it) again(?: .*)?|go on|keep going|carry on|try again|stop|wait|more|again"
    r"|what did (?:i|you|we) (?:just )?(?:say|ask|tell|talk about|mean)\b.*"
    r"|why did you (?:say|write|answer)\b.*|what do you mean(?: by that)?"
    r"|(?:forget|ignore) (?:it|that|what i said)|let'?s (?:talk|chat)\b.*)"
)
_SMALL_TALK = re.compile(
    r"(?:i(?:'m| am| feel| was) (?:so |very |really |a bit |feeling )*(?:tired|happy|sad|bored|fine"
    r"|ok|okay|good|great|sick|hungry|lonely|excited|angry|stressed|back|here|doing \w+)\b.*"
    r"|i (?:love|hate|like|miss) (?:you|this|it|that)\b.*|have a (?:nice|good|great)\b.*"
    r"|tell me (?:something|anything)(?: (?:nice|funny|interesting))?"
    r"|test(?:ing)?(?: test(?:ing)?)*"
    r"|you(?:'re| are) (?:\w+ ){0,2}\w+)"
)
_TALK = (_GREETING, _ABOUT_ASSISTANT, _CREATIVE, _ABOUT_CHAT, _SMALL_TALK)

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

_OPENER = re.compile(rf"{_GREETING.pattern}[,.!;: ]+(?=\S)")
_EDGES = " \t\n.!?,;:…'\"()*~-"
_HAS_WORD = re.compile(r"[^\W_]")
_MOST_TALK_CHARACTERS = 300  # longer messages carry content worth searching for


def needs_sources(text: str) -> bool:
    """Whether the answer to `text` should rest on sources.

    False for greetings, thanks, small talk, creative requests, remarks about the chat itself and
    what people tell of themselves;
    True for questions, requests for facts and bare noun phrases ("Battle of Hastings").
    """
    message = " ".join(text.replace("’", "'").lower().split()).strip(_EDGES)
    if not _HAS_WORD.search(message):
        return False
    rest = _OPENER.sub("", message, count=1).strip(_EDGES)
    if _is_talk(message) or _is_talk(rest):
        return False
    of_oneself = text.rstrip().endswith((".", "!")) and _OF_ONESELF.match(rest)
    return not (of_oneself and asks_nothing(text) and not _TROUBLE.search(message))


def asks_nothing(text: str) -> bool:
    """Whether `text` only states something ("I live in Rome."): nothing in it waits for a fact.

    Where sources say nothing about a statement, that is no news to anybody.
    """
    message = " ".join(text.replace("’", "'").lower().split())
    if len(message) > _MOST_TALK_CHARACTERS or _ASKING.search(message):
        return False
    return all(_states(sentence) for sentence in _SENTENCE_END.split(message) if sentence.strip())


def _states(sentence: str) -> bool:
    if _OF_ONESELF.fullmatch(sentence) or _is_talk(sentence.strip(_EDGES)):
        return True
    return sentence.endswith((".", "!")) and bool(_OF_OTHERS.fullmatch(sentence))


def _is_talk(message: str) -> bool:
    if len(message) > _MOST_TALK_CHARACTERS:
        return False
    if all(word.strip(_EDGES) in _ACKNOWLEDGEMENTS for word in message.split()):
        return True
    return any(pattern.fullmatch(message) for pattern in _TALK)
