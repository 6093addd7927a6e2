"""Memory: what the person told about themself and what was said before, never guessed.

Two layers. Recall searches every round of every conversation, verbatim. The profile keeps facts
that rules read from the person's own typed words, or that they asked to remember. Everything lies
in the conversation file, is shown where it is used, and can be forgotten for good.
"""

from chatapp.memory.memory import Memory, Reply
from chatapp.memory.profile import Profile, SecretRefused
from chatapp.memory.types import Fact, Learnt, Round

__all__ = ["Fact", "Learnt", "Memory", "Profile", "Reply", "Round", "SecretRefused"]
