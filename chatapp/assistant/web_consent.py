"""May this query leave for the web? Decided by what is set, or by the person who sees it in full.

The thing to know: once something private stands in the conversation, no standing permission counts.
Each query is then shown and asked about, so that no text can be talked out through the search box.
Nothing waits for a person who is not there: an unattended session keeps such a query here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chatapp.assistant.conversation_options import overlay
from chatapp.assistant.events import WebConsent
from chatapp.assistant.private_text import private_in
from chatapp.assistant.run import Permission
from chatapp.assistant.writing import Writing
from tools.registry import allowed_by

NAME = "web"
"""What `--allow` and the operation `approve` call it."""

_UNATTENDED = "Nobody is there to approve it; `--allow web` or the setting web.consent allows it."
_UNSEEN = "Private text stands in this conversation, and nobody is there to look at the query."
_BY_PERSON = {
    "once": Permission(True, "You approved it."),
    "conversation": Permission(True, "You approved it for this conversation."),
    "deny": Permission(False, "You denied it."),
}


def switched_off(writing: Writing) -> bool:
    """Return whether the web is out of the question, so that nobody need be asked."""
    return not writing.options.use_web or writing.options.web == "never"


class Consent:
    """The permission of one answer: what the person allowed once holds for all its queries."""

    def __init__(self, writing: Writing, services: Sequence[str]) -> None:
        self._writing = writing
        self._services = list(services)
        self._asked = 0
        self._given: Permission | None = None
        self.refused: Permission | None = None

    async def allows(self, query: str) -> bool:
        """Decide on a query, asking the person if need be, and emit what was decided.

        Raises:
            Interrupted: the turn was stopped while it waited.
        """
        private = await asyncio.to_thread(private_in, self._writing)
        decided = await asyncio.to_thread(self._without_asking, private)
        self._asked += 1
        call = f"{self._writing.draft.message.id}:web:{self._asked}"
        if decided is None:
            self._emit(call, query, "asked", question(private), private)
            decision = await self._writing.run.decision(call)
            if decision == "conversation":
                await asyncio.to_thread(self._allow_here)
            decided = _BY_PERSON[decision]
        if decided.given and not private:
            self._given = decided
        if not decided.given:
            self.refused = decided
        self._emit(call, query, "allowed" if decided.given else "denied", decided.why, private)
        return decided.given

    def _without_asking(self, private: Sequence[str]) -> Permission | None:
        """Return what needs no person to decide; None when one must."""
        if private:
            return None if self._writing.options.attended else Permission(False, _UNSEEN)
        return self._given or standing(self._writing)

    def _allow_here(self) -> None:
        store = self._writing.services.store
        conversation = store.conversation(self._writing.draft.conversation_id)
        store.configure(conversation.id, options={**conversation.options, "web": "on"})

    def _emit(self, call: str, query: str, decision: str, why: str, private: list[str]) -> None:
        assert decision in ("asked", "allowed", "denied")
        self._writing.emit(
            WebConsent(call, query, decision, why, self._services, private)  # type: ignore[arg-type]
        )


def standing(writing: Writing) -> Permission | None:
    """Return the permission that holds without asking, where nothing private is at stake."""
    # read again: the person may have allowed it a moment ago, in this very turn
    conversation = writing.services.store.conversation(writing.draft.conversation_id)
    options = overlay(writing.options, conversation)
    if options.web == "never":
        return Permission(False, "The web is switched off in this conversation.")
    if options.web == "always":
        return Permission(True, "The web is allowed by what you set.")
    if allowed_by(NAME, options.allow):
        return Permission(True, "It is allowed in this session.")
    return None if writing.options.attended else Permission(False, _UNATTENDED)


def allowed(writing: Writing) -> bool:
    """Return whether the web is allowed by what was set in advance."""
    decided = standing(writing)
    return decided is not None and decided.given


def tool_permission(writing: Writing, private: Sequence[str]) -> Permission | None:
    """Return what decides about a tool of the web before its own rules do; None where they count.

    Something private in the conversation forbids it to whoever is not there to look.
    """
    if private:
        return None if writing.options.attended else Permission(False, _UNSEEN)
    return standing(writing) if allowed(writing) else None


def question(private: Sequence[str]) -> str:
    """Say why a person is asked about a query."""
    if not private:
        return "This query leaves your machine only when you approve it."
    return (
        f"The conversation holds private text ({', '.join(private)}): look at the query before "
        "it leaves your machine."
    )
