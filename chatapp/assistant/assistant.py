"""Assistant: one question in, one stream of typed events out. Every front end renders this stream.

This is the whole of what a front end calls; `turns` runs a turn and `answer` writes its answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chatapp.assistant.answer import write_answer
from chatapp.assistant.attachments import Attachment
from chatapp.assistant.configuring import Configuring
from chatapp.assistant.drafts import Draft, Drafts
from chatapp.assistant.events import Event, TurnStart
from chatapp.assistant.routing import Route
from chatapp.assistant.run import Decision, Ending, Run
from chatapp.conversations import Conversation
from tools.registry import ToolRegistry

if TYPE_CHECKING:
    from chatapp.feedback import Feedback
    from chatapp.memory import Profile
    from chatapp.memory.forgetting import Forgotten


class Assistant(Configuring):
    """Answers questions in the conversations of `store`, one turn at a time.

    `open_index`, `open_memory` and the models of `catalogue` (or the one of `load_generator`) are
    made on first need, in worker threads. The first two may be None or fail: the chat then goes on
    without sources or memory. A model is loaded only for turns that generate, so grounded answers
    need none.
    """

    def turn(
        self,
        conversation_id: str | None,
        text: str,
        *,
        parent_id: str | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> AsyncGenerator[Event, None]:
        """Answer `text`; None as `conversation_id` starts a new conversation.

        `parent_id` answers on another branch (NEW_ROOT: from the root). The events begin with
        `turn.start`, when both messages are on disk, and end with `turn.end`; a turn that cannot
        start at all yields `error` and `turn.end`. `attachments` are quoted from, and stay with
        the message.
        """
        return self._answer(
            lambda drafts: drafts.new(
                conversation_id, text, self.options, parent_id=parent_id, attachments=attachments
            )
        )

    def edit(
        self, message_id: str, text: str, *, attachments: Sequence[Attachment] = ()
    ) -> AsyncGenerator[Event, None]:
        """Ask a question in other words: a new branch beside the old one, which stays.

        The files of the old question go along; `attachments` are added to them.
        """
        return self._answer(
            lambda drafts: drafts.edited(message_id, text, self.options, attachments=attachments)
        )

    def use_tool(
        self, conversation_id: str | None, name: str, arguments: Mapping[str, Any]
    ) -> AsyncGenerator[Event, None]:
        """Run a tool by its name as a turn: the same approval, limits, events and rows."""
        wanted = Route(name, dict(arguments))
        return self._answer(lambda drafts: drafts.called(conversation_id, wanted, self.options))

    @property
    def tools(self) -> ToolRegistry:
        """Return the tools; those that cannot be used here say why."""
        return self._services.tools

    def regenerate(self, message_id: str) -> AsyncGenerator[Event, None]:
        """Answer the same question again; the old answer stays as a sibling."""
        return self._answer(lambda drafts: drafts.again(message_id, self.options))

    def compare(self, message_id: str) -> AsyncGenerator[Event, None]:
        """Answer the question again in another way, for a person to pick the better answer.

        The model answers, with another seed and never greedily; both answers stay as siblings,
        `feedback.prefer` stores the choice, and `store.select` shows it.
        """
        return self._answer(lambda drafts: drafts.compared(message_id, self.options))

    def continue_(self, message_id: str) -> AsyncGenerator[Event, None]:
        """Go on with a cut-off answer in place; one without text is answered anew."""
        return self._answer(lambda drafts: drafts.continued(message_id, self.options))

    def approve(self, call_id: str, decision: Decision) -> bool:
        """Decide on the tool call a turn waits for, from any thread; False if it does not wait."""
        running = self._turns.running
        return running is not None and running.decide(call_id, decision)

    def fork(self, message_id: str) -> Conversation:
        """Copy the branch down to this message into a conversation of its own.

        Raises:
            NotFound: there is no such message.
            StorageError: an answer on the way is still being written.
        """
        return self.store.fork(message_id)

    @property
    def profile(self) -> Profile:
        """Return the facts the person told; reading and changing them blocks for a moment."""
        from chatapp.memory import Profile

        return Profile(self.store)

    @property
    def feedback(self) -> Feedback:
        """Return what the person thought of answers; reading and changing it blocks."""
        from chatapp.feedback import Feedback

        return Feedback(self.store)

    def forget(self, fact_id: str) -> Forgotten:
        """Forget a fact everywhere; see `chatapp.memory.forgetting`. Raises NotFound."""
        from chatapp.memory.forgetting import forget

        return forget(self.store, fact_id)

    def _answer(self, begin: Callable[[Drafts], Awaitable[Draft]]) -> AsyncGenerator[Event, None]:
        async def work(run: Run) -> Ending:
            draft = await begin(Drafts(self.store))
            run.emit(
                TurnStart(
                    draft.conversation_id, draft.question.id, draft.message.id, draft.question.text
                )
            )
            return await write_answer(self._services, run, draft)

        return self._turns.relay(work)
