"""One row as the rest of the house knows it. Tolerant reading of fields happens here and nowhere else.

The service's rows are loose: decimals where the document says integer, numbers in quotes, integers as floats, nulls,
missing and new fields. A `Product` keeps the row as it came, all fields, and reads a field when it is asked for it:
what cannot be read is `None`, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from keyapi_mcp.clock import data_day, day_of
from keyapi_mcp.reference import commission

Window = Literal[1, 7, 15, 30, 60, 90]
WINDOWS: Final[tuple[Window, ...]] = (1, 7, 15, 30, 60, 90)

# No count or amount of one product comes near this; what does is damage, and would overflow the arithmetic.
_LARGEST: Final = 10**15


def _fields(template: str, lifetime: str | None) -> dict[int | None, str]:
    fields: dict[int | None, str] = {days: template.format(days) for days in WINDOWS}
    if lifetime is not None:
        fields[None] = lifetime
    return fields


_UNITS = _fields("total_sale_{}d_cnt", "total_sale_cnt")
_GMV = _fields("total_sale_gmv_{}d_amt", "total_sale_gmv_amt")
_VIDEOS = _fields("total_video_{}d_cnt", "total_video_cnt")
_VIDEO_UNITS = _fields("total_video_sale_{}d_cnt", "total_video_sale_cnt")
_VIDEO_GMV = _fields("total_video_sale_gmv_{}d_amt", "total_video_sale_gmv_amt")
_LIVES = _fields("total_live_{}d_cnt", "total_live_cnt")
_LIVE_UNITS = _fields("total_live_sale_{}d_cnt", "total_live_sale_cnt")
_LIVE_GMV = _fields("total_live_sale_gmv_{}d_amt", "total_live_sale_gmv_amt")
_VIEWS = _fields("total_views_{}d_cnt", "total_views_cnt")
_VIDEO_CREATORS = _fields("total_ifl_video_{}d_cnt", None)
_LIVE_CREATORS = _fields("total_ifl_live_{}d_cnt", None)
# What comes once a window, by the house's name for it: window (`None` = lifetime) → the service's field.
SERIES: Final = {
    "units": _UNITS,
    "gmv_usd": _GMV,
    "video_units": _VIDEO_UNITS,
    "video_gmv_usd": _VIDEO_GMV,
    "live_units": _LIVE_UNITS,
    "live_gmv_usd": _LIVE_GMV,
    "videos": _VIDEOS,
    "lives": _LIVES,
    "views": _VIEWS,
    "video_creators": _VIDEO_CREATORS,
    "live_creators": _LIVE_CREATORS,
}


def off_sale(mark: float | None) -> bool:
    """Whether an `off_mark` says that a product is no longer on sale: 2 or more."""
    return (mark or 0) >= 2


class BrokenRow(ValueError):
    """A row that is no object or has no product id of digits: it cannot be shown or asked for again."""


class Product:
    """One product's row. `raw` is the row as it came; `None` from any reader means absent or unreadable.

    Money is USD in every region (top-level prices and GMV), commission is a fraction, counts are whole numbers of
    the last N days, or of the lifetime where no window is given. Sales and GMV are the source's estimates.
    """

    __slots__ = ("commission_unit", "product_id", "raw")

    def __init__(self, raw: object, commission_unit: commission.CommissionUnit = "fraction") -> None:
        """Raises BrokenRow when `raw` cannot be identified."""
        if not isinstance(raw, Mapping):
            raise BrokenRow("not an object")
        product_id = _identifier(raw.get("product_id"))
        if product_id is None:
            raise BrokenRow("no product_id of digits")
        self.product_id = product_id
        self.raw: Mapping[str, Any] = raw
        self.commission_unit = commission_unit

    def __repr__(self) -> str:
        return f"Product({self.product_id})"

    def number(self, field: str) -> float | None:
        """The field as a finite number of at least 0, whatever JSON kind it came as."""
        value: Any = self.raw.get(field)
        kind = type(value)
        if kind is int or kind is float:
            # False for NaN and for both infinities, too.
            return value if 0 <= value <= _LARGEST else None
        if kind is str:
            try:
                parsed = float(value)
            except ValueError:
                return None
            if not math.isfinite(parsed) or not 0 <= parsed <= _LARGEST:
                return None
            return int(parsed) if parsed.is_integer() else parsed
        return None

    def text(self, field: str) -> str | None:
        """The field as text as it came (untrusted: clean it before it is shown), `None` when empty."""
        value = self.raw.get(field)
        return value if isinstance(value, str) and value.strip() else None

    # --- windows: the last `days` days, or the lifetime -------------------------------------------------------

    def units(self, days: Window | None = None) -> float | None:
        return self.number(_UNITS[days])

    def gmv(self, days: Window | None = None) -> float | None:
        """USD, estimated. Lifetime GMV uses historic prices: never derive it from today's price."""
        return self.number(_GMV[days])

    def videos(self, days: Window | None = None) -> float | None:
        return self.number(_VIDEOS[days])

    def video_units(self, days: Window | None = None) -> float | None:
        return self.number(_VIDEO_UNITS[days])

    def video_gmv(self, days: Window | None = None) -> float | None:
        """USD, estimated. The document titles the lifetime field "Total video sales"; it is GMV."""
        return self.number(_VIDEO_GMV[days])

    def lives(self, days: Window | None = None) -> float | None:
        return self.number(_LIVES[days])

    def live_units(self, days: Window | None = None) -> float | None:
        return self.number(_LIVE_UNITS[days])

    def live_gmv(self, days: Window | None = None) -> float | None:
        return self.number(_LIVE_GMV[days])

    def views(self, days: Window | None = None) -> float | None:
        """Views of the product's sales videos."""
        return self.number(_VIEWS[days])

    def creators_active(self, days: Window) -> float | None:
        """Creators active in the window: those with videos plus those with lives.

        An upper bound, since one may be in both; there is no common count at the source. `None` unless both are there.
        """
        video, live = self.number(_VIDEO_CREATORS[days]), self.number(_LIVE_CREATORS[days])
        return None if video is None or live is None else video + live

    # --- single fields ------------------------------------------------------------------------------------------

    @property
    def creators(self) -> float | None:
        """Creators who ever sold it (lifetime)."""
        return self.number("total_ifl_cnt")

    @property
    def price(self) -> float | None:
        """Average price of its variants, USD; a price of 0 is no price."""
        return self.number("spu_avg_price") or None

    @property
    def commission(self) -> float | None:
        """Affiliate commission as a fraction; 0 at the source means no or unknown plan, so `None`."""
        return self._commission()[0]

    @property
    def commission_read_as_percent(self) -> bool:
        """Whether the row's rate was above 1 and therefore read as a percentage."""
        return self._commission()[1]

    def _commission(self) -> tuple[float | None, bool]:
        value = self.number("product_commission_rate")
        if not value:
            return None, False
        fraction, as_percent = commission.from_service(value, self.commission_unit)
        return (fraction, as_percent) if fraction <= 1 else (None, as_percent)

    @property
    def reviews(self) -> float | None:
        return self.number("review_count")

    @property
    def rating(self) -> float | None:
        """0–5 stars; 0 at the source means not rated, so `None`."""
        value = self.number("product_rating")
        return value if value and value <= 5 else None

    @property
    def name(self) -> str | None:
        return self.text("product_name")

    @property
    def region(self) -> str | None:
        return self.text("region")

    @property
    def seller_id(self) -> str | None:
        return _identifier(self.raw.get("seller_id"))

    @property
    def category_id(self) -> str | None:
        """Id of the first level; "0" at the source means unknown, so `None`."""
        return _known(_identifier(self.raw.get("category_id")))

    @property
    def category_ids(self) -> tuple[str | None, str | None, str | None]:
        """Ids of the levels 1, 2 and 3; "0" at the source means unknown, so `None`."""
        first, second, third = (
            _identifier(self.raw.get(field)) for field in ("category_id", "category_l2_id", "category_l3_id")
        )
        return (_known(first), _known(second), _known(third))

    @property
    def first_seen(self) -> date | None:
        """The day the source first saw the product: not its listing date."""
        value = self.number("first_crawl_dt")
        if value is None or not 19700101 <= value <= 99991231:
            return None
        try:
            return day_of(int(value))
        except ValueError:
            return None

    @property
    def delisted(self) -> bool:
        """No longer on sale. Such rows are returned by the service too."""
        return off_sale(self.number("off_mark"))

    @property
    def fully_managed(self) -> bool:
        return self.number("is_s_shop") == 1

    @property
    def free_shipping(self) -> bool:
        return self.number("free_shipping") == 1

    @property
    def trend(self) -> Literal["rising", "falling", "stable"] | None:
        """The source's own flag for the last 7 days."""
        value = self.number("sales_trend_flag")
        return "rising" if value == 1 else "falling" if value == 2 else "stable" if value == 0 else None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Page:
    """One answered request, as kept in the cache.

    products: in the service's order; rows: how many rows the service sent, broken ones included (a page with fewer
    rows than were asked for is the last); fetched_at: UTC; synthetic: the answer came from a sandbox; unrefreshed: by
    how many days the source was behind, whose figures are one day old otherwise.
    """

    products: tuple[Product, ...]
    rows: int
    fetched_at: datetime
    request_id: str | None = None
    synthetic: bool = False
    unrefreshed: int = 0

    @property
    def data_day(self) -> date:
        """The day that the figures speak of, inferred."""
        return data_day(self.fetched_at) - timedelta(days=self.unrefreshed)

    @property
    def left_out(self) -> int:
        """Rows that could not be read."""
        return self.rows - len(self.products)


@dataclass(frozen=True, slots=True)
class Kept:
    """A page as it was kept, and why it could not be kept beyond this process (empty if it was)."""

    page: Page
    not_kept: str = ""


def _identifier(value: object) -> str | None:
    """An id as text of digits. A float is refused: 19 digits do not fit one, so it would name another product."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        value = str(value) if 0 <= value < 10**25 else ""
    if not isinstance(value, str):
        return None
    value = value.strip()
    return value if value.isascii() and value.isdigit() and len(value) <= 25 else None


def _known(identifier: str | None) -> str | None:
    return None if identifier == "0" else identifier
