"""The endpoint's 36 parameters, once: input schema, validation, query string and wording all come from `ProductQuery`.

Names and types are the service's own. What people and models write instead (names of categories, numbers as text,
ISO dates) is brought into this form by `arguments.py`, which is also where refusals are worded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from keyapi_mcp.flat_schema import flat_schema
from keyapi_mcp.reference import commission
from keyapi_mcp.reference.commission import CommissionUnit

Kind = Literal["count", "usd", "percent", "stars", "date"]

_ENDLESS: Final = 10**15
_LAST_PAGE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Range:
    """What a minimum or maximum bounds, and how its value is written for people."""

    label: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Codes:
    """What a coded parameter is about, and what each of its values means."""

    label: str
    meanings: dict[int, str]

    def __str__(self) -> str:
        return f"{self.label}: " + ", ".join(f"{code} {meaning}" for code, meaning in self.meanings.items())


# --- what values may look like ------------------------------------------------------------------------------------


def _whole(value: object) -> object:
    """Whole numbers, also as text ("1,000") or as a float without a fraction; never a boolean."""
    if value is None or type(value) is int:
        number: object = value
    else:
        number = _number(value)
        if isinstance(number, float):
            if not number.is_integer():
                raise ValueError("must be a whole number")
            number = int(number)
    if isinstance(number, int) and abs(number) >= _ENDLESS:
        raise ValueError("is too large")
    return number


def _number(value: object) -> object:
    if value is None or type(value) is int or type(value) is float:
        number = value
    elif isinstance(value, str):
        try:
            number = plain_number(value)
        except ValueError:
            raise ValueError("must be a number") from None
    else:
        raise ValueError("must be a number")
    if number is not None and not abs(number) < _ENDLESS:  # also refuses NaN
        raise ValueError("is too large" if number == number else "must be a number")
    return number


_GROUPED: Final = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")


def plain_number(text: str) -> float:
    """A number as people write it, as "$1,000". Raises ValueError; also for "0,5", which is not to become 5."""
    text = text.strip().removeprefix("$").strip()
    return float(text.replace(",", "") if _GROUPED.fullmatch(text) else text)


def _fraction(value: object) -> object:
    """A commission rate; "12%" can mean only one thing, so it is taken."""
    if isinstance(value, str) and value.strip().endswith("%"):
        percent = _number(value.strip()[:-1])
        return percent / 100 if isinstance(percent, float) else percent
    number = _number(value)
    if isinstance(number, int | float) and number > 1:
        raise PydanticCustomError(
            "commission",
            "is a fraction from 0 to 1: {given} means {percent} %; for {given} % send {meant}",
            {"given": f"{number:g}", "percent": f"{number * 100:,.0f}", "meant": f"{number / 100:g}"},
        )
    return number


_ISO_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")


def _day(value: object) -> object:
    """A real date as the integer yyyyMMdd; ISO dates are taken too."""
    if value is None:
        return None
    text = value.strip() if isinstance(value, str) else ""
    if match := _ISO_DATE.fullmatch(text):
        text = f"{match[1]}{int(match[2]):02d}{int(match[3]):02d}"
    elif type(value) is int or type(value) is float:
        text = f"{value:.0f}" if value == value // 1 and abs(value) < _ENDLESS else ""
    if not re.fullmatch(r"\d{8}", text):
        raise ValueError("must be a date as yyyyMMdd, for example 20261101")
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise ValueError("is no day of the calendar; send one as yyyyMMdd, for example 20261101") from None
    return int(text)


def _yes_no(value: object) -> object:
    """A yes or no, as the code that stands for it."""
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, bool) or word in ("true", "false", "yes", "no"):
        return int(word in (True, "true", "yes"))
    return _whole(value)


def _identifier(value: object) -> object:
    return str(value) if type(value) is int else value


Whole = BeforeValidator(_whole)
# The bounds stand inside, so that they are in the JSON schema too.
Count = Annotated[Annotated[int, Field(ge=0)] | None, Whole]
Amount = Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(_number)]
Stars = Annotated[Annotated[float, Field(ge=0, le=5)] | None, BeforeValidator(_number)]
Rate = Annotated[Annotated[float, Field(ge=0, le=1)] | None, BeforeValidator(_fraction)]
Day = Annotated[int | None, BeforeValidator(_day)]
CategoryId = Annotated[str | None, BeforeValidator(_identifier)]
YesNo = Annotated[Literal[0, 1] | None, BeforeValidator(_yes_no)]

TREND: Final = Codes("7-day sales trend", {0: "stable", 1: "rising", 2: "falling"})
MANAGED: Final = Codes("fully managed shop", {0: "no", 1: "yes"})
SHIPPING: Final = Codes("free shipping", {0: "no", 1: "yes"})
CHANNEL: Final = Codes("main sales channel", {1: "video", 2: "live"})
SORT: Final = Codes(
    "sort by",
    {
        1: "lifetime units",
        2: "lifetime GMV",
        3: "average price",
        4: "units 7 d",
        5: "units 30 d",
        6: "GMV 7 d",
        7: "GMV 30 d",
    },
)
DIRECTION: Final = Codes("order", {0: "ascending", 1: "descending"})

# A scan or recipe reads at most so many pages in one call.
MOST_PAGES: Final = 50

_UNITS, _UNITS_30 = Range("lifetime units", "count"), Range("units 30 d", "count")
_GMV, _GMV_30 = Range("lifetime GMV", "usd"), Range("GMV 30 d", "usd")
_PRICE, _COMMISSION = Range("average price", "usd"), Range("commission", "percent")
_CREATORS, _VIDEOS = Range("creators", "count"), Range("sales videos", "count")
_VIEWS, _RATING = Range("video views", "count"), Range("rating", "stars")
_REVIEWS, _SEEN = Range("reviews", "count"), Range("first seen", "date")


class ProductQuery(BaseModel):
    """One request to the endpoint. Money is USD in every region, commission a fraction, dates yyyyMMdd integers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str = Field(
        description="Market, ISO country code, e.g. US, GB, ID, TH, VN, MY, PH, SG, MX, BR, JP, ES, DE, FR, IT",
        pattern=r"^[A-Z]{2}$",
    )
    category_id: CategoryId = Field(None, description="Level-1 category: id or English name")
    category_l2_id: CategoryId = Field(None, description="Level 2, likewise")
    category_l3_id: CategoryId = Field(None, description="Level 3, likewise")
    sales_trend_flag: Annotated[Literal[0, 1, 2] | None, Whole, TREND] = Field(None, description=str(TREND))
    min_total_sale_cnt: Annotated[Count, _UNITS] = Field(None, description="Units sold, lifetime")
    max_total_sale_cnt: Annotated[Count, _UNITS] = Field(None, description="Units, lifetime")
    min_total_sale_30d_cnt: Annotated[Count, _UNITS_30] = Field(None, description="Units, last 30 days")
    max_total_sale_30d_cnt: Annotated[Count, _UNITS_30] = Field(None, description="Units, 30 days")
    min_spu_avg_price: Annotated[Amount, _PRICE] = Field(None, description="Average price, USD")
    max_spu_avg_price: Annotated[Amount, _PRICE] = Field(None, description="Average price, USD")
    min_product_commission_rate: Annotated[Rate, _COMMISSION] = Field(
        None, description="Affiliate commission, fraction: 0.15 = 15 %"
    )
    max_product_commission_rate: Annotated[Rate, _COMMISSION] = Field(None, description="Commission, fraction")
    min_total_ifl_cnt: Annotated[Count, _CREATORS] = Field(None, description="Creators selling it, lifetime")
    max_total_ifl_cnt: Annotated[Count, _CREATORS] = Field(None, description="Creators, lifetime")
    min_total_video_cnt: Annotated[Count, _VIDEOS] = Field(None, description="Sales videos, lifetime")
    max_total_video_cnt: Annotated[Count, _VIDEOS] = Field(None, description="Sales videos, lifetime")
    min_total_views_cnt: Annotated[Count, _VIEWS] = Field(None, description="Views of its sales videos")
    max_total_views_cnt: Annotated[Count, _VIEWS] = Field(None, description="Video views")
    min_product_rating: Annotated[Stars, _RATING] = Field(None, description="Rating, stars")
    max_product_rating: Annotated[Stars, _RATING] = Field(None, description="Rating, stars")
    min_review_count: Annotated[Count, _REVIEWS] = Field(None, description="Reviews")
    max_review_count: Annotated[Count, _REVIEWS] = Field(None, description="Reviews")
    is_s_shop: Annotated[YesNo, MANAGED] = Field(None, description=str(MANAGED))
    free_shipping: Annotated[YesNo, SHIPPING] = Field(None, description=str(SHIPPING))
    min_total_sale_gmv_amt: Annotated[Amount, _GMV] = Field(None, description="GMV, lifetime, USD")
    max_total_sale_gmv_amt: Annotated[Amount, _GMV] = Field(None, description="GMV, lifetime, USD")
    min_total_sale_gmv_30d_amt: Annotated[Amount, _GMV_30] = Field(None, description="GMV, 30 days, USD")
    max_total_sale_gmv_30d_amt: Annotated[Amount, _GMV_30] = Field(None, description="GMV, 30 days, USD")
    min_first_crawl_dt: Annotated[Day, _SEEN] = Field(None, description="First seen by the source, yyyyMMdd")
    max_first_crawl_dt: Annotated[Day, _SEEN] = Field(None, description="First seen, yyyyMMdd")
    sales_flag: Annotated[Literal[1, 2] | None, Whole, CHANNEL] = Field(None, description=str(CHANNEL))
    product_sort_field: Annotated[Literal[1, 2, 3, 4, 5, 6, 7], Whole, SORT] = Field(7, description=str(SORT))
    sort_type: Annotated[Literal[0, 1], Whole, DIRECTION] = Field(1, description=str(DIRECTION))
    page_num: Annotated[int, Field(ge=1, le=_LAST_PAGE), Whole] = Field(1, description="Page, from 1")
    page_size: Annotated[int, Field(ge=1, le=10), Whole] = Field(10, description="Rows a page")

    @model_validator(mode="after")
    def _minimum_below_maximum(self) -> ProductQuery:
        crossed = [
            f"{low_name} {low:.15g} is above {high_name} {high:.15g}: nothing can match; exchange them"
            for low_name, high_name in RANGES
            if (low := getattr(self, low_name)) is not None
            and (high := getattr(self, high_name)) is not None
            and low > high
        ]
        if crossed:
            raise PydanticCustomError("crossed", "\n".join(crossed))
        return self

    def to_params(self, commission_unit: CommissionUnit = "fraction") -> dict[str, str]:
        """The query string's parameters as the service takes them, in the document's order; absent ones left out."""
        params = {}
        for name in PARAMETERS:
            value = getattr(self, name)
            if value is None:
                continue
            if name in _RATES:
                value = commission.to_service(value, commission_unit)
            params[name] = f"{value:.15g}" if isinstance(value, float) else str(value)
        return params

    @cached_property
    def key(self) -> str:
        """The same text for the same question, whatever the order or spelling of its arguments."""
        return urlencode(self.to_params())

    @classmethod
    def from_key(cls, key: str, commission_unit: CommissionUnit = "fraction") -> ProductQuery:
        """The question of such a text, as it was sent. Raises ValidationError for one that cannot be asked any more."""
        given: dict[str, Any] = dict(parse_qsl(key))
        for name in _RATES & given.keys():
            given[name] = commission.from_service(float(given[name]), commission_unit)[0]
        return cls.model_validate(given)

    def at_page(self, number: int) -> ProductQuery:
        """The same question, another page."""
        # Not `model_copy`, which would also copy the cached key of this page.
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return ProductQuery(**given | {"page_num": number})

    def next_page(self) -> int | None:
        return self.page_num + 1 if self.page_num < _LAST_PAGE else None


PARAMETERS: Final[tuple[str, ...]] = tuple(ProductQuery.model_fields)
RANGES: Final[tuple[tuple[str, str], ...]] = tuple(
    (name, "max_" + name.removeprefix("min_")) for name in PARAMETERS if name.startswith("min_")
)
_RATES: Final = frozenset(name for name in PARAMETERS if name.endswith("_commission_rate"))


@cache
def meaning(name: str) -> Range | Codes | None:
    """What a parameter stands for, for wording; `None` for ids, region and paging."""
    for part in ProductQuery.model_fields[name].metadata:
        if isinstance(part, Range | Codes):
            return part
    return None


def input_schema(*, integer_enums: bool = True) -> dict[str, Any]:
    """The JSON schema of the parameters; see `flat_schema`."""
    return flat_schema(ProductQuery, integer_enums=integer_enums)
