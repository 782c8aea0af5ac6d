"""What stands out in a sample, a sentence each with its numbers; never advice.

Rules, in this order; the first five that hold are given. Thresholds are in `data/findings.toml`, bands in
`data/bands.toml`. Each needs so many products with what it speaks of, or it says nothing. What is said of GMV needs
GMV to be known of 90 % of the products, and its price, seller, first day or channels of 90 % of the GMV.

1. concentration: the share of the three largest products, as open, contested or closed, with the HHI.
2. price: the band with the largest share of GMV, with its share of the products.
3. channel: the one with 60 % of the GMV or more, or that none has.
4. sellers: one seller has 20 % of the GMV or more, or the HHI by seller is not low.
5. newcomers: products first seen in the last 90 days have 25 % of the GMV or more, or under 5 %.
6. stages: a stage other than Unclear has 30 % of the products or more (the largest one).
7. creators: known of 90 % of the products, 40 % of which or more are in the low band, or else in the high one.
8. delisted: 10 % of all products read or more.
9. commission: the third quartile is twice the first or more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from keyapi_mcp.research.documents import document
from keyapi_mcp.research.sample import PriceBand, Sample, bands

# Of a percentage. More says nothing, and sums of floating-point numbers are not exact.
_MOST_DIGITS: Final = 4


def thresholds() -> dict[str, float]:
    return document("findings")


def findings(sample: Sample, delisted: int = 0) -> tuple[str, ...]:
    """At most five sentences. delisted: products that were read but are not in the sample because they are that."""
    told = [sentence for rule in _RULES if (sentence := rule(sample, delisted)) is not None]
    return tuple(told[: int(thresholds()["most"])])


def price_words(band: PriceBand) -> str:
    if band.high is None:
        return f"from ${band.low:g}"
    return f"${band.low:g}–{band.high:g}" if band.low else f"under ${band.high:g}"


def _percent(fraction: float, *thresholds: float) -> str:
    """With as many digits as it takes not to be rounded to one of these thresholds: 59.7 %, where a rule has 60 %."""
    percent = round(fraction * 100, _MOST_DIGITS)
    digits = 0 if percent >= 1 or percent == 0 else 1
    for threshold in thresholds:
        edge = round(threshold * 100, _MOST_DIGITS)
        while percent != edge and round(percent, digits) == edge:
            digits += 1
    return f"{percent:.{digits}f} %"


def _share(fraction: float) -> float:
    """As it is compared: sums of amounts may be a hair below the share that they are."""
    return round(fraction, _MOST_DIGITS + 2)


def _enough(products: int) -> bool:
    return products >= thresholds()["least_products"]


def _known(sample: Sample, *names: str) -> bool:
    return all(sample.known.get(name, 0.0) >= thresholds()["least_known"] for name in ("gmv", *names))


def _concentration(sample: Sample, _delisted: int) -> str | None:
    held = sample.by_product
    if held is None or not _enough(held.holders) or not _known(sample):
        return None
    open_below, closed_above = bands()["top_3_share"]
    share = _share(held.top_3)
    word = "Open" if share < open_below else "Contested" if share <= closed_above else "Closed"
    largest = _percent(share, open_below, closed_above)
    return (
        f"{word} by product: the three largest of {held.holders} hold {largest} of the sample's GMV "
        f"(contested: {open_below * 100:g}–{closed_above * 100:g} %), HHI {held.hhi:,.0f} ({_hhi_word(held.hhi)})."
    )


def _hhi_word(hhi: float) -> str:
    """Of the whole number that is shown."""
    low_below, high_above = bands()["hhi"]
    return "low" if round(hhi) < low_below else "moderate" if round(hhi) <= high_above else "high"


def _price(sample: Sample, _delisted: int) -> str | None:
    priced = sum(band.products for band in sample.prices)
    if not _enough(priced) or not _known(sample, "price"):
        return None
    largest = max(sample.prices, key=lambda band: band.gmv_share or 0)
    if not largest.gmv_share or largest.products < thresholds()["least_in_price_band"]:
        return None
    return (
        f"Largest price band by GMV: {price_words(largest)}, {_percent(largest.gmv_share)} of it, from "
        f"{_percent(largest.products / priced)} of the products ({largest.products} of {priced})."
    )


def _channel(sample: Sample, _delisted: int) -> str | None:
    if sample.channels is None or not _enough(sample.split) or not _known(sample, "channels"):
        return None
    least = thresholds()["channel_from"]
    names = ("video", "live", "other channels (product card, search, mall)")
    share, name = max(zip(map(_share, sample.channels), names, strict=True))
    if share >= least:
        return f"One channel carries the sample: {name}, {_percent(share)} of GMV ({sample.split} products)."
    video, live, other = (_percent(share, least) for share in sample.channels)
    return f"No channel has {_percent(least)} of GMV: video {video}, live {live}, other {other}."


def _sellers(sample: Sample, _delisted: int) -> str | None:
    held = sample.by_seller
    if held is None or sample.by_product is None or not _enough(sample.by_product.holders):
        return None
    if not _known(sample, "seller"):
        return None
    if _share(held.top_1) < thresholds()["seller_from"] and _hhi_word(held.hhi) == "low":
        return None
    return (
        f"Sellers: the largest of {held.holders} has {_percent(held.top_1)} of GMV, three have "
        f"{_percent(held.top_3)}, HHI {held.hhi:,.0f} ({_hhi_word(held.hhi)})."
    )


def _newcomers(sample: Sample, _delisted: int) -> str | None:
    days = int(bands()["new_days"][-1])
    share = sample.new_gmv_share.get(days)
    if share is None or sample.dated < thresholds()["least_dated"] or not _known(sample, "first_seen"):
        return None
    share, many, few = _share(share), thresholds()["new_from"], thresholds()["new_below"]
    if share >= many:
        return f"Newcomers sell: products first seen in the last {days} days have {_percent(share)} of GMV."
    if share < few:
        return (
            f"Established products sell: those first seen in the last {days} days have {_percent(share, few)} of GMV."
        )
    return None


def _stages(sample: Sample, _delisted: int) -> str | None:
    known = {stage: count for stage, count in sample.stages.items() if stage != "Unclear"}
    if not _enough(sum(known.values())):
        return None
    stage, count = max(known.items(), key=lambda one: one[1])
    share = count / sample.products
    if share < thresholds()["stage_from"]:
        return None
    return f"The most common stage is {stage}: {count} of {sample.products} products ({_percent(share)})."


def _creators(sample: Sample, _delisted: int) -> str | None:
    known = sum(sample.creators.values())
    if not _enough(known) or known / sample.products < thresholds()["least_known"]:
        return None
    low, high = bands()["creators"]
    for band, words in (("low", f"under {low:g}"), ("high", f"over {high:g}")):
        count = sample.creators[band]
        if count / known >= thresholds()["creators_from"]:
            return f"Creators: {count} of {known} products ({_percent(count / known)}) have {words} ({band})."
    return None


def _delisted(sample: Sample, delisted: int) -> str | None:
    gone = delisted + round(sample.delisted * sample.products)
    read = sample.products + delisted
    if not _enough(read) or gone / read < thresholds()["delisted_from"]:
        return None
    return f"Delisted: {gone} of the {read} products read ({_percent(gone / read)})."


def _commission(sample: Sample, _delisted: int) -> str | None:
    if sample.commission is None or not _enough(sample.paying):
        return None
    first, middle, third = sample.commission
    if first <= 0 or third / first < thresholds()["commission_spread_from"]:
        return None
    return (
        f"Commission differs: of the {sample.paying} of {sample.products} products with one, a quarter pays "
        f"{_percent(first)} or less, a quarter {_percent(third)} or more, median {_percent(middle)}."
    )


_RULES: Final[tuple[Callable[[Sample, int], str | None], ...]] = (
    _concentration,
    _price,
    _channel,
    _sellers,
    _newcomers,
    _stages,
    _creators,
    _delisted,
    _commission,
)
