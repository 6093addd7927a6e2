"""The answer in the making: its text on disk, its quotes, what it rests on and what it cost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, replace
from datetime import datetime

from chatapp.assistant.events import (
    Browse,
    Citation,
    FinishReason,
    Grounding,
    MessageDelta,
    MessageDone,
    Usage,
)
from chatapp.assistant.recorder import Recorder
from chatapp.assistant.run import Run
from chatapp.assistant.steps import step_part
from chatapp.conversations import ConversationStore, Message, Outcome, Part, Turn
from chatapp.conversations.seen import Seen
from chatapp.conversations.types import MessageStatus
from chatapp.inference.generator import SamplingParams

STATUS: dict[FinishReason, MessageStatus] = {
    "stop": "complete",
    "length": "complete",
    "interrupted": "interrupted",
    "error": "error",
}


class Reply:
    """One answer; everything that writes to it emits the event for it."""

    def __init__(
        self,
        store: ConversationStore,
        run: Run,
        message: Message,
        clock: Callable[[], datetime],
        *,
        text: str = "",
    ) -> None:
        """Begin with `text`, which a cut-off answer already has."""
        self.grounding: Grounding = "model"
        self.citations: list[Citation] = []
        self.usage = Usage()
        self.model = ""
        self.seed: int | None = None
        self.memories = 0
        self.private: list[str] = []  # names of what of the person's own the model was given
        self._store, self._run, self._message, self._clock = store, run, message, clock
        self._recorder = Recorder(store, message.id, text)
        self._began = clock()
        self._first_token: float | None = None
        self._turns: list[Turn] = []
        self._calls = 0

    @property
    def text(self) -> str:
        """What it says so far."""
        return self._recorder.text

    def say(self, text: str) -> None:
        """Add text that was made at once; it is written when the answer is whole."""
        self._recorder.text += text
        self._run.emit(MessageDelta(text))

    def stream(self, text: str) -> None:
        """Add text that is being generated; it is on its way to the disk soon."""
        if self._first_token is None:
            self._first_token = self.seconds()
        self._recorder.append(text)
        self._run.emit(MessageDelta(text))

    def cite(self, citation: Citation) -> None:
        """Add a quote whose `[n]` the text shows."""
        self.citations.append(citation)
        self._run.emit(citation)

    def step(self, taken: Browse) -> None:
        """Tell a step of looking something up, and keep it with the answer."""
        self._run.emit(taken)
        self.keep(step_part(taken))

    def keep(self, part: Part) -> None:
        """Keep something beside the text; the write happens even if nobody waits for it."""
        self._store.add_parts(self._message.id, [part])

    def next_call(self) -> str:
        """Return the id of the next tool call."""
        self._calls += 1
        return f"{self._message.id}:{self._calls}"

    def seconds(self) -> float:
        """Return how long it has taken."""
        return (self._clock() - self._began).total_seconds()

    def called(
        self, model: str, sampling: SamplingParams, usage: Usage, reason: str, seen: Seen
    ) -> None:
        """Note one call of a model, with what it was given."""
        self.model, self.seed = model, sampling.seed
        self.usage = replace(
            usage, completion_tokens=self.usage.completion_tokens + usage.completion_tokens
        )
        plain = asdict(replace(sampling, constraint=None))
        del plain["constraint"]
        self._turns.append(
            Turn(
                model=model,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                seconds=self.seconds() - sum(turn.seconds for turn in self._turns),
                first_token_seconds=self._first_token,
                finish_reason=reason,
                sampling=plain,
                seen=seen,
            )
        )

    def finish(self, reason: FinishReason) -> Future[Message]:
        """Write how it ended; the write happens even if nobody waits for it."""
        self._recorder.stop()
        return self._store.finish(
            self._message.id,
            Outcome(
                text=self.text,
                status=STATUS[reason],
                finish_reason=reason,
                grounding=self.grounding,
                model=self.model,
                seconds=self.seconds(),
                usage=asdict(self.usage),
                citations=tuple(self.citations),
                turns=tuple(self._turns),
            ),
        )

    def done(self, stored: Message, reason: FinishReason) -> MessageDone:
        """Return the event that says what was stored."""
        generating = stored.seconds - (self._first_token or 0.0)
        tokens = self.usage.completion_tokens
        return MessageDone(
            message=stored.id,
            text=stored.text,
            finish_reason=reason,
            grounding=self.grounding,
            usage=self.usage,
            seconds=stored.seconds,
            model=self.model,
            first_token_seconds=self._first_token or 0.0,
            tokens_per_second=tokens / generating if tokens and generating > 0 else 0.0,
            seed=self.seed,
            sources=len(self.citations),
            memories=self.memories,
        )
