"""The published fields as columns: which field each is, and under which name the store, SQL and recipes know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from keyapi_mcp.product import SERIES, Product

Kind = Literal["integer", "real", "text"]


@dataclass(frozen=True, slots=True)
class FieldColumn:
    """name: the column's; field: the service's."""

    name: str
    field: str
    kind: Kind


def _series() -> list[FieldColumn]:
    """`units_7d` for a window, `units` for the lifetime; amounts end in `_usd`."""
    columns = []
    for series, fields in SERIES.items():
        stem, money = (series.removesuffix("_usd"), "_usd") if series.endswith("_usd") else (series, "")
        for days, field in fields.items():
            window = f"_{days}d" if days else ""
            columns.append(FieldColumn(f"{stem}{window}{money}", field, "real" if money else "integer"))
    return columns


# What one sight of a product consists of: every number and code of a row.
FIGURES: Final[tuple[FieldColumn, ...]] = (
    FieldColumn("price_usd", "spu_avg_price", "real"),
    FieldColumn("min_price_usd", "min_price", "real"),
    FieldColumn("max_price_usd", "max_price", "real"),
    FieldColumn("commission_raw", "product_commission_rate", "real"),
    FieldColumn("rating", "product_rating", "real"),
    FieldColumn("reviews", "review_count", "integer"),
    FieldColumn("creators", "total_ifl_cnt", "integer"),
    *_series(),
    FieldColumn("first_seen", "first_crawl_dt", "integer"),
    FieldColumn("off_mark", "off_mark", "integer"),
    FieldColumn("fully_managed", "is_s_shop", "integer"),
    FieldColumn("free_shipping", "free_shipping", "integer"),
    FieldColumn("trend", "sales_trend_flag", "integer"),
    FieldColumn("sales_channel", "sales_flag", "integer"),
)
# What names a product and changes seldom.
TEXTS: Final[tuple[FieldColumn, ...]] = (
    FieldColumn("name", "product_name", "text"),
    FieldColumn("seller_id", "seller_id", "text"),
    FieldColumn("category_id", "category_id", "text"),
    FieldColumn("category_l2_id", "category_l2_id", "text"),
    FieldColumn("category_l3_id", "category_l3_id", "text"),
    FieldColumn("discount", "discount", "text"),
)


_FIGURE_FIELDS: Final = tuple((column.name, column.field) for column in FIGURES)


def figures(product: Product) -> dict[str, float | None]:
    """The row's numbers under their column names; what cannot be read is `None`."""
    number = product.number
    return {name: number(field) for name, field in _FIGURE_FIELDS}


def texts(product: Product) -> dict[str, str | None]:
    """The row's texts as they came (untrusted) as far as they can be stored, ids as digits."""
    values = {column.name: _storable(product.text(column.field)) for column in TEXTS}
    first, second, third = product.category_ids
    values |= {"category_id": first, "category_l2_id": second, "category_l3_id": third, "seller_id": product.seller_id}
    return values


def _storable(text: str | None) -> str | None:
    """Without halves of surrogate pairs, which no database takes, and which are never shown either."""
    return text if text is None or text.isascii() else text.encode("utf-8", "ignore").decode("utf-8")
