"""The table of a page of products: an allow-list of columns, each with its unit in its name, in both forms.

Ids needed for the next call are in the rows. Everything is computed from `research/`; nothing is copied from a row
that is not listed here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final
from weakref import WeakKeyDictionary

from keyapi_mcp.clock import data_day
from keyapi_mcp.product import Page, Product
from keyapi_mcp.reference import categories
from keyapi_mcp.research.age import contradictions, days_since_first_seen
from keyapi_mcp.research.channels import ChannelSplit, channel_split
from keyapi_mcp.research.growth import creator_inflow, growth_7d
from keyapi_mcp.research.payoff import usd_per_sale
from keyapi_mcp.results.answer import Cell, Table
from keyapi_mcp.results.numbers import compact, exact, money, percent
from keyapi_mcp.results.untrusted import clean, shorten

_NAME_TOKENS: Final = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One product with what is computed for it. seen: days since the source first saw it."""

    number: int
    product: Product
    name: str
    category: str
    growth: float | None
    inflow: float | None
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


@dataclass(frozen=True, slots=True)
class Column:
    """text: heading and cell as read by people; name and value: the same for structured content."""

    heading: str
    text: Callable[[Row], str]
    names: tuple[str, ...]
    values: Callable[[Row], tuple[Cell, ...]]


def _split_text(row: Row) -> str:
    split = row.channels
    shares = (percent(split.video), percent(split.live), percent(split.other))
    return "/".join(shares) if any(shares) else ""


COLUMNS: Final[tuple[Column, ...]] = (
    Column("#", lambda r: str(r.number), (), lambda _: ()),  # in structured content the position says it
    Column("product_id", lambda r: r.product.product_id, ("product_id",), lambda r: (r.product.product_id,)),
    Column("product", lambda r: r.name, ("product",), lambda r: (r.name or None,)),
    Column("price $", lambda r: money(r.product.price), ("price_usd",), lambda r: (exact(r.product.price),)),
    Column("u7", lambda r: compact(r.product.units(7)), ("units_7d",), lambda r: (exact(r.product.units(7)),)),
    Column("u30", lambda r: compact(r.product.units(30)), ("units_30d",), lambda r: (exact(r.product.units(30)),)),
    Column("gmv30 $", lambda r: compact(r.product.gmv(30)), ("gmv_30d_usd",), lambda r: (exact(r.product.gmv(30), 0),)),
    Column("growth %", lambda r: percent(r.growth, signed=True), ("growth_7d",), lambda r: (exact(r.growth),)),
    Column("creators", lambda r: compact(r.product.creators), ("creators",), lambda r: (exact(r.product.creators),)),
    Column(
        "inflow",
        lambda r: "" if r.inflow is None else f"{r.inflow:.2g}",
        ("creator_inflow",),
        lambda r: (exact(r.inflow),),
    ),
    Column("videos", lambda r: compact(r.product.videos()), ("videos",), lambda r: (exact(r.product.videos()),)),
    Column(
        "vid/live/oth %",
        _split_text,
        ("video_share", "live_share", "other_share"),
        lambda r: (exact(r.channels.video), exact(r.channels.live), exact(r.channels.other)),
    ),
    Column(
        "comm %",
        lambda r: percent(r.product.commission, digits=1),
        ("commission",),
        lambda r: (exact(r.product.commission, 3),),
    ),
    Column("$/sale", lambda r: money(r.usd_per_sale), ("usd_per_sale",), lambda r: (exact(r.usd_per_sale),)),
    Column(
        "rating",
        lambda r: "" if r.product.rating is None else f"{r.product.rating:.2g}",
        ("rating",),
        lambda r: (exact(r.product.rating),),
    ),
    Column("reviews", lambda r: compact(r.product.reviews), ("reviews",), lambda r: (exact(r.product.reviews),)),
    Column("seen d", lambda r: "" if r.seen is None else str(r.seen), ("seen_days",), lambda r: (r.seen,)),
    Column("flags", Row.flags, ("flags",), lambda r: (r.flags() or None,)),
)
CATEGORY: Final = Column("category", lambda r: r.category, ("category",), lambda r: (r.category or None,))


def read_row(number: int, product: Product, day: date, *, with_category: bool) -> Row:
    return Row(
        number=number,
        product=product,
        name=shorten(clean(product.name or ""), _NAME_TOKENS),
        category=_category(product) if with_category else "",
        growth=growth_7d(product),
        inflow=creator_inflow(product),
        channels=channel_split(product),
        usd_per_sale=usd_per_sale(product),
        seen=days_since_first_seen(product, day),
        contradictions=contradictions(product),
    )


def _category(product: Product) -> str:
    """The first-level category, by name where the table has it."""
    first = product.category_ids[0]
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
    day = data_day(page.fetched_at)
    rows = tuple(
        read_row(number, product, day, with_category=with_category) for number, product in enumerate(page.products, 1)
    )
    columns = (*COLUMNS[:3], CATEGORY, *COLUMNS[3:]) if with_category else COLUMNS
    lines = ["|".join(column.heading for column in columns)]
    lines += ["|".join([column.text(row) for column in columns]) for row in rows]
    table = Table(
        columns=tuple(name for column in columns for name in column.names),
        rows=tuple(tuple(value for column in columns for value in column.values(row)) for row in rows),
        text="\n".join(lines),
    )
    return ProductTable(rows, table)
