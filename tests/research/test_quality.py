"""Reviews relative to sales."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.product import Product
from keyapi_mcp.research.quality import review_ratio
from support.products import any_product, product


def test_reviews_are_counted_per_unit_ever_sold() -> None:
    assert review_ratio(product(review_count=20, total_sale_cnt=1000)) == pytest.approx(0.02)
    assert review_ratio(product(review_count=0, total_sale_cnt=50)) == 0


@pytest.mark.parametrize(
    "row",
    [
        product(review_count=20, total_sale_cnt=49),
        product(review_count=20, total_sale_cnt=0),
        product(review_count=20),
        product(total_sale_cnt=1000),
        product(review_count="many", total_sale_cnt=1000),
    ],
)
def test_fewer_than_fifty_units_or_unknown_figures_give_no_ratio(row: Product) -> None:
    assert review_ratio(row) is None


@given(any_product("review_count", "total_sale_cnt"))
def test_no_row_whatever_gives_infinity_nan_or_less_than_zero(row: Product) -> None:
    value = review_ratio(row)
    assert value is None or (math.isfinite(value) and value >= 0)


@given(st.integers(50, 10**6), st.integers(0, 10**6), st.integers(1, 1000))
def test_more_reviews_are_a_higher_ratio(units: int, reviews: int, more: int) -> None:
    less = review_ratio(product(review_count=reviews, total_sale_cnt=units))
    greater = review_ratio(product(review_count=reviews + more, total_sale_cnt=units))
    assert less is not None
    assert greater is not None
    assert greater > less
