"""What a server says of its tools, as chatapp may show it to a model and a person."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from retrieval.text import sanitize_text
from tools.protocol import Json

LONGEST_NAME = 64  # what OpenAI's API and chat templates take
LONGEST_DESCRIPTION = 1_000  # characters
LONGEST_SCHEMA = 40_000  # characters of JSON
_DEEPEST = 32


def tool_name(server: str, tool: str) -> str:
    """Return `mcp__server__tool` with letters, digits, `_` and `-` alone, at most 64 of them.

    Where something had to go, a mark of the true name keeps two tools apart.
    """
    true = f"mcp__{server}__{tool}"
    name = re.sub(r"[^A-Za-z0-9_-]", "_", true)
    if name == true and len(name) <= LONGEST_NAME:
        return name
    mark = hashlib.sha256(true.encode("utf-8", "replace")).hexdigest()[:6]
    return f"{name[: LONGEST_NAME - 7]}_{mark}"


def description(server: str, text: str | None) -> str:
    """Return a tool's description on one line, with the server that claims it."""
    claimed = " ".join(sanitize_text((text or "")[: 4 * LONGEST_DESCRIPTION]).split())
    return f"{claimed[:LONGEST_DESCRIPTION]} (MCP server {server})".lstrip()


def schema(value: Json) -> dict[str, Json] | None:
    """Return a tool's schema with clean text in it; None when it is none, or too large."""
    if not isinstance(value, Mapping):
        return None
    try:
        if len(json.dumps(value)) > LONGEST_SCHEMA:
            return None
        cleaned = clean(value)
    except (RecursionError, TypeError, ValueError):
        return None
    assert isinstance(cleaned, dict)
    return {**cleaned, "type": "object"}


def clean(value: Json, depth: int = _DEEPEST) -> Json:
    """Return a JSON value without characters that act or hide. Raises ValueError: too deep."""
    if depth == 0:
        raise ValueError(f"nested more than {_DEEPEST} deep")
    if isinstance(value, str):
        return sanitize_text(value)
    if isinstance(value, Mapping):
        return {sanitize_text(str(key)): clean(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item, depth - 1) for item in value]
    return value
