"""The floor of a cached call: SDK tools that look nothing up and compute nothing.

`constant` gives a finished result, made once: the very text and structured content that this server answers, so that
both sides put the same bytes on the wire and the difference is what the server itself does for a kept answer (reading
the arguments, the look-up, the wording of age and credits). `constant_text` gives the text alone, the least that an
SDK tool can do; it is shown beside, not compared, because a client that reads the other form would get nothing.

The result comes as JSON in the file named by BENCH_CONSTANT.
"""

from __future__ import annotations

import os
from pathlib import Path

from mcp.server import MCPServer
from mcp_types import CallToolResult, TextContent

server = MCPServer("constant", log_level="WARNING")
RESULT = CallToolResult.model_validate_json(Path(os.environ["BENCH_CONSTANT"]).read_bytes())
assert isinstance(RESULT.content[0], TextContent)
TEXT = RESULT.content[0].text


@server.tool(name="constant")
async def constant(region: str, page_num: int = 1) -> CallToolResult:  # noqa: ARG001
    """Give the same result each time."""
    return RESULT


@server.tool(name="constant_text", structured_output=False)
async def constant_text(region: str, page_num: int = 1) -> str:  # noqa: ARG001
    """Give the same text each time."""
    return TEXT


if __name__ == "__main__":
    server.run()
