"""`python -m benchmarks.scale`: the free tools over 10,000, 100,000 and 1,000,000 snapshots (by hand, not CI).

Ten data days of each product, see `filling.py`; the tools are called through the whole server, in memory. A scan of
kept pages is here and not in `make bench`, because filling a store of 100,000 products takes longer than most of its
parts. It reads its pages from the file, as a server that was started anew does.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import anyio

from benchmarks import machine
from benchmarks.filling import PAGES, REGION, fill, server, settings_of
from benchmarks.report import Figure, marked, summary, table, write_into
from keyapi_mcp.app import App

_Question = tuple[str, dict[str, Any]]
SIZES: Final = (10_000, 100_000, 1_000_000)
_DAYS: Final = 10
_BYTES_BELOW: Final = 600
_FILTER: Final = (
    "SELECT product_id, name, units_30d, gmv_30d_usd, creators FROM products "
    "WHERE category_id = '{category}' AND units_30d > 500 ORDER BY gmv_30d_usd DESC LIMIT 20"
)
_GROUP: Final = (
    "SELECT category_id, count(*) AS products, sum(gmv_30d_usd) AS gmv, avg(commission) AS commission "
    "FROM products GROUP BY category_id ORDER BY gmv DESC"
)


class _Timed(NamedTuple):
    """A column of milliseconds. below: what is to reach over the largest store."""

    heading: str
    question: Callable[[], _Question]
    calls: int
    below: float | None = None


class _Row(NamedTuple):
    """What one store came to. cells: by heading."""

    cells: dict[str, str]
    figures: list[Figure]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="numbers of snapshots")
    parser.add_argument("--calls", type=int, default=200, help="calls of each kind")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between the file's markers")
    options = parser.parse_args()
    print(machine.described())
    rows = []
    for snapshots in options.sizes:
        with tempfile.TemporaryDirectory() as home:
            rows.append(anyio.run(partial(_measure, Path(home), snapshots, options.calls)))
            print(f"{snapshots:,} snapshots done", file=sys.stderr)
    headings, cells = tuple(rows[0].cells), [tuple(row.cells.values()) for row in rows]
    print(f"{table(headings, cells)}\n  Medians.\n\nOver {cells[-1][0]} snapshots\n{summary(rows[-1].figures)}")
    if options.write is not None:
        write_into(options.write, "scale", marked("scale", [headings, *cells], machine.described()))
    return 0


def _timed(ids: list[str], category: str, calls: int) -> tuple[_Timed, ...]:
    """ids: of some products; category: one that has many; calls: of each quick tool."""
    draw = random.Random(1)
    few = max(3, calls // 20)

    def always(tool: str, **arguments: Any) -> Callable[[], _Question]:
        return lambda: (tool, arguments)

    return (
        _Timed("get_product", lambda: ("get_product", {"product_id": draw.choice(ids)}), calls, 5),
        _Timed("compare of 5", lambda: ("compare_products", {"product_ids": draw.sample(ids, 5)}), calls),
        _Timed("filter + sort", always("query_products", sql=_FILTER.format(category=category)), calls, 50),
        _Timed("group by over all", always("query_products", sql=_GROUP), few),
        _Timed("get_changes", always("get_changes", scope="all"), few, 200),
        _Timed("of a region", always("get_changes", scope="all", region=REGION), few, 200),
        _Timed("since a day", always("get_changes", scope="all", since="7d"), 3),
        _Timed(
            f"scan of {PAGES} kept pages",
            always("scan_products", region=REGION, pages=PAGES, max_credits=0),
            few,
            300,
        ),
    )


async def _measure(home: Path, snapshots: int, calls: int) -> _Row:
    # Nothing in memory: every page that a scan reads comes from the file.
    settings = settings_of(home, cache_rows=0)
    products = max(snapshots // _DAYS, 1)
    filled = await fill(settings, products, _DAYS)
    app = server(settings)
    async with app.running():
        ids = await _some_ids(app, products)
        category = (await app.call("query_products", {"sql": _GROUP})).structured()["rows"][0][0]
        timed = _timed(ids, category, calls)
        taken = [await _median(app, one.question, one.calls) for one in timed]
    return _Row(
        {
            "snapshots": f"{snapshots:,}",
            "products": f"{products:,}",
            "bytes a snapshot": f"{filled.a_snapshot:,.0f}",
            "bytes a product": f"{filled.a_product:,.0f}",
            **{f"{one.heading}, ms": f"{ms:,.1f}" for one, ms in zip(timed, taken, strict=True)},
        },
        [
            _below("bytes a snapshot", filled.a_snapshot, _BYTES_BELOW),
            *(_below(one.heading, ms, one.below, " ms") for one, ms in zip(timed, taken, strict=True) if one.below),
        ],
    )


def _below(what: str, value: float, limit: float, unit: str = "") -> Figure:
    return Figure(what, f"{value:,.1f}{unit}", "", "", f"< {limit:g}{unit}", value < limit)


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


if __name__ == "__main__":
    sys.exit(main())
