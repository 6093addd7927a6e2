"""Keys, help, palette, footer and themes: all from the registry, all the person's to change."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest
from textual.color import Color
from textual.command import CommandPalette
from textual.dom import DOMNode

import chatapp.tui
from chatapp.assistant.commands import COMMANDS
from chatapp.settings import SettingsError, load_settings
from chatapp.tui import craft_actions
from chatapp.tui.help import help_groups
from chatapp.tui.keymap import keymap_path, load_keymap
from chatapp.tui.keys import PLACES, all_bindings
from chatapp.tui.screens.prompt import PromptScreen
from chatapp.tui.screens.search import SearchScreen
from chatapp.tui.theme import CONTRAST
from tests.tui.conftest import Chat, ask, ready, screen_text, until


def keymap(text: str) -> dict[str, str]:
    """Return the key map that a file with this text makes."""
    path = keymap_path()
    path.write_text(text, encoding="utf-8")
    return load_keymap(path)


async def test_a_key_of_the_persons_own_takes_the_place_of_ours(chat: Chat) -> None:
    """`search = "ctrl+k"`: Ctrl+K searches, Ctrl+F does not, help and footer show the new key."""
    own = keymap('[chat]\nsearch = "ctrl+k"\n')
    app = chat.app(keymap=own)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await until(lambda: "Ctrl+K Search" in screen_text(app), "the footer shows the new key")
        await pilot.press("ctrl+f")
        assert app.screen is app.chat
        await pilot.press("ctrl+k")
        await until(lambda: isinstance(app.screen, SearchScreen))
        await pilot.press("escape", "f1")
        await until(lambda: "Search all conversations" in screen_text(app))
        row = next(line for line in screen_text(app).splitlines() if "Search all conv" in line)
        assert "Ctrl+K" in row


@pytest.mark.parametrize(
    ("text", "said", "fix"),
    [
        ("[chat]\nserch = 'f5'", "no binding 'chat.serch'", "'chat.search'"),
        ("[chat]\nsearch = 'ctrl+entr'", "no key 'ctrl+entr'", "did you mean 'enter'"),
        ("[chat]\nsearch = 'hold+k'", "'hold' is no modifier", "ctrl"),
        ("[chat]\nsearch = 'ctrl+n'", "would mean both", "another key"),
        ("[chat]\nnew = 'ctrl+q'", "would mean both", "another key"),
        ("[chat]\nsearch = ''", "'chat.search' has no key", "ctrl+k"),
        ("[chat]\nsearch = 5", "'chat.search' has no key", "ctrl+k"),
        ("[chat\n", "cannot be read", "correct"),
    ],
)
def test_a_mistake_in_the_key_map_is_named_with_its_fix(text: str, said: str, fix: str) -> None:
    """Unknown names, unknown keys, no key, one key for two actions: nothing is ignored."""
    with pytest.raises(SettingsError) as caught:
        keymap(text)
    assert str(keymap_path()) in caught.value.message
    assert said in caught.value.message
    assert fix in caught.value.hint


def test_two_actions_can_exchange_their_keys() -> None:
    """A key is free when the action that had it gets another one."""
    own = keymap('[chat]\nsearch = "ctrl+n"\nnew = "Ctrl+F, ?"\n')
    assert own == {"chat.search": "ctrl+n", "chat.new": "ctrl+f,question_mark"}


def test_a_dialog_can_use_a_key_of_the_screen_below_but_not_of_the_app() -> None:
    """Ctrl+F means nothing while a dialog is open, so it is free there; Ctrl+Q quits anywhere."""
    assert keymap('[memory]\nsearch = "ctrl+f"\n') == {"memory.search": "ctrl+f"}
    with pytest.raises(SettingsError):
        keymap('[memory]\nsearch = "ctrl+q"\n')


def test_the_file_that_keys_writes_is_a_valid_key_map(chatapp_home: Path) -> None:
    """Every line of it can be switched on and changes nothing."""
    craft_actions.write_keys(keymap_path())
    text = keymap_path().read_text(encoding="utf-8")
    assert load_keymap(keymap_path()) == {}
    own = keymap(text.split("\n\n", 1)[1].replace("# ", "", 1).replace("\n# ", "\n"))
    assert own["chat.search"] == "ctrl+f"
    assert len(own) == len({binding.id for _, binding in all_bindings() if binding.id})


def test_every_binding_has_a_place_in_the_help_and_an_id() -> None:
    """No screen or widget binds keys that the help and the key map do not know."""
    placed = {name for place in PLACES for name in place.classes}
    found = set()
    for module in pkgutil.walk_packages(chatapp.tui.__path__, "chatapp.tui."):
        for kind in vars(importlib.import_module(module.name)).values():
            is_ours = isinstance(kind, type) and kind.__module__ == module.name
            if is_ours and issubclass(kind, DOMNode) and "BINDINGS" in vars(kind):
                found.add(f"{module.name.removeprefix('chatapp.tui.')}:{kind.__name__}")
    assert found == placed
    assert [binding for _, binding in all_bindings() if not binding.id] == []


async def test_the_palette_lists_every_command_and_asks_for_what_it_needs(chat: Chat) -> None:
    """/remember needs a text: the palette asks for it and the registry's command runs."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        names = {command.title.lower() for command in app.get_system_commands(app.screen)}
        assert {command.name for command in COMMANDS} <= names
        await pilot.press("ctrl+p")
        await until(lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"calc")
        await until(lambda: "Calculate" in screen_text(app))
        await pilot.press("down", "enter")
        await until(lambda: isinstance(app.screen, PromptScreen))
        await pilot.press(*"6*7", "enter")
        await until(lambda: "42" in screen_text(app))


