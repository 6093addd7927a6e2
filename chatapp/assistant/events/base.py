"""What all events are: frozen dataclasses with a wire name and a flat JSON form. No I/O."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

FinishReason = Literal["stop", "length", "interrupted", "error"]
Grounding = Literal[
    "grounded", "partly", "model", "written", "memory", "tool", "worked_out", "not_found"
]
"""What an answer rests on.

`grounded`: every sentence is a quote or carries one; `partly`: some do; `model`: the model alone;
`written`: a reply that was written beforehand, no source;
`memory`: what the person told; `tool`: what a tool computed or fetched; `worked_out`: steps that
a solver made of the person's words, computed by a tool; `not_found`: nothing.
"""


@dataclass(frozen=True)
class Event:
    """Base of all events; `type` is the wire name."""

    type: ClassVar[str]

    def payload(self) -> dict[str, Any]:
        """Return the event as a JSON-ready dict, `type` first."""
        return {"type": self.type, **dataclasses.asdict(self)}
