"""A product over the days it was seen: its last state, and what moved between two sights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from keyapi_mcp.product import Product
from keyapi_mcp.research.guards import ratio


@dataclass(frozen=True, slots=True)
class Seen:
    """A product as it was seen last.

    day: the day that the figures speak of; fetched_at: UTC; first_day, days: data day of the first sight, and on how
    many days there was one.
    """

    region: str
    product: Product
    day: date
    fetched_at: datetime
    first_day: date
    days: int


@dataclass(frozen=True, slots=True)
class Sight:
    """A product's figures on an earlier day. Texts are not kept by day: there are none."""

    product: Product
    day: date


class Move(NamedTuple):
    """What one figure was and is; `None` is unknown."""

    name: str
    before: float | None
    now: float | None

    @property
    def change(self) -> float | None:
        """Fraction of what it was. Guard: both known, and it was above 0."""
        quotient = ratio(self.now, self.before)
        return None if quotient is None else quotient - 1


@dataclass(frozen=True, slots=True)
class _Figure:
    """least: the change, as a fraction, below which it has not moved: a window's sum is never quite the same."""

    name: str
    read: Callable[[Product], float | None]
    least: float = 0.0


# A hundredth more or less is within what such estimates are good for. Origin: own judgement.
LEAST_CHANGE: Final = 0.01
# Under the store's names.
_FIGURES: Final = (
    _Figure("price_usd", lambda product: product.price),
    _Figure("units_30d", lambda product: product.units(30), LEAST_CHANGE),
    _Figure("gmv_30d_usd", lambda product: product.gmv(30), LEAST_CHANGE),
    _Figure("creators", lambda product: product.creators, LEAST_CHANGE),
    _Figure("commission", lambda product: product.commission),
    _Figure("delisted", lambda product: int(product.delisted)),
)


def moves(before: Product, now: Product) -> tuple[Move, ...]:
    """What moved between two sights of one product: price, sales, creators, commission, whether it is on sale.

    Sales and creators have moved when they changed by 1 % or more, or became known or unknown.
    """
    found = []
    for figure in _FIGURES:
        move = Move(figure.name, figure.read(before), figure.read(now))
        if move.before != move.now and (move.change is None or abs(move.change) >= figure.least):
            found.append(move)
    return tuple(found)
