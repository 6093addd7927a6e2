"""The command that says whether this conversation may use the web."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.commands.protocol import Argument, Command, CommandError, Result, Session
from chatapp.assistant.conversation_options import WEB
from chatapp.assistant.services import WebUse

_SAID: Mapping[WebUse, str] = {
    "always": "The web may be asked in this conversation, without asking you. Where private text "
    "stands in it, each query is still shown to you first.",
    "never": "The web is not used in this conversation.",
    "ask": "You are asked before the web is used for the first time in this conversation.",
}
_NOT_AT_ALL = "The web is switched off for this session."


def _web(session: Session, arguments: Mapping[str, str]) -> Result:
    assistant = session.assistant
    wanted = arguments.get("use", "").lower()
    if wanted and wanted not in WEB:
        raise CommandError(f"Say {', '.join(WEB)}, or nothing to see how it is set.")
    if wanted:
        if session.conversation is None:
            session.conversation = assistant.store.create().id
        assistant.configure(session.conversation, web=wanted)
    options = assistant.options_of(session.conversation)
    return Result(_SAID[options.web] if options.use_web else _NOT_AT_ALL)


COMMANDS = (
    Command(
        "web",
        "Let this conversation use the web: on, off or ask; alone, say how it is set.",
        _web,
        (Argument("use", "on, off or ask.", required=False),),
    ),
)
