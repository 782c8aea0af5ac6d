"""Stage, follow-selling window and what moved, worked out as people write the rules down.

The numbers are those of the project's own list, and none of the package's formulas is used: its answers are held
against this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

Row = Mapping[str, Any]

LEVELS: Final = ("none", "minor", "notable", "high")
# From which change on a figure's move is notable, and from which it is high; where neither value reaches the last
# number, it is minor.
_FRACTIONS: Final = {
    "price_usd": (0.05, 0.20, 0),
    "units_30d": (0.15, 0.50, 100),
    "gmv_30d_usd": (0.15, 0.50, 1_000),
    "creators": (0.10, 0.30, 30),
}


class Moved(NamedTuple):
    name: str
    before: Any
    now: Any
    level: str


def momentum(row: Row) -> float | None:
    """Units a day of the last 7 days over those of the last 30."""
    month = row["total_sale_30d_cnt"]
    return float((row["total_sale_7d_cnt"] / 7) / (month / 30)) if month else None


def growth(row: Row) -> float | None:
    """Units a day of the last 7 days against the 8 before."""
    before = row["total_sale_15d_cnt"] - row["total_sale_7d_cnt"]
    return None if before < 8 else (row["total_sale_7d_cnt"] / 7) / (before / 8) - 1


def followed(row: Row, day: date) -> tuple[str, str | None]:
    """Stage and window: the first that fits. Nothing that is unknown fits."""
    if None in [row.get(f"total_sale_{days}d_cnt") for days in (7, 15, 30)]:
        return "Unclear", None
    seen = (day - _day(row["first_crawl_dt"])).days
    active = {days: _both(row, days) for days in (7, 30)}
    inflow = _inflow(active[7], active[30])
    video_inflow = _inflow(row.get("total_video_7d_cnt"), row.get("total_video_30d_cnt"))
    pace, grown, lifetime = momentum(row), growth(row), row["total_sale_gmv_amt"]
    before = row["total_sale_60d_cnt"] - row["total_sale_30d_cnt"]
    fell = seen >= 60 and before > 0 and row["total_sale_30d_cnt"] < 0.7 * before
    crowded = row["total_ifl_cnt"] >= 100 or (inflow is not None and inflow < 1)
    if seen < 30 and lifetime < 25_000 and active[30] is not None and active[30] < 30:
        return "New", "unvalidated" if row["total_sale_30d_cnt"] < 100 else None
    if grown is not None and grown > 0.15 and max(inflow or 0, video_inflow or 0) > 1.1:
        return "Growth", "narrowing" if crowded else "open"
    if row["total_sale_gmv_30d_amt"] >= 150_000 and (pace or 0) >= 0.85 and (inflow or 0) >= 0.8:
        return "Viral", "narrowing" if crowded else None
    if (pace is not None and pace < 0.7) or fell:
        return "Declining", "closed"
    if lifetime >= 150_000 and pace is not None and 0.7 <= pace <= 1.15:
        return "Steady", "closed"
    return "Unclear", None


def state(row: Row, day: date) -> dict[str, Any]:
    """What is compared of a product; a price or commission of 0 is none."""
    return {
        "price_usd": row["spu_avg_price"] or None,
        "units_30d": row["total_sale_30d_cnt"],
        "gmv_30d_usd": row["total_sale_gmv_30d_amt"],
        "creators": row["total_ifl_cnt"],
        "commission": row["product_commission_rate"] or None,
        "delisted": 1 if row["off_mark"] >= 2 else 0,
        "stage": followed(row, day)[0],
    }


def moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Moved, ...]:
    """What moved between two states, and how much each move says."""
    levels = {name: _level(name, before[name], now[name]) for name in before}
    return tuple(Moved(name, before[name], now[name], level) for name, level in levels.items() if level != "none")


def loudest(levels: Iterable[str]) -> str:
    return max(levels, key=LEVELS.index, default="none")


def _level(name: str, before: Any, now: Any) -> str:
    if before == now:
        return "none"
    if name == "delisted":
        return "high"
    if name == "stage":
        # That no rule applied is no change of the product.
        if "Unclear" in (before, now):
            return "none"
        return "high" if now in ("Growth", "Viral", "Declining") else "notable"
    if name == "commission":
        return _rank(abs((now or 0) - (before or 0)), 0.01, 0.03)
    if not before or now is None:
        return "minor"
    change = abs(now - before) / before
    if name != "price_usd" and change < 0.01:
        return "none"
    notable, high, least = _FRACTIONS[name]
    return _rank(change, notable, high) if max(before, now) >= least else "minor"


def _rank(size: float, notable: float, high: float) -> str:
    size = round(size, 6)  # 0.15 − 0.14 is a hair off 0.01
    return "high" if size >= high else "notable" if size >= notable else "minor"


def _both(row: Row, days: int) -> int | None:
    video, live = (row.get(f"total_ifl_{way}_{days}d_cnt") for way in ("video", "live"))
    return None if video is None or live is None else int(video + live)


def _inflow(week: int | None, month: int | None) -> float | None:
    return None if week is None or month is None or month < 5 else (week / 7) / (month / 30)


def _day(number: int) -> date:
    return date(number // 10_000, number // 100 % 100, number % 100)
