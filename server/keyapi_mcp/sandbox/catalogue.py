"""A synthetic catalogue that is a function of (seed, region, product number, day) and nothing else.

Every count is the difference of a cumulative curve at two days, so windows nest, days add up, and the catalogue of a
day later is the same one a day on: windows roll, some products are new, some delisted, some re-priced.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

from keyapi_mcp.sandbox.names import MARKETS, Market, product_name

WINDOWS: Final = (1, 7, 15, 30, 60, 90)
# Products come and go around this day; any fixed one would do.
_REFERENCE: Final = date(2026, 1, 1)
# Share of a market's products that are new each day; with it the oldest is about 500 days old.
_NEW_A_DAY: Final = 0.002
_WEIGHTS: Final = {"601450": 5, "605248": 3, "600001": 3}


@dataclass(frozen=True, slots=True)
class CategoryPath:
    first: str
    second: str
    third: str
    name: str


@cache
def category_paths() -> dict[str, tuple[CategoryPath, ...]]:
    """Level-1 id → its paths down to level 3, from the published category table."""
    source = resources.files("keyapi_mcp") / "reference" / "data" / "categories.csv"
    rows = list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))
    parents = {row["id"]: row["parent_id"] for row in rows}
    paths: dict[str, list[CategoryPath]] = {}
    for row in rows:
        if row["level"] == "3" and (first := parents.get(row["parent_id"], "0")) != "0":
            paths.setdefault(first, []).append(
                CategoryPath(first, row["parent_id"], row["id"], row["name"].removesuffix("\\t"))
            )
    return {first: tuple(found) for first, found in paths.items()}


@dataclass(frozen=True)
class Listing:
    """What about a product does not change with the day. Times are days since its launch."""

    number: int
    market: Market
    launch: date
    product_id: str
    seller_id: str
    category: CategoryPath
    name: str
    price: float
    commission: float
    rating: float
    plateau: float  # units a day once settled
    burst: float  # units of the first wave
    peak: float
    width: float
    phase: float
    video_share: float
    live_share: float
    units_per_video: float
    views_per_video: float
    units_per_creator: float
    units_per_live: float
    review_share: float
    managed: int
    free_shipping: int
    ends: float  # when it is delisted; infinity for most
    oddity: str
    variants: int

    def sold(self, day: float) -> float:
        """Units from the launch to this day: a settled rate, a first wave, and weeks that breathe."""
        day = max(0.0, min(day, self.ends))
        if not day:
            return 0.0
        # A warped clock instead of noise: it never runs backwards, so neither do the sums.
        clock = (
            day
            + 0.55 * math.sin(2 * math.pi * day / 7 + self.phase)
            + 1.4 * math.sin(2 * math.pi * day / 31 + self.phase)
        )
        return max(0.0, self.plateau * clock + self.burst * self._wave(clock))

    def _wave(self, clock: float) -> float:
        def logistic(at: float) -> float:
            return 1 / (1 + math.exp(-max(-40.0, min(40.0, (at - self.peak) / self.width))))

        return max(0.0, logistic(clock) - logistic(0))

    def price_on(self, day: float) -> float:
        """Re-priced every six weeks or so, by up to a tenth."""
        step = int((day + self.phase * 7) // 43)
        return round(self.price * (1 + 0.1 * math.sin(step * 2.4 + self.phase)), 2)

    def revenue(self, day: float) -> float:
        """USD from the launch to this day, at the prices of the time."""
        day = max(0.0, min(day, self.ends))
        total, start = 0.0, 0.0
        while start < day:
            end = min(day, ((start + self.phase * 7) // 43 + 1) * 43 - self.phase * 7)
            end = end if end > start else start + 43
            end = min(end, day)
            total += (self.sold(end) - self.sold(start)) * self.price_on((start + end) / 2)
            start = end
        return total


class Catalogue:
    """The products of all markets on a day. products: how many there are in all markets together."""

    def __init__(self, products: int = 5000, seed: int = 1) -> None:
        self.seed = seed
        weight = sum(market.weight for market in MARKETS.values())
        self._sizes = {code: max(1, round(products * market.weight / weight)) for code, market in MARKETS.items()}
        self._listings: dict[tuple[str, int], Listing] = {}

    def on(self, region: str, day: date) -> list[Snapshot]:
        """Every product that a market has on this day; none for a market that is not covered."""
        size = self._sizes.get(region)
        if size is None:
            return []
        newest = size + math.floor((day - _REFERENCE).days * size * _NEW_A_DAY)
        return [Snapshot(self._listing(region, number), day) for number in range(newest - size, newest)]

    def _listing(self, region: str, number: int) -> Listing:
        key = (region, number)
        if key not in self._listings:
            self._listings[key] = self._make(region, number)
        return self._listings[key]

    def _make(self, region: str, number: int) -> Listing:
        draw = random.Random(f"{self.seed}/{region}/{number}")
        market, size = MARKETS[region], self._sizes[region]
        launch = _REFERENCE + timedelta(days=math.floor((number - size) / (size * _NEW_A_DAY)))
        paths = category_paths()
        first = draw.choices(list(paths), [_WEIGHTS.get(one, 1) for one in paths])[0]
        category = draw.choice(paths[first])
        quiet = draw.random() < 0.08
        rate = 0.0 if quiet else draw.lognormvariate(math.log(75), 1.35)
        video = draw.betavariate(1.6, 1.4)
        live = (1 - video) * draw.betavariate(0.5, 2.5)
        return Listing(
            number=number,
            market=market,
            launch=launch,
            product_id=str(1729_000_000_000_000_000 + draw.randrange(10**15)),
            # A few sellers have most products.
            seller_id=str(7495_000_000_000_000_000 + int(draw.paretovariate(0.7)) % 400 * 7_919_000_003 + size),
            category=category,
            name=product_name(draw, market, category.name),
            price=round(min(735.0, max(0.5, draw.lognormvariate(math.log(market.price), 0.95))), 2),
            commission=draw.choice((0, 0, 0.05, 0.08, 0.1, 0.1, 0.12, 0.135, 0.15, 0.15, 0.2, 0.25)),
            rating=0 if quiet else round(min(5.0, max(2.8, draw.gauss(4.6, 0.28))), 1),
            plateau=rate * draw.uniform(0.05, 1),
            burst=rate * draw.uniform(5, 90),
            peak=draw.uniform(8, 240),
            width=draw.uniform(4, 22),
            phase=draw.uniform(0, 6),
            video_share=video,
            live_share=live if draw.random() < 0.45 else 0.0,
            units_per_video=draw.lognormvariate(math.log(9), 0.9),
            views_per_video=draw.lognormvariate(math.log(6000), 1.2),
            units_per_creator=draw.lognormvariate(math.log(25), 0.9),
            units_per_live=draw.lognormvariate(math.log(60), 0.8),
            review_share=draw.betavariate(1.5, 9),
            managed=int(draw.random() < 0.1),
            free_shipping=int(draw.random() < 0.4),
            ends=draw.uniform(20, 500) if draw.random() < 0.12 else math.inf,
            oddity=draw.choices(("", "over", "shrinks", "no_videos", "no_creators"), (93, 2, 1, 3, 1))[0],
            variants=draw.choice((1, 2, 2, 3, 4, 6)),
        )


@dataclass(frozen=True)
class Snapshot:
    """A product on a day. `fields` are the contract's numbers and codes; texts come when the row is rendered."""

    listing: Listing
    day: date

    @property
    def age(self) -> int:
        return (self.day - self.listing.launch).days + 1

    def _sums(self, curve: Callable[[float], float]) -> Callable[[float], dict[int, float]]:
        """A curve's windows, scaled: window → sum inside it (key 0: lifetime), from whole cumulative numbers."""
        now, then = curve(self.age), {days: curve(self.age - days) for days in WINDOWS}

        def scaled(scale: float) -> dict[int, float]:
            whole = math.floor(now * scale)
            windows: dict[int, float] = {days: whole - math.floor(before * scale) for days, before in then.items()}
            windows[0] = whole
            return windows

        return scaled

    @cached_property
    def fields(self) -> dict[str, Any]:
        one, age = self.listing, self.age
        sold, earned = self._sums(one.sold), self._sums(one.revenue)
        # Videos and creators run about a week ahead of the sales that they bring.
        led = self._sums(lambda day: one.sold(day + 5) if day > 0 else 0.0)
        units, video_units, live_units = sold(1), sold(one.video_share), sold(one.live_share)
        cents, video_cents, live_cents = (
            earned(100),
            earned(99.5 * one.video_share),
            earned(99.5 * one.live_share),
        )
        videos, lives = led(one.video_share / one.units_per_video), led(one.live_share / one.units_per_live)
        views = {days: math.floor(count * one.views_per_video) for days, count in videos.items()}
        video_creators = led(one.video_share / one.units_per_creator)
        live_creators = led(one.live_share / one.units_per_creator / 2)
        if one.oddity == "no_videos":
            videos = dict.fromkeys(videos, 0)
        if one.oddity == "over":
            video_cents = {days: math.floor(amount * 1.15) for days, amount in cents.items()}
        if one.oddity == "shrinks":
            units[15] = math.floor(units[7] * 0.6)
        creators = 0 if one.oddity == "no_creators" else video_creators[0] + live_creators[0]
        price = one.price_on(age)
        fields: dict[str, Any] = {
            "product_id": one.product_id,
            "seller_id": one.seller_id,
            "region": one.market.code,
            "category_id": one.category.first,
            "category_l2_id": "0" if one.number % 29 == 0 else one.category.second,
            "category_l3_id": "0" if one.number % 13 == 0 else one.category.third,
            "first_crawl_dt": int(f"{one.launch:%Y%m%d}"),
            "spu_avg_price": price,
            "min_price": round(price * (0.9 if one.variants > 1 else 1), 2),
            "max_price": round(price * (1.12 if one.variants > 1 else 1), 2),
            "product_commission_rate": one.commission,
            "product_rating": one.rating if units[0] > 20 else 0,
            "review_count": math.floor(units[0] * one.review_share) if units[0] > 20 else 0,
            "free_shipping": one.free_shipping,
            "is_s_shop": one.managed,
            "off_mark": (2 + one.number % 2 if age > one.ends else int(one.number % 17 == 0)),
            "sales_flag": 0 if not units[30] else 2 if live_cents[30] > video_cents[30] else 1,
            "sales_trend_flag": _trend(units),
            "total_ifl_cnt": creators,
        }
        for template, windows in (
            ("total_sale{}_cnt", units),
            ("total_video_sale{}_cnt", video_units),
            ("total_live_sale{}_cnt", live_units),
            ("total_video{}_cnt", videos),
            ("total_live{}_cnt", lives),
            ("total_views{}_cnt", views),
        ):
            fields[template.format("")] = int(windows[0])
            fields |= {template.format(f"_{days}d"): int(windows[days]) for days in WINDOWS}
        for template, windows in (
            ("total_sale_gmv{}_amt", cents),
            ("total_video_sale_gmv{}_amt", video_cents),
            ("total_live_sale_gmv{}_amt", live_cents),
        ):
            fields[template.format("")] = windows[0] / 100
            fields |= {template.format(f"_{days}d"): windows[days] / 100 for days in WINDOWS}
        for template, windows in (
            ("total_ifl_video_{}d_cnt", video_creators),
            ("total_ifl_live_{}d_cnt", live_creators),
        ):
            fields |= {template.format(days): int(windows[days]) for days in WINDOWS}
        return fields


def _trend(units: dict[int, float]) -> int:
    week, before = units[7] / 7, (units[15] - units[7]) / 8
    return 1 if week > before * 1.1 else 2 if week < before * 0.9 else 0
