"""What is set for one conversation: persona, model, sampling, switches; and its model's window."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chatapp.assistant.conversation_options import overlay
from chatapp.assistant.events import Error, MessageDone, ModelLoading, TurnStart
from chatapp.assistant.models import ModelChoice
from chatapp.conversations import NotFound
from tests.assistant.helpers import collect, every, only
from tests.fakes import FakeGenerator, FakeIndex


class FakeCatalogue:
    """Three models; `broken` cannot be loaded."""

    default = "first"

    def __init__(self) -> None:
        self.models = {name: FakeGenerator(f"I am {name}.") for name in ("first", "second")}
        self.loads: list[str] = []

    def choices(self) -> list[ModelChoice]:
        """Return them."""
        return [ModelChoice(name, "imported", "") for name in (*self.models, "broken")]

    def load(self, name: str, progress: Callable[[float], None]) -> FakeGenerator:
        """Load in two steps."""
        self.loads.append(name)
        progress(0.5)
        if name not in self.models:
            raise ModelUnavailable(f"There is no model {name}.")
        self.models[name].name = name
        return self.models[name]


class ModelUnavailable(ValueError):
    """As the inference room raises it."""


async def test_a_persona_belongs_to_its_conversation(make, store):
    """Another conversation has the session's, or none."""
    generator = FakeGenerator("Arr.")
    assistant = make(generator)
    pirate = store.create("Ship")
    assistant.persona(pirate.id, "You are a pirate.")
    await collect(assistant.turn(pirate.id, "hello"))
    assert generator.prompts[-1][0].content == "You are a pirate."
    await collect(assistant.turn(None, "hello"))
    assert generator.prompts[-1][0].role == "user"
    assistant.persona(None, "Be brief.")
    await collect(assistant.turn(None, "hello"))
    assert generator.prompts[-1][0].content == "Be brief."


async def test_sampling_of_a_conversation_goes_before_that_of_the_session(make, store):
    """And taking it away brings the session's back."""
    generator = FakeGenerator("one two three four")
    assistant = make(generator)
    short = store.create("Short")
    assistant.sample(short.id, max_tokens=2, temperature=0.9)
    done = only(await collect(assistant.turn(short.id, "hello")), MessageDone)
    assert (done.text, generator.params[-1].temperature) == ("one two ", 0.9)
    assistant.configure(short.id, max_tokens=None)
    done = only(await collect(assistant.turn(short.id, "hello")), MessageDone)
    assert done.text == "one two three four"


async def test_sources_can_be_off_in_one_conversation(make, store):
    """The others keep them."""
    index = FakeIndex()
    assistant = make(FakeGenerator("Maybe."), index)
    plain = store.create("Plain")
    assistant.configure(plain.id, sources=False)
    done = only(await collect(assistant.turn(plain.id, "Who painted the Mona Lisa?")), MessageDone)
    assert (done.grounding, index.queries) == ("model", [])
    done = only(await collect(assistant.turn(None, "Who painted the Mona Lisa?")), MessageDone)
    assert done.grounding == "grounded"


def test_values_of_a_wrong_type_count_as_not_set(make, store):
    """A row may come from an import."""
    assistant = make()
    odd = {"temperature": "hot", "seed": 1.5, "max_tokens": True, "sources": "no", "allow": "*"}
    conversation = store.configure(store.create("Odd").id, options=odd)
    assert overlay(assistant.options, conversation) == assistant.options


async def test_a_model_is_loaded_with_progress_and_answers_from_then_on(make, store):
    """In the conversation it was chosen for, and after a restart of the app too."""
    catalogue = FakeCatalogue()
    assistant = make(catalogue=catalogue)
    start = only(await collect(assistant.turn(None, "hello")), TurnStart)
    events = await collect(assistant.use_model("second", start.conversation))
    assert [event.fraction for event in every(events, ModelLoading)] == [0.0, 0.5, 1.0]
    done = only(await collect(assistant.turn(start.conversation, "hello")), MessageDone)
    assert (done.text, done.model) == ("I am second.", "second")
    other = only(await collect(assistant.turn(None, "hello")), MessageDone)
    assert other.model == "first"
    again = make(catalogue=FakeCatalogue())
    done = only(await collect(again.turn(start.conversation, "hello")), MessageDone)
    assert done.model == "second"


async def test_a_model_that_cannot_be_loaded_leaves_the_old_one(make):
    """With a clear error and no turn lost."""
    assistant = make(catalogue=FakeCatalogue())
    events = await collect(assistant.use_model("broken"))
    assert only(events, Error).code == "model_unavailable"
    assert "There is no model broken" in only(events, Error).message
    done = only(await collect(assistant.turn(None, "hello")), MessageDone)
    assert done.model == "first"


