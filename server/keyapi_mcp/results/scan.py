"""The answer to a scan: what many pages of one question have in common, the ten best rows, and what stands out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, Final

from keyapi_mcp.product import Page, Product
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.research.age import contradictions
from keyapi_mcp.research.findings import findings, price_words
from keyapi_mcp.research.market import Concentration
from keyapi_mcp.research.sample import Sample, bands, describe
from keyapi_mcp.results.answer import Answer, Spending, Table
from keyapi_mcp.results.numbers import compact, exact, percent
from keyapi_mcp.results.product_page import PRODUCT_PAGE
from keyapi_mcp.results.product_table import COLUMNS, read_row, table_of
from keyapi_mcp.results.scope import age, category_words, filters, question

_BEST: Final = 10
_SHOWN: Final = (
    *("#", "product_id", "product", "price $", "u30", "gmv30 $", "growth %", "creators", "comm %", "$/sale", "stage"),
)
_LOWER_BOUND: Final = "a lower bound of the market, because the sort chose the sample"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read for a sample, and what was not.

    pages: by number, in order; products: of all pages, each once, in their order; missing: numbers of pages that the
    sample lacks; ended: the list has no more; kept: how many pages came from the store; stale: those that are older
    than wanted; partial: why pages are missing, stale or not in the store, sentences; next_step: of a partial sample.
    """

    pages: Mapping[int, Page]
    products: Sequence[Product]
    missing: Sequence[int] = ()
    ended: bool = False
    kept: int = 0
    stale: Sequence[Page] = ()
    partial: Sequence[str] = ()
    next_step: str = ""

    @property
    def day(self) -> date:
        """The newest data day."""
        return max(page.data_day for page in self.pages.values())


def scan_answer(
    query: ProductQuery,
    gathered: Gathered,
    spending: Spending,
    *,
    exclude_delisted: bool,
    now: datetime,
    notes: tuple[str, ...] = (),
    synthetic: bool = False,
) -> Answer:
    """Build the answer. notes, synthetic: as for a page of products."""
    products = [product for product in gathered.products if not (exclude_delisted and product.delisted)]
    excluded = len(gathered.products) - len(products)
    day = gathered.day
    sample = describe(products, day)
    best = [read_row(number, product, day, with_category=False) for number, product in enumerate(products[:_BEST], 1)]
    figures = _Figures(sample, excluded)
    return Answer(
        scope=_scope(query, gathered, len(products), excluded, exclude_delisted, now, notes, synthetic),
        table=_table(best),
        notes=[
            *(f"Finding: {sentence}" for sentence in findings(sample, excluded)),
            *_remarks(gathered, products),
        ],
        next_step=gathered.next_step or _next_step(query, gathered),
        spending=spending,
        facts=dict(figures.facts()) if gathered.products else {},
        lines=tuple(figures.lines()) if gathered.products else (),
    )


def pages_in_words(numbers: Sequence[int]) -> str:
    """1, 2, 3, 5 → "pages 1–3, 5"."""
    spans = []
    for _, run in groupby(enumerate(numbers), lambda one: one[1] - one[0]):
        members = [number for _, number in run]
        spans.append(f"{members[0]}–{members[-1]}" if len(members) > 1 else f"{members[0]}")
    return f"page{'' if len(numbers) == 1 else 's'} {', '.join(spans)}"


def _scope(
    query: ProductQuery,
    gathered: Gathered,
    products: int,
    excluded: int,
    exclude_delisted: bool,
    now: datetime,
    notes: tuple[str, ...],
    synthetic: bool,
) -> str:
    pages = list(gathered.pages.values())
    parts = question(query, synthetic=synthetic or any(page.synthetic for page in pages))
    span = pages_in_words(list(gathered.pages))
    lacking = ", PARTIAL" if gathered.missing else ", the list ends there" if gathered.ended else ""
    parts.append(f"sample: {products} product{'' if products == 1 else 's'} of {span}{lacking}")
    if exclude_delisted:
        parts.append(f"{excluded} delisted left out")
    parts += notes
    first, last = min(page.data_day for page in pages), gathered.day
    unrefreshed = ", source not refreshed yet" if any(page.unrefreshed for page in pages) else ""
    days = f"{last}" if first == last else f"{first} to {last}"
    parts.append(f"data of about {days} (T+1{unrefreshed}), USD, sales and GMV estimated")
    if gathered.stale:
        parts.append(f"STALE: {_of_all(len(gathered.stale), pages)}, oldest {_when(gathered.stale, now)}")
    elif gathered.kept:
        parts.append(f"{_of_all(gathered.kept, pages)} kept, oldest {_when(pages, now)}")
    return " · ".join(parts)


def _of_all(some: int, pages: Sequence[Page]) -> str:
    return f"{some} of {len(pages)} page{'' if len(pages) == 1 else 's'}"


def _when(pages: Sequence[Page], now: datetime) -> str:
    oldest = min(page.fetched_at for page in pages)
    return f"from {oldest.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({age(now - oldest)} ago)"


def _table(best: Sequence[Any]) -> Table:
    by_heading = {column.heading: column for column in COLUMNS}
    return table_of(best, [by_heading[heading] for heading in _SHOWN])


