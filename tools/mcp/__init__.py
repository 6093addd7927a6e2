"""Tools of other programs, over the Model Context Protocol (https://modelcontextprotocol.io).

The thing to know: nothing a server sends is trusted. Names, descriptions, schemas and results are
cleaned and cut, a server has a thread and an event loop of its own, and one that crashes, hangs
or floods costs its own tools only. Needs the extra `[mcp]`.
"""

from tools.mcp.connection import ServerSettings
from tools.mcp.servers import McpServers

__all__ = ["McpServers", "ServerSettings"]
