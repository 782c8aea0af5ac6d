"""The client of FastMCP, in both eras."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import checks
import mcp_types as types
from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport


class FastMcp(checks.Client):
    def __init__(self, client: Client) -> None:
        self._client = client
        session = client.session
        self.server = session.server_info.name
        self.version = str(session.protocol_version)
        self.capabilities = session.server_capabilities.model_dump(exclude_none=True)

    async def tools(self) -> list[dict[str, Any]]:
        listed = await self._client.list_tools()
        return [{"name": tool.name, "description": tool.description, "schema": tool.input_schema} for tool in listed]

    async def call(self, name: str, arguments: dict[str, Any]) -> checks.Told:
        seen: list[tuple[float, float | None]] = []

        async def told(done: float, of: float | None, _message: str | None) -> None:
            seen.append((done, of))

        result = await self._client.call_tool_mcp(name, arguments, progress_handler=told)
        text = "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
        return checks.Told(text, result.structured_content, bool(result.is_error), tuple(seen))

    async def cancelled(self, name: str, arguments: dict[str, Any], when: Callable[[], Awaitable[None]]) -> None:
        call = asyncio.create_task(self._client.call_tool_mcp(name, arguments))
        await when()
        call.cancel()
        try:
            await call
        except asyncio.CancelledError:
            return
        raise AssertionError("the call ended although it was cancelled")

    async def resources(self) -> list[str]:
        return [str(one.uri) for one in await self._client.list_resources()]

    async def templates(self) -> list[str]:
        return [one.uri_template for one in await self._client.list_resource_templates()]

    async def read(self, uri: str) -> str:
        (content,) = await self._client.read_resource(uri)
        assert isinstance(content, types.TextResourceContents)
        return content.text

    async def complete(self, reference: dict[str, str], name: str, value: str) -> list[str]:
        kind = types.PromptReference if reference["type"] == "ref/prompt" else types.ResourceTemplateReference
        completion = await self._client.complete(kind.model_validate(reference), {"name": name, "value": value})
        return list(completion.values)

    async def prompts(self) -> list[dict[str, Any]]:
        return [
            {
                "name": one.name,
                "arguments": [argument.name for argument in one.arguments or ()],
                "required": [argument.name for argument in one.arguments or () if argument.required],
            }
            for one in await self._client.list_prompts()
        ]

    async def prompt(self, name: str, arguments: dict[str, str]) -> list[str]:
        result = await self._client.get_prompt(name, arguments)
        return [message.content.text for message in result.messages if isinstance(message.content, types.TextContent)]


async def main() -> None:
    plan = checks.plan()
    if plan["transport"] == "stdio":
        command, *arguments = plan["command"]
        transport: Any = StdioTransport(command, arguments, env=plan["env"], keep_alive=False)
    else:
        transport = (SSETransport if plan["transport"] == "sse" else StreamableHttpTransport)(plan["url"])
    mode = "auto" if plan["era"] >= "2026" else "legacy"
    async with Client(transport, mode=mode) as client:
        await checks.run(FastMcp(client), plan["era"], plan["service"])


asyncio.run(main())
