"""The tool `calculator`: one expression in, its value out."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tools.calculator.evaluate import evaluate
from tools.calculator.output import as_json, in_words
from tools.protocol import Json, OutputKind, ToolContext, ToolOutput, Unavailable


class Calculator:
    """Calculates; needs nobody's approval, for it can reach nothing."""

    name = "calculator"
    description = (
        "Calculate exactly: arithmetic such as 2 * (3 + 4)^2, fractions, percentages such as "
        "15% of 80, times such as 3 h 20 min * 2, and dates such as 2026-12-24 - today."
    )
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {"expression": {"type": "string"}},
        "required": ["expression"],
        "additionalProperties": False,
    }
    needs_approval = False

    def available(self) -> Unavailable | None:
        """It always is."""
        return None

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        value = evaluate(arguments["expression"], context.clock())
        kind: OutputKind = "number" if isinstance(value, Fraction | float) else "time"
        return ToolOutput(in_words(value), kind, as_json(value))
