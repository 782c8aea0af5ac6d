"""The scope line: what was asked, in words, with the sort and the age of what is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from keyapi_mcp.product import Page, Product
from keyapi_mcp.query import PARAMETERS, ProductQuery, meaning
from keyapi_mcp.results.scope import SANDBOX_MARK, age, category_words, filters, scope_line, sort_words

FETCHED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def query(**parameters: Any) -> ProductQuery:
    return ProductQuery.model_validate({"region": "US"} | parameters)


def line(
    asked: ProductQuery, *, rows: int = 10, fetched_at: datetime = FETCHED, unrefreshed: bool = False, **changes: Any
) -> str:
    products = tuple(Product({"product_id": str(number)}) for number in range(1, rows + 1))
    page = Page(products, rows, fetched_at, unrefreshed=unrefreshed)
    shown: dict[str, Any] = {"now": FETCHED, "kept": False, "stale": False, "synthetic": False, "notes": ()}
    return scope_line(asked, page=page, **shown | changes)


def test_the_plain_question_is_told_with_its_default_sort_and_the_nature_of_the_figures() -> None:
    assert line(query()) == (
        "TikTok Shop products · US · by GMV 30 d, falling (default) · page 1, 10 rows"
        " · data of about 2026-11-22 (T+1), USD, sales and GMV estimated"
    )


def test_market_category_filters_sort_and_page_stand_in_this_order() -> None:
    asked = query(
        region="GB",
        category_id="601450",
        category_l3_id="601595",
        sales_trend_flag=1,
        min_total_sale_30d_cnt=1000,
        min_spu_avg_price=5,
        max_spu_avg_price=19.5,
        product_sort_field=5,
        page_num=3,
    )
    assert line(asked, rows=1).startswith(
        "TikTok Shop products · GB · Beauty & Personal Care (601450) · Lip Treatments (601595)"
        " · 7-day sales trend: rising · units 30 d ≥ 1,000 · average price $5–$19.50"
        " · by units 30 d, falling · page 3, 1 row · "
    )


@pytest.mark.parametrize(
    ("given_sort", "words"),
    [
        ({}, "by GMV 30 d, falling (default)"),
        ({"product_sort_field": 4}, "by units 7 d, falling"),
        ({"product_sort_field": 7}, "by GMV 30 d, falling"),
        ({"sort_type": 0}, "by GMV 30 d, rising"),
        ({"sort_type": 1}, "by GMV 30 d, falling"),
        ({"product_sort_field": 3, "sort_type": 0}, "by average price, rising"),
        ({"product_sort_field": 1, "sort_type": 1}, "by lifetime units, falling"),
        ({"product_sort_field": 2}, "by lifetime GMV, falling"),
        ({"product_sort_field": 6}, "by GMV 7 d, falling"),
    ],
)
def test_the_sort_in_force_is_told_and_whether_nobody_chose_it(given_sort: dict[str, int], words: str) -> None:
    assert sort_words(query(**given_sort)) == words
    assert f" · {words} · " in line(query(**given_sort))


@pytest.mark.parametrize(
    ("parameters", "phrases"),
    [
        ({}, []),
        ({"sales_trend_flag": 0}, ["7-day sales trend: stable"]),
        ({"is_s_shop": 1, "free_shipping": 0}, ["fully managed shop: yes", "free shipping: no"]),
        ({"sales_flag": 2}, ["main sales channel: live"]),
        ({"min_total_sale_cnt": 1_234_567}, ["lifetime units ≥ 1,234,567"]),
        ({"max_total_sale_cnt": 0}, ["lifetime units ≤ 0"]),
        ({"min_total_ifl_cnt": 5, "max_total_ifl_cnt": 50}, ["creators 5–50"]),
        ({"min_total_video_cnt": 5, "min_total_views_cnt": 1000}, ["sales videos ≥ 5", "video views ≥ 1,000"]),
        ({"max_spu_avg_price": 9.99}, ["average price ≤ $9.99"]),
        ({"max_spu_avg_price": 9.5}, ["average price ≤ $9.50"]),
        ({"max_spu_avg_price": 0.004}, ["average price ≤ $0.004"]),
        ({"min_total_sale_gmv_30d_amt": 25_000}, ["GMV 30 d ≥ $25,000"]),
        ({"min_total_sale_gmv_amt": 1_000_000}, ["lifetime GMV ≥ $1,000,000"]),
        ({"min_product_commission_rate": 0.15}, ["commission ≥ 15 %"]),
        ({"min_product_commission_rate": 0.125, "max_product_commission_rate": 1}, ["commission 12.5 %–100 %"]),
        ({"min_product_rating": 4.3}, ["rating ≥ 4.3"]),
        ({"min_product_rating": 4, "min_review_count": 50}, ["rating ≥ 4", "reviews ≥ 50"]),
        ({"min_first_crawl_dt": 20261101}, ["first seen ≥ 2026-11-01"]),
        ({"min_first_crawl_dt": 20261001, "max_first_crawl_dt": 20261101}, ["first seen 2026-10-01–2026-11-01"]),
    ],
)
def test_a_filter_is_told_in_words_with_its_unit(parameters: dict[str, Any], phrases: list[str]) -> None:
    assert filters(query(**parameters)) == phrases


@pytest.mark.parametrize("name", [name for name in PARAMETERS if meaning(name) is not None])
def test_no_filter_in_force_is_left_unsaid(name: str) -> None:
    if name in ("product_sort_field", "sort_type"):
        return
    value = 20260101 if name.endswith("_dt") else 1
    assert len(filters(query(**{name: value}))) == 1


def test_a_category_that_is_in_no_table_is_told_by_its_id() -> None:
    assert category_words(query(category_id="601450", category_l2_id="99999999")) == [
        "Beauty & Personal Care (601450)",
        "category 99999999",
    ]


def test_what_was_changed_on_the_way_is_told() -> None:
    assert " · page 1, 10 rows · “Makeup” moved · data of about" in line(query(), notes=("“Makeup” moved",))


def test_a_sandbox_is_the_first_thing_told() -> None:
    assert line(query(), synthetic=True).startswith("SANDBOX (synthetic data) · TikTok Shop products · US · ")
    assert SANDBOX_MARK not in line(query())


def test_a_kept_answer_tells_from_when_it_is_and_speaks_of_the_day_before_that() -> None:
    shown = line(query(), kept=True, now=FETCHED + timedelta(hours=5, minutes=59))
    assert shown.endswith(
        "data of about 2026-11-22 (T+1), USD, sales and GMV estimated · kept from 2026-11-23 09:30 UTC (5 h ago)"
    )


def test_times_are_told_in_utc_whatever_zone_they_are_in() -> None:
    tokyo = FETCHED.replace(hour=3).astimezone(timezone(timedelta(hours=9)))
    honolulu = FETCHED.replace(hour=3).astimezone(timezone(timedelta(hours=-10)))
    for fetched in (tokyo, honolulu):
        shown = line(query(), kept=True, fetched_at=fetched, now=fetched)
        assert "data of about 2026-11-22" in shown
        assert "kept from 2026-11-23 03:30 UTC (0 min ago)" in shown


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 min"),
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47, minutes=59), "47 h"),
        (timedelta(hours=48), "2 d"),
        (timedelta(seconds=-5), "0 min"),
    ],
)
def test_an_age_is_told_in_its_largest_fitting_unit(span: timedelta, words: str) -> None:
    assert age(span) == words


def test_it_is_one_line() -> None:
    everything: dict[str, Any] = {name: 1 for name in PARAMETERS if meaning(name) is not None}
    everything |= {"min_first_crawl_dt": 20260101, "max_first_crawl_dt": 20260101, "category_id": "601450"}
    assert "\n" not in line(query(**everything), kept=True, synthetic=True)


def test_an_older_answer_than_wanted_is_marked_stale_with_its_age() -> None:
    shown = line(query(), kept=True, stale=True, now=FETCHED + timedelta(days=3))
    assert shown.endswith(" · STALE, kept from 2026-11-23 09:30 UTC (3 d ago)")


def test_a_source_that_had_not_refreshed_speaks_of_the_day_before() -> None:
    assert "data of about 2026-11-21 (T+1, source not refreshed yet)" in line(query(), unrefreshed=True)
