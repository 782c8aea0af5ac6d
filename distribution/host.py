"""A host in small: what it makes of a manifest, and a conversation with the server that it then starts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a server."""

    command: str
    arguments: list[str]
    environment: dict[str, str]


def start_of(directory: Path, given: Mapping[str, str | bool]) -> Start:
    """As the bundle's own manifest has it, with what a person filled in. The rules are those of the official tool:
    defaults count, truth is written in lower case, and what is unknown stays as it is."""
    manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text("utf-8"))
    values = {name: option["default"] for name, option in manifest["user_config"].items() if "default" in option}
    known = {f"user_config.{name}": _written(value) for name, value in {**values, **given}.items()}
    known["__dirname"] = str(directory)

    def filled(text: str) -> str:
        return re.sub(r"\$\{([^}]+)\}", lambda found: known.get(found[1], found[0]), text)

    config = manifest["server"]["mcp_config"]
    environment = {name: filled(value) for name, value in config["env"].items()}
    return Start(config["command"], [filled(argument) for argument in config["args"]], environment)


def _written(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def conversation(start: Start) -> tuple[str, list[str], str]:
    """Start it and ask one question; returns the server's version, its tools, and the answer."""
    return anyio.run(_converse, start)


async def _converse(start: Start) -> tuple[str, list[str], str]:
    parameters = StdioServerParameters(
        command=start.command, args=start.arguments, env=dict(os.environ) | start.environment
    )
    with anyio.fail_after(300):  # the first start fetches what is required
        async with Client(parameters) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            result = await client.call_tool("search_products", {"region": "US"})
            assert isinstance(result, CallToolResult)
            (text, *_) = [block.text for block in result.content if isinstance(block, TextContent)]
            version = client.server_info.version if client.server_info else ""
            return version, tools, text
