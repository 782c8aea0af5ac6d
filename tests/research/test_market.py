"""Concentration of a sample: shares, and an index that knows a monopoly from a crowd."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.product import Product
from keyapi_mcp.research.market import Concentration, concentration_of
from support.products import ANY_VALUE


def row(identifier: int, gmv: object, seller: object = "7") -> Product:
    return Product({"product_id": str(identifier), "seller_id": seller, "total_sale_gmv_30d_amt": gmv})


def concentration(rows: Iterable[Product], holder: Callable[[Product], str | None]) -> Concentration | None:
    return concentration_of((holder(row), row.gmv(30)) for row in rows)


def by_product(product: Product) -> str | None:
    return product.product_id


def by_seller(product: Product) -> str | None:
    return product.seller_id


def test_shares_of_the_largest_and_the_index_are_as_computed_by_hand() -> None:
    found = concentration([row(1, 50), row(2, 30), row(3, 10), row(4, 10)], by_product)
    assert found is not None
    assert (found.top_1, found.top_3, found.top_10) == pytest.approx((0.5, 0.9, 1.0))
    assert found.hhi == pytest.approx(50**2 + 30**2 + 10**2 + 10**2)
    assert found.holders == 4


def test_products_of_one_seller_are_one_holder() -> None:
    found = concentration([row(1, 50, "7"), row(2, 30, "8"), row(3, 20, "7")], by_seller)
    assert found is not None
    assert found.top_1 == pytest.approx(0.7)
    assert found.holders == 2


def test_one_holder_is_a_monopoly_and_a_hundred_equal_ones_are_a_crowd() -> None:
    monopoly = concentration([row(1, 5)], by_product)
    crowd = concentration([row(number, 5) for number in range(100)], by_product)
    assert monopoly is not None
    assert crowd is not None
    assert (monopoly.hhi, crowd.hhi) == pytest.approx((10_000, 100))
    assert (crowd.top_1, crowd.top_3, crowd.top_10) == pytest.approx((0.01, 0.03, 0.1))


def test_products_without_gmv_or_without_a_holder_are_left_out() -> None:
    rows = [row(1, 50, "7"), row(2, 50, None), row(3, 0, "8"), row(4, None, "9")]
    found = concentration(rows, by_seller)
    assert found is not None
    assert (found.top_1, found.holders) == (1, 1)


@pytest.mark.parametrize("rows", [[], [row(1, 0)], [row(1, None)], [row(1, 50, None)]])
def test_a_sample_without_gmv_has_no_concentration(rows: list[Product]) -> None:
    assert concentration(rows, by_seller) is None


@given(st.lists(st.floats(0.01, 1e9), min_size=1, max_size=40))
def test_shares_grow_with_the_number_of_holders_counted_and_never_exceed_the_whole(amounts: list[float]) -> None:
    found = concentration([row(number, amount) for number, amount in enumerate(amounts)], by_product)
    assert found is not None
    assert 0 < found.top_1 <= found.top_3 <= found.top_10 <= 1 + 1e-9
    assert found.holders == len(amounts)
    # The index lies between that of equal shares and that of a monopoly, and the largest alone gives a lower bound.
    assert 10_000 / len(amounts) - 1e-6 <= found.hhi <= 10_000 + 1e-6
    assert found.hhi >= (found.top_1 * 100) ** 2 - 1e-6


@given(st.lists(ANY_VALUE, max_size=10))
def test_no_rows_whatever_give_infinity_or_nan(amounts: list[object]) -> None:
    found = concentration([row(number, amount) for number, amount in enumerate(amounts)], by_product)
    assert found is None or all(math.isfinite(value) for value in found)
