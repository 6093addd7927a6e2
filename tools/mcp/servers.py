"""All servers of the settings: connected side by side, listed as tools, and closed together."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping

from tools.mcp.connection import Connection, ServerSettings
from tools.mcp.tool import McpTool, tools_of
from tools.protocol import Unavailable

MISSING = Unavailable(
    "MCP servers need the package mcp",
    "in the repository of chatapp, type .venv/bin/pip install -e '.[mcp]'",
)


class McpServers:
    """The servers that are switched on. `connect` first; `close` ends their programs.

    `problems` says for each server that cannot be used why, and what to do.
    """

    def __init__(self, servers: Mapping[str, ServerSettings]) -> None:
        """Connect nothing yet."""
        wanted = {name: each for name, each in servers.items() if each.enabled}
        self.problems: dict[str, Unavailable] = {}
        self._patience = max((each.seconds for each in wanted.values()), default=0.0)
        self._connections: list[Connection] = []
        if importlib.util.find_spec("mcp") is None:
            self.problems = dict.fromkeys(wanted, MISSING)
        else:
            self._connections = [Connection(name, each) for name, each in wanted.items()]

    def connect(self) -> list[McpTool]:
        """Connect all servers at once and return their tools, in the order of the settings.

        Takes as long as the slowest server may; never raises.
        """
        for connection in self._connections:
            connection.start()
        deadline = time.monotonic() + self._patience + 1  # each gives up by itself before this
        tools: dict[str, McpTool] = {}
        for connection in self._connections:
            if connection.wait(max(0.0, deadline - time.monotonic())):
                tools |= {tool.name: tool for tool in tools_of(connection)}
            else:
                self.problems[connection.name] = Unavailable(
                    connection.problem, f"correct [mcp.servers.{connection.name}]."
                )
        return list(tools.values())

    def close(self) -> None:
        """End every session and every program."""
        for connection in self._connections:
            connection.ask_to_close()
        for connection in self._connections:
            connection.close()
