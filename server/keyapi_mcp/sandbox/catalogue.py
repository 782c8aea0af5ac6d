"""A synthetic catalogue that is a function of (seed, market, product number, day) and nothing else.

The catalogue of a day later is the same one a day on: windows roll, some products are new, the oldest are gone, some
are delisted, some re-priced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final

from keyapi_mcp.sandbox.figures import figures
from keyapi_mcp.sandbox.listing import Listing, draw_listing
from keyapi_mcp.sandbox.names import MARKETS

# Products come and go around this day; any fixed one would do.
_REFERENCE: Final = date(2026, 1, 1)
# In so many days a market's products are replaced by new ones; no product is older.
_LIFE_DAYS: Final = 500
# Two days of every market: what a test that moves the day goes back to.
_KEPT_DAYS: Final = 2 * len(MARKETS)


@dataclass(frozen=True)
class Snapshot:
    """A product on a day. `fields` are the contract's numbers and codes; texts come when the row is rendered."""

    listing: Listing
    day: date

    @cached_property
    def fields(self) -> dict[str, Any]:
        return figures(self.listing, self.day)


class Catalogue:
    """The products of all markets. products: how many there are in all of them together, on any day."""

    def __init__(self, products: int = 5000, seed: int = 1) -> None:
        self.seed = seed
        weight = sum(market.weight for market in MARKETS.values())
        self._sizes = {code: max(1, round(products * market.weight / weight)) for code, market in MARKETS.items()}
        self._listings: dict[tuple[str, int], Listing] = {}
        self._days: dict[tuple[str, date], list[Snapshot]] = {}

    def on(self, region: str, day: date) -> list[Snapshot]:
        """Every product that a market has on this day; none for a market that is not covered. Not to be changed."""
        size = self._sizes.get(region)
        if size is None:
            return []
        key = (region, day)
        if key not in self._days:
            newest = size + (day - _REFERENCE).days * size // _LIFE_DAYS
            while len(self._days) >= _KEPT_DAYS:
                del self._days[next(iter(self._days))]
            self._days[key] = [Snapshot(self._listing(region, number), day) for number in range(newest - size, newest)]
        return self._days[key]

    def _listing(self, region: str, number: int) -> Listing:
        key = (region, number)
        if key not in self._listings:
            size = self._sizes[region]
            # The first day on which `on` has it. (`-(-a // b)` is a / b, rounded up.)
            launch = _REFERENCE + timedelta(days=-(-(number - size + 1) * _LIFE_DAYS // size))
            self._listings[key] = draw_listing(self.seed, region, number, launch, sellers=max(2, size * 2 // 3))
        return self._listings[key]
