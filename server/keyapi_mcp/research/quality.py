"""What buyers say, relative to how many bought."""

from __future__ import annotations

from typing import Final

from keyapi_mcp.product import Product
from keyapi_mcp.research.guards import ratio

_LEAST_UNITS: Final = 50


def review_ratio(product: Product) -> float | None:
    """Reviews per unit ever sold, fraction: review_count / u. Origin: own judgement. Guard: u ≥ 50."""
    units = product.units()
    return None if units is None or units < _LEAST_UNITS else ratio(product.reviews, units)
