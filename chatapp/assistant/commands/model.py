"""Commands about what answers: the model and how it chooses its words."""

from __future__ import annotations

from collections.abc import Mapping

from chatapp.assistant.commands.protocol import Argument, Command, Result, Session


def _model(session: Session, arguments: Mapping[str, str]) -> Result:
    assistant = session.assistant
    if arguments.get("name"):
        return Result(events=assistant.use_model(arguments["name"]))
    choices = assistant.models()
    chosen = assistant.options.model or choices[0].name
    lines = (
        f"{'*' if choice.name == chosen else ' '} {choice.name}: {choice.problem or choice.summary}"
        for choice in choices
    )
    return Result("\n".join(lines))


COMMANDS = (
    Command(
        "model",
        "Answer with another model from here on; alone, list the models.",
        _model,
        (Argument("name", "Name of a model.", required=False),),
    ),
)
