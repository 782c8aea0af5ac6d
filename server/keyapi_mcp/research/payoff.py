"""What a sale, a creator, a video or a view is worth."""

from __future__ import annotations

from typing import Final

from keyapi_mcp.product import Product
from keyapi_mcp.research.guards import ratio

_LEAST_VIEWS: Final = 1_000


def usd_per_sale(product: Product) -> float | None:
    """Commission on one sale at the average price, USD, before refunds: p × r.

    Origin: affiliate guides. Guard: r > 0.
    """
    price, rate = product.price, product.commission
    return None if price is None or rate is None else price * rate


def commission_pool(product: Product) -> float | None:
    """Commission on all GMV of 30 days, USD: g_30 × r; an upper bound, since it takes all GMV for affiliate sales.

    Origin: own judgement. Guard: r > 0.
    """
    gmv, rate = product.gmv(30), product.commission
    return None if gmv is None or rate is None else gmv * rate


def pool_per_creator(product: Product) -> float | None:
    """The commission pool over the creators active in 30 days, USD. Origin: own judgement. Guard: c_30 > 0."""
    return ratio(commission_pool(product), product.creators_active(30))


def gmv_per_creator(product: Product) -> float | None:
    """g_30 / c_30, USD. Origin: FastMoss glossary. Guard: c_30 > 0."""
    return ratio(product.gmv(30), product.creators_active(30))


def gmv_per_video(product: Product) -> float | None:
    """Video GMV of 30 days / v_30, USD; videos older than that also sell, so it flatters. Origin: FastMoss glossary.

    Guard: v_30 > 0.
    """
    return ratio(product.video_gmv(30), product.videos(30))


def view_conversion(product: Product) -> float | None:
    """Video units of 30 days / w_30, fraction. Origin: FastMoss "selling efficiency". Guard: w_30 ≥ 1,000."""
    return _per_view(product.video_units(30), product.views(30))


def gmv_per_1000_views(product: Product) -> float | None:
    """Video GMV of 30 days per 1,000 views, USD. Origin and guard as `view_conversion`."""
    per_view = _per_view(product.video_gmv(30), product.views(30))
    return None if per_view is None else per_view * 1000


def realised_price(product: Product) -> float | None:
    """g_30 / u_30, USD; below the average price it implies a discount. Origin: own judgement. Guard: u_30 > 0."""
    return ratio(product.gmv(30), product.units(30))


def _per_view(amount: float | None, views: float | None) -> float | None:
    return None if views is None or views < _LEAST_VIEWS else ratio(amount, views)
