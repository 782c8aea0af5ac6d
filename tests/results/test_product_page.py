"""A page of products as an answer: notes, next step, the same in both forms."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keyapi_mcp.credits import Totals
from keyapi_mcp.product import Page, Product
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.results.answer import Answer, Spending
from keyapi_mcp.results.product_page import PRODUCT_PAGE, product_page
from support.products import product

DATA = Path(__file__).parents[1] / "data"
FETCHED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ONE_CREDIT = Spending(call=1, call_maybe=0, totals=Totals(4, 0, 9, 196, 2_991))
CREDITS = "Credits: 1 for this call; 4 today, 196 left within your limits (account balance not visible)."
SOLD = {"total_sale_30d_cnt": 5}


def query(**parameters: Any) -> ProductQuery:
    return ProductQuery.model_validate({"region": "US"} | parameters)


def page(*products: Product, rows: int | None = None, synthetic: bool = False) -> Page:
    return Page(
        products=products,
        rows=len(products) if rows is None else rows,
        fetched_at=FETCHED,
        request_id="abc",
        synthetic=synthetic,
    )


def answer(read: Page, asked: ProductQuery | None = None, **changes: Any) -> Answer:
    given: dict[str, Any] = {"spending": ONE_CREDIT, "now": FETCHED, "kept": False}
    return product_page(asked or query(), read, **given | changes)


def notes(*products: Product, **changes: Any) -> str:
    """The line of notes about single rows, or nothing."""
    lines = [note for note in answer(page(*products), **changes).notes if note.startswith("Notes: ")]
    assert len(lines) <= 1
    return lines[0] if lines else ""


# --- the documented example ----------------------------------------------------------------------------------------


def test_the_documented_example_says_that_it_is_delisted_and_does_not_sell_and_makes_nothing_up() -> None:
    body = json.loads((DATA / "response_example.json").read_text("utf-8"))
    built = answer(page(Product(body["data"][0])))
    text = built.text()
    assert text.split("\n")[0] == (
        "TikTok Shop products · US · by GMV 30 d, falling (default) · page 1, 1 row"
        " · data of about 2026-11-22 (T+1), USD, sales and GMV estimated"
    )
    assert "|delisted falling\n" in text
    assert text.split("\n")[3:] == [
        "Notes: delisted: row 1; no sales in 30 d: row 1.",
        PRODUCT_PAGE,
        f"Next: this page was not full: the list ends here. {CREDITS}",
    ]
    for secret in ("REDACTED", "Putian", "seller", "https://echosell"):
        assert secret not in text
        assert secret not in json.dumps(built.structured())


# --- notes ---------------------------------------------------------------------------------------------------------


def test_rows_without_anything_odd_need_no_notes() -> None:
    assert notes(product(**SOLD)) == ""
    assert answer(page(product(**SOLD))).notes == [PRODUCT_PAGE]


def test_notes_are_grouped_by_kind_with_the_numbers_of_their_rows() -> None:
    rows = [
        product(**SOLD),
        product(**SOLD, off_mark=3),
        product(total_sale_30d_cnt=0),
        product(**SOLD, product_commission_rate=15),
        product(**SOLD, off_mark=2, total_sale_7d_cnt=9),
    ]
    assert notes(*rows) == (
        "Notes: delisted: rows 2, 5; no sales in 30 d: row 3; commission above 1 read as a percentage: row 4; "
        "a longer window shows less than a shorter one at the source: row 5."
    )


def test_video_and_live_above_the_whole_are_told() -> None:
    row = product(**SOLD, total_sale_gmv_30d_amt=100, total_video_sale_gmv_30d_amt=90, total_live_sale_gmv_30d_amt=20)
    assert notes(row) == "Notes: video and live exceed 100 % of GMV at the source: row 1."


@pytest.mark.parametrize("units", [None, "", "n/a", -1, "absent"])
def test_a_row_whose_units_are_not_known_is_not_said_to_have_no_sales(units: object) -> None:
    row = product() if units == "absent" else product(total_sale_30d_cnt=units)
    assert notes(row) == ""


@pytest.mark.parametrize("units", [0, "0", 0.0])
def test_a_row_with_zero_units_is_said_to_have_no_sales(units: object) -> None:
    assert notes(product(total_sale_30d_cnt=units)) == "Notes: no sales in 30 d: row 1."


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (3, "Left out: 2 rows of the answer could not be read."),
        (2, "Left out: 1 row of the answer could not be read."),
    ],
)
def test_rows_left_out_are_told_and_not_counted_as_shown(rows: int, line: str) -> None:
    built = answer(page(product(**SOLD), rows=rows))
    assert line in built.notes
    assert line in built.text().split("\n")
    assert " · page 1, 1 row · " in built.scope


def test_the_product_pages_pattern_is_told_only_where_there_is_a_product() -> None:
    assert PRODUCT_PAGE == "Product page: https://www.tiktok.com/view/product/<product_id>"
    assert PRODUCT_PAGE in answer(page(product(**SOLD))).text()
    assert PRODUCT_PAGE not in answer(page()).text()


# --- where the answer comes from -------------------------------------------------------------------------------------


def test_a_kept_answer_says_from_when_it_is_in_both_forms() -> None:
    built = answer(page(product(**SOLD)), kept=True, now=FETCHED + timedelta(hours=3))
    assert built.scope.endswith("kept from 2026-11-23 09:30 UTC (3 h ago)")
    assert built.structured()["scope"] == built.scope == built.text().split("\n")[0]
    assert "kept" not in answer(page(product(**SOLD))).scope


@pytest.mark.parametrize(("by_page", "by_settings"), [(True, False), (False, True), (True, True)])
def test_synthetic_data_is_marked_whoever_says_that_it_is(by_page: bool, by_settings: bool) -> None:
    built = answer(page(product(**SOLD), synthetic=by_page), synthetic=by_settings)
    assert built.scope.startswith("SANDBOX (synthetic data) · ")


def test_what_was_changed_on_the_way_to_the_query_is_in_the_scope() -> None:
    built = answer(page(product(**SOLD)), notes=('"Makeup" is a level-3 category, sent as category_l3_id',))
    assert ' · "Makeup" is a level-3 category, sent as category_l3_id · ' in built.scope


@pytest.mark.parametrize("parameter", ["category_id", "category_l2_id", "category_l3_id"])
def test_the_category_column_is_there_only_without_a_category_filter(parameter: str) -> None:
    read = page(product(**SOLD))
    assert "category" in answer(read).structured()["columns"]
    assert "category" not in answer(read, query(**{parameter: "601450"})).structured()["columns"]


# --- the next step -------------------------------------------------------------------------------------------------


def full_page(count: int = 10) -> Page:
    return page(*(product(**SOLD) for _ in range(count)))


def test_after_a_full_page_comes_the_next_one() -> None:
    assert answer(full_page()).next_step == "page_num=2 (this page was full)."
    assert answer(full_page(), query(page_num=7)).next_step == "page_num=8 (this page was full)."
    assert answer(full_page(3), query(page_size=3)).next_step == "page_num=2 (this page was full)."


def test_a_page_is_full_by_what_the_service_sent_not_by_what_could_be_read() -> None:
    read = page(product(**SOLD), rows=10)
    assert answer(read).next_step == "page_num=2 (this page was full)."


def test_a_short_page_is_the_end() -> None:
    assert answer(full_page(9)).next_step == "this page was not full: the list ends here."


def test_the_last_page_that_can_be_asked_for_has_no_next_one() -> None:
    assert answer(full_page(), query(page_num=100_000)).next_step == "this is the last page there can be."


def test_an_empty_first_page_says_what_was_searched_and_what_to_relax() -> None:
    asked = query(category_id="601450", min_total_sale_30d_cnt=1000, sales_trend_flag=1)
    assert answer(page(), asked).next_step == (
        "no product matches all of: 7-day sales trend: rising; units 30 d ≥ 1,000; Beauty & Personal Care (601450). "
        "Relax one of them, the narrowest first."
    )


def test_an_empty_market_is_a_question_about_the_country_code() -> None:
    assert answer(page(), query(region="IE")).next_step == "the source has no products for IE; check the country code."


def test_of_an_unknown_market_without_products_the_market_is_told_first() -> None:
    asked = query(region="UX", category_id="601450")
    assert answer(page(), asked).next_step == (
        "UX is not among the markets known to work here; the nearest are US, MX. Otherwise: no product matches all of: "
        "Beauty & Personal Care (601450). Relax one of them, the narrowest first."
    )
    assert answer(page(), query(region="LP")).next_step == (
        "LP is not among the markets known to work here; the nearest is JP. The source has no products for it."
    )


def test_an_empty_later_page_is_the_end_and_not_an_empty_market() -> None:
    built = answer(page(), query(page_num=4, min_total_sale_30d_cnt=1000))
    assert built.next_step == "nothing on page 4: the list ends before it; page_num=1 is its start."


# --- both forms ----------------------------------------------------------------------------------------------------


def test_both_forms_say_the_same() -> None:
    read = page(*(Product({"product_id": str(number), "product_name": f"Name {number}"}) for number in range(1, 11)))
    built = answer(read)
    lines, told = built.text().split("\n"), built.structured()
    assert list(told) == ["scope", "columns", "rows", "notes", "next", "credits"]
    assert lines[0] == told["scope"]
    assert [line.split("|")[1] for line in lines[2:12]] == [row[0] for row in told["rows"]]
    assert [line.split("|")[2] for line in lines[2:12]] == [row[1] for row in told["rows"]]
    assert lines[12:-1] == told["notes"]
    assert lines[-1] == f"Next: {told['next']} {CREDITS}"
    assert told["credits"] == {"call": 1, "today": 4, "left": 196}


def test_an_empty_page_is_complete_in_both_forms_without_a_table() -> None:
    built = answer(page(), query(min_total_sale_30d_cnt=10**6))
    told = built.structured()
    assert (told["rows"], "notes" in told) == ([], False)
    assert built.text() == f"{told['scope']}\nNext: {told['next']} {CREDITS}"
    assert " · page 1, 0 rows · " in told["scope"]
