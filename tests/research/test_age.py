"""Days since first seen, and rows that contradict themselves."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.product import Product
from keyapi_mcp.research.age import DECREASING, OVER_GMV, contradictions, days_since_first_seen
from support.products import GMV, UNITS, any_product, product, sound_product

DAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("first", "days"),
    [(20261122, 0), (20261121, 1), (20251122, 365), ("20261112", 10), (20241219, 703)],
)
def test_days_are_counted_from_first_seen_to_the_data_day(first: object, days: int) -> None:
    assert days_since_first_seen(product(first_crawl_dt=first), DAY) == days


@pytest.mark.parametrize("first", [None, 0, "", 20261123, 20269999, 99999999])
def test_an_unknown_or_future_day_has_no_age(first: object) -> None:
    assert days_since_first_seen(product(first_crawl_dt=first), DAY) is None


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 3_000))
def test_the_age_is_the_difference_of_the_days(first: date, days: int) -> None:
    row = product(first_crawl_dt=int(f"{first:%Y%m%d}"))
    assert days_since_first_seen(row, first + timedelta(days=days)) == days


def test_a_longer_window_with_less_than_a_shorter_one_is_a_contradiction() -> None:
    assert contradictions(product(total_sale_7d_cnt=10, total_sale_30d_cnt=9)) == (DECREASING,)
    assert contradictions(product(total_sale_gmv_7d_amt=10, total_sale_gmv_amt=9)) == (DECREASING,)


def test_a_missing_window_in_between_does_not_hide_a_contradiction() -> None:
    row = product(total_sale_1d_cnt=10, total_sale_7d_cnt=None, total_sale_15d_cnt="?", total_sale_30d_cnt=9)
    assert contradictions(row) == (DECREASING,)


def test_a_cent_of_rounding_is_no_contradiction() -> None:
    assert contradictions(product(total_sale_gmv_7d_amt=10.01, total_sale_gmv_30d_amt=10.00)) == ()


def test_channels_above_the_whole_are_a_contradiction() -> None:
    row = product(total_sale_gmv_30d_amt=100, total_video_sale_gmv_30d_amt=90, total_live_sale_gmv_30d_amt=20)
    assert contradictions(row) == (OVER_GMV,)


def test_both_contradictions_of_one_row_are_told() -> None:
    row = product(
        total_sale_7d_cnt=10,
        total_sale_30d_cnt=9,
        total_sale_gmv_30d_amt=100,
        total_video_sale_gmv_30d_amt=300,
    )
    assert contradictions(row) == (DECREASING, OVER_GMV)


def test_an_empty_row_contradicts_nothing() -> None:
    assert contradictions(product()) == ()


@given(sound_product())
def test_a_sound_row_is_never_called_inconsistent(row: Product) -> None:
    assert contradictions(row) == ()


@given(sound_product(), st.sampled_from([7, 15, 30, 60, 90]))
def test_a_window_lowered_below_the_shorter_ones_is_always_found(row: Product, days: int) -> None:
    shorter = row.units(1)
    assert shorter is not None
    broken = product(**{**row.raw, "total_sale_1d_cnt": shorter + 1, f"total_sale_{days}d_cnt": shorter})
    assert DECREASING in contradictions(broken)


@given(any_product(*UNITS, *GMV, "total_video_sale_gmv_30d_amt", "total_live_sale_gmv_30d_amt"))
def test_no_row_whatever_makes_it_raise(row: Product) -> None:
    assert set(contradictions(row)) <= {DECREASING, OVER_GMV}
