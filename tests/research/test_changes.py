"""What moved between two sights of a product."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from keyapi_mcp.product import Product
from keyapi_mcp.research.changes import Move, Severity, severity, state
from keyapi_mcp.research.changes import moves as moves_of
from support.products import any_product, product

FIELDS = {
    "spu_avg_price": 12.5,
    "total_sale_30d_cnt": 300,
    "total_sale_gmv_30d_amt": 3_750.0,
    "total_ifl_cnt": 40,
    "product_commission_rate": 0.15,
    "off_mark": 0,
}


def moves(before: Product, now: Product, *stages: str | None) -> tuple[Move, ...]:
    """Without their severity."""
    was, stage = stages or (None, None)
    found = moves_of(state(before) | {"stage": was}, state(now) | {"stage": stage})
    return tuple(Move(*move[:3]) for move in found)


def severity_of(*stages: str, **changes: float) -> Severity:
    """Of changes to the usual product."""
    was, stage = stages or (None, None)
    before, now = state(product(**FIELDS)), state(product(**FIELDS | changes))
    return severity(moves_of(before | {"stage": was}, now | {"stage": stage}))


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


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Severity.NONE),
        ({"spu_avg_price": 12.0}, Severity.MINOR),
        ({"spu_avg_price": 11.875}, Severity.NOTABLE),
        ({"spu_avg_price": 10.0}, Severity.HIGH),
        ({"total_sale_30d_cnt": 340}, Severity.MINOR),
        ({"total_sale_30d_cnt": 345}, Severity.NOTABLE),
        ({"total_sale_30d_cnt": 150}, Severity.HIGH),
        ({"total_sale_gmv_30d_amt": 5_625.0}, Severity.HIGH),
        ({"total_ifl_cnt": 43}, Severity.MINOR),
        ({"total_ifl_cnt": 44}, Severity.NOTABLE),
        ({"total_ifl_cnt": 52}, Severity.HIGH),
        ({"product_commission_rate": 0.155}, Severity.MINOR),
        ({"product_commission_rate": 0.16}, Severity.NOTABLE),
        ({"product_commission_rate": 0.12}, Severity.HIGH),
        ({"product_commission_rate": 0}, Severity.HIGH),
        ({"off_mark": 2}, Severity.HIGH),
    ],
)
def test_a_move_is_notable_and_high_from_its_threshold_on(changes: dict[str, float], expected: Severity) -> None:
    assert severity_of(**changes) == expected


@pytest.mark.parametrize(
    ("before", "now"),
    [({"total_sale_30d_cnt": 20}, {"total_sale_30d_cnt": 90}), ({"total_ifl_cnt": 2}, {"total_ifl_cnt": 20})],
)
def test_small_numbers_that_multiply_are_minor(before: dict[str, float], now: dict[str, float]) -> None:
    moved = moves_of(state(product(**FIELDS | before)), state(product(**FIELDS | now)))
    assert severity(moved) == Severity.MINOR


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        ("New", "Growth", Severity.HIGH),
        ("Growth", "Declining", Severity.HIGH),
        ("Viral", "Steady", Severity.NOTABLE),
        ("Steady", "Steady", Severity.NONE),
        ("Unclear", "Growth", Severity.NONE),
        ("Growth", "Unclear", Severity.NONE),
    ],
)
def test_a_new_stage_is_a_move_unless_either_is_unclear(was: str, now: str, expected: Severity) -> None:
    assert severity_of(was, now) == expected


def test_a_stage_that_is_not_known_has_not_moved() -> None:
    assert moves(product(**FIELDS), product(**FIELDS), None, "Growth") == ()
