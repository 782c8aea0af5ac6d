"""find_categories: names to ids."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, Field

from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.reference import categories
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.categories import category_list
from keyapi_mcp.tools.base import Hints, Services, ToolSpec
from keyapi_mcp.tools.reading import Region

_MOST: Final = 12


class _Arguments(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=200, description="English words, a path or an id")]
    region: Annotated[Region, Field(description="Market to count in, e.g. US")] = None


async def run(services: Services, asked: _Arguments) -> Answer:
    found = categories.find(asked.text, _MOST)
    counts, notes = None, []
    try:
        seen = await services.store.category_counts([row.id for row in found.rows], asked.region)
        counts = seen.of if seen.products else None
    except StoreUnavailable as error:
        notes.append(f"Products are not counted. {error.what}")
    return category_list(
        asked.text,
        asked.region,
        found,
        counts,
        notes=notes,
        spending=await services.spending(source=""),
        synthetic=await services.store.synthetic(),
    )


TOOL: Final = ToolSpec.of(
    _Arguments,
    run,
    name="find_categories",
    title="Find categories",
    description="Category ids by name, all three levels, nearest first, with path and number of products in the store; "
    "typing mistakes and word order matter little. An exact name or id also lists all directly below it. 0 credits.",
    summary="category ids by name over all three levels, with path and products already seen (free)",
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
)
