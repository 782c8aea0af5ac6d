"""The one guarded division that every ratio goes through."""

from __future__ import annotations

from typing import Final

# A count is 1 or more and an amount a cent or more: less than this is damage, and dividing by it can overflow.
_LEAST: Final = 1e-6


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    """numerator / denominator, or `None` where either is absent or the denominator is not above 0."""
    if numerator is None or denominator is None or denominator < _LEAST:
        return None
    return numerator / denominator


def difference(larger: float | None, smaller: float | None) -> float | None:
    """What a longer window has beyond a shorter one; `None` where absent or negative (windows must not decrease)."""
    if larger is None or smaller is None or larger < smaller:
        return None
    return larger - smaller
