"""A real MCP server that behaves as its arguments say: `server.py [http PORT]`.

It is run as a process of its own by the tests of the client.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mcp.server.mcpserver import MCPServer

server = MCPServer("odd")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers.\x1b[2J\u202e"""
    return a + b


@server.tool()
def environment() -> str:
    """Say what can be seen of the environment."""
    return "\n".join(f"{name}={value}" for name, value in sorted(os.environ.items()))


@server.tool()
def refuse() -> str:
    """Fail with words."""
    raise ValueError("not today\x1b[31m")


@server.tool()
def hang() -> str:
    """Answer after an hour."""
    time.sleep(3600)
    return "late"


@server.tool()
def crash() -> str:
    """End the process at once."""
    print("the disk is on fire", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool()
def flood(megabytes: int) -> str:
    """Answer with a lot of text."""
    return "x" * (megabytes << 20)


@server.tool(name="bad name/" + "x" * 80)
def oddly_named() -> str:
    """Have a name that no API takes."""
    return "called"


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        server.run("streamable-http", port=int(sys.argv[2]))
    else:
        if sys.argv[1:2] == ["pid"]:
            Path(sys.argv[2]).write_text(str(os.getpid()))
        server.run("stdio")
