"""What is said of a product id that the store cannot answer for: not there, elsewhere, or in several regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.store.store import Store

_LOOKED_FOR: Final = 5
# There is nothing known of such a product, so no filter can be named that would find it.
WAYS_IN: Final = (
    "search_products with the region, category and filters that it falls under brings it in (1 credit a page); "
    "query_products finds by name what is there (0 credits): SELECT product_id, region, name FROM products "
    "WHERE name LIKE '%word%'."
)


def not_in_store(product_id: str, near: Sequence[tuple[str, str]]) -> InvalidQuery:
    """near: kept ids, each with its region, that differ in the last digits only."""
    what = (
        f"Product {product_id} is not in the store, which holds what searches have shown; the service has no look-up "
        "by product id."
    )
    if near:
        what += f" {lost_digits(near)}"
    return InvalidQuery(what, WAYS_IN)


def lost_digits(near: Sequence[tuple[str, str]]) -> str:
    """What may have been meant. near: as above, at least one."""
    kept = " and ".join(f"{identifier} ({region})" for region, identifier in near)
    return f"There is {kept}: digits at the end are lost where an id is sent as a number instead of text."


async def meant(store: Store, unknown: Sequence[str]) -> list[str]:
    """A sentence for each of these ids that a kept one may be meant by; only so many are looked at."""
    found = [(one, (await store.product(one, None)).near) for one in unknown[:_LOOKED_FOR]]
    return [f"{one}: {lost_digits(near)}" for one, near in found if near]


def in_other_regions(product_id: str, region: str | None, regions: Sequence[str]) -> InvalidQuery:
    """region: the one asked for, `None` where several have it and none was named."""
    kept = " and ".join(regions)
    what = (
        f"Product {product_id} is in the store for {kept}"
        f"{', and each market has its own figures' if region is None else f', not for {region}'}."
    )
    return InvalidQuery(what, f"call again with {' or '.join(f'region={one}' for one in regions)}.")
