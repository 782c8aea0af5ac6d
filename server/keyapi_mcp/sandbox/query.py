"""The contract's filters, sorts and paging, as the document has them. Unknown parameters are ignored, as there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import date

    from keyapi_mcp.sandbox.catalogue import Catalogue, Snapshot

# Parameters that a row has to equal; each is named as the field. Texts are any, codes are these.
TEXTS: Final = ("category_id", "category_l2_id", "category_l3_id")
CODES: Final = {"sales_trend_flag": (0, 1, 2), "is_s_shop": (0, 1), "free_shipping": (0, 1), "sales_flag": (1, 2)}
# The field that `min_…` and `max_…` bound, both inclusive.
BOUNDED: Final = {
    "total_sale_cnt": int,
    "total_sale_30d_cnt": int,
    "spu_avg_price": float,
    "product_commission_rate": float,
    "total_ifl_cnt": int,
    "total_video_cnt": int,
    "total_views_cnt": int,
    "product_rating": float,
    "review_count": int,
    "total_sale_gmv_amt": float,
    "total_sale_gmv_30d_amt": float,
    "first_crawl_dt": int,
}
SORTS: Final = {
    1: "total_sale_cnt",
    2: "total_sale_gmv_amt",
    3: "spu_avg_price",
    4: "total_sale_7d_cnt",
    5: "total_sale_30d_cnt",
    6: "total_sale_gmv_7d_amt",
    7: "total_sale_gmv_30d_amt",
}
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


class BadRequest(ValueError):
    """What the service answers with 400; the text is its message."""


def search(catalogue: Catalogue, day: date, parameters: Mapping[str, str]) -> list[Snapshot]:
    """All products that match, in the order asked for. Raises BadRequest."""
    region = parameters.get("region")
    if not region:
        raise BadRequest("Missing required parameter: region")
    tests = _tests(parameters)
    field, falling = _order(parameters)
    found = [one for one in catalogue.on(region, day) if all(test(one.fields) for test in tests)]
    # The document promises no order of its own, nor among equals.
    found.sort(key=lambda one: one.listing.product_id[::-1])
    if field is not None:
        found.sort(key=lambda one: one.fields[field], reverse=falling)
    return found


def _tests(parameters: Mapping[str, str]) -> list[Callable[[dict[str, Any]], bool]]:
    def equal(name: str, wanted: object) -> Callable[[dict[str, Any]], bool]:
        return lambda fields: fields[name] == wanted

    def within(name: str, low: float, high: float) -> Callable[[dict[str, Any]], bool]:
        return lambda fields: low <= fields[name] <= high

    tests = [equal(name, parameters[name]) for name in TEXTS if name in parameters]
    for name, codes in CODES.items():
        if name in parameters:
            tests.append(equal(name, _code(name, parameters, codes)))
    for name, kind in BOUNDED.items():
        low = _number(f"min_{name}", parameters, kind, -math.inf)
        high = _number(f"max_{name}", parameters, kind, math.inf)
        if (low, high) != (-math.inf, math.inf):
            tests.append(within(name, low, high))
    return tests


def _order(parameters: Mapping[str, str]) -> tuple[str | None, bool]:
    """The field to sort by, if any, and whether it falls."""
    falling = _code("sort_type", parameters, (0, 1)) if "sort_type" in parameters else 0
    if "product_sort_field" not in parameters:
        return None, False
    return SORTS[_code("product_sort_field", parameters, tuple(SORTS))], bool(falling)


def paging(parameters: Mapping[str, str]) -> slice:
    """Which of the matches a request gets. Raises BadRequest."""
    for name in ("region", "page_num", "page_size"):
        if not parameters.get(name):
            raise BadRequest(f"Missing required parameter: {name}")
    number, size = _number("page_num", parameters, int, 1), _number("page_size", parameters, int, 1)
    if not 1 <= number <= 100_000:
        raise BadRequest("page_num must be between 1 and 100000")
    if size > 10:
        raise BadRequest("page_size max is 10")
    if size < 1:
        raise BadRequest("page_size min is 1")
    return slice((int(number) - 1) * int(size), int(number) * int(size))


def _code(name: str, parameters: Mapping[str, str], codes: tuple[int, ...]) -> int:
    code = int(_number(name, parameters, int, 0))
    if code not in codes:
        raise BadRequest(f"{name} is invalid")
    return code


def _number(name: str, parameters: Mapping[str, str], kind: type, absent: float) -> float:
    """A number as the document writes one: no sign but a minus, no `1_000`, no `nan`."""
    text = parameters.get(name)
    if text is None:
        return absent
    if kind is int:
        if _INTEGER.fullmatch(text):
            return int(text)
    else:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if math.isfinite(number) and text.isascii() and "_" not in text and text == text.strip():
            return number
    raise BadRequest(f"{name} has a wrong type")
