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


def answer(pages: dict[int, Page], *, exclude_delisted: bool = True, **gathered: Any) -> Answer:
    products = {product.product_id: product for one in pages.values() for product in one.products}
    return scan_answer(
        ProductQuery(region="US", min_product_rating=4.0),
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
        "1 product with figures that contradict each other at the source.",
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


def test_only_delisted_products_are_no_empty_list() -> None:
    told = answer({1: page(row(1, off_mark=2))})
    assert "sample: 0 products of page 1" in told.scope
    assert "Delisted: 1 of 1 read (100 %)" in told.text()
    assert "no product matches" not in told.text()


def test_names_are_made_safe() -> None:
    told = answer({1: page(row(1, product_name="a|b <script> [x](http://y)"))})
    assert "a/b ‹script› (x)(http: //y)" in told.text()


def test_the_table_holds_ten_and_the_figures_all() -> None:
    told = answer(
        {1: page(*[row(number) for number in range(10)]), 2: page(*[row(number) for number in range(10, 13)])}
    )
    assert len(told.structured()["rows"]) == 10
    assert told.structured()["facts"]["products"] == 13