async def test_two_models_stay_loaded(make):
    """Going back and forth between two costs nothing."""
    catalogue = FakeCatalogue()
    assistant = make(catalogue=catalogue)
    for name in ("first", "second", "first", "second"):
        await collect(assistant.use_model(name))
        await collect(assistant.turn(None, "hello"))
    assert catalogue.loads == ["first", "second"]


async def test_a_fork_goes_its_own_way(make, store):
    """The copy ends where it was forked; what follows is not in it."""
    assistant = make(FakeGenerator("Fine."))
    first = only(await collect(assistant.turn(None, "hello")), MessageDone)
    conversation = store.message(first.message).conversation_id
    await collect(assistant.turn(conversation, "and now?"))
    copy = assistant.fork(first.message)
    await collect(assistant.turn(copy.id, "hi again"))
    said = [message.text for message in store.messages(copy.id)]
    assert said == ["hello", "Fine.", "hi again", "Fine."]
    assert len(store.messages(conversation)) == 4


async def test_an_edited_question_becomes_a_branch(make, store):
    """The old question and its answer stay beside it."""
    generator = FakeGenerator("Fine.")
    assistant = make(generator)
    start = only(await collect(assistant.turn(None, "helo")), TurnStart)
    edited = only(await collect(assistant.edit(start.user_message, "hello")), TurnStart)
    assert edited.conversation == start.conversation
    texts = [message.text for message in store.siblings(edited.user_message)]
    assert texts == ["helo", "hello"]
    assert [message.content for message in generator.prompts[-1]] == ["hello"]
    refused = only(await collect(assistant.edit(start.assistant_message, "x")), Error)
    assert "Only a question" in refused.message


async def test_another_answer_gets_another_seed_that_repeats_it(make):
    """With a fixed seed both answers can be had again."""
    generator = FakeGenerator("Fine.")
    assistant = make(generator)
    assistant.sample(seed=7)
    first = only(await collect(assistant.turn(None, "hello")), MessageDone)
    second = only(await collect(assistant.regenerate(first.message)), MessageDone)
    assert (first.seed, second.seed) == (7, 8)
    assert [params.seed for params in generator.params] == [7, 8]


async def test_without_a_fixed_seed_the_drawn_one_is_told(make, store):
    """So that any answer can be repeated."""
    generator = FakeGenerator("Fine.")
    done = only(await collect(make(generator).turn(None, "hello")), MessageDone)
    assert done.seed is not None
    assert done.seed == generator.params[-1].seed
    [turn] = store.turns(message_id=done.message)
    assert (turn.model, turn.sampling["seed"]) == ("fake", done.seed)


async def test_compare_lets_the_model_answer_beside_the_quotes(make, store):
    """Both stay, and the person's choice is stored as feedback."""
    generator = FakeGenerator("Leonardo, I think.")
    assistant = make(generator, FakeIndex())
    assistant.sample(greedy=True)
    first = only(await collect(assistant.turn(None, "Who painted the Mona Lisa?")), MessageDone)
    second = only(await collect(assistant.compare(first.message)), MessageDone)
    assert (first.grounding, second.grounding) == ("grounded", "model")
    assert generator.params[-1].greedy is False
    assert [m.id for m in store.siblings(first.message)] == [first.message, second.message]
    assistant.feedback.prefer(first.message, second.message)


class TestWindow:
    async def test_it_names_the_first_message_the_model_still_sees(self, make, store):
        generator = FakeGenerator("word " * 30, context_length=120)
        assistant = make(generator)
        start = only(await collect(assistant.turn(None, "hello one")), TurnStart)
        whole = await assistant.window(start.conversation)
        assert (whole.first_visible, whole.context_length) == (start.user_message, 120)
        assert whole.used_tokens == 34
        for _ in range(4):
            await collect(assistant.turn(start.conversation, "hello again"))
        later = await assistant.window(start.conversation)
        messages = [message.id for message in store.messages(start.conversation)]
        assert later.first_visible in messages[2:]
        assert later.used_tokens <= 120

    async def test_nothing_is_loaded_for_it(self, make):
        assistant = make(catalogue=(catalogue := FakeCatalogue()))
        conversation = assistant.store.create("New")
        assert (await assistant.window(conversation.id)).context_length == 0
        assert catalogue.loads == []

    async def test_an_unknown_conversation_is_not_found(self, make):
        with pytest.raises(NotFound):
            await make().window("nowhere")
