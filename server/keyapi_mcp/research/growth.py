"""How sales and creators move: runs per day in one window against another.

Growths are one division of whole numbers, so that exactly 30 % is not a hair above or below it.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Final

from keyapi_mcp.product import WINDOWS, Product
from keyapi_mcp.research.age import days_since_first_seen
from keyapi_mcp.research.guards import difference, ratio

# Below this the eight days before are too few units to compare with.
_LEAST_BEFORE: Final = 8
_LEAST_WEEK: Final = 20
_LEAST_CREATORS: Final = 5

# (longer window, shorter window): the disjoint stretches of the last 90 days, oldest first.
STRETCHES: Final = tuple(pairwise(reversed(WINDOWS)))


def growth_7d(product: Product) -> float | None:
    """Growth of units a day, last 7 days against the 8 days before; fraction, 0.38 = +38 %.

    (u_7/7) / ((u_15 − u_7)/8) − 1. Origin: the week-on-week column of FastMoss's scouting rules, on disjoint windows.
    Guard: u_15 − u_7 ≥ 8 units.
    """
    week = product.units(7)
    before = difference(product.units(15), week)
    if week is None or before is None or before < _LEAST_BEFORE:
        return None
    return (8 * week - 7 * before) / (7 * before)


def growth_30d(product: Product, day: date) -> float | None:
    """Growth of units, last 30 days against the 30 before; fraction.

    u_30 / (u_60 − u_30) − 1. Origin: FastMoss glossary. Guard: first seen at least 60 days ago, u_60 > u_30.
    """
    seen = days_since_first_seen(product, day)
    if seen is None or seen < 60:
        return None
    month = product.units(30)
    before = difference(product.units(60), month)
    return None if month is None or before is None else ratio(month - before, before)


def growth_7d_against_23(product: Product) -> float | None:
    """Growth of units a day, last 7 days against the 23 before; fraction.

    (u_7/7) / ((u_30 − u_7)/23) − 1. Origin: public client code. Guard: u_30 > u_7.
    """
    week = product.units(7)
    quotient = ratio(week, difference(product.units(30), week))
    return None if quotient is None else quotient * 23 / 7 - 1


def momentum(product: Product) -> float | None:
    """Units a day in the last 7 days relative to the last 30; 1.0 = steady, 4.29 = all of the month in this week.

    (u_7/7) / (u_30/30). Origin: common run-rate ratio. Guard: u_30 > 0.
    """
    quotient = ratio(product.units(7), product.units(30))
    return None if quotient is None else quotient * 30 / 7


def yesterday(product: Product) -> float | None:
    """The newest day's units relative to the week's average day; noisy.

    u_1 / (u_7/7). Origin: common run-rate ratio. Guard: u_7 ≥ 20.
    """
    week = product.units(7)
    if week is None or week < _LEAST_WEEK:
        return None
    quotient = ratio(product.units(1), week)
    return None if quotient is None else quotient * 7


def daily_run_rates(product: Product) -> tuple[float, ...] | None:
    """Units a day in the disjoint stretches 90–61, 60–31, 30–16, 15–8, 7–2 days ago and the newest day.

    Origin: own judgement; the basis of the sparkline. Guard: every window there and none negative.
    """
    rates = []
    for longer, shorter in STRETCHES:
        units = difference(product.units(longer), product.units(shorter))
        if units is None:
            return None
        rates.append(units / (longer - shorter))
    newest = product.units(1)
    return None if newest is None else (*rates, newest)


def creator_inflow(product: Product) -> float | None:
    """Active creators a day in the last 7 days relative to the last 30; above 1 more are coming in.

    (c_7/7) / (c_30/30). Origin: FastMoss: creators and videos lead GMV by about a week. Guard: c_30 ≥ 5.
    """
    return _inflow(product.creators_active(7), product.creators_active(30))


def video_inflow(product: Product) -> float | None:
    """New videos a day in the last 7 days relative to the last 30. Formula, origin and guard as `creator_inflow`."""
    return _inflow(product.videos(7), product.videos(30))


def _inflow(week: float | None, month: float | None) -> float | None:
    if week is None or month is None or month < _LEAST_CREATORS:
        return None
    return (week / 7) / (month / 30)
