"""What is remembered is seen and can be changed; what is thought of answers is stored."""

from __future__ import annotations

from textual.widgets import OptionList, TextArea

from chatapp.feedback import Feedback
from chatapp.memory import Profile
from chatapp.tui.screens.compare import CompareScreen
from chatapp.tui.screens.confirm import ConfirmScreen
from chatapp.tui.screens.memories import MemoriesScreen
from chatapp.tui.screens.prompt import PromptScreen
from chatapp.tui.screens.text_dialog import TextDialog
from tests.fakes import FakeGenerator
from tests.tui.conftest import Chat, answers, ask, ready, screen_text, until


def facts(chat: Chat) -> list[str]:
    """Return what is remembered, in words, as another program reads it."""
    with chat.store_open() as store:
        return [fact.to_person() for fact in Profile(store).facts()]


async def test_what_was_learnt_stands_under_the_answer_and_can_be_forgotten_there(
    chat: Chat,
) -> None:
    """Tell where you live; m on the answer shows the fact; d asks, then forgets it."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "I live in Berlin.")
        assert "remembered: you live in Berlin" in screen_text(app)
        assert facts(chat) == ["you live in Berlin"]
        await pilot.press("shift+tab", "m")
        await until(lambda: isinstance(app.screen, MemoriesScreen))
        await until(lambda: "You wrote: “I live in Berlin" in screen_text(app))
        await pilot.press("d")
        await until(lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")  # the safe answer has the focus
        await until(lambda: isinstance(app.screen, MemoriesScreen))
        assert facts(chat) == ["you live in Berlin"]
        await pilot.press("d")
        await until(lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(lambda: "Forgotten: you live in Berlin" in screen_text(app))
        assert facts(chat) == []


async def test_the_memory_screen_adds_corrects_hides_and_finds(chat: Chat) -> None:
    """n, e, x and the search work on the list; what held before is shown with h."""
    with chat.store_open() as store:
        Profile(store).remember("I live in Paris")
        Profile(store).remember("I live in Berlin")
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        app.chat.composer.insert("/memory")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, MemoriesScreen))
        screen = app.screen
        assert isinstance(screen, MemoriesScreen)
        await until(lambda: [f.value for f in screen.shown] == ["Berlin"])
        assert "you live in Paris" in screen_text(app), "the history stands below"
        await pilot.press("h")
        await until(lambda: [f.value for f in screen.shown] == ["Berlin", "Paris"])
        await pilot.press("h", "n")
        await until(lambda: isinstance(app.screen, PromptScreen))
        await pilot.press(*"I like tea", "enter")
        await until(lambda: [f.value for f in screen.shown] == ["tea", "Berlin"])
        await pilot.press("home", "e")
        await until(lambda: isinstance(app.screen, PromptScreen))
        await pilot.press("end", *" and cake", "enter")
        await until(lambda: "You like tea and cake" in screen_text(app))
        await pilot.press("slash", *"berl")
        await until(lambda: [f.value for f in screen.shown] == ["Berlin"])
        await pilot.press("x")
        await until(lambda: "Nothing that is remembered matches." in screen_text(app))
        await pilot.press("backspace")
        await until(lambda: [f.value for f in screen.shown] == ["Berlin"])
        await pilot.press("enter", "x")
        await until(lambda: screen.shown == [])
        assert facts(chat) == ["you like tea and cake"]
        await pilot.press("h")
        await until(lambda: [f.value for f in screen.shown] == ["Berlin"])
        await until(lambda: "hidden: x brings it back" in screen_text(app))
        await pilot.press("x")
        await until(lambda: "Used again: you live in Berlin" in screen_text(app))
        assert facts(chat) == ["you live in Berlin", "you like tea and cake"]


async def test_an_answer_is_rated_and_corrected_with_keys(chat: Chat) -> None:
    """- rates it bad, w opens it for correction; both are stored with the prompt."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await pilot.press("shift+tab", "minus")
        await until(lambda: "Rated bad" in screen_text(app))
        await pilot.press("w")
        await until(lambda: isinstance(app.screen, TextDialog))
        assert app.screen.query_one(TextArea).text == answers(app)[0].text
        app.screen.query_one(TextArea).text = "Good morning!"
        await pilot.press("ctrl+s")
        await until(lambda: "Your correction is stored" in screen_text(app))
        with chat.store_open() as store:
            rating, correction = Feedback(store).all()
        assert (rating.kind, rating.reward) == ("rating", 0.0)
        assert (correction.answer, correction.other) == ("Good morning!", answers(app)[0].text)
        assert [(t.role, t.content) for t in correction.prompt] == [("user", "hello")]
        assert correction.exact


async def test_two_answers_are_compared_side_by_side_and_one_is_picked(chat: Chat) -> None:
    """Regenerate, compare, pick the old one: it is stored as better and is read from then on."""
    generator = FakeGenerator("The first answer.")
    chat.generator = generator
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await pilot.press("shift+tab", "equals_sign")
        await until(lambda: "There is only one answer" in screen_text(app))
        generator.reply = "The second answer."
        await pilot.press("ctrl+r")
        await until(lambda: app.chat.answering.turn is None and answers(app)[0].text)
        await until(lambda: "The second answer." in screen_text(app))
        await pilot.press("shift+tab", "equals_sign")
        await until(lambda: isinstance(app.screen, CompareScreen))
        shown = screen_text(app)
        assert "The first answer." in shown
        assert "The second answer." in shown
        await pilot.press("1")
        await until(lambda: "this answer is the better one" in screen_text(app))
        assert answers(app)[0].text == "The first answer."
        with chat.store_open() as store:
            (comparison,) = Feedback(store).all()
        assert comparison.answer == "The first answer."
        assert comparison.other == "The second answer."


async def test_the_memory_screen_fits_a_small_terminal(chat: Chat) -> None:
    """60 by 15: list, details and keys are all there."""
    with chat.store_open() as store:
        Profile(store).remember("I live in Berlin")
    app = chat.app()
    async with app.run_test(size=(60, 15)) as pilot:
        await ready(app)
        app.chat.composer.insert("/memory")
        await pilot.press("enter")
        await until(lambda: "You live in Berlin" in screen_text(app))
        assert isinstance(app.focused, OptionList)
        assert "Esc Close" in screen_text(app)


async def test_what_was_remembered_is_shown_after_the_next_start(chat: Chat) -> None:
    """Its line stands under the stored answer, and m still leads to it."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await ask(pilot, "my dog is called Rex")
        await until(lambda: "remembered: your dog is called Rex" in screen_text(app))
    again = chat.app()
    async with again.run_test(size=(120, 40)) as pilot:
        await ready(again)
        await until(lambda: "remembered: your dog is called Rex" in screen_text(again))
        await pilot.press("shift+tab", "m")
        await until(lambda: "You wrote: “my dog is called Rex”" in screen_text(again))
