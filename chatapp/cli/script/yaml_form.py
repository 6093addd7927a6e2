"""Scripts in YAML: a list of operations, read with the types of JSON and the line of each item.

YAML's surprises are left out: `no` and `2026-01-01` are texts, numbers are decimal, and tags,
anchors and aliases (which make a small file grow without bound) are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from chatapp.cli.script.operations import ScriptError

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


class _Loader(yaml.SafeLoader):
    """Composes nodes and resolves no types: every plain scalar stays a text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ScriptError(event.start_mark.line + 1, "anchors and aliases are not used here")
        node: Node | None = super().compose_node(parent, index)
        return node


def items(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the line and the value of each item of the list in `text`.

    Raises:
        ScriptError: this is no YAML, no list, or uses what is left out here.
    """
    try:
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScriptError(line, f"this is no YAML ({error.problem})") from error
    except yaml.YAMLError as error:
        raise ScriptError(1, f"this is no YAML ({error})") from error
    if root is None:
        return
    if not isinstance(root, SequenceNode):
        raise ScriptError(_line(root), "a script is a list: start each operation with `- `")
    for node in root.value:
        yield _line(node), _value(node)


def _value(node: Node) -> Any:
    match node:
        case ScalarNode(tag="tag:yaml.org,2002:str", value=text, style=style):
            return text if style else _plain(node)
        case SequenceNode(tag="tag:yaml.org,2002:seq"):
            return [_value(item) for item in node.value]
        case MappingNode(tag="tag:yaml.org,2002:map"):
            return _mapping(node)
    raise ScriptError(_line(node), f"the tag {node.tag} is not used here")


def _mapping(node: MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise ScriptError(_line(key), "a key is a word")
        if key.value in found:
            raise ScriptError(_line(key), f"the key {key.value!r} stands twice in one object")
        found[key.value] = _value(value)
    return found


def _plain(node: ScalarNode) -> Any:
    text = node.value
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        try:
            return int(text)
        except ValueError as error:  # Python reads no more than some thousand digits
            problem = f"a number of {len(text)} digits; a text has quotation marks around it"
            raise ScriptError(_line(node), problem) from error
    return float(text) if _NUMBER.fullmatch(text) else text


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
