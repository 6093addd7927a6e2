"""However a turn is stopped, what was said is kept and nothing stays half-written."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from chatapp.assistant.events import MessageDelta, MessageDone, TurnEnd, TurnStart
from chatapp.inference.generator import TextDelta
from tests.assistant.helpers import collect, every, only
from tests.fakes import FakeGenerator, FakeIndex

LONG = "word " * 200


async def test_interrupt_keeps_the_text_so_far_and_ends_in_order(make, store):
    assistant = make(FakeGenerator(LONG, delay=0.005))
    events = []
    async for event in assistant.turn(None, "hello"):
        events.append(event)
        if len(every(events, MessageDelta)) == 5:
            assistant.interrupt()
    done = only(events, MessageDone)
    assert done.finish_reason == "interrupted"
    assert only(events, TurnEnd).status == "interrupted"
    assert done.text == "".join(delta.text for delta in every(events, MessageDelta))
    assert store.message(done.message).status == "interrupted"
    assert [m.id for m in store.interrupted()] == [done.message]


async def test_a_stream_that_just_ends_when_it_is_stopped_counts_as_stopped(make):
    """The worker sees the stop first and ends without a last word, while the loop is busy."""

    class Silent(FakeGenerator):
        def stream(self, messages, params, should_stop):
            while True:
                time.sleep(0.01)
                if should_stop():
                    return
                yield TextDelta("word ", 1)

    assistant = make(Silent())
    events = []
    async for event in assistant.turn(None, "hello"):
        events.append(event)
        if len(events) == 4:
            assistant.interrupt()
            time.sleep(0.05)  # noqa: ASYNC251 - a loop that is busy is the point
    assert only(events, MessageDone).finish_reason == "interrupted"


async def test_interrupt_works_from_another_thread(make):
    assistant = make(FakeGenerator(LONG, delay=0.005))
    events = []
    async for event in assistant.turn(None, "hello"):
        events.append(event)
        if len(events) == 3:
            threading.Thread(target=assistant.interrupt).start()
    assert only(events, TurnEnd).status == "interrupted"


async def test_interrupt_does_not_wait_for_a_slow_search(make, store):
    """The worker thread is left to end by itself; the turn ends at once."""
    index = FakeIndex(slow=0.5)
    assistant = make(None, index)
    turn = assistant.turn(None, "Who painted the Mona Lisa?")
    start = await anext(turn)
    assert isinstance(start, TurnStart)
    asyncio.get_running_loop().call_later(0.01, assistant.interrupt)
    rest = await collect(turn)
    assert only(rest, MessageDone).text == ""
    assert store.message(start.assistant_message).status == "interrupted"


async def test_interrupt_without_a_turn_does_nothing(make):
    assistant = make()
    assistant.interrupt()
    assert only(await collect(assistant.turn(None, "hello")), TurnEnd).status == "ok"


async def test_a_stopped_answer_can_be_continued_and_the_assistant_is_free_again(make, store):
    assistant = make(FakeGenerator("one two three four five", delay=0.02))
    turn = assistant.turn(None, "hello")
    async for event in turn:
        if isinstance(event, MessageDelta):
            break
    await turn.aclose()
    [cut] = store.interrupted()
    done = only(await collect(assistant.continue_(cut.id)), MessageDone)
    assert done.text == "one two three four five"
    assert store.interrupted() == []


async def test_a_script_can_stop_after_an_exact_number_of_tokens(make):
    """The same cut every time, however fast the worker thread runs ahead."""
    assistant = make(FakeGenerator(LONG))
    for _ in range(5):
        assistant.options = type(assistant.options)(assistant.options.sampling, interrupt_after=3)
        done = only(await collect(assistant.turn(None, "hello")), MessageDone)
        assert done.text == "word word word "


@pytest.mark.parametrize("question", ["hello", "Who painted the Mona Lisa?"])
@pytest.mark.parametrize("step", [*range(0, 40, 2), 60, 80, 120])
async def test_cancelling_the_reader_at_any_await_leaves_no_half_written_row(
    make, store, question, step
):
    """The reading task is cancelled after `step` rounds of the event loop, whatever it awaits."""
    seen = []

    async def read() -> None:
        async for event in make(FakeGenerator("a b c d e", delay=0.001), FakeIndex()).turn(
            None, question
        ):
            seen.append(event)
            await asyncio.sleep(0)

    task = asyncio.create_task(read())
    for _ in range(step):
        await asyncio.sleep(0.0005 if step > 20 else 0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await _settled(store)
    if conversation := store.latest():
        [asked, answer] = store.messages(conversation.id)
        assert asked.text == question
        assert answer.status in ("complete", "interrupted")
        assert answer.text.startswith("".join(d.text for d in every(seen, MessageDelta)))
    else:
        assert not every(seen, TurnStart)


async def test_a_second_cancel_while_the_rows_are_written_loses_nothing(make, store):
    assistant = make(FakeGenerator(LONG, delay=0.005))
    begun = asyncio.Event()

    async def read() -> None:
        async for event in assistant.turn(None, "hello"):
            if isinstance(event, MessageDelta):
                begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await _settled(store)
    [cut] = store.interrupted()
    assert cut.text.startswith("word ")


def test_the_end_of_the_event_loop_is_the_end_of_the_turn(make, store):
    """`asyncio.run` cancels everything, the turn's own task too: its text is still written."""
    assistant = make(FakeGenerator(LONG, delay=0.005))

    async def leave_early() -> None:
        turn = assistant.turn(None, "hello")
        async for event in turn:
            if isinstance(event, MessageDelta):
                return

    asyncio.run(leave_early())
    store.create("written after what was queued")
    [cut] = store.interrupted()
    assert cut.text.startswith("word ")


async def test_closing_the_assistant_stops_the_turn_and_keeps_it(make, store):
    assistant = make(FakeGenerator(LONG, delay=0.005))
    task = asyncio.create_task(collect(assistant.turn(None, "hello")))
    await asyncio.sleep(0.05)
    assistant.interrupt()
    events = await task
    assistant.close()
    assert only(events, TurnEnd).status == "interrupted"


async def _settled(store) -> None:
    """Wait until no turn writes any more: the turn's own task outlives its reader's."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
