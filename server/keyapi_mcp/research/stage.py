"""Where a product is in its life, and whether following it still makes sense; each with the numbers it rests on.

Rules and thresholds are in `data/stages.toml`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Literal

from keyapi_mcp.product import Product
from keyapi_mcp.research.age import days_since_first_seen
from keyapi_mcp.research.growth import creator_inflow, growth_7d, growth_30d, momentum, video_inflow

Stage = Literal["New", "Growth", "Viral", "Declining", "Steady", "Unclear"]
Window = Literal["unvalidated", "open", "narrowing", "closed"]


@cache
def rules() -> dict[str, dict[str, float]]:
    source = resources.files("keyapi_mcp.research") / "data" / "stages.toml"
    loaded: dict[str, dict[str, float]] = tomllib.loads(source.read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True, slots=True)
class Placed:
    """window is `None` where the stage says nothing of it; reasons: metric → value that decided, fractions and USD."""

    stage: Stage
    window: Window | None
    reasons: dict[str, float]


def place(product: Product, day: date) -> Placed:
    """Stage and follow-selling window on the data day.

    Origin: FastMoss's four stages, thresholds own judgement. Guard: Unclear when the units of 7, 15 or 30 days are
    missing, or when no stage's conditions hold; a metric that is absent fulfils no condition.
    """
    if any(product.units(days) is None for days in (7, 15, 30)):
        return Placed("Unclear", None, {})
    metrics = {
        "seen_days": days_since_first_seen(product, day),
        "lifetime_gmv_usd": product.gmv(),
        "gmv_30d_usd": product.gmv(30),
        "creators_30d": product.creators_active(30),
        "growth_7d": growth_7d(product),
        "growth_30d": growth_30d(product, day),
        "momentum": momentum(product),
        "creator_inflow": creator_inflow(product),
        "video_inflow": video_inflow(product),
    }
    stage, deciding = _stage(metrics)
    reasons = {name: value for name in deciding if (value := metrics[name]) is not None}
    return Placed(stage, _window(stage, product, metrics["creator_inflow"]), reasons)


def _stage(metrics: dict[str, Any]) -> tuple[Stage, tuple[str, ...]]:
    """The first stage that fits, and the metrics that decided."""
    of = rules()

    def below(name: str, limit: float) -> bool:
        return metrics[name] is not None and metrics[name] < limit

    def above(name: str, limit: float) -> bool:
        return metrics[name] is not None and metrics[name] > limit

    def at_least(name: str, limit: float) -> bool:
        return metrics[name] is not None and metrics[name] >= limit

    new, growth, viral, declining, steady = (of[name] for name in ("new", "growth", "viral", "declining", "steady"))
    if (
        below("seen_days", new["seen_days_below"])
        and below("lifetime_gmv_usd", new["lifetime_gmv_usd_below"])
        and below("creators_30d", new["creators_30d_below"])
    ):
        return "New", ("seen_days", "lifetime_gmv_usd", "creators_30d")
    if above("growth_7d", growth["growth_7d_above"]):
        if above("creator_inflow", growth["creator_inflow_above"]):
            return "Growth", ("growth_7d", "creator_inflow")
        if above("video_inflow", growth["video_inflow_above"]):
            return "Growth", ("growth_7d", "video_inflow")
    if (
        at_least("gmv_30d_usd", viral["gmv_30d_usd_from"])
        and at_least("momentum", viral["momentum_from"])
        and at_least("creator_inflow", viral["creator_inflow_from"])
    ):
        return "Viral", ("gmv_30d_usd", "momentum", "creator_inflow")
    if below("momentum", declining["momentum_below"]):
        return "Declining", ("momentum",)
    if below("growth_30d", declining["growth_30d_below"]):
        return "Declining", ("growth_30d",)
    if (
        at_least("lifetime_gmv_usd", steady["lifetime_gmv_usd_from"])
        and at_least("momentum", steady["momentum_from"])
        and not above("momentum", steady["momentum_to"])
    ):
        return "Steady", ("lifetime_gmv_usd", "momentum")
    return "Unclear", ("growth_7d", "momentum", "creator_inflow")


def _window(stage: Stage, product: Product, inflow: float | None) -> Window | None:
    """How open following still is. Growth without a known number of creators says nothing."""
    of = rules()["window"]
    units, creators = product.units(30), product.creators
    if stage == "New":
        return "unvalidated" if units is not None and units < of["unvalidated_units_30d_below"] else None
    if stage in ("Steady", "Declining"):
        return "closed"
    crowded = creators is not None and creators >= of["open_creators_below"]
    slowing = inflow is not None and inflow < of["narrowing_creator_inflow_below"]
    if stage in ("Growth", "Viral") and (crowded or slowing):
        return "narrowing"
    return "open" if stage == "Growth" and creators is not None else None
