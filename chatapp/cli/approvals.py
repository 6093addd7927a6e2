"""What a session without a person says when a tool asks for approval."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from chatapp.assistant.run import Decision


class _Rule(NamedTuple):
    tool: str
    decision: Decision


class Approvals:
    """Decisions that were made in advance, by glob of the tool's name; the latest one counts."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, tool: str, decision: Decision) -> None:
        """Decide for tools that match the glob `tool`; `once` counts for one call."""
        self._rules.insert(0, _Rule(tool, decision))

    def decide(self, tool: str) -> Decision | None:
        """Return what was decided for `tool`; None when nothing was."""
        for rule in self._rules:
            if fnmatchcase(tool, rule.tool):
                if rule.decision == "once":
                    self._rules.remove(rule)
                return rule.decision
        return None
