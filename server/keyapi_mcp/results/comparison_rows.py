"""The rows of a comparison: which metrics, whether more is better, the best of each, and how far apart they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from keyapi_mcp.research.derived import metrics
from keyapi_mcp.research.guards import ratio
from keyapi_mcp.research.history import Seen
from keyapi_mcp.results.numbers import exact, money, percent

# Amounts below this have cents.
_CENTS_BELOW: Final = 100


@dataclass(frozen=True, slots=True)
class Metric:
    """name: as the store and the glossary have it; heading: in the text; subject: what it is about.

    more_is_better: for somebody who wants to sell or promote; otherwise neither more nor less is. ratio: whether one
    value can be so many times another, or only so much more (rates, shares, what can be negative). digits: after the
    point; dispensable: the higher, the sooner it is left out of an answer that is full.
    """

    name: str
    heading: str
    subject: str
    more_is_better: bool
    ratio: bool
    written: Callable[[float], str]
    digits: int = 0
    dispensable: int = 0


# What is written is what is compared: of two that look the same, none is marked as the best. (Plain digits take
# fewer tokens than 1.8M does.)
def _count(value: float) -> str:
    return f"{value:.0f}"


def _dollars(value: float) -> str:
    return money(value) if value < _CENTS_BELOW else _count(value)


def _rate(value: float) -> str:
    return percent(value, digits=1)


def _ratio(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


# Price, age, channels and the number of creators are no merits by themselves: creators are reach and competition.
METRICS: Final = (
    Metric("price_usd", "price $", "price", False, True, money, 2),
    Metric("units_7d", "u7", "sales", True, True, _count, dispensable=6),
    Metric("units_30d", "u30", "sales", True, True, _count),
    Metric("gmv_30d_usd", "gmv30 $", "sales", True, True, _dollars),
    Metric("growth_7d", "growth %", "movement", True, False, percent, 2),
    Metric("momentum", "momentum", "movement", True, False, _ratio, 2, dispensable=10),
    Metric("creators_active_30d", "creators30", "creators", False, True, _count, dispensable=7),
    Metric("creator_inflow", "inflow", "movement", True, False, _ratio, 2, dispensable=2),
    Metric("gmv_per_creator_usd", "gmv/creator $", "creators", True, True, _dollars, dispensable=4),
    Metric("video_share", "video %", "channels", False, False, percent, 2, dispensable=3),
    Metric("live_share", "live %", "channels", False, False, percent, 2, dispensable=9),
    Metric("commission", "comm %", "payoff", True, False, _rate, 3),
    Metric("usd_per_sale", "$/sale", "payoff", True, True, money, 2),
    Metric("pool_per_creator_usd", "pool/creator $", "payoff", True, True, _dollars),
    Metric("rating", "rating", "trust", True, False, _ratio, 1, dispensable=1),
    Metric("reviews", "reviews", "trust", True, True, _count, dispensable=5),
    Metric("seen_days", "seen d", "age", False, False, _count, dispensable=8),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of all products, in their order; `None` where it is unknown.

    The values are rounded to the digits that mean something, so that what looks the same is the same.
    """

    metric: Metric
    values: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        return [value for value in self.values if value is not None]

    @property
    def complete(self) -> bool:
        return None not in self.values

    @property
    def best(self) -> int | None:
        """Its position. `None` on a tie, where a value is missing, and where more is not better."""
        if not (self.metric.more_is_better and self.complete) or self.values.count(max(self.known)) > 1:
            return None
        return self.highest()

    @property
    def difference(self) -> float | None:
        """Highest − lowest; only of complete rows, since the missing one may be beyond either."""
        return _rounded(self.metric, max(self.known) - min(self.known)) if self.complete else None

    @property
    def times(self) -> float | None:
        """Highest ÷ lowest. Guard: complete, lowest above 0."""
        return ratio(max(self.known), min(self.known)) if self.complete else None

    def highest(self) -> int:
        return self.values.index(max(self.known))

    def lowest(self) -> int:
        return self.values.index(min(self.known))

    def written(self, position: int) -> str:
        value = self.values[position]
        return "" if value is None else self.metric.written(value)


def rows_of(products: Sequence[Seen]) -> list[Row]:
    """Every metric of these products, those that nobody has included."""
    figures = [_figures(one) for one in products]
    return [Row(metric, tuple(_rounded(metric, one[metric.name]) for one in figures)) for metric in METRICS]


def _rounded(metric: Metric, value: float | None) -> float | None:
    cents = metric.written is _dollars and value is not None and value < _CENTS_BELOW
    return exact(value, 2 if cents else metric.digits)


def _figures(seen: Seen) -> dict[str, float | None]:
    product = seen.product
    return metrics(product, seen.day) | {
        "price_usd": product.price,
        "units_7d": product.units(7),
        "units_30d": product.units(30),
        "gmv_30d_usd": product.gmv(30),
        "rating": product.rating,
        "reviews": product.reviews,
    }
