"""Tables that a person names: `[mcp.servers.NAME]` and `[remotes.NAME]`.

The thing to know: a key of somebody else's service is never written into a settings file; the file
names the environment variable that holds it (`api_key_env`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chatapp.settings.keys import Key, keys_of, setting


@dataclass(frozen=True)
class McpServer:
    """A server of the Model Context Protocol: a program to start (`command`), or an address."""

    command: str = setting("", "Program that is the server.")
    args: tuple[str, ...] = setting((), "Arguments of the program.")
    env: Mapping[str, str] = setting({}, "Environment variables of the program.", secret=True)
    url: str = setting("", "Address of the server.", check="url")
    headers: Mapping[str, str] = setting({}, "Headers sent to the address.", secret=True)
    api_key_env: str = setting(
        "", "Name of the environment variable that holds the key.", check="variable"
    )
    enabled: bool = setting(True, "Whether the server is used.")
    seconds: float = setting(15.0, "Longest time to connect.", low=0.1, high=600)


@dataclass(frozen=True)
class Remote:
    """A model behind an API like OpenAI's."""

    base_url: str = setting(
        "", "Address of the API, such as http://localhost:8000/v1.", check="url"
    )
    model: str = setting("", "Name of the model there.")
    api_key_env: str = setting(
        "", "Name of the environment variable that holds the key.", check="variable"
    )


@dataclass(frozen=True)
class Table:
    """One kind of named tables: where they stand, what is in one, and what must be."""

    prefix: str
    kind: type
    missing: Callable[[Any], str]
    keys: Mapping[str, Key]


def _missing_in_server(server: McpServer) -> str:
    if bool(server.command) == bool(server.url):
        return "give either 'command' (a program) or 'url' (an address)."
    if server.url and (server.args or server.env):
        return "'args' and 'env' belong to a 'command'; a 'url' has 'headers' and 'api_key_env'."
    if server.command and (server.headers or server.api_key_env):
        return "'headers' and 'api_key_env' belong to a 'url'; a 'command' has 'args' and 'env'."
    return ""


def _missing_in_remote(remote: Remote) -> str:
    wanted = [name for name in ("base_url", "model") if not getattr(remote, name)]
    return f"give {' and '.join(map(repr, wanted))} too." if wanted else ""


def _table(prefix: str, kind: type, missing: Callable[[Any], str]) -> Table:
    return Table(prefix, kind, missing, {key.name: key for key in keys_of(kind)})


# by the field of `Settings` that holds them
TABLES: dict[str, Table] = {
    "mcp": _table("mcp.servers", McpServer, _missing_in_server),
    "remotes": _table("remotes", Remote, _missing_in_remote),
}
