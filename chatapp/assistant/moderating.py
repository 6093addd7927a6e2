"""The content filter around the model: what is asked of it, and what it says.

The thing to know: it stands around the model alone. What a person's own sources, tools and memory
say is quoted as it is, and nobody filters what a person writes down.
"""

from __future__ import annotations

import logging
from functools import lru_cache

from chatapp import resources
from chatapp.assistant.events import Warning
from chatapp.assistant.writing import Writing
from chatapp.moderation.filter import ContentFilter, FilterDamaged

REFUSAL = (
    "I would rather not help with that. If somebody is in danger, or if you think of hurting "
    "yourself, please talk to somebody you trust, or call your local emergency number. "
    "If I misunderstood you, ask in other words."
)
STOPPED = "\n\nI stop here: this was going somewhere I would rather not go."

log = logging.getLogger("chatapp")


class Moderation:
    """What the filter decides in one answer; without a filter everything passes."""

    def __init__(self, judge: ContentFilter | None) -> None:
        self.stopped = False
        self._judge = judge

    def refuses(self, question: str) -> bool:
        """Say whether a question is not put to the model."""
        return self._judge is not None and self._judge.refuses(question)

    def passed(self, said: str, more: str) -> str:
        """Return what of `more` is shown after `said`; once stopped, nothing is."""
        if self.stopped or self._judge is None:
            return "" if self.stopped else more
        # A word counts when it is whole: half a word means nothing.
        end = max(more.rfind(" "), more.rfind("\n"))
        if end >= 0 and self._judge.refuses(said + more[:end]):
            self.stopped = True
            return STOPPED
        return more


def moderation(writing: Writing) -> Moderation:
    """Return the filter of this answer, as the settings say; a damaged one is told of."""
    if not writing.services.settings.content_filter:
        return Moderation(None)
    try:
        return Moderation(_load())
    except FilterDamaged as error:
        log.warning("The content filter could not be used", exc_info=error)
        writing.warn_once(Warning("filter_unavailable", f"{error}; it is off.", error.hint))
        return Moderation(None)


@lru_cache(maxsize=1)
def _load() -> ContentFilter:
    return ContentFilter.load(resources.filter_dir())
