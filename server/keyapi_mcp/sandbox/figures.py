"""A product's numbers and codes on a day: all fields of the contract but its texts."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from keyapi_mcp.sandbox.curve import Totals
from keyapi_mcp.sandbox.listing import Listing

WINDOWS: Final = (1, 7, 15, 30, 60, 90)
# Field name (`{}`: the window, such as `_7d`; nothing for the lifetime) → where it is among the totals.
_COUNTS: Final = {
    "total_sale{}_cnt": Totals._fields.index("units"),
    "total_video_sale{}_cnt": Totals._fields.index("video_units"),
    "total_live_sale{}_cnt": Totals._fields.index("live_units"),
    "total_video{}_cnt": Totals._fields.index("videos"),
    "total_live{}_cnt": Totals._fields.index("lives"),
    "total_views{}_cnt": Totals._fields.index("views"),
}
_AMOUNTS: Final = {
    "total_sale_gmv{}_amt": Totals._fields.index("cents"),
    "total_video_sale_gmv{}_amt": Totals._fields.index("video_cents"),
    "total_live_sale_gmv{}_amt": Totals._fields.index("live_cents"),
}
# Creators have no lifetime by channel, only windows.
_CREATORS: Final = {
    "total_ifl_video{}_cnt": Totals._fields.index("video_creators"),
    "total_ifl_live{}_cnt": Totals._fields.index("live_creators"),
}
_NAMES: Final = {
    days: (
        tuple((template.format(f"_{days}d"), place) for template, place in (_COUNTS | _CREATORS).items()),
        tuple((template.format(f"_{days}d"), place) for template, place in _AMOUNTS.items()),
    )
    for days in WINDOWS
}
_LIFETIME: Final = (
    tuple((template.format(""), place) for template, place in _COUNTS.items()),
    tuple((template.format(""), place) for template, place in _AMOUNTS.items()),
)


def figures(listing: Listing, day: date) -> dict[str, Any]:
    """Money in USD, rates as fractions, `first_crawl_dt` as yyyyMMdd."""
    age = (day - listing.launch).days + 1
    curve = listing.curve
    now = curve.totals(age)
    fields: dict[str, Any] = {name: now[place] for name, place in _LIFETIME[0]}
    fields |= {name: now[place] / 100 for name, place in _LIFETIME[1]}
    for days, (counts, amounts) in _NAMES.items():
        then = curve.totals(age - days)
        for name, place in counts:
            fields[name] = now[place] - then[place]
        for name, place in amounts:
            fields[name] = (now[place] - then[place]) / 100
    fields["total_ifl_cnt"] = now.creators
    reviews = int(curve.totals(age - 5).units * listing.review_share)
    price = curve.price(age)
    fields |= {
        "product_id": listing.product_id,
        "seller_id": listing.seller_id,
        "region": listing.market.code,
        "category_id": listing.category.first,
        "category_l2_id": "0" if listing.number % 29 == 0 else listing.category.second,
        "category_l3_id": "0" if listing.number % 29 == 0 or listing.number % 17 == 0 else listing.category.third,
        "first_crawl_dt": int(f"{listing.launch:%Y%m%d}"),
        "spu_avg_price": price,
        "min_price": round(price * (1 - listing.spread), 2) if listing.variants > 1 else price,
        "max_price": round(price * (1 + listing.spread), 2) if listing.variants > 1 else price,
        "product_commission_rate": listing.commission,
        "product_rating": listing.rating if reviews else 0,
        "review_count": reviews,
        "free_shipping": listing.free_shipping,
        "is_s_shop": listing.managed,
        "off_mark": listing.delisted if age > curve.ends else int(listing.number % 19 == 0),
    }
    if listing.oddity:
        _distort(fields, listing.oddity)
    fields["sales_flag"] = _channel(fields)
    fields["sales_trend_flag"] = _trend(fields)
    return fields


def _distort(fields: dict[str, Any], oddity: str) -> None:
    """The holes and contradictions that real rows have."""
    windows = ("", *(f"_{days}d" for days in WINDOWS))
    if oddity == "over":
        # The two channels' estimates claim more than was sold.
        for window in windows:
            whole, live = fields[f"total_sale_gmv{window}_amt"], fields[f"total_live_sale_gmv{window}_amt"]
            fields[f"total_video_sale_gmv{window}_amt"] = round(whole * 1.15 - live / 2, 2)
            fields[f"total_live_sale_gmv{window}_amt"] = live
    elif oddity == "shrinks":
        fields["total_sale_15d_cnt"] = int(fields["total_sale_7d_cnt"] * 0.6)
    elif oddity == "no_videos":
        for window in windows:
            fields[f"total_video{window}_cnt"] = fields[f"total_views{window}_cnt"] = 0
    elif oddity == "no_creators":
        fields["total_ifl_cnt"] = 0
        for window in windows[1:]:
            fields[f"total_ifl_video{window}_cnt"] = fields[f"total_ifl_live{window}_cnt"] = 0


def _channel(fields: dict[str, Any]) -> int:
    """The main one of the last month: 1 video, 2 live, 0 neither."""
    video, live = fields["total_video_sale_30d_cnt"], fields["total_live_sale_30d_cnt"]
    if not video and not live:
        return 0
    return 1 if video >= live else 2


def _trend(fields: dict[str, Any]) -> int:
    """The last 7 days against the 8 before, per day: 1 rising, 2 falling, 0 stable."""
    week = fields["total_sale_7d_cnt"] / 7
    before = (fields["total_sale_15d_cnt"] - fields["total_sale_7d_cnt"]) / 8
    return 1 if week > before * 1.1 else 2 if week < before * 0.9 else 0
