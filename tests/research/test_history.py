"""What moved between two sights of a product."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from keyapi_mcp.product import Product
from keyapi_mcp.research.history import Move, moves
from support.products import any_product, product

FIELDS = {
    "spu_avg_price": 12.5,
    "total_sale_30d_cnt": 300,
    "total_sale_gmv_30d_amt": 3_750.0,
    "total_ifl_cnt": 40,
    "product_commission_rate": 0.15,
    "off_mark": 0,
}


def test_nothing_moved_between_two_equal_sights() -> None:
    assert moves(product(**FIELDS), product(**FIELDS)) == ()


@pytest.mark.parametrize(
    ("field", "value", "move"),
    [
        ("spu_avg_price", 12.49, Move("price_usd", 12.5, 12.49)),
        ("total_sale_30d_cnt", 330, Move("units_30d", 300, 330)),
        ("total_sale_gmv_30d_amt", 1_000, Move("gmv_30d_usd", 3_750.0, 1_000)),
        ("total_ifl_cnt", 41, Move("creators", 40, 41)),
        ("product_commission_rate", 0.2, Move("commission", 0.15, 0.2)),
        ("off_mark", 2, Move("delisted", 0, 1)),
    ],
)
def test_each_figure_that_differs_is_a_move(field: str, value: float, move: Move) -> None:
    assert moves(product(**FIELDS), product(**FIELDS | {field: value})) == (move,)


def test_sums_of_a_window_move_from_one_percent_on_and_prices_from_a_cent_on() -> None:
    def named(**changes: float) -> list[str]:
        return [move.name for move in moves(product(**FIELDS), product(**FIELDS | changes))]

    assert named(total_sale_30d_cnt=302, total_sale_gmv_30d_amt=3_780) == []
    assert named(total_sale_30d_cnt=303, total_sale_gmv_30d_amt=3_712) == ["units_30d", "gmv_30d_usd"]
    assert named(spu_avg_price=12.51) == ["price_usd"]


def test_what_becomes_known_or_unknown_has_moved_without_a_change() -> None:
    unknown = FIELDS | {"product_commission_rate": 0}
    (appeared,) = moves(product(**unknown), product(**FIELDS))
    (vanished,) = moves(product(**FIELDS), product(**unknown))
    assert (appeared, appeared.change) == (Move("commission", None, 0.15), None)
    assert (vanished, vanished.change) == (Move("commission", 0.15, None), None)


def test_from_nothing_there_is_no_fraction_of_what_it_was() -> None:
    (move,) = moves(product(**FIELDS | {"total_sale_30d_cnt": 0}), product(**FIELDS))
    assert (move.before, move.now, move.change) == (0, 300, None)


@given(any_product(*FIELDS), any_product(*FIELDS))
def test_whatever_rows_hold_changes_are_finite(before: Product, now: Product) -> None:
    for move in moves(before, now):
        assert move.before != move.now
        assert move.change is None or math.isfinite(move.change)
