"""What a sample of products has in common: totals, bands, concentration and mixes. Always of the sample, never of the
market: the sort chose which products are in it.

Bands are in `data/bands.toml`.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from statistics import median, quantiles
from typing import Any

from keyapi_mcp.product import Product
from keyapi_mcp.research.age import days_since_first_seen
from keyapi_mcp.research.guards import ratio
from keyapi_mcp.research.market import Concentration, concentration
from keyapi_mcp.research.stage import place


@cache
def bands() -> dict[str, list[float]]:
    source = resources.files("keyapi_mcp.research") / "data" / "bands.toml"
    loaded: dict[str, list[float]] = tomllib.loads(source.read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True, slots=True)
class PriceBand:
    """Products with a price from `low` to below `high` USD (`None` = open end).

    gmv_share: of the sample's 30-day GMV, fraction; median_gmv: of the band's products in 30 days, USD.
    """

    low: float
    high: float | None
    products: int
    gmv_share: float | None
    median_gmv: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """Figures of a sample. Money in USD, shares as fractions; `None` where no product has what is needed.

    units_30d, gmv_30d: sums, lower bounds of the market's; new_gmv_share: by days since first seen; channels: video,
    live and other shares of the GMV of products whose split is known; commission: first quartile, median, third;
    creators: products by band (low, medium, high); stages: products by stage; delisted: share of the products.
    """

    products: int
    units_30d: float
    gmv_30d: float
    prices: tuple[PriceBand, ...]
    by_product: Concentration | None
    by_seller: Concentration | None
    new_gmv_share: dict[int, float]
    channels: tuple[float, float, float] | None
    commission: tuple[float, float, float] | None
    creators: dict[str, int]
    stages: dict[str, int]
    delisted: float


def describe(products: Sequence[Product], day: date) -> Sample:
    """All figures of a sample on the data day. Origin of each formula: see the functions and `data/bands.toml`.

    Guard: a product without the figure that is asked for does not count in it.
    """
    gmv = sum(product.gmv(30) or 0 for product in products)
    return Sample(
        products=len(products),
        units_30d=sum(product.units(30) or 0 for product in products),
        gmv_30d=gmv,
        prices=_price_bands(products, gmv),
        by_product=concentration(products, lambda product: product.product_id),
        by_seller=concentration(products, lambda product: product.seller_id),
        new_gmv_share=_new_shares(products, day, gmv),
        channels=_channels(products),
        commission=_quartiles([rate for product in products if (rate := product.commission) is not None]),
        creators=_creator_bands(products),
        stages=dict(Counter(place(product, day).stage for product in products).most_common()),
        delisted=sum(product.delisted for product in products) / len(products) if products else 0.0,
    )


def _price_bands(products: Sequence[Product], gmv: float) -> tuple[PriceBand, ...]:
    edges: list[float] = [0, *bands()["price_usd"]]
    found = []
    for number, low in enumerate(edges):
        high = edges[number + 1] if number + 1 < len(edges) else None
        inside = [
            product
            for product in products
            if (price := product.price) is not None and price >= low and (high is None or price < high)
        ]
        amounts = [amount for product in inside if (amount := product.gmv(30)) is not None]
        share = ratio(sum(amounts), gmv)
        found.append(PriceBand(low, high, len(inside), share, median(amounts) if amounts else None))
    return tuple(found)


def _new_shares(products: Sequence[Product], day: date, gmv: float) -> dict[int, float]:
    shares = {}
    for limit in bands()["new_days"]:
        new = sum(
            product.gmv(30) or 0
            for product in products
            if (seen := days_since_first_seen(product, day)) is not None and seen < limit
        )
        if (share := ratio(new, gmv)) is not None:
            shares[int(limit)] = share
    return shares


def _channels(products: Sequence[Product]) -> tuple[float, float, float] | None:
    def total(read: Callable[[Product], float | None]) -> float:
        return sum(read(product) or 0 for product in known)

    # Rows whose channels exceed the whole contradict themselves and would shift the mix.
    known = [
        product
        for product in products
        if (whole := product.gmv(30))
        and (video := product.video_gmv(30)) is not None
        and (live := product.live_gmv(30)) is not None
        and video + live <= whole * 1.02
    ]
    gmv = total(lambda product: product.gmv(30))
    video_share = ratio(total(lambda product: product.video_gmv(30)), gmv)
    live_share = ratio(total(lambda product: product.live_gmv(30)), gmv)
    if video_share is None or live_share is None:
        return None
    return video_share, live_share, max(0.0, 1 - video_share - live_share)


def _quartiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    if len(values) < 2:
        return (values[0],) * 3 if values else None
    first, second, third = quantiles(values, n=4, method="inclusive")
    return first, second, third


def _creator_bands(products: Sequence[Product]) -> dict[str, int]:
    low, high = bands()["creators"]
    counts: dict[str, int] = {"low": 0, "medium": 0, "high": 0}
    for product in products:
        creators: Any = product.creators
        if creators is not None:
            counts["low" if creators < low else "medium" if creators <= high else "high"] += 1
    return counts
