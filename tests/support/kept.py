"""Products in a store: rows as the service would send them, kept as an answered page is, or by a server that asks."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx
from mcp import Client
from sqlalchemy import Connection

from keyapi_mcp.app import App
from keyapi_mcp.credits import Budget
from keyapi_mcp.product import Page, Product
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.settings import read_settings
from keyapi_mcp.store.store import Store
from support.connections import Era

NOW: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)


def product_id(number: int) -> str:
    """19 digits; the last ones do not fit a floating-point number."""
    return f"17293845012345{number:05}"


def row(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A row of a product that sells; each number is a product of its own. fields: instead of, or beside, the usual."""
    usual: dict[str, Any] = {
        "product_id": product_id(number),
        "product_name": f"Lip oil {number}",
        "seller_id": "7495000000000000001",
        "region": "US",
        "category_id": "601450",
        "category_l2_id": "848648",
        "category_l3_id": "601534",
        "spu_avg_price": 12.5,
        "product_commission_rate": 0.15,
        "product_rating": 4.7,
        "review_count": 120,
        "total_ifl_cnt": 40,
        "first_crawl_dt": 20260101,
        "off_mark": 0,
    }
    for days, units in ((1, 10), (7, 70), (15, 150), (30, 300), (60, 600), (90, 900)):
        usual[f"total_sale_{days}d_cnt"] = units + number
        usual[f"total_sale_gmv_{days}d_amt"] = (units + number) * 12.5
    return usual | fields


@asynccontextmanager
async def open_store(clock: Clock | None = None, **settings: Any) -> AsyncIterator[Store]:
    """A store of these settings in the test's own home, closed at the end."""
    store = Store(read_settings(token="sk_live_kept", **settings), clock or Clock(), Rules())
    try:
        yield store
    finally:
        await store.aclose()


async def keep(store: Store, *rows: dict[str, Any], at: datetime = NOW, region: str = "US", page_num: int = 1) -> None:
    """Pay for a page of these rows and keep it."""
    key = f"region={region}&product_sort_field=7&sort_type=1&page_num={page_num}&page_size=10"
    reservation = await store.reserve(key, Budget(None))
    page = Page(products=tuple(map(Product, rows)), rows=len(rows), fetched_at=at, request_id=f"r{page_num}")
    kept = await reservation.settle_paid(page)
    assert kept.not_kept == ""


async def a_month(**settings: Any) -> Path:
    """A store in which product 1 was seen on the first, tenth and thirtieth day, 2 on the first and tenth, 3 once."""
    clock = Clock()
    async with open_store(clock, **settings) as store:
        for day, numbers in ((0, (1, 2, 3)), (9, (1, 2)), (29, (1,))):
            clock.now = NOW
            clock.pass_days(day)
            rows = [row(number, total_sale_cnt=10_000 + day) for number in numbers]
            await keep(store, *rows, at=clock.now, page_num=day + 1)
        assert store.path is not None
        return store.path


class Service:
    """The network of an `App`: every question is answered with these rows, and remembered."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json={"code": 0, "message": "success", "data": self.rows, "requestId": "r"})


@asynccontextmanager
async def open_app(service: Any, clock: Clock | None = None, **settings: Any) -> AsyncIterator[App]:
    """A server in the test's own home. service: a handler of requests, which may be a coroutine."""
    app = App(
        read_settings(**{"token": "sk_live_kept", "min_interval_s": 0} | settings),
        upstream=httpx.MockTransport(service),
        clock=clock or Clock(),
    )
    async with app.running():
        yield app


async def statements_of(store: Store) -> list[str]:
    """Every statement that SQLite runs from now on is put into this list."""
    statements: list[str] = []

    def listen(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_trace_callback(statements.append)

    await store.database.run(listen, writes=False)
    return statements


@asynccontextmanager
async def connected(*rows: dict[str, Any], era: Era = "auto", **settings: Any) -> AsyncIterator[Client]:
    """A client of a server that has seen these rows in the US. Nothing here may reach the service."""
    service = Service(*rows)
    async with open_app(service, **settings) as app, Client(app.server, mode=era) as client:
        if rows:
            await app.call("search_products", {"region": "US"})
        asked = len(service.requests)
        yield client
        assert len(service.requests) == asked
