"""Age, and whether a row agrees with itself."""

from __future__ import annotations

from datetime import date
from typing import Final

from keyapi_mcp.product import SERIES, Product
from keyapi_mcp.research.channels import channel_split

DECREASING: Final = "a longer window shows less than a shorter one at the source"
OVER_GMV: Final = "video and live exceed 100 % of GMV at the source"

# The fields of each window, from the shortest to the lifetime.
_UNITS: Final = tuple(SERIES["units"].values())
_GMV: Final = tuple(SERIES["gmv_usd"].values())


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
    if _decreases(product, _UNITS) or _decreases(product, _GMV):
        found.append(DECREASING)
    if channel_split(product).inconsistent:
        found.append(OVER_GMV)
    return tuple(found)


def _decreases(product: Product, fields: tuple[str, ...]) -> bool:
    longest = 0.0
    for field in fields:
        value = product.number(field)
        if value is not None:
            # A cent of rounding is no contradiction.
            if value < longest - 0.02:
                return True
            longest = value
    return False
