"""A server of ours behind its own sandbox, and an SDK client that asks it: every transport, both protocol eras."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import anyio
from anyio.from_thread import BlockingPortal
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, TextContent

from keyapi_mcp.app import App
from keyapi_mcp.settings import read_settings
from support.sandbox_server import RunningSandbox, running_sandbox

Way = Literal["memory", "stdio", "sse", "http"]
Era = Literal["legacy", "auto"]
WAYS: Final[tuple[Way, ...]] = ("memory", "stdio", "sse", "http")
ERAS: Final[tuple[Era, ...]] = ("legacy", "auto")
# It looks like a real one, and can be told from everything else wherever it turns up.
KEY: Final = "sk_live_c0ffee5ec4e7c0ffee5ec4e7"
CALL_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Told:
    """A call's result as a client sees it."""

    text: str
    structured: dict[str, Any] | None
    is_error: bool

    @classmethod
    def of(cls, result: object) -> Told:
        assert isinstance(result, CallToolResult)
        assert all(isinstance(block, TextContent) for block in result.content)
        text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        return cls(text, result.structured_content, bool(result.is_error))


@dataclass
class Connection:
    """name: way and era; told: every result so far."""

    name: str
    client: Client
    sandbox: RunningSandbox
    told: list[Told] = field(default_factory=list)

    async def call(self, arguments: dict[str, Any], tool: str = "search_products") -> Told:
        with anyio.fail_after(CALL_SECONDS):
            told = Told.of(await self.client.call_tool(tool, arguments))
        self.told.append(told)
        return told


class Everywhere:
    """All connections, and a thread in which their clients live, so that tests need not be coroutines."""

    def __init__(self, portal: BlockingPortal, connections: list[Connection]) -> None:
        self._portal = portal
        self.connections = connections

    def each(self, ask: Callable[[Connection], Awaitable[Any]]) -> list[tuple[Connection, Any]]:
        """What `ask` gives on every connection; they are asked at the same time. The sandboxes are reset before."""

        async def all_of_them() -> list[Any]:
            answers: list[Any] = [None] * len(self.connections)

            async def one(position: int, connection: Connection) -> None:
                answers[position] = await ask(connection)

            async with anyio.create_task_group() as tasks:
                for position, connection in enumerate(self.connections):
                    tasks.start_soon(one, position, connection)
            return answers

        for connection in self.connections:
            connection.sandbox.reset()
        return list(zip(self.connections, self._portal.call(all_of_them), strict=True))


@contextmanager
def everywhere(**settings: str) -> Iterator[Everywhere]:
    """Open every connection. settings: `fresh_s="0"` and the like, as the environment has them."""
    with anyio.from_thread.start_blocking_portal() as portal, ExitStack() as stack:
        opened = []
        for way in WAYS:
            for era in ERAS:
                sandbox = stack.enter_context(running_sandbox(products=300))
                manager = portal.wrap_async_context_manager(connected(way, era, sandbox, **settings))
                opened.append(stack.enter_context(manager))
        yield Everywhere(portal, opened)


@asynccontextmanager
async def connected(
    way: Way, era: Era, sandbox: RunningSandbox, /, *variables: tuple[str, str], **settings: str
) -> AsyncIterator[Connection]:
    """One connection. Afterwards, nothing that the server's process wrote may hold the key, logging everything.

    variables: further ones of a server's own process, such as a proxy.
    """
    name = f"{way}-{era}"
    if way == "memory":
        app = App(read_settings(token=KEY, base_url=sandbox.url, min_interval_s=0, **settings))
        async with app.running(), Client(app.server, mode=era) as client:
            yield Connection(name, client, sandbox)
        return
    environment = environment_for(sandbox.url, **settings) | dict(variables)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        with output.open("w") as written:
            if way == "stdio":
                parameters = StdioServerParameters(command=sys.executable, args=["-m", "keyapi_mcp"], env=environment)
                async with Client(stdio_client(parameters, written), mode=era) as client:
                    yield Connection(name, client, sandbox)
            else:
                with serving(environment, written) as (_, url):
                    transport = sse_client(f"{url}/sse") if way == "sse" else f"{url}/mcp"
                    async with Client(transport, mode=era) as client:
                        yield Connection(name, client, sandbox)
        assert KEY not in output.read_text("utf-8", "replace"), f"{name} wrote the key"


def environment_for(url: str, **settings: str) -> dict[str, str]:
    """What a server's process is told: the sandbox, no spacing, every log."""
    environment = {
        "KEYAPI_TOKEN": KEY,
        "KEYAPI_API_BASE_URL": url,
        "KEYAPI_MCP_MIN_INTERVAL_S": "0",
        "KEYAPI_MCP_LOG_LEVEL": "DEBUG",
        "KEYAPI_MCP_HOME": os.environ["KEYAPI_MCP_HOME"],
    }
    return environment | {f"KEYAPI_MCP_{name.upper()}": value for name, value in settings.items()}


@contextmanager
def serving(
    environment: dict[str, str], written: TextIO, *arguments: str, module: str = "keyapi_mcp"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`keyapi-mcp serve` on a free port. Yields the process and its address without a path; its outputs are written."""
    command = [sys.executable, "-m", module, "serve", "--port", "0", *arguments]
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=written, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")

        def keep() -> None:
            for line in lines:
                written.write(line)

        try:
            for line in lines:
                written.write(line)
                if "listens on http" in line:
                    break
            else:
                raise AssertionError(f"the server did not start; exit code {process.wait(30)}")
            # A pipe that nobody reads would stop the server once it is full.
            reader = threading.Thread(target=keep, daemon=True)
            reader.start()
            yield process, line.rsplit(" ", 1)[1].strip().rsplit("/", 1)[0]
            process.terminate()
            process.wait(30)
            reader.join(30)
        finally:
            process.kill()