async def test_the_footer_shows_the_keys_of_what_has_the_focus(chat: Chat) -> None:
    """While typing: Enter sends. On an answer: Enter opens its source. F1 is there at any width.

    An answer without sources or steps offers neither.
    """
    app = chat.app()
    async with app.run_test(size=(90, 30)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await ask(pilot, "Who painted the Mona Lisa?")
        footer = lambda: screen_text(app).splitlines()[-1]  # noqa: E731
        assert "Enter Send" in footer()
        assert footer().rstrip().endswith("F1 Help")
        await pilot.press("shift+tab")
        await until(lambda: "Enter Source" in footer(), "the answer's keys")
        assert "b Steps" in footer()
        assert "Enter Send" not in footer()
        await pilot.press("up", "up")
        await until(lambda: "+ Good" in footer() and "Source" not in footer(), "its own keys")
        assert "Steps" not in footer()
        await pilot.resize_terminal(40, 30)
        await until(lambda: footer().rstrip().endswith("F1 Help") and len(footer()) == 40)


async def test_a_small_terminal_has_room_for_what_matters(chat: Chat) -> None:
    """60 by 15: the answer, the input and the state are on the screen; nothing runs over."""
    app = chat.app()
    async with app.run_test(size=(60, 15)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        lines = screen_text(app).splitlines()
        assert any("Hello there" in line for line in lines)
        assert any("Ask anything" in line for line in lines)
        assert "fake" in lines[-1]


async def test_the_theme_can_be_chosen_by_name(chat: Chat) -> None:
    """/theme NAME changes the colours at once; a wrong name is answered with a hint."""
    app = chat.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        for name in ("chatapp-light", "chatapp-contrast", "chatapp-ansi"):
            app.chat.composer.insert(f"/theme {name}")
            await pilot.press("enter")
            await until(lambda name=name: app.theme == name)
        app.chat.composer.insert("/theme beige")
        await pilot.press("enter")
        await until(lambda: "There is no theme beige" in screen_text(app))
        await until(lambda: load_settings().settings.ui.theme == "chatapp-ansi", "it is kept")


def test_the_contrast_theme_keeps_its_promise() -> None:
    """Every colour of text has a contrast of 7 to 1 or more on every ground (WCAG AAA)."""
    inks = [CONTRAST.foreground, CONTRAST.accent, CONTRAST.success, CONTRAST.warning]
    inks += [CONTRAST.error, CONTRAST.variables["text-muted"]]
    for ground in (CONTRAST.background, CONTRAST.surface, CONTRAST.panel):
        for ink in inks:
            assert contrast(str(ink), str(ground)) >= 7, (ink, ground)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it."""
    bright, dark = sorted((luminance(Color.parse(c)) for c in (first, second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    parts = [c / 255 for c in color.rgb]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_help_shows_the_keys_in_force() -> None:
    """What the key map changes stands in the help as changed."""
    rows = [row for _, rows in help_groups({"chat.search": "f9"}) for row in rows]
    assert ("F9", "Search all conversations") in rows
