"""What must never become a memory: keys, passwords, card and account numbers.

A refused fact is not stored anywhere, not even as a hash. The check is made on the whole clause a
fact comes from, so that "my password is hunter2" cannot slip in as a favourite word.
"""

from __future__ import annotations

import re

_NAMED = (
    r"\b(?:pass(?:word|wort|code|phrase)|pin (?:code|number)|api[ _-]?key|secret key|"
    r"access[ _-]?token|private key|recovery phrase|seed phrase|cvv|cvc|"
    r"social security(?: number)?|ssn|iban|card number|account number)\b"
)
_OF_SOMETHING = r"\s+(?:for|of|to|at|on|in|from|für|von|zu|bei|im)(?:\s+[\w'’.-]+){1,5}?"
_IS = r"\s*(?:ist?\b|are\b|=|:|['’]s)"
_SAID = re.compile(
    rf"(?:{_NAMED}|\b(?:pin|secret|token)\b){_IS}|"
    # "the password for the router is"; and a pin on a map, or a token of thanks, is no number
    rf"{_NAMED}{_OF_SOMETHING}{_IS}|\b(?:pin|token)\b{_OF_SOMETHING}{_IS}\s*\S*\d",
    re.IGNORECASE,
)
_LOOKS_LIKE = re.compile(
    r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bAKIA[0-9A-Z]{16}\b|"
    r"\bxox[abprs]-[A-Za-z0-9-]{10,}|\beyJ[\w-]{10,}\.[\w-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY|"
    r"\bAIza[\w-]{30,}|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b|"
    r"\b\d{3}-\d{2}-\d{4}\b|\b[A-Fa-f0-9]{32,}\b"
)
_DIGIT_RUN = re.compile(r"(?<![\d.])(?:\d[ -]?){12,18}\d(?![\d.])")


def holds_secret(text: str) -> bool:
    """Return whether `text` names or looks like a secret that must not be remembered."""
    if _SAID.search(text) or _LOOKS_LIKE.search(text):
        return True
    return any(_luhn(re.sub(r"\D", "", run[0])) for run in _DIGIT_RUN.finditer(text))


def _luhn(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
