"""The answer to a scan: what many pages of one question have in common, the ten best rows, and what stands out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from keyapi_mcp.product import Product
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.research.findings import findings, price_words
from keyapi_mcp.research.market import Concentration
from keyapi_mcp.research.sample import Sample, bands, describe
from keyapi_mcp.results.answer import Answer, Spending, Table
from keyapi_mcp.results.gathered import Gathered, remarks, sample_words
from keyapi_mcp.results.numbers import compact, exact, percent
from keyapi_mcp.results.product_table import COLUMNS, beside_sales, read_row, sort_column, table_of
from keyapi_mcp.results.room import overcounted, with_room
from keyapi_mcp.results.scope import nothing_matches, question

_BEST: Final = 10
_LEAST: Final = 3
# What is known of less than this is said to be.
_ALL_BUT: Final = 0.995
# Of either form: 1,300, less what the estimate is off where an answer is full of figures.
_MOST_TOKENS: Final = 1_225
_SHOWN: Final = (
    *("#", "product_id", "product", "price $", "u30", "gmv30 $", "growth %", "creators", "comm %", "$/sale", "stage"),
)
_ALL: Final = "all products that match, as far as the source shows"
_GAPS: Final = "a lower bound of the market, because rows are missing"
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
    figures = _Figures(sample, excluded, _totals_are(gathered, excluded))
    scope = [
        *question(query, synthetic=synthetic or gathered.synthetic),
        *sample_words(gathered, len(products), excluded if exclude_delisted else None, now, notes),
    ]
    found = [f"Finding: {sentence}" for sentence in findings(sample, excluded)]

    def with_rows(most: int) -> Answer:
        less = [] if most == len(best) else [f"Only {most} of the {len(best)} best rows are shown, for room."]
        return Answer(
            scope=" · ".join(scope),
            table=_table(query, best[:most]),
            notes=[*found, *less, *remarks(gathered, products, most)],
            next_step=gathered.next_step or _next_step(query, gathered, products),
            spending=spending,
            facts=dict(figures.facts()) if gathered.products else {},
            lines=tuple(figures.lines()) if gathered.products else (),
        )

    # A question of many filters takes their room.
    names = sum(overcounted(row.name) for row in best)
    return with_room(with_rows, len(best), _LEAST, _MOST_TOKENS + names)


def _table(query: ProductQuery, best: Sequence[Any]) -> Table:
    by_heading = {column.heading: column for column in COLUMNS}
    shown = [by_heading[heading] for heading in _SHOWN]
    return table_of(best, beside_sales(shown, sort_column(query.product_sort_field)))


@dataclass(frozen=True, slots=True)
class _Figures:
    """A sample's figures in both forms. excluded: delisted products that were read but are not in it; totals_are: what
    its sums are of the market's."""

    sample: Sample
    excluded: int
    totals_are: str

    @property
    def _delisted(self) -> tuple[int, int]:
        """How many of how many that were read."""
        sample = self.sample
        return self.excluded + round(sample.delisted * sample.products), sample.products + self.excluded

    def lines(self) -> Iterator[str]:
        sample = self.sample
        gone, read = self._delisted
        delisted = f"Delisted: {gone} of {read} read ({_percent(gone / read)} %)"
        if not sample.products:
            yield delisted
            return
        units, gmv = _or_dash(compact(sample.units_30d)), _or_dash(compact(sample.gmv_30d))
        yield f"Sample totals in 30 d: {units} units, GMV ${gmv} ({self.totals_are})" + self._known("gmv", "GMV")
        prices = "; ".join(
            f"{price_words(band)}: {band.products}, {_percent(band.gmv_share)}, {_or_dash(compact(band.median_gmv))}"
            for band in sample.prices
            if band.products
        )
        yield f"Price (products, % of GMV, median GMV $): {prices or 'unknown'}{self._known('price', 'price')}"
        held = [
            f"{name} {_percent(of.top_1)}/{_percent(of.top_3)}/{_percent(of.top_10)}, HHI {of.hhi:,.0f}"
            f"{self._sellers(of) if name == 'seller' else ''}"
            for name, of in (("product", sample.by_product), ("seller", sample.by_seller))
            if of is not None
        ]
        yield (
            f"Concentration within the sample, top 1/3/10 % of GMV: by {'; by '.join(held)}"
            if held
            else ("Concentration: unknown, no product has GMV")
        )
        yield (
            "New, % of GMV: "
            + (
                ", ".join(f"first seen < {days} d {_percent(share)}" for days, share in sample.new_gmv_share.items())
                or "unknown"
            )
            + self._known("first_seen", "first day")
        )
        channels = _slashed(sample.channels)
        yield f"Channels video/live/other % of GMV: {channels}{self._known('channels', 'channels')}"
        paying = f" ({sample.paying} of {sample.products} with a commission)" if sample.paying else ""
        yield f"Commission quartiles %: {_slashed(sample.commission, 1)}{paying}"
        yield "Products by creators: " + ", ".join(
            f"{words} {count}" for words, count in zip(_creator_bands(), sample.creators.values(), strict=True)
        )
        yield "Stages: " + ", ".join(f"{stage} {count}" for stage, count in sample.stages.items())
        yield delisted

    def _known(self, name: str, what: str) -> str:
        """How much a figure rests on, where that is not all."""
        share = self.sample.known.get(name)
        if share is None or share >= _ALL_BUT:
            return ""
        return f" ({what} known of {_percent(share)} % of {'the products' if name == 'gmv' else 'GMV'})"

    def _sellers(self, held: Concentration) -> str:
        return f" ({held.holders} seller{'' if held.holders == 1 else 's'}){self._known('seller', 'seller')}"

    def facts(self) -> Iterator[tuple[str, Any]]:
        sample = self.sample
        gone, read = self._delisted
        delisted = (("delisted", gone), ("delisted_share", exact(gone / read, 3)))
        yield "products", sample.products
        if not sample.products:
            yield from delisted
            return
        yield "units_30d", exact(sample.units_30d)
        yield "gmv_30d_usd", exact(sample.gmv_30d, 0)
        yield "totals_are", self.totals_are
        if partly := {name: exact(share, 3) for name, share in sample.known.items() if share < _ALL_BUT}:
            yield "known_share", partly
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
            yield "with_commission", sample.paying
        yield "creators", dict(zip(_creator_bands(), sample.creators.values(), strict=True))
        yield "stages", dict(sample.stages)
        yield from delisted


def _totals_are(gathered: Gathered, excluded: int) -> str:
    """excluded: delisted products that were left out."""
    if gathered.whole:
        return _ALL.replace("products", "products on sale") if excluded else _ALL
    return _GAPS if gathered.ended else _LOWER_BOUND


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


def _next_step(query: ProductQuery, gathered: Gathered, products: Sequence[Product]) -> str:
    """products: those that are looked at."""
    if gathered.products and not products:
        more = "" if gathered.ended else ", more pages read on"
        return f"all of these are off sale; exclude_delisted=false shows them for 0 credits{more}."
    if gathered.products:
        return "get_product or query_products read all of these products for 0 credits."
    return nothing_matches(query, "Relax one of them, the narrowest first.")
