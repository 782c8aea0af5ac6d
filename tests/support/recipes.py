"""What recipes returned, written as running one does."""

from __future__ import annotations

from sqlalchemy import insert

from keyapi_mcp.store.schema import recipe_finds
from keyapi_mcp.store.store import Store


async def found_by(
    store: Store, recipe: str, *product_ids: str, region: str = "US", data_day: int = 20261122, pages: int = 3
) -> None:
    """The recipe returned these."""
    rows = [
        {"recipe": recipe, "region": region, "product_id": one, "data_day": data_day, "pages": pages}
        for one in product_ids
    ]
    await store.database.run(lambda connection: connection.execute(insert(recipe_finds), rows))
