"""The contract's filters, sorts and paging, as the document has them. Unknown parameters are ignored, as there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from keyapi_mcp.sandbox.catalogue import Catalogue, Snapshot

EQUAL: Final = {
    "category_id": str,
    "category_l2_id": str,
    "category_l3_id": str,
    "sales_trend_flag": int,
    "is_s_shop": int,
    "free_shipping": int,
    "sales_flag": int,
}
# The field that `min_…` and `max_…` bound; the parameter's name is the field's.
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


class BadRequest(ValueError):
    """What the service answers with 400; the text is its message."""


def search(catalogue: Catalogue, day: date, parameters: Mapping[str, str]) -> list[Snapshot]:
    """All products that match, in the order asked for. Raises BadRequest."""
    region = parameters.get("region")
    if not region:
        raise BadRequest("Missing required parameter: region")
    found = catalogue.on(region, day)
    for name, kind in EQUAL.items():
        if name in parameters:
            wanted = _read(name, parameters, kind)
            found = [one for one in found if one.fields[name] == wanted]
    for field, kind in BOUNDED.items():
        if f"min_{field}" in parameters:
            low = _read(f"min_{field}", parameters, kind)
            found = [one for one in found if one.fields[field] >= low]
        if f"max_{field}" in parameters:
            high = _read(f"max_{field}", parameters, kind)
            found = [one for one in found if one.fields[field] <= high]
    if "product_sort_field" in parameters:
        code = _read("product_sort_field", parameters, int)
        if code not in SORTS:
            raise BadRequest("product_sort_field is invalid")
        direction = _read("sort_type", parameters, int) if "sort_type" in parameters else 0
        if direction not in (0, 1):
            raise BadRequest("sort_type is invalid")
        found = sorted(found, key=lambda one: one.fields[SORTS[code]], reverse=bool(direction))
    else:
        # The document promises no order.
        found = sorted(found, key=lambda one: one.fields["product_id"][::-1])
    return found


def paging(parameters: Mapping[str, str]) -> slice:
    """Which of the matches a request gets. Raises BadRequest."""
    for name in ("page_num", "page_size"):
        if name not in parameters:
            raise BadRequest(f"Missing required parameter: {name}")
    number, size = _read("page_num", parameters, int), _read("page_size", parameters, int)
    if not 1 <= number <= 100_000:
        raise BadRequest("page_num must be between 1 and 100000")
    if size > 10:
        raise BadRequest("page_size max is 10")
    if size < 1:
        raise BadRequest("page_size min is 1")
    return slice((number - 1) * size, number * size)


def _read(name: str, parameters: Mapping[str, str], kind: type) -> Any:
    try:
        return kind(parameters[name])
    except ValueError:
        raise BadRequest(f"{name} has a wrong type") from None
