"""`demo`: what a user gets, shown for real: a sandbox over a socket, this server as a child process over stdio, and
the official SDK's client asking it questions. Nothing in it is prepared; the figures are synthetic and marked so.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unicodedata import combining, east_asian_width

import anyio
import httpx2 as httpx
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from keyapi_mcp.commands.install import own_command
from keyapi_mcp.commands.machine import Machine

_BEAUTY: Final = {
    "region": "US",
    "category_id": "Beauty & Personal Care",
    "sales_trend_flag": 1,
    "min_total_sale_30d_cnt": 1000,
}
_RECIPE: Final = {"recipe": "proven-and-open", "region": "US", "category": "Beauty & Personal Care"}
_UNCROWDED: Final = (
    "SELECT product_id, name, units_30d, creators, usd_per_sale FROM products "
    "WHERE creators < 100 AND usd_per_sale > 3 ORDER BY units_30d DESC LIMIT 5"
)
# What is asked for so many products of the first answer.
_COMPARED: Final = 3


@dataclass(frozen=True, slots=True)
class _Step:
    """question: what a person types; refused: the answer has to be an error."""

    question: str
    tool: str
    arguments: dict[str, Any]
    refused: bool = False


def _steps(first: Sequence[str]) -> tuple[_Step, ...]:
    """The conversation after its first answer. first: the ids of the products in it."""
    return (
        _Step(
            "What sells there and can still be followed? A recipe reads fifty and checks each.", "run_recipe", _RECIPE
        ),
        _Step(
            "A mistake a model makes: there is no keyword search.",
            "search_products",
            {"region": "UK", "keyword": "lip oil", "page_size": 50},
            refused=True,
        ),
        _Step("The first question again: nothing is paid twice.", "search_products", _BEAUTY),
        _Step("Of all these, which sell well with few creators?", "query_products", {"sql": _UNCROWDED}),
        _Step("Compare the first three.", "compare_products", {"product_ids": list(first[:_COMPARED])}),
        _Step("What did that cost?", "get_usage", {}),
    )


def run() -> int:
    """Play the conversation; exit code 0 if each step went as it should."""
    with _sandbox() as url, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        return anyio.run(_converse, url, home)


async def _converse(url: str, home: str) -> int:
    print("A synthetic KeyAPI is running on this machine; the server is started as Claude Desktop would start it.\n")
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "keyapi_mcp"],
        env={
            "KEYAPI_TOKEN": "sk_sandbox_demo",
            "KEYAPI_API_BASE_URL": url,
            "KEYAPI_MCP_MIN_INTERVAL_S": "0",
            "KEYAPI_MCP_HOME": home,
        },
    )
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        print(f"Tools: {', '.join(tool.name for tool in tools)}\n")
        seen = set[str]()
        opening = _Step("Which beauty products are breaking out in the US right now?", "search_products", _BEAUTY)
        first = await _play(client, opening, seen)
        ids = _ids(first)
        answers = [await _play(client, step, seen) for step in _steps(ids)]
        wrong = first.is_error or [bool(answer.is_error) for answer in answers] != [one.refused for one in _steps(ids)]
    raw = len(httpx.get(f"{url}/v1/tiktok/product/list/analytics", params=_RAW, headers=_KEY).content)
    print(f"A page as the service sends it: {raw:,} bytes; the first answer: {len(_text(first).encode()):,} bytes.")
    if not wrong:
        print(f"\n{next_step(Machine.this())}")
    return 1 if wrong else 0


def next_step(machine: Machine) -> str:
    """From the demo to a client of one's own."""
    command = (subprocess.list2cmdline if machine.system == "win32" else shlex.join)(own_command(machine))
    return (
        f"Next, in your own client: {command} install --client claude-desktop --sandbox\n"
        "(or claude-code, cursor, vscode). For real answers put a key from KeyAPI's console into a file, and write "
        "--key-file FILE instead of --sandbox."
    )


async def _play(client: Client, step: _Step, seen: set[str]) -> CallToolResult:
    print(f"\033[1m{step.question}\033[0m" if sys.stdout.isatty() else step.question)
    print(f"→ {step.tool} {json.dumps(step.arguments, ensure_ascii=False)}")
    result = await client.call_tool(step.tool, step.arguments)
    assert isinstance(result, CallToolResult)
    text = _text(result)
    print(_shown(text, seen) + "\n")
    seen.update(text.split("\n"))
    return result


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _ids(result: CallToolResult) -> list[str]:
    content = result.structured_content or {}
    position = content["columns"].index("product_id")
    return [row[position] for row in content["rows"]]


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
    # Lines of one table have the same number of separators and follow each other.
    counts = [line.count("|") for line in lines]
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and counts[end] == counts[start]:
            end += 1
        if counts[start] >= 2 and end - start > 1:
            rows = [line.split("|") for line in lines[start:end]]
            widths = [max(map(_width, cells)) for cells in zip(*rows, strict=True)]
            lines[start:end] = [
                "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
                for row in rows
            ]
        start = end
    return "\n".join(lines)


def _width(text: str) -> int:
    """Columns that a terminal gives to the text."""
    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)
