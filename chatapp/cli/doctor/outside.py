"""Checks of what the chat may reach: the Python tool, folders, remote models and MCP servers.

The thing to know: only what the person's settings name is contacted, and with short patience.
"""

from __future__ import annotations

from chatapp.cli.doctor.check import Check
from chatapp.settings import Remote, load_settings

_SHOWN = 6  # names of tools


def python_tool() -> Check:
    """The sandbox of the Python tool is safe here, or the tool is off."""
    if not load_settings().settings.tools.python:
        return Check("python tool", "ok", "switched off by the setting tools.python")
    from tools.python_sandbox import why_unavailable

    reason = why_unavailable()
    if reason is not None:
        return Check("python tool", "warn", f"off: {reason.message}", reason.hint)
    return Check("python tool", "ok", "every wall of its sandbox holds")


def folders() -> Check:
    """The folders that the tools may read are there."""
    from tools.safe_open import folder_of

    wanted = load_settings().settings.tools.folders
    missing = [folder for folder in wanted if folder_of(folder) is None]
    if missing:
        fix = "correct tools.folders in your settings, or make them."
        return Check("folders", "warn", f"not there: {', '.join(missing)}", fix)
    return Check("folders", "ok", f"tools may read: {', '.join(wanted) or 'none'}")


def remotes() -> list[Check]:
    """Each remote model of the settings answers."""
    configured = load_settings().settings.remotes
    return [_remote(name, remote) for name, remote in configured.items()]


def _remote(name: str, remote: Remote) -> Check:
    from chatapp.inference.remote import open_remote
    from chatapp.inference.remote_errors import RemoteError
    from retrieval.web.http import Patience

    try:
        model = open_remote(name, remote, Patience(connect=5, first=10, next=10))
    except RemoteError as error:
        return Check(f"remote {name}", "fail", error.message, error.hint)
    return Check(
        f"remote {name}",
        "ok",
        f"{remote.model} at {remote.base_url}, {model.context_length:,} tokens of context",
    )


def servers() -> list[Check]:
    """Each MCP server of the settings can be started or reached, and says what tools it has."""
    configured = load_settings().settings.mcp
    if not configured:
        return []
    from tools.mcp import McpServers

    mcp = McpServers(configured)
    try:
        tools = [tool.name for tool in mcp.connect()]
    finally:
        mcp.close()
    checks = []
    for name, server in configured.items():
        label = f"mcp {name}"
        if not server.enabled:
            checks.append(Check(label, "ok", "switched off"))
        elif name in mcp.problems:
            problem = mcp.problems[name]
            checks.append(Check(label, "fail", problem.reason, problem.fix))
        else:
            own = [tool.split("__")[-1] for tool in tools if tool.startswith(f"mcp__{name}__")]
            shown = ", ".join(own[:_SHOWN]) + (", …" if len(own) > _SHOWN else "")
            checks.append(Check(label, "ok", f"{len(own)} tools: {shown}"))
    return checks
