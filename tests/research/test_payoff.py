"""What a sale, a creator, a video and a view are worth: by hand, at every guard, and for any row."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given

from keyapi_mcp.product import Product
from keyapi_mcp.research.payoff import (
    commission_pool,
    gmv_per_1000_views,
    gmv_per_creator,
    gmv_per_video,
    pool_per_creator,
    realised_price,
    usd_per_sale,
    view_conversion,
)
from support.products import any_product, product, sound_product

GOOD = {
    "spu_avg_price": 20,
    "product_commission_rate": 0.15,
    "total_sale_30d_cnt": 500,
    "total_sale_gmv_30d_amt": 9000,
    "total_ifl_video_30d_cnt": 20,
    "total_ifl_live_30d_cnt": 10,
    "total_video_30d_cnt": 40,
    "total_video_sale_30d_cnt": 300,
    "total_video_sale_gmv_30d_amt": 6000,
    "total_views_30d_cnt": 60_000,
}

# Formula, its value for the row above, and the fields without which it is absent; "0" where zero is no base for it.
FORMULAS: list[tuple[Callable[[Product], float | None], float, tuple[str, ...], tuple[str, ...]]] = [
    (
        usd_per_sale,
        3.0,
        ("spu_avg_price", "product_commission_rate"),
        ("spu_avg_price", "product_commission_rate"),
    ),
    (
        commission_pool,
        1350.0,
        ("total_sale_gmv_30d_amt", "product_commission_rate"),
        ("product_commission_rate",),
    ),
    (
        pool_per_creator,
        45.0,
        ("total_sale_gmv_30d_amt", "product_commission_rate", "total_ifl_video_30d_cnt", "total_ifl_live_30d_cnt"),
        ("product_commission_rate",),
    ),
    (
        gmv_per_creator,
        300.0,
        ("total_sale_gmv_30d_amt", "total_ifl_video_30d_cnt", "total_ifl_live_30d_cnt"),
        (),
    ),
    (
        gmv_per_video,
        150.0,
        ("total_video_sale_gmv_30d_amt", "total_video_30d_cnt"),
        ("total_video_30d_cnt",),
    ),
    (
        view_conversion,
        0.005,
        ("total_video_sale_30d_cnt", "total_views_30d_cnt"),
        ("total_views_30d_cnt",),
    ),
    (
        gmv_per_1000_views,
        100.0,
        ("total_video_sale_gmv_30d_amt", "total_views_30d_cnt"),
        ("total_views_30d_cnt",),
    ),
    (
        realised_price,
        18.0,
        ("total_sale_gmv_30d_amt", "total_sale_30d_cnt"),
        ("total_sale_30d_cnt",),
    ),
]


@pytest.mark.parametrize(("formula", "expected"), [(formula, value) for formula, value, _, _ in FORMULAS])
def test_a_figure_is_as_computed_by_hand(formula: Callable[[Product], float | None], expected: float) -> None:
    assert formula(product(**GOOD)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("formula", "field"), [(formula, name) for formula, _, needed, _ in FORMULAS for name in needed]
)
@pytest.mark.parametrize("nothing", [None, "", "n/a", -1])
def test_a_figure_is_absent_without_each_field_that_it_needs(
    formula: Callable[[Product], float | None], field: str, nothing: object
) -> None:
    assert formula(product(**GOOD | {field: nothing})) is None


@pytest.mark.parametrize(("formula", "field"), [(formula, name) for formula, _, _, base in FORMULAS for name in base])
def test_a_figure_is_absent_where_zero_means_unknown_or_would_divide(
    formula: Callable[[Product], float | None], field: str
) -> None:
    assert formula(product(**GOOD | {field: 0})) is None


def test_no_active_creators_leave_no_figure_per_creator() -> None:
    row = product(**GOOD | {"total_ifl_video_30d_cnt": 0, "total_ifl_live_30d_cnt": 0})
    assert gmv_per_creator(row) is None
    assert pool_per_creator(row) is None


def test_fewer_than_a_thousand_views_say_nothing_about_conversion() -> None:
    few, enough = (product(**GOOD | {"total_views_30d_cnt": views}) for views in (999, 1000))
    assert (view_conversion(few), gmv_per_1000_views(few)) == (None, None)
    assert (view_conversion(enough), gmv_per_1000_views(enough)) == pytest.approx((0.3, 6000))


def test_a_month_without_sales_has_a_pool_of_nothing_and_no_realised_price() -> None:
    row = product(**GOOD | {"total_sale_gmv_30d_amt": 0, "total_sale_30d_cnt": 0})
    assert commission_pool(row) == 0
    assert realised_price(row) is None


def test_a_rate_above_one_is_read_as_a_percentage_here_too() -> None:
    assert usd_per_sale(product(spu_avg_price=20, product_commission_rate=15)) == pytest.approx(3.0)


@given(any_product(*GOOD))
def test_no_row_whatever_gives_infinity_nan_or_less_than_zero(row: Product) -> None:
    for formula, _, _, _ in FORMULAS:
        value = formula(row)
        assert value is None or (math.isfinite(value) and value >= 0)


@given(sound_product())
def test_a_commission_is_never_more_than_what_it_is_taken_from(row: Product) -> None:
    per_sale, pool, per_creator = usd_per_sale(row), commission_pool(row), pool_per_creator(row)
    assert per_sale is not None
    assert row.price is not None
    assert 0 < per_sale <= row.price
    gmv, gmv_each = row.gmv(30), gmv_per_creator(row)
    assert gmv is not None
    assert pool is not None
    assert pool <= gmv
    assert (per_creator is None) is (gmv_each is None)
    assert per_creator is None or gmv_each is None or per_creator <= gmv_each
