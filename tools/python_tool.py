"""The tool `python`: a program of the model's, behind the walls of `tools.python_sandbox`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tools.bubblewrap import Limits
from tools.protocol import Json, ToolContext, ToolOutput, Unavailable
from tools.python_sandbox import Outcome, run_python, why_unavailable

_OFF = Unavailable("it is switched off", "set tools.python = true.")


class Python:
    """Runs a program with no network, no files of the person's, and little time and memory."""

    name = "python"
    description = (
        "Run a Python program (standard library only; no network, no files of the person's) and "
        "return what it prints. The value of a last expression is printed too."
    )
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {"code": {"type": "string", "minLength": 1, "maxLength": 50_000}},
        "required": ["code"],
        "additionalProperties": False,
    }
    needs_approval = True

    def __init__(self, *, wanted: bool = True) -> None:
        """`wanted` is the person's own switch."""
        self._wanted = wanted

    def available(self) -> Unavailable | None:
        """It is where the person wants it and every wall of the sandbox holds."""
        if not self._wanted:
            return _OFF
        reason = why_unavailable()
        return Unavailable(reason.message, reason.hint) if reason else None

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`. A program that fails is a result too: the model reads its error."""
        limits = Limits(output_characters=context.limits.output_characters)
        # A little less than the call has, so that the outcome says what the program did.
        seconds = min(limits.wall_seconds, 0.9 * context.remaining())
        outcome = run_python(
            arguments["code"],
            dataclasses.replace(limits, wall_seconds=seconds),
            echo=True,
            stop=context.stop,
        )
        return ToolOutput(_in_words(outcome), "program", _as_json(outcome))


def _in_words(outcome: Outcome) -> str:
    parts = [outcome.stdout.rstrip("\n")] if outcome.stdout.strip() else []
    if outcome.stderr.strip():
        parts.append(outcome.stderr.rstrip("\n"))
    if outcome.limit:
        parts.append(f"[the program was ended: {outcome.limit}]")
    elif outcome.exit_code:
        parts.append(f"[exit code {outcome.exit_code}]")
    return "\n".join(parts) or "[the program printed nothing]"


def _as_json(outcome: Outcome) -> Json:
    return {
        "exit_code": outcome.exit_code,
        "limit": outcome.limit,
        "seconds": round(outcome.seconds, 3),
    }
