"""A conversation of thousands of messages: a window of them is mounted, wherever one reads."""

from __future__ import annotations

from chatapp.tui.app import ChatApp
from chatapp.tui.widgets.message_view import MessageView
from chatapp.tui.widgets.transcript import MOST
from tests.fakes import FakeGenerator
from tests.tui.conftest import Chat, ask, ready, screen_text, until

ROUNDS = 150


def fill(chat: Chat, rounds: int = ROUNDS) -> None:
    """Put one conversation of so many questions, each with an answer, into the store."""
    with chat.store_open() as store:
        conversation = store.create("long")
        for number in range(rounds):
            store.begin_turn(conversation.id, f"question number {number}").result()


async def test_reading_back_to_the_first_message_keeps_few_widgets(chat: Chat) -> None:
    """Scroll up to the very first message: never more than a window is mounted."""
    fill(chat, 40)
    app = chat.app()
    async with app.run_test(size=(100, 30)):
        await ready(app)
        transcript = app.chat.transcript
        await until(lambda: "question number 39" in screen_text(app))
        most = 0

        def at_the_top() -> bool:
            nonlocal most
            most = max(most, len(transcript.views()))
            transcript.scroll_home(animate=False)
            return "question number 0 " in screen_text(app)

        await until(at_the_top, "the first message is read")
        assert most <= MOST
        assert f"{80 - MOST} later messages, scroll down" in str(ends(app))


async def test_what_is_read_stays_where_it_is_when_more_is_mounted(chat: Chat) -> None:
    """Reaching the top mounts earlier messages; the line being read does not jump."""
    fill(chat)
    app = chat.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(app)
        transcript = app.chat.transcript
        await until(lambda: transcript.max_scroll_y > 0 and not transcript._moving)
        await pilot.pause()
        first = transcript._first
        transcript.scroll_to(y=1, animate=False)
        read = transcript.views()[0].entry
        await until(lambda: transcript._first < first and not transcript._moving)
        await until(lambda: in_sight(app, read))


async def test_home_and_end_reach_both_ends_at_once(chat: Chat) -> None:
    """Home selects the first message, End follows the last again; a new answer comes in there."""
    fill(chat)
    app = chat.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(app)
        await pilot.press("shift+tab", "home")
        await until(lambda: "question number 0" in screen_text(app))
        assert app.chat.selected is app.chat.transcript.entries[0]
        await until(lambda: "later messages, scroll down" in str(ends(app)))
        await pilot.press("end")
        await until(lambda: "question number 149" in screen_text(app))
        await pilot.press("home")
        await until(lambda: "question number 0" in screen_text(app))
        app.chat.set_focus(app.chat.composer)
        await ask(pilot, "hello")
        await until(lambda: "Hello there, how can I help?" in screen_text(app))


async def test_up_and_down_walk_through_all_messages(chat: Chat) -> None:
    """Up from the last answer reaches messages that were not mounted."""
    fill(chat)
    app = chat.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(app)
        await pilot.press("shift+tab")
        await until(lambda: app.chat.selected is app.chat.transcript.entries[-1])
        for place in range(298, 270, -1):
            await pilot.press("up")
            wanted = app.chat.transcript.entries[place]
            await until(lambda: app.chat.selected is wanted, str(place))  # noqa: B023


def in_sight(app: ChatApp, entry: object) -> bool:
    """Say whether a message is mounted and stands within the view."""
    view = next((v for v in app.chat.transcript.views() if v.entry is entry), None)
    region = app.chat.transcript.region
    return view is not None and region.y <= view.region.y <= region.bottom


def ends(app: ChatApp) -> list[object]:
    """Return what the lines about unmounted messages say."""
    return [line.content for line in app.chat.transcript.query(".more")]  # type: ignore[attr-defined]


async def test_a_line_shows_where_the_model_no_longer_sees(chat: Chat) -> None:
    """A small window: the line stands above the oldest message that fits, and moves on."""
    chat.generator = FakeGenerator("word " * 60, context_length=400)
    app = chat.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        assert not app.chat.transcript.query(".-first-seen")
        for _ in range(5):
            await ask(pilot, "hello again")
        await until(lambda: app.chat.transcript.query(".-first-seen"))
        first = seen(app)
        assert first > 0
        await ask(pilot, "hello again")
        await until(lambda: seen(app) > first)
        app.chat.transcript.scroll_to_widget(
            app.chat.transcript.query_one(".-first-seen"), top=True, animate=False
        )
        await until(lambda: "the model no longer sees what stands above" in screen_text(app))


def seen(app: ChatApp) -> int:
    """Return the place of the message that the line stands above."""
    marked = app.chat.transcript.query_one(".-first-seen", MessageView)
    return app.chat.transcript.entries.index(marked.entry)


async def test_a_long_answer_that_is_followed_keeps_few_widgets(chat: Chat) -> None:
    """What scrolled out of sight is no widgets until the reader goes up; then it is all there."""
    paragraphs = [f"paragraph {n} with **bold** words" for n in range(45)]
    chat.generator = FakeGenerator("\n\n".join(paragraphs), context_length=4000, delay=0.01)
    app = chat.app()
    async with app.run_test(size=(100, 20)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        transcript = app.chat.transcript
        answer = transcript.answers()[-1]
        assert answer.folded
        assert len(answer.query("MarkdownParagraph")) < 40
        assert answer.size.height > 2 * len(paragraphs) - 10
        await until(lambda: "paragraph 44" in screen_text(app))
        transcript.scroll_home(animate=False)
        await until(lambda: len(answer.query("MarkdownParagraph")) == 45)
        assert not answer.folded
        await until(lambda: "paragraph 0 with bold words" in screen_text(app))
