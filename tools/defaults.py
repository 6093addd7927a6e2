"""The tools that come with the app, made from the person's settings and what the app plugs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from tools.calculator import Calculator
from tools.clock import Clock
from tools.files import ListFiles, ReadFile, allowed
from tools.mcp import McpServers, ServerSettings
from tools.memory import MemoryAdd, MemorySearch, Remembers
from tools.python_tool import Python
from tools.registry import ToolRegistry
from tools.search_index import IndexSearch, Searchable
from tools.web import Web, WebOpen, WebSearch


class ToolSettings(Protocol):
    """What the tools need to know of the settings: the table `[tools]`."""

    @property
    def folders(self) -> tuple[str, ...]:
        """Return the folders whose files may be read."""
        ...

    @property
    def python(self) -> bool:
        """Say whether the person wants the Python tool."""
        ...


def default_tools(
    settings: ToolSettings,
    *,
    open_index: Callable[[], Searchable] | None = None,
    memory: Remembers | None = None,
    web: Web | None = None,
    servers: Mapping[str, ServerSettings] | None = None,
) -> ToolRegistry:
    """Return a registry of every tool; those that cannot be used here say why.

    Args:
        settings: the table `[tools]`.
        open_index: returns the index when a tool first needs it; called in any thread.
        memory: what remembers; None where memory is off.
        web: what searches the web; None where nothing does.
        servers: the tables `[mcp.servers.NAME]`; they are connected when they are first needed.
    """
    folders = allowed(settings.folders)
    search = WebSearch(web)
    return ToolRegistry(
        [
            Calculator(),
            Clock(),
            Python(wanted=settings.python),
            ListFiles(folders),
            ReadFile(folders),
            IndexSearch(open_index),
            MemorySearch(memory),
            MemoryAdd(memory),
            search,
            WebOpen(search, web),
        ],
        McpServers(servers) if servers else None,
    )
