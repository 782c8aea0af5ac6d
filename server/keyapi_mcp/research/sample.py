"""What a sample of products has in common: totals, bands, concentration and mixes. Always of the sample, never of the
market: the sort chose which products are in it.

Bands are in `data/bands.toml`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median, quantiles

from keyapi_mcp.product import Product
from keyapi_mcp.research.age import days_since_first_seen
from keyapi_mcp.research.channels import split_of
from keyapi_mcp.research.documents import document
from keyapi_mcp.research.guards import ratio
from keyapi_mcp.research.market import Concentration, concentration_of
from keyapi_mcp.research.stage import place


def bands() -> dict[str, list[float]]:
    return document("bands")


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

    units_30d, gmv_30d: sums, lower bounds of the market's; new_gmv_share: by days since first seen; dated: products
    whose first day is known; channels: video, live and other shares of the GMV of products whose split is known, which
    are `split` many; commission: first quartile, median, third, of the `paying` products that have one; creators:
    products by band (low, medium, high); stages: products by stage; delisted: share of the products; known: what the
    figures rest on, as fractions: `gmv` of the products, `price`, `seller`, `first_seen` and `channels` of the GMV.
    """

    products: int
    units_30d: float | None
    gmv_30d: float | None
    prices: tuple[PriceBand, ...]
    by_product: Concentration | None
    by_seller: Concentration | None
    new_gmv_share: dict[int, float]
    dated: int
    channels: tuple[float, float, float] | None
    split: int
    commission: tuple[float, float, float] | None
    paying: int
    creators: dict[str, int]
    stages: dict[str, int]
    delisted: float
    known: dict[str, float]


def describe(products: Sequence[Product], day: date) -> Sample:
    """All figures of a sample on the data day. Origin of each formula: see the functions and `data/bands.toml`.

    Guard: a product without the figure that is asked for does not count in it.
    """
    amounts = [product.gmv(30) for product in products]
    gmv = sum(amount or 0 for amount in amounts)
    seen = [days_since_first_seen(product, day) for product in products]
    split = _with_split(products, amounts)
    rates = [rate for product in products if (rate := product.commission) is not None]
    prices = [product.price for product in products]
    sellers = [product.seller_id for product in products]
    return Sample(
        products=len(products),
        units_30d=_total([product.units(30) for product in products]),
        gmv_30d=_total(amounts),
        prices=_price_bands(prices, amounts, gmv),
        by_product=concentration_of(zip([product.product_id for product in products], amounts, strict=True)),
        by_seller=concentration_of(zip(sellers, amounts, strict=True)),
        new_gmv_share=_new_shares(seen, amounts, gmv),
        dated=sum(days is not None for days in seen),
        channels=_channels(split),
        split=len(split),
        commission=_quartiles(rates),
        paying=len(rates),
        creators=_creator_bands(products),
        stages=dict(Counter(place(product, day).stage for product in products).most_common()),
        delisted=sum(product.delisted for product in products) / len(products) if products else 0.0,
        known=_known(amounts, split, price=prices, seller=sellers, first_seen=seen),
    )


def _known(
    amounts: Sequence[float | None], split: Sequence[tuple[float, float, float]], **columns: Sequence[object]
) -> dict[str, float]:
    gmv = sum(amount or 0 for amount in amounts)
    of_gmv = {
        name: sum(amount or 0 for value, amount in zip(values, amounts, strict=True) if value is not None)
        for name, values in columns.items()
    }
    of_gmv["channels"] = sum(amount for amount, _, _ in split)
    shares = {"gmv": ratio(sum(amount is not None for amount in amounts), len(amounts))}
    shares |= {name: ratio(amount, gmv) for name, amount in of_gmv.items()}
    return {name: share for name, share in shares.items() if share is not None}


def _total(values: Sequence[float | None]) -> float | None:
    """`None` where there are products and nothing is known of any."""
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None


def _price_bands(prices: Sequence[float | None], amounts: Sequence[float | None], gmv: float) -> tuple[PriceBand, ...]:
    edges: list[float] = [0, *bands()["price_usd"]]
    inside: list[list[float | None]] = [[] for _ in edges]
    for price, amount in zip(prices, amounts, strict=True):
        if price is not None:
            inside[bisect_right(edges, price) - 1].append(amount)
    found = []
    for low, high, members in zip(edges, [*edges[1:], None], inside, strict=True):
        known = [amount for amount in members if amount is not None]
        share = ratio(sum(known), gmv)
        found.append(PriceBand(low, high, len(members), share, median(known) if known else None))
    return tuple(found)


def _new_shares(seen: Sequence[int | None], amounts: Sequence[float | None], gmv: float) -> dict[int, float]:
    shares = {}
    for limit in bands()["new_days"]:
        new = sum(amount or 0 for days, amount in zip(seen, amounts, strict=True) if days is not None and days < limit)
        if (share := ratio(new, gmv)) is not None:
            shares[int(limit)] = share
    return shares


def _with_split(products: Sequence[Product], amounts: Sequence[float | None]) -> list[tuple[float, float, float]]:
    """GMV, video and live GMV of the products whose GMV is known by channel. Rows whose channels exceed the whole
    contradict themselves and would shift the mix."""
    found = []
    for product, gmv in zip(products, amounts, strict=True):
        video, live = product.video_gmv(30), product.live_gmv(30)
        if gmv is None or video is None or live is None or split_of(gmv, video, live).other is None:
            continue
        found.append((gmv, video, live))
    return found


def _channels(split: Sequence[tuple[float, float, float]]) -> tuple[float, float, float] | None:
    gmv = sum(amount for amount, _, _ in split)
    video = ratio(sum(amount for _, amount, _ in split), gmv)
    live = ratio(sum(amount for _, _, amount in split), gmv)
    if video is None or live is None:
        return None
    return video, live, max(0.0, 1 - video - live)


def _quartiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    if len(values) < 2:
        return (values[0],) * 3 if values else None
    first, second, third = quantiles(values, n=4, method="inclusive")
    return first, second, third


def _creator_bands(products: Sequence[Product]) -> dict[str, int]:
    low, high = bands()["creators"]
    counts: dict[str, int] = {"low": 0, "medium": 0, "high": 0}
    for product in products:
        if (creators := product.creators) is not None:
            counts["low" if creators < low else "medium" if creators <= high else "high"] += 1
    return counts
