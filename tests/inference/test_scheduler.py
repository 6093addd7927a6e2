"""Continuous batching: fair, bounded, repeatable to the token, and no reply harms another."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from chatapp.inference.masks.grammar import JsonSchema
from chatapp.inference.masks.protocol import ConstraintError
from chatapp.inference.scheduler import Busy, Closing, Scheduler, Ticket
from chatapp.inference.scheduler_generator import ScheduledGenerator
from chatapp.inference.scheduler_queue import FairQueue, QueueFull
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model
from chatapp.model.tokenizer import ChatTokenizer

MODEL, TOKENIZER = load_model(Path(__file__).parents[1] / "fixtures" / "model")
QUESTIONS = ["Hello", "Who are you?", "What is a river?", "Tell me about stone and bread."]
DRAW = SamplingParams(max_tokens=12, temperature=1.0, seed=11)
Item = TextDelta | Finished | Exception


class Gate(TorchDecoder):
    """A decoder that stands still until `open` is set, and may break."""

    def __init__(self, slots: int) -> None:
        super().__init__(MODEL, slots=slots)
        self.open = threading.Event()
        self.open.set()
        self.breaks = False

    def read(self, slot: int, tokens: Sequence[int], *, every: bool = False) -> torch.Tensor:
        self.open.wait(30)
        if self.breaks:
            raise MemoryError("no memory")
        return super().read(slot, tokens, every=every)

    def step(self, slots: Sequence[int], tokens: Sequence[int]) -> torch.Tensor:
        self.open.wait(30)
        return super().step(slots, tokens)


@pytest.fixture
def make() -> Iterator[Callable[..., tuple[Scheduler, Gate]]]:
    """Return a function that makes a scheduler; all are closed at the end."""
    made: list[tuple[Scheduler, Gate]] = []

    def start(slots: int = 4, **limits: int) -> tuple[Scheduler, Gate]:
        gate = Gate(slots)
        made.append((Scheduler("tiny", gate, TOKENIZER, **limits), gate))
        return made[-1]

    yield start
    for scheduler, gate in made:
        gate.open.set()
        scheduler.close()


class Heard:
    """Listens to one reply."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.listen = self._items.put

    def end(self) -> tuple[str, Finished | Exception]:
        """Wait for the end; return the text and how it ended."""
        text = ""
        while isinstance(item := self._items.get(timeout=30), TextDelta):
            text += item.text
        return text, item


def submit(
    scheduler: Scheduler, text: str, params: SamplingParams = DRAW, client: str = ""
) -> tuple[Heard, Ticket]:
    heard = Heard()
    prompt = scheduler.prompt([ChatMessage("user", text)])
    [ticket] = scheduler.submit(prompt, params, [heard.listen], client=client)
    return heard, ticket


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_a_reply_is_what_its_prompt_gets_alone(
    make: Callable[..., tuple[Scheduler, Gate]], slots: int
) -> None:
    """The same text as from the engine, with few slots and with many, with ways of sampling mixed
    in one batch."""
    engine = Engine("tiny", TorchDecoder(MODEL, slots=1), TOKENIZER, longest_draft=0)
    ways = [
        DRAW,
        SamplingParams(max_tokens=9, greedy=True),
        SamplingParams(max_tokens=15, seed=3, top_k=5, presence_penalty=1.0),
        SamplingParams(max_tokens=20, seed=4, constraint=JsonSchema('{"enum": ["a b", "c"]}')),
    ]
    scheduler, _ = make(slots)
    asked = [(text, way) for text in QUESTIONS for way in ways]
    replies = [submit(scheduler, text, way)[0] for text, way in asked]
    for (text, way), heard in zip(asked, replies, strict=True):
        items = engine.stream([ChatMessage("user", text)], way, lambda: False)
        alone = "".join(item.text for item in items if isinstance(item, TextDelta))
        assert heard.end()[0] == alone


def test_the_choices_of_a_request_differ_and_share_one_reading(
    make: Callable[..., tuple[Scheduler, Gate]],
) -> None:
    scheduler, _ = make(4)
    heard = [Heard() for _ in range(4)]
    prompt = scheduler.prompt([ChatMessage("user", QUESTIONS[3])])
    hot = SamplingParams(max_tokens=12, temperature=3.0, seed=1)
    scheduler.submit(prompt, hot, [each.listen for each in heard])
    ends = [each.end() for each in heard]
    assert len({text for text, _ in ends}) == 4
    cached = [end.cached_tokens for _, end in ends if isinstance(end, Finished)]
    assert sorted(cached) == [0, *[len(prompt) - 1] * 3]


def test_a_cancelled_reply_leaves_wherever_it_is(
    make: Callable[..., tuple[Scheduler, Gate]],
) -> None:
    """While it waits, while its prompt is read, and while it is made; the others go on."""
    scheduler, gate = make(1)
    gate.open.clear()
    reading, stop_reading = submit(scheduler, "word " * 200)
    waiting, stop_waiting = submit(scheduler, "Hello")
    last, _ = submit(scheduler, "Hello")
    stop_reading.cancel()
    stop_waiting.cancel()
    gate.open.set()
    for heard in (reading, waiting):
        _, end = heard.end()
        assert isinstance(end, Finished)
        assert (end.reason, end.completion_tokens) == ("interrupted", 0)
    assert isinstance(last.end()[1], Finished)
    assert scheduler.load().running == scheduler.load().waiting == 0