@dataclass(frozen=True, slots=True)
class _Figures:
    """A sample's figures in both forms. excluded: delisted products that were read but are not in it."""

    sample: Sample
    excluded: int

    @property
    def _delisted(self) -> tuple[int, int]:
        """How many of how many that were read."""
        sample = self.sample
        return self.excluded + round(sample.delisted * sample.products), sample.products + self.excluded

    def lines(self) -> Iterator[str]:
        sample = self.sample
        units, gmv = _or_dash(compact(sample.units_30d)), _or_dash(compact(sample.gmv_30d))
        yield f"Sample totals in 30 d: {units} units, GMV ${gmv} ({_LOWER_BOUND})"
        yield "Price (products, % of GMV, median GMV $): " + "; ".join(
            f"{price_words(band)}: {band.products}, {_percent(band.gmv_share)}, {_or_dash(compact(band.median_gmv))}"
            for band in sample.prices
            if band.products
        )
        held = [
            f"{name} {_percent(of.top_1)}/{_percent(of.top_3)}/{_percent(of.top_10)}, HHI {of.hhi:,.0f}"
            f"{f' ({of.holders} sellers)' if name == 'seller' else ''}"
            for name, of in (("product", sample.by_product), ("seller", sample.by_seller))
            if of is not None
        ]
        yield (
            f"Concentration within the sample, top 1/3/10 % of GMV: by {'; by '.join(held)}"
            if held
            else ("Concentration: unknown, no product has GMV")
        )
        yield "New, % of GMV: " + (
            ", ".join(f"first seen < {days} d {_percent(share)}" for days, share in sample.new_gmv_share.items())
            or "unknown"
        )
        yield f"Channels video/live/other % of GMV: {_slashed(sample.channels)}"
        yield f"Commission quartiles %: {_slashed(sample.commission, 1)}"
        yield "Products by creators: " + ", ".join(
            f"{words} {count}" for words, count in zip(_creator_bands(), sample.creators.values(), strict=True)
        )
        yield "Stages: " + ", ".join(f"{stage} {count}" for stage, count in sample.stages.items())
        gone, read = self._delisted
        yield f"Delisted: {gone} of {read} read ({_percent(gone / read)} %)"

    def facts(self) -> Iterator[tuple[str, Any]]:
        sample = self.sample
        yield "products", sample.products
        yield "units_30d", exact(sample.units_30d)
        yield "gmv_30d_usd", exact(sample.gmv_30d, 0)
        yield "totals_are", _LOWER_BOUND
        yield (
            "price_bands",
            {"columns": ["products", "gmv_share", "median_gmv_30d_usd"]}
            | {
                price_words(band): [band.products, exact(band.gmv_share, 3), exact(band.median_gmv, 0)]
                for band in sample.prices
                if band.products
            },
        )
        if sample.by_product is not None:
            yield "by_product", _held(sample.by_product)
        if sample.by_seller is not None:
            yield "by_seller", _held(sample.by_seller) | {"sellers": sample.by_seller.holders}
        if sample.new_gmv_share:
            yield "new_gmv_share", {f"{days}d": exact(share, 3) for days, share in sample.new_gmv_share.items()}
        if sample.channels is not None:
            names = ("video", "live", "other")
            yield (
                "channels",
                {name: exact(share, 3) for name, share in zip(names, sample.channels, strict=True)},
            )
        if sample.commission is not None:
            yield "commission_quartiles", [exact(rate, 3) for rate in sample.commission]
        yield "creators", dict(zip(_creator_bands(), sample.creators.values(), strict=True))
        yield "stages", dict(sample.stages)
        gone, read = self._delisted
        yield "delisted", gone
        yield "delisted_share", exact(gone / read, 3)


def _held(held: Concentration) -> dict[str, Any]:
    shares = {"top_1": held.top_1, "top_3": held.top_3, "top_10": held.top_10}
    return {name: exact(share, 3) for name, share in shares.items()} | {"hhi": round(held.hhi)}


def _creator_bands() -> tuple[str, str, str]:
    low, high = bands()["creators"]
    return f"<{low:g}", f"{low:g}–{high:g}", f">{high:g}"


def _percent(fraction: float | None) -> str:
    return _or_dash(percent(fraction))


def _slashed(shares: Sequence[float] | None, digits: int = 0) -> str:
    return "unknown" if shares is None else "/".join(percent(share, digits=digits) for share in shares)


def _or_dash(text: str) -> str:
    return text or "–"


def _remarks(gathered: Gathered, products: Sequence[Product]) -> Iterator[str]:
    yield from gathered.partial
    pages = gathered.pages.values()
    if left_out := sum(page.left_out for page in pages):
        yield f"Left out: {left_out} row{'' if left_out == 1 else 's'} could not be read."
    if twice := sum(len(page.products) for page in pages) - len(gathered.products):
        yield f"{twice} row{'' if twice == 1 else 's'} came twice, because the list moved between pages; counted once."
    if odd := sum(bool(contradictions(product)) for product in products):
        yield f"{odd} product{'' if odd == 1 else 's'} with figures that contradict each other at the source."
    if products:
        yield PRODUCT_PAGE


def _next_step(query: ProductQuery, gathered: Gathered) -> str:
    if gathered.products:
        return "get_product or query_products read all of these products for 0 credits."
    in_force = filters(query) + category_words(query)
    if in_force:
        return f"no product matches all of: {'; '.join(in_force)}. Relax one of them, the narrowest first."
    return f"the source has no products for {query.region}; check the country code."
