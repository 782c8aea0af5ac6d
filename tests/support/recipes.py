"""What recipes returned, written as running one does."""

from __future__ import annotations

from datetime import UTC, datetime

from keyapi_mcp.clock import day_of
from keyapi_mcp.research.turnover import RecipeRun
from keyapi_mcp.store import finds
from keyapi_mcp.store.store import Store


async def found_by(
    store: Store, recipe: str, *product_ids: str, region: str = "US", data_day: int = 20261122, pages: int = 3
) -> None:
    """The recipe was run for the first time on that day's data, and returned these."""
    run = RecipeRun(region, day_of(data_day), datetime(2026, 11, 23, 12, tzinfo=UTC), pages, product_ids)
    await store.database.run(lambda connection: finds.note(connection, recipe, product_ids, pages, run))
