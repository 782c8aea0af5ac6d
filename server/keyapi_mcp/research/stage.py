"""Where a product is in its life, and whether following it still makes sense; each with the numbers it rests on.

Rules and thresholds are in `data/stages.toml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from keyapi_mcp.product import SERIES, Product
from keyapi_mcp.research.age import days_since_first_seen
from keyapi_mcp.research.documents import document
from keyapi_mcp.research.growth import creator_inflow, growth_7d, growth_30d, momentum, video_inflow

Stage = Literal["New", "Growth", "Viral", "Declining", "Steady", "Unclear"]
FollowWindow = Literal["unvalidated", "open", "narrowing", "closed"]


def rules() -> dict[str, dict[str, float]]:
    return document("stages")


@dataclass(frozen=True, slots=True)
class Placed:
    """window is `None` where the stage says nothing of it; reasons: metric → value that decided, fractions and USD."""

    stage: Stage
    window: FollowWindow | None
    reasons: dict[str, float]


# All that is read of a row here, by the service's names: a row with these alone is placed the same.
FIELDS: Final = frozenset(
    {
        *(SERIES["units"][days] for days in (7, 15, 30, 60)),
        *(SERIES["gmv_usd"][days] for days in (30, None)),
        *(SERIES[name][days] for name in ("videos", "video_creators", "live_creators") for days in (7, 30)),
        "total_ifl_cnt",
        "first_crawl_dt",
    }
)


def place(product: Product, day: date) -> Placed:
    """Stage and follow-selling window on the data day.

    Origin: FastMoss's four stages, thresholds own judgement. Guard: Unclear when the units of 7, 15 or 30 days are
    missing, or when no stage's conditions hold; a metric that is absent fulfils no condition.
    """
    if product.units(7) is None or product.units(15) is None or product.units(30) is None:
        return Placed("Unclear", None, {})
    stage, deciding = _stage(product, day)
    reasons = {name: value for name, value in deciding.items() if value is not None}
    return Placed(stage, _window(stage, product), reasons)


def _stage(product: Product, day: date) -> tuple[Stage, dict[str, float | None]]:
    """The first stage that fits, and the metrics that decided. None is computed before a condition asks for it."""
    of = rules()
    new, growth, viral, declining, steady = of["new"], of["growth"], of["viral"], of["declining"], of["steady"]
    seen, lifetime = days_since_first_seen(product, day), product.gmv()
    if (
        _below(seen, new["seen_days_below"])
        and _below(lifetime, new["lifetime_gmv_usd_below"])
        and _below(creators := product.creators_active(30), new["creators_30d_below"])
    ):
        return "New", {"seen_days": seen, "lifetime_gmv_usd": lifetime, "creators_30d": creators}
    week = growth_7d(product)
    if _above(week, growth["growth_7d_above"]):
        if _above(inflow := creator_inflow(product), growth["creator_inflow_above"]):
            return "Growth", {"growth_7d": week, "creator_inflow": inflow}
        if _above(inflow := video_inflow(product), growth["video_inflow_above"]):
            return "Growth", {"growth_7d": week, "video_inflow": inflow}
    gmv, pace = product.gmv(30), momentum(product)
    if (
        _at_least(gmv, viral["gmv_30d_usd_from"])
        and _at_least(pace, viral["momentum_from"])
        and _at_least(inflow := creator_inflow(product), viral["creator_inflow_from"])
    ):
        return "Viral", {"gmv_30d_usd": gmv, "momentum": pace, "creator_inflow": inflow}
    if _below(pace, declining["momentum_below"]):
        return "Declining", {"momentum": pace}
    if _below(month := growth_30d(product, day), declining["growth_30d_below"]):
        return "Declining", {"growth_30d": month}
    if (
        _at_least(lifetime, steady["lifetime_gmv_usd_from"])
        and _at_least(pace, steady["momentum_from"])
        and not _above(pace, steady["momentum_to"])
    ):
        return "Steady", {"lifetime_gmv_usd": lifetime, "momentum": pace}
    return "Unclear", {"growth_7d": week, "momentum": pace, "creator_inflow": creator_inflow(product)}


def _below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


def _above(value: float | None, limit: float) -> bool:
    return value is not None and value > limit


def _at_least(value: float | None, limit: float) -> bool:
    return value is not None and value >= limit


def _window(stage: Stage, product: Product) -> FollowWindow | None:
    """How open following still is. Growth without a known number of creators says nothing."""
    of = rules()["window"]
    if stage == "New":
        return "unvalidated" if _below(product.units(30), of["unvalidated_units_30d_below"]) else None
    if stage in ("Steady", "Declining"):
        return "closed"
    if stage == "Unclear":
        return None
    creators = product.creators
    crowded = _at_least(creators, of["open_creators_below"])
    if crowded or _below(creator_inflow(product), of["narrowing_creator_inflow_below"]):
        return "narrowing"
    return "open" if stage == "Growth" and creators is not None else None
