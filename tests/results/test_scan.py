"""The answer to a scan: its scope, what is told of gaps, ages and oddities, and figures that are absent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keyapi_mcp.credits import Totals
from keyapi_mcp.product import Page, Product
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.results.answer import Answer, Spending
from keyapi_mcp.results.gathered import Gathered, pages_in_words
from keyapi_mcp.results.scan import scan_answer
from support.kept import product_id, row

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def page(*rows: dict[str, Any], count: int | None = None, fetched_at: datetime = NOW, unrefreshed: int = 0) -> Page:
    return Page(tuple(map(Product, rows)), len(rows) if count is None else count, fetched_at, unrefreshed=unrefreshed)


def answer(pages: dict[int, Page], *, exclude_delisted: bool = True, sort: Any = None, **gathered: Any) -> Answer:
    products = {product.product_id: product for one in pages.values() for product in one.products}
    return scan_answer(
        ProductQuery(region="US", min_product_rating=4.0, **({"product_sort_field": sort} if sort else {})),
        Gathered(pages, list(products.values()), **gathered),
        Spending(0, 0, Totals(0, 0, 0, None, None)),
        exclude_delisted=exclude_delisted,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("numbers", "words"),
    [([1], "page 1"), ([1, 2, 3], "pages 1–3"), ([1, 3, 4, 7], "pages 1, 3–4, 7"), ([2, 3], "pages 2–3")],
)
def test_pages_are_named_by_spans(numbers: list[int], words: str) -> None:
    assert pages_in_words(numbers) == words


def test_the_scope_says_the_filters_the_sort_the_sample_and_the_days() -> None:
    told = answer({1: page(row(1)), 3: page(row(2), fetched_at=NOW - timedelta(days=2))}, missing=[2])
    assert told.scope == (
        "TikTok Shop products · US · rating ≥ 4 · by GMV 30 d, falling (default) · sample: 2 products of pages 1, 3, "
        "PARTIAL · 0 delisted left out · data of about 2026-11-20 to 2026-11-22 (T+1), USD, sales and GMV estimated"
    )


def test_a_source_that_is_behind_is_said() -> None:
    assert "data of about 2026-11-21 (T+1, source not refreshed yet)" in answer({1: page(row(1), unrefreshed=1)}).scope


def test_rows_that_could_not_be_read_or_came_twice_or_contradict_themselves_are_counted() -> None:
    odd = row(3, total_sale_7d_cnt=9_999)
    told = answer({1: page(row(1), row(2), odd, count=5), 2: page(row(2))})
    assert told.notes == [
        "Left out: 2 rows could not be read.",
        "1 row came twice, because the list moved between pages; counted once.",
        "1 product with figures that contradict each other at the source: row 3.",
        "Product page: https://www.tiktok.com/view/product/<product_id>",
    ]


def test_what_no_product_has_is_unknown_and_no_number() -> None:
    told = answer({1: page({"product_id": product_id(1), "region": "US"})})
    text = told.text()
    assert "Sample totals in 30 d: – units, GMV $– (a lower bound" in text
    assert "Concentration: unknown, no product has GMV" in text
    assert "New, % of GMV: unknown" in text
    assert "Channels video/live/other % of GMV: unknown" in text
    assert "Commission quartiles %: unknown" in text
    facts = told.structured()["facts"]
    assert not {"by_product", "by_seller", "new_gmv_share", "channels", "commission_quartiles"} & facts.keys()
    assert told.structured()["rows"] == [[product_id(1), None, None, None, None, None, None, None, None, "Unclear"]]


@pytest.mark.parametrize(("ended", "more"), [(False, ", more pages read on"), (True, "")])
def test_where_all_are_delisted_only_that_is_told(ended: bool, more: str) -> None:
    told = answer({1: page(row(1, off_mark=2))}, ended=ended)
    assert "sample: 0 products of page 1" in told.scope
    assert told.lines == ("Delisted: 1 of 1 read (100 %)",)
    assert told.facts == {"products": 0, "delisted": 1, "delisted_share": 1}
    assert told.next_step == f"all of these are off sale; exclude_delisted=false shows them for 0 credits{more}."


@pytest.mark.parametrize(
    ("rows", "gathered", "words"),
    [
        ([row(1)], {}, "a lower bound of the market, because the sort chose the sample"),
        ([row(1)], {"ended": True}, "all products that match, as far as the source shows"),
        ([row(1), row(2, off_mark=2)], {"ended": True}, "all products on sale that match, as far as the source shows"),
        ([row(1)], {"ended": True, "missing": [2]}, "a lower bound of the market, because rows are missing"),
        ([row(1)], {"ended": True, "count": 2}, "a lower bound of the market, because rows are missing"),
    ],
)
def test_totals_are_said_to_be_what_they_are(rows: list[dict[str, Any]], gathered: dict[str, Any], words: str) -> None:
    count = gathered.pop("count", len(rows))
    told = answer({1: page(*rows, count=count)}, **gathered)
    assert f"GMV $3.8k ({words})" in told.text()
    assert told.facts["totals_are"] == words


def test_how_much_a_figure_rests_on_is_told_where_that_is_not_all() -> None:
    bare = {"seller_id": None, "first_crawl_dt": 0, "spu_avg_price": 0, "product_commission_rate": 0}
    products = [row(number, total_sale_gmv_30d_amt=100) for number in range(4)]
    products += [row(4, total_sale_gmv_30d_amt=600, **bare), row(5, total_sale_gmv_30d_amt=None)]
    told = answer({1: page(*products)})
    lines = {line.split(":")[0]: line for line in told.lines}
    assert lines["Sample totals in 30 d"].endswith("(GMV known of 83 % of the products)")
    assert lines["Price (products, % of GMV, median GMV $)"].endswith("(price known of 40 % of GMV)")
    assert lines["New, % of GMV"].endswith("(first day known of 40 % of GMV)")
    assert "HHI 10,000 (1 seller) (seller known of 40 % of GMV)" in told.text()
    assert lines["Commission quartiles %"] == "Commission quartiles %: 15/15/15 (5 of 6 with a commission)"
    assert told.facts["known_share"] == {"gmv": 0.833, "price": 0.4, "seller": 0.4, "first_seen": 0.4, "channels": 0}
    assert told.facts["with_commission"] == 5
    assert (
        "known"
        not in answer({1: page(*[row(1, total_video_sale_gmv_30d_amt=9, total_live_sale_gmv_30d_amt=0)])}).text()
    )


@pytest.mark.parametrize(
    ("sort", "heading", "name"),
    [
        (1, "units", "units"),
        (2, "gmv $", "gmv_usd"),
        (3, "price $", "price_usd"),
        (4, "u7", "units_7d"),
        (5, "u30", "units_30d"),
        (6, "gmv7 $", "gmv_7d_usd"),
        (7, "gmv30 $", "gmv_30d_usd"),
    ],
)
def test_the_figure_that_the_rows_are_sorted_by_is_among_them(sort: int, heading: str, name: str) -> None:
    sold = {"total_sale_cnt": 71, "total_sale_gmv_amt": 72, "spu_avg_price": 73, "total_sale_7d_cnt": 74}
    sold |= {"total_sale_30d_cnt": 75, "total_sale_gmv_7d_amt": 76, "total_sale_gmv_30d_amt": 77}
    told = answer({1: page(row(1, **sold))}, sort=sort)
    headings, cells = [line.split("|") for line in told.text().splitlines() if "|" in line]
    content = told.structured()
    assert headings.count(heading) == content["columns"].count(name) == 1
    assert float(cells[headings.index(heading)]) == content["rows"][0][content["columns"].index(name)] == 70 + sort


def test_contradicting_rows_are_named_as_far_as_they_are_shown() -> None:
    def noted(*odd: int) -> str:
        rows = [row(one, **({"total_sale_7d_cnt": 9_999} if one in odd else {})) for one in range(1, 14)]
        (note,) = [one for one in answer({1: page(*rows)}).notes if "contradict" in one]
        return note.partition(" at the source")[2]

    assert noted(2, 3, 7) == ": rows 2–3, 7."
    assert noted(7, 12, 13) == ": row 7 and 2 not shown."
    assert noted(12) == ": none of the rows here."


def test_names_are_made_safe() -> None:
    told = answer({1: page(row(1, product_name="a|b <script> [x](http://y)"))})
    assert "a/b ‹script› (x)(http: //y)" in told.text()


def test_the_table_holds_ten_and_the_figures_all() -> None:
    told = answer(
        {1: page(*[row(number) for number in range(10)]), 2: page(*[row(number) for number in range(10, 13)])}
    )
    assert len(told.structured()["rows"]) == 10
    assert told.structured()["facts"]["products"] == 13
