"""Agent-side checks without a model: each mistake gets an answer that leads to success in one more call."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, TextContent

from quality.interop import processes
from quality.interop.foreign import LEGACY, MODERN
from quality.interop.judge import Check, Row
from quality.interop.mistakes import ID, MISTAKES, ROUNDED_ID, Arguments, Mistake

_SECONDS: Final = 60
_MODES: Final[dict[str, Literal["legacy", "auto"]]] = {LEGACY: "legacy", MODERN: "auto"}


def rows() -> Iterator[Row]:
    with processes.service() as service:
        for era in _MODES:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
                checks = anyio.run(_play, era, processes.settings(service, Path(home)))
            yield Row("Transcript of models' mistakes", "stdio", era, tuple(checks))


async def _play(era: str, env: dict[str, str]) -> list[Check]:
    parameters = StdioServerParameters(command=processes.KEYAPI_MCP, env=env)
    async with Client(stdio_client(parameters), mode=_MODES[era]) as client:
        product = await _shown(client)
        return [await _judged(client, mistake, product) for mistake in MISTAKES]


async def _shown(client: Client) -> str:
    """The id of a product that is now in the store, one that rounding changes."""
    result = await client.call_tool("search_products", {"region": "US"})
    assert isinstance(result, CallToolResult)
    content = result.structured_content or {}
    position = content["columns"].index("product_id")
    return next(str(row[position]) for row in content["rows"] if _rounded(row[position]) != int(row[position]))


def _rounded(product: str) -> int:
    return int(float(product))


async def _judged(client: Client, mistake: Mistake, product: str) -> Check:
    try:
        with anyio.fail_after(_SECONDS):
            await _converse(client, mistake, product)
    except (AssertionError, TimeoutError) as error:
        return Check(mistake.name, False, str(error).replace("\n", " ") or "no answer in time")
    return Check(mistake.name, True)


async def _converse(client: Client, mistake: Mistake, product: str) -> None:
    text, is_error = await _call(client, mistake.tool, filled(mistake.wrong, product))
    if mistake.names is None:
        assert not is_error, f"it is refused: {text}"
        assert mistake.shows in text.splitlines()[0], f"it is understood as: {text.splitlines()[0]}"
        return
    assert is_error, f"it is answered: {text.splitlines()[0]}"
    for name in mistake.names:
        assert name in text, f"{name!r} is not said: {text}"
    learnt = re.search(mistake.learnt, text)
    assert learnt, f"{mistake.learnt!r} is not in the answer: {text}"
    then = filled(mistake.then or {}, product, learnt.groups())
    tool = mistake.then_tool or mistake.tool
    again, is_error = await _call(client, tool, then)
    assert not is_error, f"then {tool} {then} is refused: {again}"
    shows = product if mistake.shows == ID else mistake.shows
    assert shows in "\n".join(again.splitlines()[:2]), f"then {tool} {then} shows: {again.splitlines()[0]}"


def filled(arguments: Arguments, product: str, learnt: tuple[str, ...] = ()) -> Arguments:
    """The arguments with the product's id and with what the answer has taught."""

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(one) for one in value]
        if value == ROUNDED_ID:
            return _rounded(product)
        if not isinstance(value, str):
            return value
        for number, group in enumerate(learnt, 1):
            value = value.replace(f"{{{number}}}", group)
        return value.replace(ID, product)

    return {fill(name): fill(value) for name, value in arguments.items()}


async def _call(client: Client, tool: str, arguments: Arguments) -> tuple[str, bool]:
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent)), bool(result.is_error)
