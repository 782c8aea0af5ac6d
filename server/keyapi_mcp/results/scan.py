"""The answer to a scan: what many pages of one question have in common, the ten best rows, and what stands out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from keyapi_mcp.query import ProductQuery
from keyapi_mcp.research.findings import findings, price_words
from keyapi_mcp.research.market import Concentration
from keyapi_mcp.research.sample import Sample, bands, describe
from keyapi_mcp.results.answer import Answer, Spending, Table
from keyapi_mcp.results.gathered import Gathered, remarks, sample_words
from keyapi_mcp.results.numbers import compact, exact, percent
from keyapi_mcp.results.product_table import COLUMNS, read_row, table_of
from keyapi_mcp.results.room import overcounted, with_room
from keyapi_mcp.results.scope import category_words, filters, question

_BEST: Final = 10
_LEAST: Final = 3
# Of either form: 1,300, less what the estimate is off where an answer is full of figures.
_MOST_TOKENS: Final = 1_225
_SHOWN: Final = (
    *("#", "product_id", "product", "price $", "u30", "gmv30 $", "growth %", "creators", "comm %", "$/sale", "stage"),
)
_LOWER_BOUND: Final = "a lower bound of the market, because the sort chose the sample"


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
    products = gathered.listed() if exclude_delisted else list(gathered.products)
    excluded = len(gathered.products) - len(products)
    day = gathered.day
    sample = describe(products, day)
    best = [read_row(number, product, day, with_category=False) for number, product in enumerate(products[:_BEST], 1)]
    figures = _Figures(sample, excluded)
    scope = [
        *question(query, synthetic=synthetic or gathered.synthetic),
        *sample_words(gathered, len(products), excluded if exclude_delisted else None, now, notes),
    ]
    found = [f"Finding: {sentence}" for sentence in findings(sample, excluded)]

    def with_rows(most: int) -> Answer:
        less = [] if most == len(best) else [f"Only {most} of the {len(best)} best rows are shown, for room."]
        return Answer(
            scope=" · ".join(scope),
            table=_table(best[:most]),
            notes=[*found, *less, *remarks(gathered, products)],
            next_step=gathered.next_step or _next_step(query, gathered),
            spending=spending,
            facts=dict(figures.facts()) if gathered.products else {},
            lines=tuple(figures.lines()) if gathered.products else (),
        )

    # A question of many filters takes their room.
    names = sum(overcounted(row.name) for row in best)
    return with_room(with_rows, len(best), _LEAST, _MOST_TOKENS + names)


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


def _next_step(query: ProductQuery, gathered: Gathered) -> str:
    if gathered.products:
        return "get_product or query_products read all of these products for 0 credits."
    in_force = filters(query) + category_words(query)
    if in_force:
        return f"no product matches all of: {'; '.join(in_force)}. Relax one of them, the narrowest first."
    return f"the source has no products for {query.region}; check the country code."
