"""What the help screen lists, gathered from the bindings and the command registry."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import BindingType

from chatapp.tui.actions import command_rows
from chatapp.tui.screens.chat import ChatScreen
from chatapp.tui.screens.help import Group, binding_rows
from chatapp.tui.widgets.answer import Answer
from chatapp.tui.widgets.composer import Composer
from chatapp.tui.widgets.conversation_options import ConversationOptions


def help_groups(app_bindings: Iterable[BindingType]) -> list[Group]:
    """Return the groups of the help screen, most used first."""
    return [
        ("While typing", binding_rows(Composer.BINDINGS)),
        ("Anywhere", binding_rows([*ChatScreen.BINDINGS, *app_bindings])),
        ("On an answer (Shift+Tab or click)", binding_rows(Answer.BINDINGS)),
        ("Commands", command_rows()),
        ("In the list of conversations", binding_rows(ConversationOptions.BINDINGS)),
    ]
