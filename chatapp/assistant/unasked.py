"""Whether a way of answering that nobody asked for may go before sources and model."""

from __future__ import annotations

from chatapp.assistant.attached import files_on
from chatapp.assistant.catalogue import SHIPPED
from chatapp.assistant.writing import Writing


def may_answer_unasked(writing: Writing) -> bool:
    """Whether nothing else was called for.

    Else is: another answer, a persona, a model of one's own, sources or a tool by name, an answer
    that a script will cut off, a file of this conversation. Blocking.
    """
    draft, options, services = writing.draft, writing.options, writing.services
    if draft.attempt or draft.continues or draft.by_model or options.system:
        return False
    if (options.model or services.settings.model) != SHIPPED:
        return False
    if options.needs_sources or options.interrupt_after is not None:
        return False
    if options.tool_choice not in ("auto", "none"):
        return False
    asked = (message for message in draft.path if message.role == "user")
    return not any(files_on(services.store, message.id) for message in asked)
