"""Harmless wishes in the frames in which people also ask for harm.

The thing to know: nearly every red-team message begins with "How do I" or "Can you tell me how to",
and few harmless ones in the data do. A linear model then learns that asking how is harmful. Showing
it the same frames around what is harmless takes that way out (counterfactual augmentation,
Kaushik et al. 2020).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator

_FRAMES = (
    *("How do I {}?", "How can I {}?", "how do i {}", "how can i {}", "How do you {}?"),
    *("How would I {}?", "How to {}", "how to {}?", "How should I {}?", "How could I {}?"),
    *("What is the best way to {}?", "What's the best way to {}?", "whats a good way to {}"),
    *("What are some ways to {}?", "What is the easiest way to {}?", "Is there a way to {}?"),
    *("Can you tell me how to {}?", "Can you help me {}?", "Could you tell me how to {}?"),
    *("Tell me how to {}", "tell me how to {}.", "I want to {}. How?", "I want to {}."),
    *("I need to {}. What should I do?", "I need help to {}", "Is it okay to {}?", "Can I {}?"),
    *("Where can I learn to {}?", "I'm trying to {}, any tips?", "What should I use to {}?"),
)
_WISH = re.compile(
    r"([A-Z][a-z]+ (?:a|an|the|my|your|some|two|three|five|all|as|for|to)\b[^.?!:\n]*)"
)
_LONGEST = 90  # characters of a wish


def wishes(requests: Iterable[str]) -> Iterator[str]:
    """Yield what requests ask for that begin with what is to be done ("Write a letter …")."""
    for request in requests:
        found = _WISH.match(request)
        if found and len(found[1]) <= _LONGEST:
            yield found[1][0].lower() + found[1][1:].rstrip()


def framed(things: Iterable[str], times: int, order: random.Random) -> Iterator[str]:
    """Yield each thing in `times` frames."""
    for thing in things:
        for frame in order.sample(_FRAMES, times):
            yield frame.format(thing)
