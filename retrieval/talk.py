"""Talk: what is said to the one who is spoken to, and asks for nothing that a source could know.

The thing to know: a pattern ends where the talk ends. "How are you today?" is talk, "How are you
supposed to file taxes?" is none. Only where the words before it leave no doubt does a pattern take
whatever follows, and a question that follows is judged by itself.
"""

from __future__ import annotations

import re

EDGES = " \t\n.!?,;:…'\"()*~-"
_MOST_CHARACTERS = 300  # longer messages carry content worth searching for

_ACKNOWLEDGING = """
ok okay yes yeah yep yup no nope nah sure right cool great nice perfect awesome amazing wonderful
excellent brilliant fantastic impressive interesting fascinating understood indeed absolutely lol
haha hahaha hmm hm oh ah aha huh wow alright fine got it i see makes sense nevermind never mind
sorry please good job work bot well done thanks thank you thx ty many so very much a lot
that that's is was it's helpful really for your the help all then and but bye again
"""
_ACKNOWLEDGEMENTS = frozenset(_ACKNOWLEDGING.split())
_GREETING = re.compile(
    r"(?:hi+|hello+|hey+|hiya|howdy|yo|greetings|good (?:morning|afternoon|evening|night|day)"
    r"|bye+|goodbye|good ?bye|see (?:you|ya)(?: \w+)?|farewell|cheers|welcome back|what'?s up|sup)"
    r"(?: (?:there|all|everyone|everybody|again|friend|assistant|chatapp|bot|buddy|you))*"
)
_REACTION = (
    r"(?:ok(?:ay)?|oh|ah|and|well|so(?=,)|yes|yeah|no|great|cool|nice|wow|lol|haha|alright|thanks"
    r"|thank you)"
)
_OPENER = re.compile(rf"(?:{_GREETING.pattern}|{_REACTION})[,.!;: ]+(?=\S)")

# "You" is anybody in "Are you a citizen if born in Malta?" and "conscious during surgery".
_NO_CONDITION = (
    r"(?!.*\b(?:if|when|at|in|by|after|before|under|during|for|because|until|once|while|with"
    r"|without|from)\b)"
)
_MORE = r"(?:[,.!?;:]+ .*)?"
_NOW = (
    r"(?: (?:today|tonight|now|right now|lately|these days|again|too|so far|at all"
    r"|this (?:\w+ )?(?:day|morning|afternoon|evening|night|week|weekend)))*"
)
_ABOUT_ASSISTANT = re.compile(
    r"(?:who|what) are you(?: (?:called|doing|up to|exactly))?"
    r"|what(?:'s| is) your (?:name|favou?rite\b.*|mood|opinion\b.*)"
    r"|how are (?:you|things)(?: (?:all|both|guys|there|doing|feeling|going|getting on|holding up"
    r"|keeping|with you|at (?:home|work)|chatapp|friend|buddy))*"
    rf"{_NOW}(?: my (?:\w+ )?\w+| so \w+| then| really)?{_NOW}(?:,? i(?:'m| am)\b.*)?{_MORE}"
    rf"|how(?:'s| is) it going{_NOW}{_MORE}|how do you do{_NOW}{_MORE}"
    rf"|how do you feel(?: (?:about|being) .*)?{_NOW}{_MORE}"
    r"|how old are you|where are you from|how was your (?:day|week|weekend)\b.*"
    r"|did you (?:sleep well|have an? (?:nice|good|great) \w+)"
    rf"|are you {_NO_CONDITION}an? .*|are you (?:happy|sad|busy)\b.*"
    r"|are you (?:still )?(?:there|ok|okay|real|human|alive|awake|sentient|conscious)"
    rf"(?: (?:there|yet|or \w+|with (?:that|this|it|me)))*{_NOW}{_MORE}"
    r"|are you sure(?: (?:about|of) (?:it|(?:that|this|your)(?: \w+)?)| (?:that )?(?:i|you)\b.*)?"
    rf"{_MORE}"
    r"|do you (?:like|love|want|enjoy)\b.*|do you (?:have feelings|know me(?: \w+){0,2})"
    rf"|do you feel(?: (?:about|for|like) .*| {_NO_CONDITION}\w+(?: \w+)?)?{_NOW}{_MORE}"
    r"|do you (?:ever )?(?:sleep|dream)(?: (?:much|well|often|sometimes|a lot|at night))?"
    rf"(?: (?:(?:of|about) .*|when (?:i|we|nobody|no one)\b.*))?{_NOW}{_MORE}"
    r"|can (?:we|you) (?:talk|chat|help me|hear me|understand me)(?: please)?"
    r"|what(?:'s| is) (?:new|my name)|who am i|what can you do"
    r"|(?:what|how) can i (?:do for|help) you|nice to meet you\b.*"
    r"|(?:i am|i'm|my name is) \w+(?: \w+)?"
    r"|what do you (?:like|want)\b.*|what do you think(?: (?:about|of|i)\b.*| we should\b.*)?"
    rf"|what do you feel(?: (?:about|like) .*)?{_NOW}"
    r"|tell me (?:about yourself|something about you)"
    r"|(?:i \w+ [^.?!]{1,60}[.!,]+ )?(?:do|are|have|would|what about|how about) you(?: too)?"
)

