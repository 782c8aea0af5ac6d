"""query_products: one SELECT over everything that was seen."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, Field

from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.sql_rows import LONGEST_CELL, sql_rows
from keyapi_mcp.tools.base import Hints, Services, ToolSpec

DESCRIPTION: Final = """\
One read-only SQL SELECT (SQLite) over every product this server has seen, for 0 credits. Views: products (latest \
state, derived metrics as columns), snapshots (history: region, product_id, data_day, figures), searches, categories \
(id, name, path), columns (every column with unit and meaning), glossary (formulas, guards). Useful columns of \
products: product_id, region, name, category_id, category_l2_id, category_l3_id, seller_id, price_usd, commission, \
units_7d, units_30d, gmv_30d_usd, videos_30d, views_30d (windows 1, 7, 15, 30, 60, 90 d; without one: lifetime), \
creators, rating, reviews, growth_7d, momentum, creator_inflow, video_share, live_share, usd_per_sale, stage, \
follow_window, opportunity, seen_days, delisted (0/1), data_day. Days are integers like 20261122. NULL means unknown."""
_CHARACTERS: Final = 6_000
_MOST_ROWS: Final = 100
_HELD: Final = """\
SELECT region, count(*), min(first_day), max(data_day) FROM products GROUP BY region ORDER BY count(*) DESC LIMIT 10"""
# A day in quotes, with strokes: no stored day equals or exceeds it.
_WRITTEN_DAY: Final = re.compile(r"'\d{4}-\d\d-\d\d|\bdate\s*\(", re.IGNORECASE)


class _Arguments(BaseModel):
    sql: Annotated[str, Field(min_length=1, max_length=20_000, description="SELECT, one statement")]
    limit: Annotated[int, Field(ge=1, le=_MOST_ROWS, description="Most rows returned")] = 20


async def run(services: Services, asked: _Arguments) -> Answer:
    found = await services.store.select(asked.sql, asked.limit, _CHARACTERS, LONGEST_CELL)
    return sql_rows(
        found.columns,
        found.rows,
        more=found.more,
        cut=found.cut,
        dropped=found.dropped,
        limit=asked.limit,
        most=_MOST_ROWS,
        nothing="" if found.rows else await _why_nothing(services, asked.sql),
        spending=await services.spending(),
        synthetic=await services.store.synthetic(),
    )


async def _why_nothing(services: Services, sql: str) -> str:
    """What there is, for somebody who found none of it."""
    held = (await services.store.select(_HELD, 10, 2_000, 40)).rows
    if not held:
        return "the store is empty: search_products fills it (1 credit a page)."
    regions = ", ".join(f"{count:,} of {region}" for region, count, _, _ in held)
    days = f"data days {min(row[2] for row in held)} to {max(row[3] for row in held)}"
    hint = "days are integers like 20261122; " if _WRITTEN_DAY.search(sql) else ""
    return f"{hint}the store holds products: {regions}; {days}. NULL is found with IS NULL; search_products adds more."


TOOL: Final = ToolSpec.of(
    _Arguments,
    run,
    name="query_products",
    title="SQL over everything seen",
    description=DESCRIPTION,
    summary="one read-only SQL SELECT over everything seen so far, history included (free)",
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
)
