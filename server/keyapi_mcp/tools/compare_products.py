"""compare_products: two to eight products of the store side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BaseModel, Field

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.research.history import Seen
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.comparison import comparison
from keyapi_mcp.tools.base import Hints, Services, ToolSpec
from keyapi_mcp.tools.missing import WAYS_IN, in_other_regions, meant
from keyapi_mcp.tools.reading import Listed, ProductId, Region

DESCRIPTION: Final = """\
Two to eight products that searches have shown, side by side for 0 credits: price, sales, growth, creators, channels, \
commission, payoff, rating; the best of each row marked, differences computed, and what separates them."""
_FEWEST, _MOST = 2, 8


class _Arguments(BaseModel):
    product_ids: Annotated[
        list[ProductId], Field(min_length=_FEWEST, max_length=_MOST, description="19 digits each, as text"), Listed
    ]
    region: Region = None


async def run(services: Services, asked: _Arguments) -> Answer:
    ids = list(dict.fromkeys(asked.product_ids))
    notes = ["The same id was given more than once; it is compared once."] if len(ids) < len(asked.product_ids) else []
    states = await services.store.states(ids)
    chosen: list[Seen] = []
    missing: list[str] = []
    for product_id in ids:
        seen = states.get(product_id, ())
        here = [one for one in seen if asked.region in (None, one.region)]
        if len(here) > 1 or (seen and not here):
            raise in_other_regions(product_id, asked.region, [one.region for one in seen])
        chosen += here
        missing += [] if here else [product_id]
    near = await meant(services.store, missing)
    if len(chosen) < _FEWEST:
        raise _too_few(len(chosen), missing, near)
    if missing:
        notes.append(f"Not in the store, so left out: {', '.join(missing)}; search_products brings products in.")
        notes += near
    synthetic = await services.store.synthetic()
    return comparison(chosen, notes=notes, spending=await services.spending(), synthetic=synthetic)


def _too_few(found: int, missing: Sequence[str], near: Sequence[str]) -> InvalidQuery:
    if not missing:
        return InvalidQuery("A comparison takes two different products.", "call again with two to eight different ids.")
    rest = "none of the others is" if not found else "only one other is"
    what = (
        f"Not in the store, which holds what searches have shown: {', '.join(missing)}; {rest}. The service has no "
        "look-up by product id."
    )
    return InvalidQuery("\n".join([what, *near]), WAYS_IN)


TOOL: Final = ToolSpec.of(
    _Arguments,
    run,
    name="compare_products",
    title="Products side by side",
    description=DESCRIPTION,
    summary="two to eight products side by side, the best of each row marked, what separates them (free)",
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
)
