"""What an answer was made from: the prompt of the model's last call, rebuilt.

Where the model called tools, that is the call that had all their results. Where it went on with a
cut-off answer, it is what stood before the answer: the answer is judged as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chatapp.conversations import ConversationStore, Message
from chatapp.conversations.seen import PromptTurn, rebuild


@dataclass(frozen=True)
class Given:
    """The turns before an answer; `exact` when they are what the model was given."""

    turns: tuple[PromptTurn, ...]
    exact: bool


def given_for(store: ConversationStore, answer: Message) -> Given:
    """Return what an answer was made from; persona and branch where no model, or no trace, is."""
    path = store.path_to(answer.id)
    calls = store.turns(message_id=answer.id)
    seen = calls[-1].seen if calls else None
    if seen is not None:
        turns = rebuild(replace(seen, continued=0), path)
        if turns is not None:
            return Given(tuple(turns), exact=True)
    persona = store.conversation(answer.conversation_id).persona
    head = [PromptTurn("system", persona)] if persona else []
    said = [PromptTurn(message.role, message.text) for message in path[:-1] if message.text]
    return Given((*head, *said), exact=False)
