"""A store of so many products, each on so many data days.

A real question's pages of two days are kept through the whole server, then multiplied by SQL under other ids, so that
every column has plausible values and every index its size. The further back a day is, the smaller are a product's
figures, at one of five paces, one of which is standing still.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx
from sqlalchemy import create_engine

from keyapi_mcp.app import App
from keyapi_mcp.fields import FIGURES
from keyapi_mcp.product import SERIES
from keyapi_mcp.sandbox.app import create_app
from keyapi_mcp.settings import Settings, read_settings
from keyapi_mcp.store.location import store_path

DAY: Final = date(2026, 11, 22)
NOW: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)
# What the pages were asked for.
REGION: Final = "US"
PAGES: Final = 50
# By how much a figure is smaller a day earlier.
_PACE: Final = "(CAST(product_id AS INTEGER) % 5) / 100.0"
_COUNTED: Final = frozenset(field for fields in SERIES.values() for field in fields.values())


@dataclass(frozen=True, slots=True)
class Filled:
    """What a store took, in bytes."""

    a_snapshot: float
    a_product: float


def settings_of(home: Path, **changes: Any) -> Settings:
    """A server on the sandbox, without spacing or spending limits, that keeps everything here."""
    limits = dict.fromkeys(("credits_per_call", "credits_per_day", "credits_per_month"), "off")
    return read_settings(**{"home": home, "sandbox": True, "min_interval_s": 0, **limits, **changes})


def server(settings: Settings, *, ago: timedelta = timedelta()) -> App:
    """The whole server in memory, on the day up to which a store is filled or so long before it."""
    return App(settings, upstream=httpx.ASGITransport(create_app(today=lambda: DAY - ago)), clock=lambda: NOW - ago)


async def fill(settings: Settings, products: int, days: int) -> Filled:
    """Fill the store of these settings."""
    for ago in (timedelta(days=1), timedelta()):
        app = server(settings, ago=ago)
        async with app.running():
            for number in range(1, PAGES + 1):
                await app.call("search_products", {"region": REGION, "page_num": number})
    path = store_path(settings)
    assert path is not None
    return _multiply(path, products, days)


def _multiply(path: Path, products: int, days: int) -> Filled:
    """Copy the products that are there up to so many, with so many data days each."""
    engine = create_engine(f"sqlite:///{path}")
    with closing(engine.raw_connection()) as raw:
        connection = raw.driver_connection
        assert connection is not None
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous = OFF")
        (seed,) = connection.execute("SELECT count(*) FROM products").fetchone()
        copies = max(0, -(-(products - seed) // seed))
        for name in ("products", "listings"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            others = ", ".join(f'"{column}"' for column in columns if column != "product_id")
            connection.execute(
                f"WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {copies}) "
                f"INSERT INTO {name} (product_id, {others}) "
                f"SELECT CAST(CAST(product_id AS INTEGER) + k * 1000003 AS TEXT), {others} FROM {name}, n "
                f"LIMIT {max(0, products - seed)}"
            )
        connection.execute("VACUUM")
        without = _size(connection)
        connection.execute("DELETE FROM snapshots")
        for back in range(days):
            figures = {"data_day": f"{DAY - timedelta(days=back):%Y%m%d}", **_figures(back)}
            connection.execute(
                f"INSERT INTO snapshots (region, product_id, {', '.join(figures)}) "
                f"SELECT region, product_id, {', '.join(figures.values())} FROM products"
            )
        (whole,) = connection.execute("SELECT count(*) FROM snapshots").fetchone()
        connection.execute("ANALYZE")
        return Filled((_size(connection) - without) / whole, without / products)


def _figures(back: int) -> dict[str, str]:
    """A product's figures so many days back, as SQL."""
    found = {"digest": f"digest + {back} * (CAST(product_id AS INTEGER) % 5)"}
    for column in FIGURES:
        value = f"{column.name} * (1 - {back} * {_PACE})" if back and column.field in _COUNTED else column.name
        found[column.name] = f"CAST({value} AS INTEGER)" if value != column.name and column.kind == "integer" else value
    return found


def _size(connection: Any) -> int:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(page)
