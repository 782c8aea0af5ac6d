"""`python -m benchmarks.scale`: the free tools over 10,000, 100,000 and 1,000,000 snapshots (by hand, not CI).

A real page's products are stored through the store's own door and then multiplied by SQL, ten data days each, so that
every column has plausible values and every index its size. The tools are called through the whole server, in memory.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import anyio
import httpx2 as httpx
from sqlalchemy import create_engine

from benchmarks import machine
from benchmarks.report import marked, table, write_into
from keyapi_mcp.app import App
from keyapi_mcp.sandbox.app import create_app
from keyapi_mcp.settings import Settings, read_settings
from keyapi_mcp.store.location import store_path

_Question = tuple[str, dict[str, Any]]
SIZES: Final = (10_000, 100_000, 1_000_000)
_DAYS: Final = 10
_SEED_PAGES: Final = 20
_DAY: Final = date(2026, 11, 22)
_NOW: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)
_HEADINGS: Final = (
    *("snapshots", "products", "bytes a snapshot", "bytes a product"),
    *("get_product, ms", "compare of 5, ms", "filter + sort, ms", "group by over all, ms"),
    *("get_changes, ms", "of a region, ms", "since a day, ms"),
)
_FILTER: Final = (
    "SELECT product_id, name, units_30d, gmv_30d_usd, creators FROM products "
    "WHERE category_id = '{category}' AND units_30d > 500 ORDER BY gmv_30d_usd DESC LIMIT 20"
)
_GROUP: Final = (
    "SELECT category_id, count(*) AS products, sum(gmv_30d_usd) AS gmv, avg(commission) AS commission "
    "FROM products GROUP BY category_id ORDER BY gmv DESC"
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="numbers of snapshots")
    parser.add_argument("--calls", type=int, default=200, help="calls of each kind")
    parser.add_argument("--write-readme", type=Path, metavar="FILE", help="put the table between the file's markers")
    options = parser.parse_args()
    print(machine.described())
    rows = []
    for snapshots in options.sizes:
        with tempfile.TemporaryDirectory() as home:
            rows.append(anyio.run(partial(_measure, Path(home), snapshots, options.calls)))
            print(f"{snapshots:,} snapshots done", file=sys.stderr)
    print(table(_HEADINGS, rows))
    if options.write_readme is not None:
        write_into(options.write_readme, "scale", marked("scale", [_HEADINGS, *rows], machine.described()))
    print(
        "  Milliseconds, medians; targets: get_product < 5, filter with sort < 50, get_changes against the day before"
    )
    print("  < 200; fewer than 600 bytes a snapshot.")
    return 0


async def _measure(home: Path, snapshots: int, calls: int) -> list[str]:
    settings = read_settings(
        home=home,
        sandbox=True,
        min_interval_s=0,
        credits_per_day="off",
        credits_per_month="off",
        credits_per_call="off",
    )
    await _seed(settings)
    path = store_path(settings)
    assert path is not None
    products = max(snapshots // _DAYS, 1)
    sizes = _multiply(path, products)
    app = App(settings, upstream=httpx.ASGITransport(create_app(today=lambda: _DAY)), clock=lambda: _NOW)
    draw = random.Random(1)
    async with app.running():
        ids = await _some_ids(app, products)
        category = (await app.call("query_products", {"sql": _GROUP})).structured()["rows"][0][0]

        def one() -> _Question:
            return "get_product", {"product_id": draw.choice(ids)}

        def five() -> _Question:
            return "compare_products", {"product_ids": draw.sample(ids, 5)}

        timed = [
            await _median(app, one, calls),
            await _median(app, five, calls),
            await _median(app, lambda: ("query_products", {"sql": _FILTER.format(category=category)}), calls),
            await _median(app, lambda: ("query_products", {"sql": _GROUP}), max(3, calls // 20)),
            await _median(app, lambda: ("get_changes", {"scope": "all"}), max(3, calls // 20)),
            await _median(app, lambda: ("get_changes", {"scope": "all", "region": "US"}), max(3, calls // 20)),
            await _median(app, lambda: ("get_changes", {"scope": "all", "since": "7d"}), 1),
        ]
    return [f"{snapshots:,}", f"{products:,}", *(f"{size:,.0f}" for size in sizes), *(f"{ms:.1f}" for ms in timed)]


async def _median(app: App, question: Callable[[], _Question], calls: int) -> float:
    taken = []
    for _ in range(calls):
        tool, arguments = question()
        started = time.perf_counter()
        await app.call(tool, arguments)
        taken.append((time.perf_counter() - started) * 1000)
    return median(taken)


async def _some_ids(app: App, products: int) -> list[str]:
    step = max(1, products // 100)
    sql = f"SELECT product_id FROM (SELECT product_id, row_number() OVER () AS n FROM products) WHERE n % {step} = 0"
    rows = (await app.call("query_products", {"sql": f"{sql} LIMIT 100", "limit": 100})).structured()["rows"]
    return [row[0] for row in rows]


async def _seed(settings: Settings) -> None:
    """Real pages of two days, through the whole server."""
    for ago in (timedelta(days=1), timedelta()):
        await _visit(settings, _DAY - ago, _NOW - ago)


async def _visit(settings: Settings, day: date, now: datetime) -> None:
    app = App(settings, upstream=httpx.ASGITransport(create_app(today=lambda: day)), clock=lambda: now)
    async with app.running():
        for number in range(1, _SEED_PAGES + 1):
            await app.call("search_products", {"region": "US", "page_num": number})


def _multiply(path: Path, products: int) -> tuple[float, float]:
    """Copy the seed's products, under other ids, up to so many with ten data days each. Bytes a snapshot, a product."""
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
        columns = [row[1] for row in connection.execute("PRAGMA table_info(snapshots)")]
        figures = ", ".join(f'"{name}"' for name in columns if name not in ("region", "product_id", "data_day"))
        connection.execute("DELETE FROM snapshots")
        for back in range(_DAYS):
            day = int(f"{_DAY - timedelta(days=back):%Y%m%d}")
            kept = figures.replace('"unrefreshed"', "0")
            connection.execute(
                f"INSERT INTO snapshots (region, product_id, data_day, {figures}) "
                f"SELECT region, product_id, {day}, {kept} FROM products"
            )
        (whole,) = connection.execute("SELECT count(*) FROM snapshots").fetchone()
        connection.execute("ANALYZE")
        return (_size(connection) - without) / whole, without / products


def _size(connection: Any) -> int:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(page)


if __name__ == "__main__":
    sys.exit(main())
