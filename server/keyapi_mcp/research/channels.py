"""Through which channel a product sells."""

from __future__ import annotations

from typing import Final, NamedTuple

from keyapi_mcp.product import Product
from keyapi_mcp.research.guards import ratio

_TOLERANCE: Final = 1.02


class ChannelSplit(NamedTuple):
    """Shares of GMV in 30 days, fractions. other: product card, search and mall together.

    inconsistent: video and live exceed the whole by more than 2 %; they are then given as they are, other is absent.
    """

    video: float | None
    live: float | None
    other: float | None
    inconsistent: bool


def channel_split(product: Product) -> ChannelSplit:
    """Video and live GMV of 30 days over the GMV of 30 days; other is the rest.

    Origin: the split of Kalodata and FastMoss. Guard: g_30 > 0.
    """
    return split_of(product.gmv(30), product.video_gmv(30), product.live_gmv(30))


def split_of(whole: float | None, video_gmv: float | None, live_gmv: float | None) -> ChannelSplit:
    """The same of a whole and two of its parts."""
    video, live = ratio(video_gmv, whole), ratio(live_gmv, whole)
    if video is None or live is None:
        return ChannelSplit(video, live, None, inconsistent=(video or 0) > _TOLERANCE or (live or 0) > _TOLERANCE)
    if video + live > _TOLERANCE:
        return ChannelSplit(video, live, None, inconsistent=True)
    return ChannelSplit(video, live, max(0.0, 1 - video - live), inconsistent=False)
