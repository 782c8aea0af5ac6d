"""Two servers over the same catalogue, one of whose listings are all attacks: what differs is what strangers wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp_types import TextResourceContents

from keyapi_mcp.app import App
from keyapi_mcp.sandbox.attacks import ATTACKS
from keyapi_mcp.sandbox.faults import Fault
from support.connections import Told
from support.sandbox_server import RunningSandbox, running_sandbox
from support.service import settings_for

REGION = "US"
PAGES = range(1, -(-len(ATTACKS) // 10) + 1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    """A client of one of the servers. pages: its answers to a search, page by page; ids: of all products, in order."""

    portal: BlockingPortal
    client: Client
    pages: list[Told]
    ids: list[str]

    def call(self, tool: str, **arguments: Any) -> Told:
        return self.portal.call(partial(_call, self.client, tool, arguments))

    def resource(self, uri: str) -> str:
        (content,) = self.portal.call(self.client.read_resource, uri).contents
        assert isinstance(content, TextResourceContents)
        return content.text


@dataclass(frozen=True)
class Both:
    """attacked, usual: the same question to either gives the same but for texts of strangers."""

    attacked: Asked
    usual: Asked

    def ask(self, question: Callable[[Asked], Told]) -> tuple[Told, Told]:
        return question(self.attacked), question(self.usual)


@pytest.fixture(scope="session")
def hostile_sandbox() -> Iterator[RunningSandbox]:
    """Every page is full of attacks."""
    with running_sandbox() as running:
        running.faults.push(Fault("attacks", times=None))
        yield running


@pytest.fixture(scope="session")
def both(hostile_sandbox: RunningSandbox) -> Iterator[Both]:
    with (
        running_sandbox() as usual,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_asked(portal, hostile_sandbox)) as first,
        portal.wrap_async_context_manager(_asked(portal, usual)) as second,
    ):
        assert first.ids == second.ids
        yield Both(first, second)


@asynccontextmanager
async def _asked(portal: BlockingPortal, sandbox: RunningSandbox) -> AsyncIterator[Asked]:
    app = App(settings_for(sandbox.url, store="memory"), clock=lambda: NOON)
    async with app.running(), Client(app.server) as client:
        pages = [await _call(client, "search_products", {"region": REGION, "page_num": page}) for page in PAGES]
        ids = [row[0] for told in pages for row in (told.structured or {})["rows"]]
        yield Asked(portal, client, pages, ids)


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> Told:
    told = Told.of(await client.call_tool(tool, arguments))
    assert not told.is_error, told.text
    return told
