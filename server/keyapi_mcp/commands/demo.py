"""`demo`: what a user gets, shown for real: a sandbox over a socket, this server as a child process over stdio, and
the official SDK's client asking it questions. Nothing in it is prepared; the figures are synthetic and marked so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unicodedata import combining, east_asian_width

import anyio
import httpx2 as httpx
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

_BEAUTY: Final = {
    "region": "US",
    "category_id": "Beauty & Personal Care",
    "sales_trend_flag": 1,
    "min_total_sale_30d_cnt": 1000,
}
_STEPS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("Which beauty products are breaking out in the US right now?", _BEAUTY),
    ("And the next ten?", {**_BEAUTY, "page_num": 2}),
    ("A mistake a model makes: there is no keyword search.", {"region": "UK", "keyword": "lip oil", "page_size": 50}),
    ("The first question again: nothing is paid twice.", _BEAUTY),
)


def run() -> int:
    """Play the conversation; exit code 0 if each step went as it should."""
    with _sandbox() as url:
        return anyio.run(_converse, url)


async def _converse(url: str) -> int:
    print("A synthetic KeyAPI is running on this machine; the server is started as Claude Desktop would start it.\n")
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "keyapi_mcp"],
        env={"KEYAPI_TOKEN": "sk_sandbox_demo", "KEYAPI_API_BASE_URL": url, "KEYAPI_MCP_MIN_INTERVAL_S": "0"},
    )
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        print(f"Tools: {', '.join(tool.name for tool in tools)}\n")
        wrong, seen = 0, set[str]()
        for question, arguments in _STEPS:
            print(f"\033[1m{question}\033[0m" if sys.stdout.isatty() else question)
            print(f"→ search_products {json.dumps(arguments, ensure_ascii=False)}")
            result = await client.call_tool("search_products", arguments)
            assert isinstance(result, CallToolResult)
            text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
            print(_shown(text, seen) + "\n")
            seen.update(text.split("\n"))
            wrong += bool(result.is_error) != ("keyword" in arguments)
            if arguments is _BEAUTY and not wrong:
                first = text
    raw = len(httpx.get(f"{url}/v1/tiktok/product/list/analytics", params=_RAW, headers=_KEY).content)
    print(f"The same page as the service sends it: {raw:,} bytes; the answer above: {len(first.encode()):,} bytes.")
    return 1 if wrong else 0


_RAW: Final = {"region": "US", "category_id": "601450", "page_num": "1", "page_size": "10"}
_KEY: Final = {"Authorization": "Bearer sk_sandbox_demo"}


@contextmanager
def _sandbox() -> Iterator[str]:
    """A sandbox process; yields its address."""
    command = [sys.executable, "-m", "keyapi_mcp.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
        finally:
            process.terminate()


def _shown(text: str, seen: set[str]) -> str:
    """The answer as it is, but rows that stood above already are not printed twice."""
    lines = text.split("\n")
    again = [line for line in lines if line in seen and line.count("|") > 10]
    if len(again) < 2:
        return _aligned(text)
    kept = [line for line in lines if line not in again]
    return "\n".join([kept[0], f"(the same {len(again) - 1} rows as above)", *kept[1:]])


def _aligned(text: str) -> str:
    """The table's columns under each other, for people; a model gets them as they are."""
    lines = text.split("\n")
    cells = {number: line.split("|") for number, line in enumerate(lines) if line.count("|") > 10}
    if not cells:
        return text
    columns = range(min(map(len, cells.values())))
    widths = [max(_width(row[column]) for row in cells.values()) for column in columns]
    for number, row in cells.items():
        lines[number] = "  ".join(row[column] + " " * (widths[column] - _width(row[column])) for column in columns)
    return "\n".join(line.rstrip() for line in lines)


def _width(text: str) -> int:
    """Columns that a terminal gives to the text."""
    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)
