"""The table of a page of products: an allow-list of columns, each with its unit in its name, in both forms.

Ids needed for the next call are in the rows. Everything is computed from `research/`; nothing is copied from a row
that is not listed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from weakref import WeakKeyDictionary

from keyapi_mcp.product import Page, Product
from keyapi_mcp.reference import categories
from keyapi_mcp.research.age import contradictions, days_since_first_seen
from keyapi_mcp.research.channels import ChannelSplit, channel_split
from keyapi_mcp.research.growth import growth_7d
from keyapi_mcp.research.payoff import usd_per_sale
from keyapi_mcp.research.stage import Stage, place
from keyapi_mcp.results.answer import Cell, Table
from keyapi_mcp.results.numbers import compact, exact, money, percent
from keyapi_mcp.results.room import fitted
from keyapi_mcp.results.untrusted import shown_name

_NAME_TOKENS: Final = 12


@dataclass(slots=True)
class Row:
    """One product with what is computed for it. seen: days since the source first saw it."""

    number: int
    product: Product
    name: str
    category: str
    growth: float | None
    stage: Stage
    channels: ChannelSplit
    usd_per_sale: float | None
    seen: int | None
    contradictions: tuple[str, ...]

    def flags(self) -> str:
        product = self.product
        trend = product.trend
        flags = (
            (product.delisted, "delisted"),
            (product.fully_managed, "managed"),
            (product.free_shipping, "freeship"),
            (trend == "rising", "rising"),
            (trend == "falling", "falling"),
            (bool(self.contradictions), "inconsistent"),
        )
        return " ".join(name for holds, name in flags if holds)


def _no_text(_value: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a row: read once, then worded for the text and rounded for structured content.

    heading: in the text, empty for one that is not there; name: in structured content, likewise.
    """

    heading: str
    name: str
    read: Callable[[Row], Any]
    text: Callable[[Any], str] = _no_text
    value: Callable[[Any], Cell] = exact


def _split_text(split: ChannelSplit) -> str:
    shares = (percent(split.video), percent(split.live), percent(split.other))
    return "/".join(shares) if any(shares) else ""


def _signed_percent(fraction: float | None) -> str:
    return percent(fraction, signed=True)


def _percent(fraction: float | None) -> str:
    return percent(fraction, digits=1)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _whole(value: float | None) -> Cell:
    return exact(value, 0)


def _thousandths(value: float | None) -> Cell:
    return exact(value, 3)


def _plain(value: int | None) -> str:
    return "" if value is None else str(value)


def _or_null(text: str) -> Cell:
    return text or None


COLUMNS: Final[tuple[Column, ...]] = (
    Column("#", "", lambda r: r.number, _plain),  # in structured content the position says it
    Column("product_id", "product_id", lambda r: r.product.product_id, str, _or_null),
    Column("product", "product", lambda r: r.name, str, _or_null),
    Column("price $", "price_usd", lambda r: r.product.price, money),
    Column("u7", "units_7d", lambda r: r.product.units(7), compact),
    Column("u30", "units_30d", lambda r: r.product.units(30), compact),
    Column("gmv30 $", "gmv_30d_usd", lambda r: r.product.gmv(30), compact, _whole),
    Column("growth %", "growth_7d", lambda r: r.growth, _signed_percent),
    Column("creators", "creators", lambda r: r.product.creators, compact),
    Column("stage", "stage", lambda r: r.stage, str, str),
    Column("videos", "videos", lambda r: r.product.videos(), compact),
    Column("vid/live/oth %", "", lambda r: r.channels, _split_text),
    Column("", "video_share", lambda r: r.channels.video),
    Column("", "live_share", lambda r: r.channels.live),
    Column("", "other_share", lambda r: r.channels.other),
    Column("comm %", "commission", lambda r: r.product.commission, _percent, _thousandths),
    Column("$/sale", "usd_per_sale", lambda r: r.usd_per_sale, money),
    Column("rating", "rating", lambda r: r.product.rating, _short),
    Column("reviews", "reviews", lambda r: r.product.reviews, compact),
    Column("seen d", "seen_days", lambda r: r.seen, _plain),
    Column("flags", "flags", Row.flags, str, _or_null),
)
_BY_NAME: Final = {column.name: column for column in COLUMNS}
# Each sort's figure: a table in its order shows it.
_SORTS: Final[dict[int, Column]] = {
    1: Column("units", "units", lambda r: r.product.units(), compact),
    2: Column("gmv $", "gmv_usd", lambda r: r.product.gmv(), compact, _whole),
    3: _BY_NAME["price_usd"],
    4: _BY_NAME["units_7d"],
    5: _BY_NAME["units_30d"],
    6: Column("gmv7 $", "gmv_7d_usd", lambda r: r.product.gmv(7), compact, _whole),
    7: _BY_NAME["gmv_30d_usd"],
}
CATEGORY: Final = Column("category", "category", lambda r: r.category, str, _or_null)


def sort_column(code: int) -> Column:
    """What shows the figure that the service sorted by. code: product_sort_field."""
    return _SORTS[code]


def beside_sales(columns: Sequence[Column], column: Column) -> list[Column]:
    """These columns with that one: where it was missing, before the units of 30 days."""
    if column in columns:
        return list(columns)
    place = [one.name for one in columns].index("units_30d")
    return [*columns[:place], column, *columns[place:]]


def read_row(number: int, product: Product, day: date, *, with_category: bool) -> Row:
    return Row(
        number=number,
        product=product,
        name=fitted(shown_name(product.name), _NAME_TOKENS),
        category=_category(product) if with_category else "",
        growth=growth_7d(product),
        stage=place(product, day).stage,
        channels=channel_split(product),
        usd_per_sale=usd_per_sale(product),
        seen=days_since_first_seen(product, day),
        contradictions=contradictions(product),
    )


def _category(product: Product) -> str:
    """The first-level category, by name where the table has it."""
    first = product.category_id
    known = categories.by_id(first) if first else None
    return known.name if known else first or ""


@dataclass(frozen=True, slots=True)
class ProductTable:
    """A page's rows and its table in both forms."""

    rows: tuple[Row, ...]
    table: Table


# A kept page is asked for again and again, and its rows do not change: what is computed of it is kept beside it.
_tables: WeakKeyDictionary[Page, dict[bool, ProductTable]] = WeakKeyDictionary()


def product_table(page: Page, *, with_category: bool) -> ProductTable:
    """The table of a page. with_category: add the category column, for questions without a category filter."""
    kept = _tables.setdefault(page, {})
    if with_category not in kept:
        kept[with_category] = _build(page, with_category)
    return kept[with_category]


def _build(page: Page, with_category: bool) -> ProductTable:
    day = page.data_day
    rows = tuple(
        read_row(number, product, day, with_category=with_category) for number, product in enumerate(page.products, 1)
    )
    columns = (*COLUMNS[:3], CATEGORY, *COLUMNS[3:]) if with_category else COLUMNS
    return ProductTable(rows, table_of(rows, columns))


def table_of(rows: Sequence[Row], columns: Sequence[Column]) -> Table:
    """Rows as a table of these columns, in both forms."""
    lines = ["|".join(column.heading for column in columns if column.heading)]
    table_rows = []
    for row in rows:
        cells, values = [], []
        for column in columns:
            figure = column.read(row)
            if column.heading:
                cells.append(column.text(figure))
            if column.name:
                values.append(column.value(figure))
        lines.append("|".join(cells))
        table_rows.append(tuple(values))
    names = tuple(column.name for column in columns if column.name)
    return Table(names, tuple(table_rows), "\n".join(lines))
