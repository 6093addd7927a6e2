"""ChatGPT's data export (`conversations.json`) in our JSON form.

An export is a list of conversations; each has a `mapping` of nodes with parent and message. Nodes
without words (the hidden root, system settings) are left out and their children move up. Ids are
derived from ChatGPT's, so that a later export of the same account adds only what is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chatapp.conversations.exchange.checked import ImportFailed
from chatapp.conversations.exchange.json_form import FORMAT, FORMAT_VERSION
from chatapp.conversations.ids import derived_id, timestamp

_TEXTS = ("text", "multimodal_text", "code", "execution_output", "tether_quote")
_STATUSES = {"finished_successfully": "complete", "in_progress": "interrupted"}


def is_chatgpt(value: Any) -> bool:
    """Return whether this looks like one conversation of ChatGPT's export."""
    return isinstance(value, Mapping) and isinstance(value.get("mapping"), Mapping)


def to_form(exported: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return the conversation in our JSON form. Raises ImportFailed."""
    nodes = exported["mapping"]
    began = _moment(exported.get("create_time"), datetime(2022, 11, 30, tzinfo=UTC))
    kept = {name: node for name, node in nodes.items() if _is_said(node)}
    messages = [_message(name, node, nodes, kept, began) for name, node in kept.items()]
    messages.sort(key=lambda message: (message["created_at"], message["id"]))
    name = str(exported.get("conversation_id") or exported.get("id") or "")
    if not name:
        raise ImportFailed(f"{place} has no id")
    tip = _kept_ancestor(exported.get("current_node"), nodes, kept)
    return {
        "format": FORMAT,
        "v": FORMAT_VERSION,
        "conversation": {
            "id": derived_id(began, name),
            "title": str(exported.get("title") or "ChatGPT"),
            "created_at": timestamp(began),
            "updated_at": timestamp(_moment(exported.get("update_time"), began)),
            "archived": exported.get("is_archived") is True,
            "tip": tip and _id(kept[tip], tip, began),
        },
        "messages": messages,
    }


def _message(
    name: str,
    node: Mapping[str, Any],
    nodes: Mapping[str, Any],
    kept: Mapping[str, Any],
    began: datetime,
) -> dict[str, Any]:
    said = node["message"]
    metadata = said.get("metadata") or {}
    role = said["author"]["role"]
    parent = _kept_ancestor(node.get("parent"), nodes, kept)
    return {
        "id": _id(node, name, began),
        "parent_id": parent and _id(kept[parent], parent, began),
        "role": role,
        "text": _text(said["content"]),
        "status": _STATUSES.get(str(said.get("status")), "complete"),
        "created_at": timestamp(_moment(said.get("create_time"), began)),
        "finish_reason": "stop" if role == "assistant" else "",
        "model": str(metadata.get("model_slug") or ""),
        "parts": [
            {"kind": "attachment", "data": {"name": str(file.get("name", "file"))}}
            for file in metadata.get("attachments") or []
            if isinstance(file, Mapping)
        ],
    }


def _is_said(node: Any) -> bool:
    """Return whether a node holds words that were shown to the person."""
    said = node.get("message") if isinstance(node, Mapping) else None
    if not isinstance(said, Mapping) or not isinstance(said.get("content"), Mapping):
        return False
    role = (said.get("author") or {}).get("role")
    hidden = (said.get("metadata") or {}).get("is_visually_hidden_from_conversation")
    return (
        role in ("user", "assistant", "system", "tool")
        and not hidden
        and bool(_text(said["content"]).strip())
    )


def _text(content: Mapping[str, Any]) -> str:
    """Return the words of a message; pictures and recordings are named in brackets."""
    if content.get("content_type") not in _TEXTS:
        return ""
    if isinstance(content.get("text"), str):
        fence = "```" if content["content_type"] in ("code", "execution_output") else ""
        return f"{fence}\n{content['text']}\n{fence}" if fence else str(content["text"])
    pieces = [
        part if isinstance(part, str) else f"[{_kind(part)}]" for part in content.get("parts") or []
    ]
    return "\n\n".join(piece for piece in pieces if piece)


def _kind(part: Any) -> str:
    kind = part.get("content_type", "") if isinstance(part, Mapping) else ""
    return {"image_asset_pointer": "image", "audio_asset_pointer": "audio"}.get(kind, "attachment")


def _kept_ancestor(name: Any, nodes: Mapping[str, Any], kept: Mapping[str, Any]) -> str | None:
    """Return the nearest node from `name` upwards that was kept; None at the root."""
    seen: set[str] = set()
    while isinstance(name, str) and name not in kept:
        if name in seen or not isinstance(nodes.get(name), Mapping):
            return None
        seen.add(name)
        name = nodes[name].get("parent")
    return name if isinstance(name, str) else None


def _id(node: Mapping[str, Any], name: str, began: datetime) -> str:
    return derived_id(_moment(node["message"].get("create_time"), began), name)


def _moment(seconds: Any, otherwise: datetime) -> datetime:
    """Return a time given as seconds since 1970, in UTC."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return otherwise
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise
