"""Age, and whether a row agrees with itself."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Final

from keyapi_mcp.product import WINDOWS, Product
from keyapi_mcp.research.channels import channel_split

DECREASING: Final = "a longer window shows less than a shorter one at the source"
OVER_GMV: Final = "video and live exceed 100 % of GMV at the source"

_NESTED: Final = (*WINDOWS, None)


def days_since_first_seen(product: Product, day: date) -> int | None:
    """Whole days from the day the source first saw the product to the data day; not its time on sale.

    `None` where unknown or after the data day.
    """
    first = product.first_seen
    if first is None:
        return None
    days = (day - first).days
    return days if days >= 0 else None


def contradictions(product: Product) -> tuple[str, ...]:
    """What in the row cannot be true together, in words; empty for a sound row.

    Nested windows of units and GMV must not decrease (held in 244 of 244 real rows); shares of video and live GMV in
    30 days must not exceed 102 % of the whole.
    """
    found = []
    if _decreases([product.units(days) for days in _NESTED]) or _decreases([product.gmv(days) for days in _NESTED]):
        found.append(DECREASING)
    if channel_split(product).inconsistent:
        found.append(OVER_GMV)
    return tuple(found)


def _decreases(values: list[float | None]) -> bool:
    # A cent of rounding is no contradiction.
    present = [value for value in values if value is not None]
    return any(later < earlier - 0.02 for earlier, later in pairwise(present))
