"""A tool of a server, as one of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.mcp import naming
from tools.mcp.connection import Connection
from tools.protocol import Json, ToolContext, ToolError, ToolOutput, Unavailable

if TYPE_CHECKING:
    from mcp.types import CallToolResult


@dataclass(frozen=True)
class McpTool:
    """Calls `true_name` of a server. A person must agree: what it does is the server's affair."""

    connection: Connection
    true_name: str
    name: str
    description: str
    schema: Mapping[str, Json]
    needs_approval: bool = True

    def available(self) -> Unavailable | None:
        """It is: a server that ended is started again when it is called."""
        return None

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        result = self.connection.call(self.true_name, arguments, context)
        longest = 4 * context.limits.output_characters
        text = "\n".join(_in_words(block, longest) for block in result.content)
        if result.is_error:
            raise ToolError(text[:longest] or "The tool failed and did not say why.")
        return ToolOutput(text or "[no output]", "text", _structured(result))


def tools_of(connection: Connection) -> Iterable[McpTool]:
    """Yield the tools of a connected server; one whose schema cannot be used is left out."""
    for listed in connection.listed:
        schema = naming.schema(listed.input_schema)
        if schema is not None:
            yield McpTool(
                connection,
                listed.name,
                naming.tool_name(connection.name, listed.name),
                naming.description(connection.name, listed.description),
                schema,
            )


def _structured(result: CallToolResult) -> Json:
    try:
        return naming.clean(result.structured_content)
    except ValueError:
        return None


def _in_words(block: Any, longest: int) -> str:
    """Return one piece of a result as text; what is no text is named."""
    match block.type:
        case "text":
            return str(block.text[:longest])
        case "image" | "audio":
            return f"[{block.type}: {block.mime_type}, {len(block.data) * 3 // 4:,} bytes]"
        case "resource_link":
            return f"[link: {block.uri}]"
        case _:
            held = getattr(block.resource, "text", None)
            return str(held[:longest]) if held is not None else f"[data: {block.resource.uri}]"
