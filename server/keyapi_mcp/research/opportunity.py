"""A 0–100 screen with visible weights: not validated against outcomes, and shown as such.

Signals, weights and bounds are in `data/opportunity.toml`; a user may change the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from keyapi_mcp.product import Product
from keyapi_mcp.research.documents import document
from keyapi_mcp.research.growth import momentum
from keyapi_mcp.research.guards import ratio
from keyapi_mcp.research.payoff import usd_per_sale


def rules() -> dict[str, Any]:
    return document("opportunity")


@dataclass(frozen=True, slots=True)
class Signal:
    """strength 0–1 of a signal, the value it comes from, and its share of the score in points (of 100)."""

    value: float
    strength: float
    points: float


@dataclass(frozen=True, slots=True)
class Opportunity:
    """score: 0–100, `None` with too few signals; signals: those that are known; missing: the others."""

    score: float | None
    signals: dict[str, Signal]
    missing: tuple[str, ...]


def _quality(product: Product) -> float | None:
    reviews, least = product.reviews, rules()["signals"]["quality"]["least_reviews"]
    return product.rating if reviews is not None and reviews >= least else None


_VALUES: Final[dict[str, Callable[[Product], float | None]]] = {
    "demand": lambda product: product.units(7),
    "momentum": momentum,
    "payoff": usd_per_sale,
    "competition_gap": lambda product: ratio(product.units(7), product.creators),
    "quality": _quality,
}
SIGNALS: Final = tuple(_VALUES)


@cache
def default_weights() -> Mapping[str, float]:
    return MappingProxyType({name: float(rules()["signals"][name]["weight"]) for name in SIGNALS})


def read_weights(document: Mapping[str, Any]) -> dict[str, float]:
    """The weights of a user's file: a table `weights` of signal = number; signals that it leaves out keep theirs.

    Raises KeyError(name, reason) for what cannot be a weight.
    """
    for name in document:
        if name != "weights":
            raise KeyError(name, "the file has one table, [weights]")
    given = document.get("weights", {})
    if not isinstance(given, Mapping):
        raise KeyError("weights", "has to be a table, [weights]")
    for name, value in given.items():
        if name not in SIGNALS:
            raise KeyError(name, f"is no signal; there are {', '.join(SIGNALS)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1_000_000:
            raise KeyError(name, "has to be a number from 0 on")
    weights = {**default_weights(), **{name: float(value) for name, value in given.items()}}
    if not any(weights.values()):
        raise KeyError("weights", "at least one has to be above 0")
    return weights


def opportunity(product: Product, weights: Mapping[str, float] | None = None) -> Opportunity:
    """Weighted mean of the known signals' strengths, in points.

    weights: by signal, at least 0, of any sum; a missing signal leaves the blend and its weight is shared among the
    rest. Origin: shape after public opportunity scores, weights own judgement. Guard: at least three signals, and
    weights that are not all 0.
    """
    weights = default_weights() if weights is None else weights
    values = {name: read(product) for name, read in _VALUES.items()}
    strengths = {name: _strength(name, value) for name, value in values.items() if value is not None}
    whole = sum(weights[name] for name in strengths)
    signals = {
        name: Signal(value, strength, 100 * strength * weights[name] / whole if whole > 0 else 0.0)
        for name, strength in strengths.items()
        if (value := values[name]) is not None
    }
    enough = len(signals) >= rules()["least_signals"] and whole > 0
    score = min(100.0, sum(signal.points for signal in signals.values())) if enough else None
    return Opportunity(score, signals, tuple(name for name in SIGNALS if name not in signals))


def _strength(name: str, value: float) -> float:
    of = rules()["signals"][name]
    low, high = float(of["low"]), float(of["high"])
    if of["log"]:
        if value <= low:
            return 0.0
        value, low, high = math.log(value), math.log(low), math.log(high)
    return min(1.0, max(0.0, (value - low) / (high - low)))
