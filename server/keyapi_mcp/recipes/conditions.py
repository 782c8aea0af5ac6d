"""Holding rows against a recipe's conditions: what stays, what each condition removed, and what came nearest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from keyapi_mcp.fields import figures
from keyapi_mcp.product import Product
from keyapi_mcp.recipes.recipe import Condition
from keyapi_mcp.research.derived import Rules, derive

Measured = Mapping[str, Any]


def measure(product: Product, day: date, rules: Rules) -> Measured:
    """Every metric that a condition can be about; what is unknown is `None`."""
    # At the source a rating or price of 0 means that there is none.
    known = figures(product) | {"rating": product.rating, "price_usd": product.price}
    return known | derive(product, day, rules)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a condition did to the rows that those before it had left. unknown: removed without a value."""

    condition: Condition
    looked_at: int
    removed: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Miss:
    """A row that fails as few conditions as any. failed: each with the row's value."""

    position: int
    failed: tuple[tuple[Condition, float | str | None], ...]


@dataclass(frozen=True, slots=True)
class Screened:
    """kept: positions of the rows that meet all conditions; nearest: of none, the row that came nearest."""

    kept: tuple[int, ...]
    outcomes: tuple[Outcome, ...]
    nearest: Miss | None


def screen(conditions: Sequence[Condition], rows: Sequence[Measured]) -> Screened:
    """Apply the conditions one after the other."""
    left = list(range(len(rows)))
    outcomes = []
    for condition in conditions:
        kept = [position for position in left if condition.holds(rows[position][condition.metric])]
        unknown = sum(rows[position][condition.metric] is None for position in left)
        outcomes.append(Outcome(condition, len(left), len(left) - len(kept), unknown))
        left = kept
    return Screened(tuple(left), tuple(outcomes), None if left else _nearest(conditions, rows))


def _nearest(conditions: Sequence[Condition], rows: Sequence[Measured]) -> Miss | None:
    misses = [
        Miss(
            position,
            tuple(
                (condition, value) for condition in conditions if not condition.holds(value := row[condition.metric])
            ),
        )
        for position, row in enumerate(rows)
    ]
    return min(
        misses, key=lambda miss: (len(miss.failed), sum(map(_distance, miss.failed)), miss.position), default=None
    )


def _distance(failed: tuple[Condition, float | str | None]) -> float:
    """How far a value is from its limit, relative to that; what cannot be told is as far as it gets."""
    condition, value = failed
    if value is None or isinstance(value, str) or isinstance(condition.value, str):
        return 1.0
    return min(1.0, abs(value - condition.value) / abs(condition.value)) if condition.value else 1.0


def admitting(condition: Condition, value: float | str | None) -> str:
    """The condition's value, as an override, with which it would let this one pass: a round number, or `off`."""
    if value is None or isinstance(value, str) or condition.how == "is":
        return "off" if value is None else f"{value}"
    down = condition.how in ("min", "above")
    if value == 0:
        return "off" if condition.how in ("above", "below") else "0"
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    rounded = (math.floor if down else math.ceil)(round(value / step, 9)) * step
    if not Condition(condition.metric, condition.how, rounded, condition.name).holds(value):
        rounded += -step if down else step
    return f"{rounded:.10g}"
