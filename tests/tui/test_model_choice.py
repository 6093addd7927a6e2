"""The model, how it chooses its words, and its persona: chosen while chatting, per conversation."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from textual.widgets import Input, TextArea

from chatapp.assistant.models import ModelChoice, Progress
from chatapp.inference.generator import Generator
from chatapp.settings import Remote, Settings, WebSettings
from chatapp.tui.screens.models import ModelsScreen
from chatapp.tui.screens.sampling import FIELDS, SamplingScreen
from chatapp.tui.screens.text_dialog import TextDialog
from chatapp.tui.widgets.welcome import promise
from tests.fakes import FakeGenerator
from tests.tui.conftest import WAIT_SECONDS, Chat, answers, ask, ready, screen_text, until


class FakeCatalogue:
    """Two models, one of which loads when `may_load` is set, and a broken one."""

    default = "small"

    def __init__(self) -> None:
        self.may_load = threading.Event()
        self.small = FakeGenerator("I am small.")

    def choices(self) -> Sequence[ModelChoice]:
        return [
            ModelChoice("small", "shipped", "comes with chatapp"),
            ModelChoice("large", "imported", "1 GB"),
            ModelChoice("broken", "adapter", "", problem="its base is missing"),
        ]

    def load(self, name: str, progress: Progress) -> Generator:
        if name == "small":
            return self.small
        progress(0.5)
        assert self.may_load.wait(WAIT_SECONDS)
        large = FakeGenerator("I am large.")
        large.name = "large"
        return large


async def test_the_model_is_switched_in_the_middle_of_a_chat(chat: Chat) -> None:
    """/model lists them, Enter loads one with its progress; the next answer is its."""
    catalogue = chat.models = FakeCatalogue()
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        assert answers(app)[0].text == "I am small."
        app.chat.composer.insert("/model")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, ModelsScreen))
        assert "its base is missing" in screen_text(app)
        await pilot.press("down", "enter")
        await until(lambda: "loading large 50%" in screen_text(app), "the progress shows")
        catalogue.may_load.set()
        await until(lambda: "large answers in this conversation" in screen_text(app))
        await until(lambda: "● large" in screen_text(app), "the status line names it")
        await ask(pilot, "hello again")
        assert answers(app)[1].text == "I am large."
        await app.chat.reading.open(None)
        await until(lambda: "● small" in screen_text(app) or "● fake" in screen_text(app))
        await ask(pilot, "hello")
        assert answers(app)[0].text == "I am small.", "other conversations keep theirs"


async def test_the_welcome_says_what_leaves_the_machine(chat: Chat) -> None:
    """It is true of the settings, and of a remote model chosen before anything is asked."""
    catalogue = chat.models = FakeCatalogue()
    catalogue.may_load.set()
    chat.settings = Settings(
        model="small", remotes={"large": Remote("https://api.example/v1", "m")}
    )
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        assert "unless you allow a search of the web" in screen_text(app)
        app.chat.composer.insert("/model large")
        await pilot.press("enter")
        await until(lambda: "sent to the remote model large" in screen_text(app))
        assert "Everything stays" not in screen_text(app)


@pytest.mark.parametrize(
    ("consent", "said"),
    [
        ("never", "Everything stays on this machine."),
        ("always", "leave this machine without asking"),
    ],
)
def test_the_welcome_follows_the_consent_to_the_web(consent: str, said: str) -> None:
    """It promises no more than what is set."""
    assert said in promise(Settings(web=WebSettings(consent=consent)), "default")


async def test_sampling_is_set_for_one_conversation_and_checked(chat: Chat) -> None:
    """A value out of range is refused in words; a good one reaches the model."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        app.chat.composer.insert("/sampling")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, SamplingScreen))
        temperature = app.screen.query_one("#sampling-temperature", Input)
        assert temperature.placeholder == "0.4"
        temperature.value = "99"
        await pilot.pause()
        await pilot.press("enter")
        await until(lambda: "'temperature' cannot be '99'" in screen_text(app))
        assert "give a number at least 0" in screen_text(app)
        temperature.value = "1.5"
        app.screen.query_one("#sampling-seed", Input).value = "7"
        await pilot.press("enter")
        await until(lambda: app.screen is app.chat)
        await ask(pilot, "hello")
        assert isinstance(chat.generator, FakeGenerator)
        params = chat.generator.params[-1]
        assert (params.temperature, params.seed) == (1.5, 7)
        with chat.store_open() as store:
            (conversation,) = store.conversations()
        assert conversation.options == {"temperature": 1.5, "seed": 7}


async def test_switches_of_new_conversations_are_kept_and_taken_back(chat: Chat) -> None:
    """Without a conversation they hold for all new ones; an emptied field is as in the settings."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        assistant = await app.chat.backend.assistant()
        for memory, temperature in (("false", "1.5"), ("", "")):
            app.chat.composer.insert("/sampling")
            await pilot.press("enter")
            await until(lambda: isinstance(app.screen, SamplingScreen))
            fields = {n: app.screen.query_one(f"#sampling-{n}", Input) for n in FIELDS}
            assert fields["memory"].placeholder == "true"
            if not memory:
                assert (fields["memory"].value, fields["temperature"].value) == ("false", "1.5")
            fields["memory"].value, fields["temperature"].value = memory, temperature
            await pilot.press("enter")
            await until(lambda: app.screen is app.chat)
            await until(lambda off=bool(memory): assistant.options.use_memory is not off)
            assert assistant.options.sampling.temperature == float(temperature or 0.4)
            assert assistant.options.use_sources


async def test_a_persona_is_written_for_one_conversation(chat: Chat) -> None:
    """The model gets it as the system message, and the title line says that there is one."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        app.chat.composer.insert("/persona")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, TextDialog))
        app.screen.query_one(TextArea).text = "You are a pirate."
        await pilot.press("ctrl+s")
        await until(lambda: "  persona" in screen_text(app))
        await ask(pilot, "hello")
        assert isinstance(chat.generator, FakeGenerator)
        assert "You are a pirate." in chat.generator.prompts[-1][0].content
