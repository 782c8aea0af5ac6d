"""A row is read tolerantly, and what cannot be read is absent, never 0."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.product import BrokenRow, Product


def product(**fields: Any) -> Product:
    return Product({"product_id": "1729384501234567890", **fields})


@pytest.mark.parametrize(
    ("value", "number"),
    [(5, 5), (5.0, 5.0), (5.5, 5.5), ("5", 5), (" 5.50 ", 5.5), ("0", 0), (0, 0)],
)
def test_a_number_is_read_from_any_json_kind(value: object, number: float) -> None:
    assert product(total_sale_7d_cnt=value).units(7) == number


@pytest.mark.parametrize(
    "value", [None, "", "n/a", "NaN", "inf", True, False, [], {}, -1, float("nan"), float("inf"), 10**400, "1e999"]
)
def test_what_is_no_number_is_absent(value: object) -> None:
    assert product(total_sale_7d_cnt=value).units(7) is None
    assert product().units(7) is None


@pytest.mark.parametrize(
    "row", [None, 5, "x", [], {}, {"product_id": None}, {"product_id": "a|b"}, {"product_id": 1.5}]
)
def test_a_row_without_an_id_is_broken(row: object) -> None:
    with pytest.raises(BrokenRow):
        Product(row)


@pytest.mark.parametrize("identifier", ["1729384501234567890", 1729384501234567890])
def test_an_id_is_text_of_digits_exact_beyond_double_precision(identifier: object) -> None:
    assert Product({"product_id": identifier}).product_id == "1729384501234567890"


def test_a_float_is_never_taken_for_an_id_because_it_would_name_another_product() -> None:
    with pytest.raises(BrokenRow):
        Product({"product_id": 1.72938450123456789e18})


@pytest.mark.parametrize(
    ("value", "unit", "rate", "flagged"),
    [
        (0.15, "fraction", 0.15, False),
        ("0.15", "fraction", 0.15, False),
        (1, "fraction", 1, False),
        (15, "fraction", 0.15, True),
        (15, "percent", 0.15, False),
        (0.5, "percent", 0.005, False),
        (0, "fraction", None, False),
        (None, "fraction", None, False),
        (500, "fraction", None, True),
    ],
)
def test_commission_is_a_fraction_whatever_the_unit_in_force(
    value: object, unit: Any, rate: float | None, flagged: bool
) -> None:
    row = Product({"product_id": "1", "product_commission_rate": value}, unit)
    assert row.commission == rate
    assert row.commission_read_as_percent is flagged


@pytest.mark.parametrize("value", [0, None, 20260230, "soon", 5, 20261301])
def test_a_day_that_is_none_is_absent(value: object) -> None:
    assert product(first_crawl_dt=value).first_seen is None


@pytest.mark.parametrize("value", [20241219, "20241219", 20241219.0])
def test_the_day_first_seen_is_read(value: object) -> None:
    assert product(first_crawl_dt=value).first_seen == date(2024, 12, 19)


def test_zero_rating_means_not_rated_and_unknown_category_is_absent() -> None:
    row = product(product_rating=0, category_id="605248", category_l2_id="0", category_l3_id=0, spu_avg_price=0)
    assert row.rating is None
    assert row.category_ids == ("605248", None, None)
    assert row.price is None


@pytest.mark.parametrize(
    ("mark", "delisted"), [(0, False), (1, False), (2, True), (3, True), ("3", True), (None, False)]
)
def test_an_off_mark_of_two_or_more_is_delisted(mark: object, delisted: bool) -> None:
    assert product(off_mark=mark).delisted is delisted


def test_active_creators_need_both_counts() -> None:
    assert product(total_ifl_video_7d_cnt=3, total_ifl_live_7d_cnt=2).creators_active(7) == 5
    assert product(total_ifl_video_7d_cnt=3).creators_active(7) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["total_sale_30d_cnt", "product_rating", "off_mark", "first_crawl_dt"]), json_values
    )
)
def test_no_value_whatever_makes_a_reader_raise(fields: dict[str, Any]) -> None:
    row = product(**fields)
    assert row.units(30) is None or row.units(30) >= 0  # type: ignore[operator]
    assert row.rating is None or 0 < row.rating <= 5
    assert row.delisted in (True, False)
    assert row.first_seen is None or isinstance(row.first_seen, date)