def test_a_full_queue_refuses_all_or_nothing(
    make: Callable[..., tuple[Scheduler, Gate]],
) -> None:
    """The bound of a client holds before that of all; a guess says when to come back."""
    scheduler, gate = make(1, queue=4, queue_per_client=2)
    gate.open.clear()
    running, _ = submit(scheduler, "Hello", client="a")
    while scheduler.load().running < 1:
        threading.Event().wait(0.001)
    kept = [submit(scheduler, "Hello", client="a")[0] for _ in range(2)]
    with pytest.raises(Busy, match="this client has") as told:
        submit(scheduler, "Hello", client="a")
    assert told.value.retry_after >= 1
    kept += [submit(scheduler, "Hello", client="b")[0] for _ in range(2)]
    with pytest.raises(Busy, match="the server has"):
        submit(scheduler, "Hello", client="c")
    gate.open.set()
    assert all(isinstance(heard.end()[1], Finished) for heard in (running, *kept))


def test_a_broken_step_ends_its_replies_and_not_the_scheduler(
    make: Callable[..., tuple[Scheduler, Gate]],
) -> None:
    scheduler, gate = make(2)
    gate.breaks = True
    heard, _ = submit(scheduler, "Hello")
    assert isinstance(heard.end()[1], MemoryError)
    gate.breaks = False
    assert isinstance(submit(scheduler, "Hello")[0].end()[1], Finished)


class Failing:
    """A constraint that starts well and cannot go on after some tokens."""

    def start(self, tokenizer: ChatTokenizer) -> Failing:
        self._left = 3
        return self

    def allowed(self) -> torch.Tensor:
        return torch.ones(TOKENIZER.vocab_size, dtype=torch.bool)

    def advance(self, token: int) -> None:
        self._left -= 1
        if not self._left:
            raise ConstraintError("it cannot be met")


def test_a_mask_that_fails_ends_its_own_reply_only(
    make: Callable[..., tuple[Scheduler, Gate]],
) -> None:
    scheduler, gate = make(2)
    gate.open.clear()
    params = SamplingParams(max_tokens=12, seed=1, constraint=Failing())
    bad, _ = submit(scheduler, "Hello", params)
    good, _ = submit(scheduler, "Hello")
    gate.open.set()
    assert isinstance(bad.end()[1], ConstraintError)
    assert isinstance(good.end()[1], Finished)


def test_the_end_is_in_order(make: Callable[..., tuple[Scheduler, Gate]]) -> None:
    """Draining refuses what is new and finishes what runs; closing cuts what is left."""
    scheduler, _ = make(1)
    heard = [submit(scheduler, "Hello")[0] for _ in range(3)]
    assert scheduler.drain(30)
    assert all(isinstance(each.end()[1], Finished) for each in heard)
    with pytest.raises(Closing):
        submit(scheduler, "Hello")
    other, gate = make(1)
    gate.open.clear()
    cut = [submit(other, "Hello")[0] for _ in range(2)]
    assert not other.drain(0)
    other.cut()
    gate.open.set()
    assert all(isinstance(each.end()[1], Closing) for each in cut)


def test_as_a_generator_it_streams_and_obeys_an_interrupt(
    make: Callable[..., tuple[Scheduler, Gate]],
) -> None:
    scheduler, _ = make(2)
    generator = ScheduledGenerator(scheduler, "me")
    asked = [ChatMessage("user", "Hello")]
    assert generator.count_tokens(asked) == len(scheduler.prompt(asked))
    items = list(generator.stream(asked, DRAW, lambda: False))
    assert isinstance(items[-1], Finished)
    *_, last = generator.stream(asked, DRAW, lambda: True)
    assert isinstance(last, Finished)
    assert last.reason == "interrupted"


CLIENTS = st.lists(st.sampled_from("abc"), max_size=30)


@given(CLIENTS)
def test_nothing_is_lost_and_each_client_keeps_its_order(clients: list[str]) -> None:
    waiting: FairQueue[tuple[str, int]] = FairQueue(100, 100)
    for number, client in enumerate(clients):
        waiting.push(client, [(client, number)])
    popped = []
    while (item := waiting.pop({})) is not None:
        popped.append(item)
    assert sorted(popped, key=lambda item: item[1]) == list(zip(clients, range(30), strict=False))
    for client in "abc":
        own = [number for name, number in popped if name == client]
        assert own == sorted(own)


@given(CLIENTS)
def test_between_two_of_one_client_each_other_that_waits_is_served(clients: list[str]) -> None:
    """Turns go round: nobody is served twice while another waits for the first time."""
    waiting: FairQueue[str] = FairQueue(100, 100)
    for client in clients:
        waiting.push(client, [client])
    served = [client for _ in clients if (client := waiting.pop({}))]
    first = {client: served.index(client) for client in set(clients)}
    for client, place in first.items():
        again = served[place + 1 :]
        if client in again:
            assert set(served[: place + 1 + again.index(client)]) == set(clients)


def test_who_has_the_least_running_is_next() -> None:
    waiting: FairQueue[str] = FairQueue(10, 10)
    waiting.push("busy", ["1", "2"])
    waiting.push("idle", ["3"])
    assert waiting.pop({"busy": 5}) == "3"
    with pytest.raises(QueueFull):
        waiting.push("big", [str(n) for n in range(11)])
    assert waiting.remove(lambda item: item == "1") == ["1"]
    assert (len(waiting), waiting.pop({}), waiting.pop({})) == (1, "2", None)
