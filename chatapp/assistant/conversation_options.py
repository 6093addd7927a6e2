"""What is set for one conversation, and how it goes before what is set for the session.

Kept as JSON in the conversation's row: a model, sampling fields, switches, the web, allowed tools.
A value of the wrong type (a row may come from an import) counts as not set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from chatapp.assistant.services import Options, WebUse
from chatapp.conversations import Conversation

SAMPLING: Mapping[str, tuple[type, ...]] = {
    "max_tokens": (int,),
    "temperature": (float, int),
    "top_k": (int,),
    "top_p": (float, int),
    "min_p": (float, int),
    "repetition_penalty": (float, int),
    "greedy": (bool,),
    "seed": (int, type(None)),
}
_SWITCHES = {
    "sources": "use_sources",
    "memory": "use_memory",
    "tools": "use_tools",
}
WEB: Mapping[str, WebUse] = {"on": "always", "off": "never", "ask": "ask"}
"""What `/web` is told, and keeps under `web`."""


def overlay(options: Options, conversation: Conversation) -> Options:
    """Return the options of a turn in this conversation."""
    own = conversation.options
    sampling = {
        name: own[name] for name, kinds in SAMPLING.items() if name in own and _is(own[name], kinds)
    }
    changes: dict[str, Any] = {
        field: own[name] for name, field in _SWITCHES.items() if isinstance(own.get(name), bool)
    }
    if changes.get("use_sources"):
        changes["needs_sources"] = True
    if isinstance(own.get("model"), str) and own["model"]:
        changes["model"] = own["model"]
    if isinstance(own.get("web"), str) and own["web"] in WEB:
        changes["web"] = WEB[own["web"]]
    if conversation.persona:
        changes["system"] = conversation.persona
    if conversation.private:
        changes["use_memory"] = False
    return dataclasses.replace(
        options,
        sampling=dataclasses.replace(options.sampling, **sampling),
        allow=(*options.allow, *allowed(conversation)),
        **changes,
    )


def settable(options: Options) -> dict[str, Any]:
    """Return the sampling fields and switches of `options`, by the names a conversation uses."""
    sampling = {name: getattr(options.sampling, name) for name in SAMPLING}
    return sampling | {name: getattr(options, field) for name, field in _SWITCHES.items()}


def with_settable(options: Options, values: Mapping[str, Any]) -> Options:
    """Return `options` with these sampling fields and switches."""
    sampling = {name: values[name] for name in SAMPLING if name in values}
    switches = {field: values[name] for name, field in _SWITCHES.items() if name in values}
    return dataclasses.replace(
        options, sampling=dataclasses.replace(options.sampling, **sampling), **switches
    )


def allowed(conversation: Conversation) -> list[str]:
    """Return the globs of tools that run in this conversation without asking."""
    globs = conversation.options.get("allow", [])
    return [glob for glob in globs if isinstance(glob, str)] if isinstance(globs, list) else []


def _is(value: object, kinds: tuple[type, ...]) -> bool:
    return type(value) in kinds  # not isinstance: True is no number of tokens
