"""The Python SDK's 1.x client (the older era only), as most Python hosts still use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
import checks
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import AnyUrl


class Sdk(checks.Client):
    def __init__(self, session: ClientSession, opened: types.InitializeResult) -> None:
        self._session = session
        self.server = opened.serverInfo.name
        self.version = str(opened.protocolVersion)
        self.capabilities = opened.capabilities.model_dump(exclude_none=True)

    async def tools(self) -> list[dict[str, Any]]:
        listed = (await self._session.list_tools()).tools
        return [{"name": tool.name, "description": tool.description, "schema": tool.inputSchema} for tool in listed]

    async def call(self, name: str, arguments: dict[str, Any]) -> checks.Told:
        seen: list[tuple[float, float | None]] = []

        async def told(done: float, of: float | None, _message: str | None) -> None:
            seen.append((done, of))

        result = await self._session.call_tool(name, arguments, progress_callback=told)
        text = "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
        return checks.Told(text, result.structuredContent, bool(result.isError), tuple(seen))

    async def cancelled(self, name: str, arguments: dict[str, Any], when: Callable[[], Awaitable[None]]) -> None:
        # This SDK cancels nothing by itself: the notification is the caller's, and so is the request's number.
        number = self._session._request_id
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._session.call_tool, name, arguments)
            await when()
            params = types.CancelledNotificationParams(requestId=number, reason="changed my mind")
            notification = types.CancelledNotification(method="notifications/cancelled", params=params)
            await self._session.send_notification(types.ClientNotification(notification))
            tasks.cancel_scope.cancel()

    async def resources(self) -> list[str]:
        return [str(one.uri) for one in (await self._session.list_resources()).resources]

    async def templates(self) -> list[str]:
        return [one.uriTemplate for one in (await self._session.list_resource_templates()).resourceTemplates]

    async def read(self, uri: str) -> str:
        (content,) = (await self._session.read_resource(AnyUrl(uri))).contents
        assert isinstance(content, types.TextResourceContents)
        return content.text

    async def complete(self, reference: dict[str, str], name: str, value: str) -> list[str]:
        kind = types.PromptReference if reference["type"] == "ref/prompt" else types.ResourceTemplateReference
        result = await self._session.complete(kind.model_validate(reference), {"name": name, "value": value})
        return list(result.completion.values)

    async def prompts(self) -> list[dict[str, Any]]:
        return [
            {
                "name": one.name,
                "arguments": [argument.name for argument in one.arguments or ()],
                "required": [argument.name for argument in one.arguments or () if argument.required],
            }
            for one in (await self._session.list_prompts()).prompts
        ]

    async def prompt(self, name: str, arguments: dict[str, str]) -> list[str]:
        result = await self._session.get_prompt(name, arguments)
        return [message.content.text for message in result.messages if isinstance(message.content, types.TextContent)]


async def main() -> None:
    plan = checks.plan()
    async with AsyncExitStack() as stack:
        if plan["transport"] == "stdio":
            command, *arguments = plan["command"]
            parameters = StdioServerParameters(command=command, args=arguments, env=plan["env"])
            streams = await stack.enter_async_context(stdio_client(parameters))
        elif plan["transport"] == "sse":
            streams = await stack.enter_async_context(sse_client(plan["url"]))
        else:
            streams = await stack.enter_async_context(streamable_http_client(plan["url"]))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        opened = await session.initialize()
        await checks.run(Sdk(session, opened), plan["era"], plan["service"])


anyio.run(main)
