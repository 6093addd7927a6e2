"""What an `expect` finds wrong with the last answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Said:
    """The last answer, as an `expect` sees it; empty before the first one."""

    text: str = ""
    cites: int = 0
    grounding: str | None = None
    milliseconds: float = 0.0
    tools: Sequence[str] = field(default=())
    memories: Sequence[str] = field(default=())


def unmet(expected: Mapping[str, Any], said: Said) -> list[str]:
    """Return what of an `expect` the last answer does not meet, as sentences."""
    problems = (_CHECKS[key](value, said) for key, value in expected.items())
    return [problem for problem in problems if problem]


def _contains(wanted: str | list[str], said: Said) -> str:
    wanted = [wanted] if isinstance(wanted, str) else wanted
    missing = [text for text in wanted if text not in said.text]
    return f"the answer does not contain {missing[0]!r}" if missing else ""


def _regex(pattern: str, said: Said) -> str:
    return "" if re.search(pattern, said.text) else f"the answer has no match {pattern!r}"


def _equals(text: str, said: Said) -> str:
    return "" if said.text == text else f"the answer does not equal {text!r}"


def _cites(count: int, said: Said) -> str:
    return "" if said.cites >= count else f"{said.cites} citations, expected {count}"


def _grounding(wanted: str, said: Said) -> str:
    met = said.grounding == wanted
    return "" if met else f"the grounding is {said.grounding}, expected {wanted!r}"


def _grounded(wanted: bool, said: Said) -> str:
    met = (said.grounding == "grounded") is wanted
    return "" if met else f"the answer is{' not' if wanted else ''} grounded"


def _tool(name: str, said: Said) -> str:
    used = ", ".join(said.tools) or "none"
    return "" if name in said.tools else f"the tool {name!r} gave no result; used: {used}"


def _memory(words: str, said: Said) -> str:
    met = any(words in memory for memory in said.memories)
    return "" if met else f"no memory that was used holds {words!r}"


def _max_ms(limit: int, said: Said) -> str:
    took = round(said.milliseconds)
    return "" if said.milliseconds <= limit else f"the answer took {took} ms, expected {limit}"


_CHECKS: dict[str, Callable[[Any, Said], str]] = {
    "contains": _contains,
    "regex": _regex,
    "equals": _equals,
    "cites": _cites,
    "grounding": _grounding,
    "grounded": _grounded,
    "tool": _tool,
    "memory": _memory,
    "max_ms": _max_ms,
}
