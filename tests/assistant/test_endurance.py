"""A chat of two hundred turns: nothing piles up, and the window follows."""

from __future__ import annotations

import gc
import threading

from chatapp.assistant.events import MessageDone, TurnStart
from tests.assistant.helpers import collect, only
from tests.fakes import FakeGenerator, FakeIndex

QUESTIONS = ("hello", "Who painted the Mona Lisa?", "What is 6 * 7?", "thanks a lot")


async def test_two_hundred_turns_leave_no_threads_tasks_or_events_behind(make, store):
    """Grounded, generated and computed answers in turn, in one conversation."""
    generator = FakeGenerator("Fine.", context_length=200)
    assistant = make(generator, FakeIndex())
    conversation = only(await collect(assistant.turn(None, "hello")), TurnStart).conversation
    for question in QUESTIONS:
        await collect(assistant.turn(conversation, question))
    gc.collect()
    threads, objects = threading.active_count(), len(gc.get_objects())
    for turn in range(200):
        events = await collect(assistant.turn(conversation, QUESTIONS[turn % len(QUESTIONS)]))
        assert only(events, MessageDone).finish_reason == "stop"
    generator.prompts.clear()  # the fake keeps what it was asked
    gc.collect()
    assert threading.active_count() <= threads + 2  # the pools' own, made as they are needed
    assert len(gc.get_objects()) - objects < 600
    window = await assistant.window(conversation)
    messages = [message.id for message in store.messages(conversation)]
    assert len(messages) == 2 * 205
    assert messages.index(window.first_visible) > 200
