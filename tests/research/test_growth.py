"""Growth, momentum, run rates and inflow: by hand, at every guard, and for any row."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.product import Product
from keyapi_mcp.research.growth import (
    STRETCHES,
    creator_inflow,
    daily_run_rates,
    growth_7d,
    growth_7d_against_23,
    growth_30d,
    momentum,
    video_inflow,
    yesterday,
)
from support.products import UNITS, any_product, product, sound_product

DAY = date(2026, 11, 22)
OLD = 20260101


def units(**windows: object) -> Product:
    """`d7=140` is 140 units in 7 days, `all=…` the lifetime."""
    names = {name: "total_sale_cnt" if name == "all" else f"total_sale_{name[1:]}d_cnt" for name in windows}
    return product(first_crawl_dt=OLD, **{names[name]: value for name, value in windows.items()})


def test_a_week_is_compared_with_the_eight_days_before_it_per_day() -> None:
    # 140 in 7 days is 20 a day; 220 - 140 = 80 in the 8 days before is 10 a day: twice as much.
    assert growth_7d(units(d7=140, d15=220)) == pytest.approx(1.0)
    assert growth_7d(units(d7=70, d15=150)) == pytest.approx(0.0)
    assert growth_7d(units(d7=35, d15=115)) == pytest.approx(-0.5)
    assert growth_7d(units(d7=0, d15=80)) == -1


@pytest.mark.parametrize(
    "row",
    [
        units(d7=100, d15=107),  # 7 units in the eight days before: too few to compare with
        units(d7=100, d15=100),
        units(d7=100, d15=90),  # windows that contradict each other
        units(d7=100),
        units(d15=100),
        units(d7=None, d15=100),
        units(d7="soon", d15=100),
        units(),
    ],
)
def test_without_eight_units_in_the_days_before_a_week_has_no_growth(row: Product) -> None:
    assert growth_7d(row) is None


def test_eight_units_in_the_days_before_are_enough() -> None:
    assert growth_7d(units(d7=7, d15=15)) == pytest.approx(0.0)


def test_a_month_is_compared_with_the_month_before() -> None:
    assert growth_30d(units(d30=300, d60=500), DAY) == pytest.approx(0.5)
    assert growth_30d(units(d30=0, d60=500), DAY) == -1


@pytest.mark.parametrize("before", [10, 70, 1_000, 4_290])
def test_a_growth_that_is_exactly_on_a_limit_is_not_a_hair_beside_it(before: int) -> None:
    assert growth_30d(units(d30=before * 7 // 10, d60=before * 17 // 10), DAY) == -0.3
    assert growth_7d(units(d7=before * 91 // 10, d15=before * 91 // 10 + before * 8)) == 0.3


@pytest.mark.parametrize(
    "row",
    [
        units(d30=300, d60=300),
        units(d30=300, d60=200),
        units(d30=300),
        units(d60=300),
        product(total_sale_30d_cnt=300, total_sale_60d_cnt=500),  # when it was first seen is not known
        product(total_sale_30d_cnt=300, total_sale_60d_cnt=500, first_crawl_dt=20260924),  # 59 days ago
        product(total_sale_30d_cnt=300, total_sale_60d_cnt=500, first_crawl_dt=20261123),  # tomorrow
    ],
)
def test_a_month_has_no_growth_where_the_month_before_is_not_known_in_full(row: Product) -> None:
    assert growth_30d(row, DAY) is None


def test_sixty_days_of_sight_are_enough_for_a_month_of_growth() -> None:
    row = product(total_sale_30d_cnt=300, total_sale_60d_cnt=500, first_crawl_dt=20260923)
    assert growth_30d(row, DAY) == pytest.approx(0.5)


def test_a_week_is_compared_with_the_twenty_three_days_before_it_per_day() -> None:
    # 20 a day against 230 / 23 = 10 a day.
    assert growth_7d_against_23(units(d7=140, d30=370)) == pytest.approx(1.0)


@pytest.mark.parametrize("row", [units(d7=140, d30=140), units(d7=140, d30=100), units(d7=140), units(d30=140)])
def test_without_sales_in_the_twenty_three_days_before_there_is_no_growth_against_them(row: Product) -> None:
    assert growth_7d_against_23(row) is None


def test_momentum_is_one_for_steady_sales_and_highest_when_the_month_is_this_week() -> None:
    assert momentum(units(d7=70, d30=300)) == pytest.approx(1.0)
    assert momentum(units(d7=300, d30=300)) == pytest.approx(30 / 7)
    assert momentum(units(d7=0, d30=300)) == 0


@pytest.mark.parametrize("row", [units(d7=0, d30=0), units(d7=70), units(d30=70), units(), units(d7=70, d30=5e-324)])
def test_without_sales_in_the_month_there_is_no_momentum(row: Product) -> None:
    assert momentum(row) is None


def test_yesterday_is_relative_to_the_average_day_of_the_week() -> None:
    assert yesterday(units(d1=20, d7=70)) == pytest.approx(2.0)
    assert yesterday(units(d1=0, d7=20)) == 0


@pytest.mark.parametrize("row", [units(d1=5, d7=19), units(d1=5), units(d7=70), units(d1=0, d7=0)])
def test_yesterday_says_nothing_about_a_week_of_less_than_twenty_units(row: Product) -> None:
    assert yesterday(row) is None


def test_run_rates_are_units_a_day_in_stretches_that_do_not_overlap_oldest_first() -> None:
    row = units(d1=9, d7=69, d15=149, d30=299, d60=599, d90=1199)
    assert daily_run_rates(row) == pytest.approx((20, 10, 10, 10, 10, 9))


@pytest.mark.parametrize("missing", ["d1", "d7", "d15", "d30", "d60", "d90"])
def test_run_rates_need_every_window(missing: str) -> None:
    windows: dict[str, object] = {"d1": 9, "d7": 69, "d15": 149, "d30": 299, "d60": 599, "d90": 1199}
    assert daily_run_rates(units(**windows | {missing: None})) is None


def test_run_rates_of_windows_that_contradict_each_other_are_absent() -> None:
    assert daily_run_rates(units(d1=9, d7=69, d15=149, d30=140, d60=599, d90=1199)) is None


def test_inflow_is_one_where_as_many_come_in_a_day_as_over_the_month() -> None:
    creators = {"total_ifl_video_7d_cnt": 10, "total_ifl_live_7d_cnt": 4}
    creators |= {"total_ifl_video_30d_cnt": 20, "total_ifl_live_30d_cnt": 10}
    # 14 in 7 days is 2 a day, 30 in 30 days is 1 a day.
    assert creator_inflow(product(**creators)) == pytest.approx(2.0)
    assert video_inflow(product(total_video_7d_cnt=7, total_video_30d_cnt=60)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "month", [{"total_ifl_video_30d_cnt": 2, "total_ifl_live_30d_cnt": 2}, {"total_ifl_video_30d_cnt": 50}, {}]
)
def test_creator_inflow_needs_five_active_creators_in_the_month(month: dict[str, int]) -> None:
    assert creator_inflow(product(total_ifl_video_7d_cnt=2, total_ifl_live_7d_cnt=1, **month)) is None


def test_five_active_creators_are_enough_for_an_inflow() -> None:
    row = product(
        total_ifl_video_7d_cnt=1, total_ifl_live_7d_cnt=0, total_ifl_video_30d_cnt=5, total_ifl_live_30d_cnt=0
    )
    assert creator_inflow(row) == pytest.approx(30 / 35)


@pytest.mark.parametrize(
    "row",
    [
        product(total_video_7d_cnt=1, total_video_30d_cnt=4),
        product(total_video_7d_cnt=1),
        product(total_video_30d_cnt=50),
    ],
)
def test_video_inflow_needs_five_new_videos_in_the_month(row: Product) -> None:
    assert video_inflow(row) is None


FORMULAS: list[Callable[[Product], float | None]] = [
    growth_7d,
    lambda row: growth_30d(row, DAY),
    growth_7d_against_23,
    momentum,
    yesterday,
    creator_inflow,
    video_inflow,
]


FIELDS = [
    *UNITS,
    *(f"total_ifl_{kind}_{days}d_cnt" for kind in ("video", "live") for days in (7, 30)),
    *(f"total_video_{days}d_cnt" for days in (7, 30)),
]


@given(any_product(*FIELDS))
def test_no_row_whatever_gives_infinity_or_nan(row: Product) -> None:
    row = product(**{**row.raw, "first_crawl_dt": OLD})
    for formula in FORMULAS:
        value = formula(row)
        assert value is None or math.isfinite(value)
    assert all(math.isfinite(rate) for rate in daily_run_rates(row) or ())


@given(any_product(*FIELDS))
def test_growth_is_never_below_minus_one_and_the_ratios_never_below_zero(row: Product) -> None:
    for growth in (growth_7d(row), growth_30d(row, DAY), growth_7d_against_23(row)):
        assert growth is None or growth >= -1
    for relative in (momentum(row), yesterday(row), creator_inflow(row), video_inflow(row)):
        assert relative is None or relative >= 0


@given(sound_product())
def test_in_a_sound_row_a_part_never_outweighs_the_whole(row: Product) -> None:
    for relative in (momentum(row), creator_inflow(row), video_inflow(row)):
        assert relative is None or relative <= 30 / 7 + 1e-9
    newest = yesterday(row)
    assert newest is None or newest <= 7 + 1e-9


@given(sound_product())
def test_run_rates_add_up_to_the_longest_window(row: Product) -> None:
    rates = daily_run_rates(row)
    assert rates is not None
    days = [longer - shorter for longer, shorter in STRETCHES] + [1]
    assert sum(days) == 90
    assert sum(rate * length for rate, length in zip(rates, days, strict=True)) == pytest.approx(row.units(90))


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(8, 10_000))
def test_with_the_days_before_unchanged_more_units_this_week_are_more_growth(week: int, more: int, before: int) -> None:
    less = growth_7d(units(d7=week, d15=week + before))
    greater = growth_7d(units(d7=week + more, d15=week + more + before))
    assert less is not None
    assert greater is not None
    assert greater >= less
    assert (greater > less) is (more > 0)
