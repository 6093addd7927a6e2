"""Short ways to put turns into a store."""

from __future__ import annotations

from chatapp.conversations import ConversationStore, Outcome, StartedTurn


def say(
    store: ConversationStore,
    question: str,
    answer: str = "Yes.",
    conversation: str | None = None,
    parent: str | None = None,
) -> StartedTurn:
    """Store a question with its complete answer."""
    started = store.begin_turn(conversation, question, parent).result()
    store.finish(started.assistant.id, Outcome(answer, "complete", "stop")).result()
    return started


def texts(store: ConversationStore, conversation: str) -> list[str]:
    """Return what was said on the branch being read."""
    return [message.text for message in store.messages(conversation)]
