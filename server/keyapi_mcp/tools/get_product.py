"""get_product: everything that the store has of one product, on one card."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, Field

from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.product_card import product_card
from keyapi_mcp.tools.base import Hints, Services, ToolSpec
from keyapi_mcp.tools.missing import in_other_regions, not_in_store
from keyapi_mcp.tools.reading import ProductId, Region

DESCRIPTION: Final = """\
One product that a search has shown before, whole, for 0 credits: price, variants, windows of 1 to 90 days and \
lifetime, daily run rate, growth, stage, channels, payoff, opportunity score, description, and what moved over the \
days it was seen."""


class _Arguments(BaseModel):
    product_id: Annotated[ProductId, Field(description="19 digits, as text")]
    region: Region = None


async def run(services: Services, asked: _Arguments) -> Answer:
    found = await services.store.product(asked.product_id, asked.region)
    regions = [seen.region for seen in found.seen]
    if not regions:
        raise not_in_store(asked.product_id, found.near)
    if len(regions) > 1 or asked.region not in (None, *regions):
        raise in_other_regions(asked.product_id, asked.region, regions)
    return product_card(
        found.seen[0],
        found.row,
        first=found.first,
        previous=found.previous,
        spending=await services.spending(),
        now=services.clock(),
        synthetic=await services.store.synthetic(),
        judging=services.judging,
    )


TOOL: Final = ToolSpec.of(
    _Arguments,
    run,
    name="get_product",
    title="One product, whole",
    description=DESCRIPTION,
    summary="one product on one card: windows, run rate, channels, payoff, description, history (free)",
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
)