_JUDGED = (
    r"(?: (?:a|an|really|too|so|very|all|pretty|not|going to be))* (?:good|bad|nice|great|ok|okay"
    r"|fine|funny|weird|strange|silly|stupid|wrong|right|fair|rude|normal|cute|ugly|pretty"
    r"|interesting|boring|enough|worth it|late|crazy|cool|sad)(?: idea| thing| sign)?"
)
# An opinion on the two who talk and on those around them; what is so in the world, sources know.
_OPINION = re.compile(
    r"do you think(?: so| too| or .*"
    r"|(?: that)? (?:im|i'(?:m|d|ll|ve)|i (?:am|should|would|will|was|look|sound|seem|need|did|do"
    r"|have|had|ought|deserve|must|(?:can|could) (?:do|make|be|trust|learn|manage)))\b.*"
    r"|(?: that)? we (?:should|would|could be|will be|are friends)\b.*"
    rf"|(?: that)? {_NO_CONDITION}you(?:'re|'d|'ll| are| should| would| will| could| have)\b.*"
    r"|(?: that)? (?:my|things|everything)\b.*"
    r"|(?: that)? (?:he|she|they|anyone|anybody|someone|people) .*\b(?:me|my)\b.*"
    rf"|(?: that)? (?:it|this|that|he|she|they)(?:'s|'re| is| was| are| were| will be| would be)"
    rf"{_JUDGED})?"
)
_MEMORY = re.compile(
    rf"do you remember(?:(?: (?:it|that|this|us|anything|everything))?{_NOW}{_MORE}"
    r"| .*\b(?:me|my|mine|ours?|yours?|(?<!war )i(?:'m)?"
    r"|we (?:talked|spoke|said|met|discussed|did|had))\b.*)"
)

