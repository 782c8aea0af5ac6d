"""What about a product does not change with the day, drawn from the seed, its market and its number alone."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from itertools import accumulate
from math import log
from typing import Final

from keyapi_mcp.sandbox.curve import Curve, Wave
from keyapi_mcp.sandbox.names import MARKETS, Market, product_name

# Shares of a market's products; every other category has 1.
_WEIGHTS: Final = {"601450": 10, "605248": 5, "600001": 4, "601152": 3, "601739": 2, "700645": 2}
_RATES: Final = (0, 0, 0, 0.01, 0.05, 0.08, 0.1, 0.1, 0.12, 0.135, 0.15, 0.15, 0.18, 0.2, 0.25, 0.3)
_NEVER: Final = 10**9


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
            name = row["name"].removesuffix("\\t").strip()
            paths.setdefault(first, []).append(CategoryPath(first, row["parent_id"], row["id"], name))
    return {first: tuple(found) for first, found in paths.items()}


@cache
def _weighted() -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Level-1 ids and their accumulated weights."""
    ids = tuple(category_paths())
    return ids, tuple(accumulate(_WEIGHTS.get(one, 1) for one in ids))


@dataclass(frozen=True, slots=True)
class Listing:
    """launch: the day the source first saw it; review_share: reviews per unit sold; spread: of the variants' prices
    around their mean; oddity: what is inconsistent about its figures, mostly nothing.
    """

    number: int
    market: Market
    launch: date
    product_id: str
    seller_id: str
    category: CategoryPath
    name: str
    curve: Curve
    commission: float
    rating: float
    review_share: float
    managed: int
    free_shipping: int
    delisted: int
    spread: float
    variants: int
    oddity: str


def draw_listing(seed: int, region: str, number: int, launch: date, sellers: int) -> Listing:
    """The market's product of this number. sellers: how many the market has."""
    draw = random.Random(f"{seed}/{region}/{number}")
    market = MARKETS[region]
    ids, weights = _weighted()
    first = draw.choices(ids, cum_weights=weights)[0]
    category = draw.choice(category_paths()[first])
    # Rank by rank, sellers have ever fewer products.
    seller = random.Random(f"{seed}/{region}/seller {int(sellers ** draw.random())}")
    ends = draw.randint(15, 520) if draw.random() < 0.12 else _NEVER
    quiet = draw.random() < 0.05
    return Listing(
        number=number,
        market=market,
        launch=launch,
        product_id=str(1729_000_000_000_000_000 + draw.randrange(10**15)),
        seller_id=str(7494_000_000_000_000_000 + seller.randrange(2 * 10**15)),
        category=category,
        name=product_name(draw, market, first, category.name),
        curve=_curve(draw, market, ends, 0.0 if quiet else min(2000.0, draw.lognormvariate(log(105), 1.2))),
        commission=draw.choice(_RATES),
        rating=round(min(5.0, max(2.6, 4.68 - draw.gammavariate(1.6, 0.2) + draw.random() * 0.4)), 1),
        review_share=draw.betavariate(1.2, 14),
        managed=int(draw.random() < 0.1),
        free_shipping=int(draw.random() < 0.4),
        delisted=draw.choice((2, 2, 3)),
        spread=draw.choice((0, 0, 0.05, 0.1, 0.25)),
        variants=draw.choice((1, 1, 2, 2, 3, 4, 6)),
        oddity=draw.choices(("", "over", "shrinks", "no_videos", "no_creators"), (919, 20, 10, 33, 18))[0],
    )


def _curve(draw: random.Random, market: Market, ends: int, scale: float) -> Curve:
    """scale: about the units a day of a good week; 0 = it never sells."""
    video = draw.betavariate(1.6, 1.4)
    # Most products never see a live.
    live = draw.betavariate(0.8, 1.6) if draw.random() < 0.24 else 0.0
    # A wave is made by content; the steady part is searched for.
    wave_video, steady_video = video, video * draw.uniform(0.4, 1)
    price = min(735.0, max(0.6, draw.lognormvariate(log(market.price), 1.0)))
    # What costs more sells less.
    scale *= (market.price / price) ** 0.4
    units_per_video = draw.lognormvariate(log(30), 1.0)
    waves = []
    for _ in range(4):
        width = draw.lognormvariate(log(10), 0.8)
        # None is under way at the launch already.
        waves.append(Wave(scale * draw.uniform(10, 110), 4 * width + draw.uniform(0, 460), width))
    return Curve(
        salt=draw.randrange(2**31),
        rate=scale * draw.uniform(0.01, 0.3),
        fade=draw.uniform(120, 1500),
        waves=tuple(waves),
        steady_shares=(steady_video, (1 - steady_video) * live * 0.5),
        wave_shares=(wave_video, (1 - wave_video) * live),
        prices=tuple(_charming(price * draw.uniform(0.85, 1.15)) for _ in range(4)),
        price_days=draw.randint(25, 80),
        paid=min(1.35, max(0.7, draw.lognormvariate(0, 0.09))),
        units_per_video=units_per_video,
        units_per_live=draw.lognormvariate(log(55), 0.8),
        views_per_video=draw.lognormvariate(log(6000), 1.2),
        units_per_creator=units_per_video * draw.lognormvariate(log(1.6), 0.55),
        ends=ends,
    )


def _charming(price: float) -> float:
    """As shops write prices: many end in .99, and none has more than cents."""
    whole = int(price)
    return whole + 0.99 if whole % 2 else round(price, 2)
