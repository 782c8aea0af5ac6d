"""A server in front of a sandbox whose date moves on, and what changed in it, worked out from the catalogue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Connection

from keyapi_mcp.app import App
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.sandbox.catalogue import Catalogue
from keyapi_mcp.store.store import Store
from support import by_hand
from support.sandbox_server import DAY, RunningSandbox
from support.service import settings_for

PRODUCTS: Final = 240
TRUTH: Final = Catalogue(PRODUCTS)
REGIONS: Final = ("US", "TH")


class World:
    """A sandbox and a server in front of it that live on the same day. seen: by region and id, the days."""

    def __init__(self, sandbox: RunningSandbox, **settings: Any) -> None:
        self.sandbox = sandbox
        self.day = DAY
        self.app = App(settings_for(sandbox.url, **settings), clock=self.now)
        self.seen: dict[tuple[str, str], list[date]] = {}
        sandbox.reset()

    def now(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC) + timedelta(days=1)

    @property
    def store(self) -> Store:
        assert self.app._services is not None
        return self.app._services.store

    def go_to(self, days: int, *, sandbox: bool = True) -> None:
        """So many days after the first; `sandbox` false: the source is behind."""
        self.day = DAY + timedelta(days=days)
        if sandbox:
            self.sandbox.set_day(self.day)

    async def ask(self, tool: str, **arguments: Any) -> Answer:
        return await self.app.call(tool, arguments)

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        """Straight from the file."""

        def look(connection: Connection) -> list[dict[str, Any]]:
            return [dict(row._mapping) for row in connection.exec_driver_sql(sql)]

        return await self.store.database.run(look, writes=False)

    async def search(self, region: str = "US", **more: Any) -> list[str]:
        answer = await self.app.call("search_products", {"region": region, **more})
        ids = [str(told[0]) for told in answer.structured()["rows"]]
        for one in ids:
            days = self.seen.setdefault((region, one), [])
            days += [self.day] if self.day not in days else []
        return ids

    async def visit(self, *days: int, pages: int = 2) -> None:
        """Read the first pages of both regions on each of these days."""
        for passed in days:
            self.go_to(passed)
            for region in REGIONS:
                for page_num in range(1, pages + 1):
                    await self.search(region, page_num=page_num)

    async def changes(self, **arguments: Any) -> Answer:
        """They are free, and nothing is asked for them."""
        before = len(self.sandbox.requests)
        answer = await self.app.call("get_changes", arguments)
        assert len(self.sandbox.requests) == before
        assert answer.structured()["credits"]["call"] == 0
        return answer

    async def refusal(self, **arguments: Any) -> InvalidQuery:
        with pytest.raises(InvalidQuery) as refused:
            await self.app.call("get_changes", arguments)
        return refused.value


@asynccontextmanager
async def world(sandbox: RunningSandbox, **settings: Any) -> AsyncIterator[World]:
    opened = World(sandbox, **settings)
    opened.go_to(0)
    async with opened.app.running():
        yield opened
    sandbox.set_day(DAY)


def fields_of(region: str, identifier: str, day: date) -> dict[str, Any]:
    """The product's figures on that day, from the catalogue itself."""
    (found,) = [one for one in TRUTH.on(region, day) if one.listing.product_id == identifier]
    return found.fields


def as_dicts(answer: Answer) -> list[dict[str, Any]]:
    told = answer.structured()
    return [dict(zip(told["columns"], cells, strict=True)) for cells in told["rows"]]


def expected(seen: dict[tuple[str, str], list[date]], since: date | None) -> dict[tuple[str, str], dict[str, Any]]:
    """By region and id, the cells of those that moved, worked out by hand."""
    wanted = {}
    for (region, identifier), days in seen.items():
        last, earlier = days[-1], days[:-1]
        if since is not None:
            earlier = [one for one in earlier if one <= since][-1:] or earlier[:1]
        if not earlier or (since is not None and last <= since):
            continue
        before, now = (by_hand.state(fields_of(region, identifier, day), day) for day in (earlier[-1], last))
        levels = {move.name: move.level for move in by_hand.moved(before, now)}
        if not levels:
            continue
        wanted[region, identifier] = {
            "severity": by_hand.loudest(levels.values()),
            "since_day": earlier[-1].isoformat(),
            "day": last.isoformat(),
            "price_usd": now["price_usd"] if "price_usd" in levels else None,
            "price_change": _change(before, now, "price_usd") if "price_usd" in levels else None,
            "units_30d_change": _change(before, now, "units_30d") if "units_30d" in levels else None,
            "gmv_30d_change": _change(before, now, "gmv_30d_usd") if "gmv_30d_usd" in levels else None,
            "creators_change": _change(before, now, "creators") if "creators" in levels else None,
            "commission_was": before["commission"] if "commission" in levels else None,
            "commission": now["commission"] if "commission" in levels else None,
            "stage_was": before["stage"] if "stage" in levels else None,
            "stage": now["stage"] if "stage" in levels else None,
            "delisted": bool(now["delisted"]) if "delisted" in levels else None,
        }
    return wanted


def _change(before: dict[str, Any], now: dict[str, Any], name: str) -> Any:
    return pytest.approx(now[name] / before[name] - 1, abs=6e-4)