_WISHING = (
    r"(?:(?:can|could|would|will) you |please |now |let'?s |help (?:me|us) (?:to )?"
    r"|i(?: need| want| would like|'d like) you to )*"
)
# What one or another wrote is looked up: "the story of Troy", "a poem by Goethe".
_INVENTED = r"(?!an?\b|one\b|two\b|three\b|some\b|my\b|your\b|our\b|how (?:you|i|we)\b)"
_WORK = (
    r"(?:(?:poem|haiku|limerick|story|stories|joke|song|rhyme|tale|essay|letter|e-?mail|speech"
    r"|slogan|tweet|sonnet|riddle|pun|dialogue|toast|caption|motto|apology|invitation)s?\b"
    r"(?!'s| (?:account|address|server|word|grade|alias|code|number|title|name|writer|author)s?\b)"
    rf"|lyrics\b(?! (?:of|to|for|from|by) {_INVENTED}))"
)
_OF_SOMETHING = (
    r"(?:who|whom|whose|what|which|when|where|why|how|if|whether|about|of|on|in|facts?|info"
    r"|information|sources?|statistics|quotes?|details|dates?|examples?|reasons?)\b"
)
_CREATIVE = re.compile(
    rf"{_WISHING}(?:"
    r"(?:write|compose|invent|make up|create|draft|sing|improvise|generate)(?: (?:me|us))?"
    rf" (?:\w+[- ]){{0,4}}?{_WORK}.*"
    r"|(?:tell|give)(?: (?:me|us|(?:my|our|the) \w+(?= an? )))?(?:"
    rf" (?:an?|another|some|one|any) (?:(?!{_OF_SOMETHING})\w+[- ]){{0,3}}?{_WORK}"
    rf"(?! (?:behind|by) {_INVENTED}).*"
    r"| (?:(?:all )?the (?:(?:\w+est|best|other|same|next|first|last|whole) ){0,2}"
    rf"|(?:(?!the\b|{_OF_SOMETHING})\w+[- ]){{0,3}}?){_WORK}"
    rf"(?! (?:of|behind|by|from) {_INVENTED}).*)"
    r"|(?:write|draft|compose)(?: (?:me|us))?(?: (?:a|an|the|my|our))?(?: [\w-]+){0,2}?"
    r" (?:message|note|reply|post|sentences?|paragraphs?|lines|verses?)\b.*)"
)
# "Imagine" and "Sing" begin names too: the Imagine Dragons, Sing Street.
_ACTING = re.compile(
    rf"{_WISHING}(?:act as\b.*"
    r"|(?:pretend|imagine)(?:[,:]? (?:that|your?|youre|yourself|im?|we|it|there|this|these|an?|the"
    r"|my|our|me|us|being|for|to|if|what|how|two|three|\d+|someone|somebody|everyone|everybody"
    r"|people)\b.*| [\w ]{1,40} (?:could|would)\b.*)"
    r"|role[ -]?play(?:[:,] .*| (?:as|with|that|an?|the|my|me|us|where|in which|you|i|we)\b.*)?"
    r"|sing(?: (?:me|us|for|to|along|with|an?|another|some|something|the|happy|it|that|this|my|your"
    r"|louder|again|please)\b.*)?)"
)
_ABOUT_CHAT = re.compile(
    r"(?:please |can you |could you )*(?:"
    r"(?:re-?write|rephrase|reword|summari[sz]e|translate|shorten|expand|simplify|repeat"
    r"|continue|correct|proofread|explain(?!:))"
    r"(?: (?:this|that|it|again|your (?:last )?(?:answer|reply|message)|the (?:above|conversation"
    r"|last (?:answer|reply|message))|(?:our|this) (?:chat|conversation)"
    r"|in (?:simpler|other) words))*(?:[:].*)?"
    r"|say (?:that|it) again(?: .*)?|go on|keep going|carry on|try again|stop|wait|more|again"
    r"|what did (?:i|we) (?:just )?(?:say|ask|tell|talk about|mean)\b.*"
    r"|what did you (?:just )?(?:say|ask|tell|talk about|mean)(?: (?:to )?(?:me|us))?"
    r"(?: (?:about|before|earlier|just now|again|yesterday|last|by (?:that|this|it)$|my|i)\b.*)?"
    r"|why did you (?:say|write|answer)\b.*|what do you mean(?: by that)?"
    r"|(?:forget|ignore) (?:it|that|what i said)|let'?s (?:talk|chat)\b.*)"
)
_REACTING = re.compile(
    r"i (?:do not|don't|did not|didn't) (?:get|understand|know)(?: (?:it|that|this|you))?"
    r"|i (?:know|see|get it|had no idea)|never heard of (?:it|him|her|them|that)"
    r"|(?:good|nice) (?:to know|question|answer|point|one)|no (?:problem|worries|way|idea)"
    r"|fair enough|of course|(?:you|me) too|same here"
    r"|how (?:interesting|nice|funny|sad|cool|lovely|exciting)"
    r"|that(?:'s| is| was) (?:(?:so|very|really|quite|pretty|not|a|an|all) )*"
    r"(?:interesting|fascinating|amazing|funny|cool|nice|kind|fun|good|great|lovely|sad|crazy|true"
    r"|wrong|right|correct|enough|what i (?:asked|meant|wanted))(?: answer| idea| point| question)?"
    r"|(?:thanks|thank you)(?: (?:so|very) much)? for (?:the|that|this|your|explaining)"
    r"(?: \w+){0,3}"
)
_SMALL_TALK = re.compile(
    r"(?:i(?:'m| am| feel| was) (?:so |very |really |a bit |feeling )*(?:tired|happy|sad|bored|fine"
    r"|ok|okay|good|great|sick|hungry|lonely|excited|angry|stressed|back|here|doing \w+)\b.*"
    r"|i (?:love|hate|like|miss) (?:you|this|it|that)\b.*|have a (?:nice|good|great)\b.*"
    r"|tell me (?:something|anything)(?: (?:nice|funny|interesting))?"
    r"|test(?:ing)?(?: test(?:ing)?)*"
    r"|you(?:'re| are) (?:\w+ ){0,2}\w+(?:, thank(?:s| you))?)"
)
# With a name before it, one of these makes a message a look-up: "You Are My Sunshine lyrics".
_LOOKED_UP = re.compile(
    r".* (?!(?:an?|the|my|your|this|that|any|no|good|great|best|favou?rite|of|song)\b)[\w']+"
    r" (?:lyrics|chords|cast|plot|author|director|singer|soundtrack|trailer|members|meaning)"
)
_NEXT_QUESTION = re.compile(
    r"(?:[,.!?;:]+ (?:(?:and|but|so|also|now|then|please|anyway|well) )*"
    r"(?=(?:who|whom|whose|what|when|where|which|why|how|define|explain|describe|tell me"
    r"|do you (?:know|remember|think)"
    r"|(?:can|could|would|will) you (?:please )?(?:tell|explain|define|describe)"
    r"|(?:is|are|was|were|did|does|do|has)(?! (?:you|i|we)\b|[^.?!]*\byours?\b))\b)"
    r"| (?=(?:who|what|when|where|which|why|how) (?:is|are|was|were|did|does)\b"
    r"(?!.*\b(?:me|my|i)\b)))([^.?!]+)"
)
_LONE = (_GREETING, _REACTING, _CREATIVE, _ACTING, _ABOUT_CHAT)
_OPEN_ENDED = (_ABOUT_ASSISTANT, _OPINION, _MEMORY, _SMALL_TALK)


def without_opener(message: str) -> str:
    """Return a message in small letters without the greetings and reactions before it."""
    start = 0
    while opener := _OPENER.match(message, start):
        start = opener.end()
    return message[start:]


def acknowledges(message: str) -> bool:
    """Whether a message only takes note of what was said: "Thanks, that was very helpful!"."""
    return all(word.strip(EDGES) in _ACKNOWLEDGEMENTS for word in message.lower().split())


def is_talk(message: str) -> bool:
    """Whether a message, in small letters and without marks at its edges, is talk."""
    if len(message) > _MOST_CHARACTERS:
        return False
    if acknowledges(message) or any(pattern.fullmatch(message) for pattern in _LONE):
        return True
    opener = _OPENER.match(message)
    if opener and is_talk(message[opener.end() :].strip(EDGES)):
        return True
    if _LOOKED_UP.fullmatch(message):
        return False
    if not any(pattern.fullmatch(message) for pattern in _OPEN_ENDED):
        return False
    return all(is_talk(question.strip(EDGES)) for question in _NEXT_QUESTION.findall(message))
