"""What moved between two states of a product, and how much it says."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_mcp.product import Product
from keyapi_mcp.research.changes import FIELDS as NAMED
from keyapi_mcp.research.changes import (
    FIGURES,
    Severity,
    moves,
    severity,
    state,
    state_on,
)
from support.products import UNITS, any_product, product, sound_product

STATE: Final[dict[str, Any]] = {
    "price_usd": 20.0,
    "units_30d": 1_000,
    "gmv_30d_usd": 20_000.0,
    "creators": 100,
    "commission": 0.15,
    "delisted": 0,
    "stage": "Steady",
}
FIELDS: Final = (
    "spu_avg_price",
    "total_sale_30d_cnt",
    "total_sale_gmv_30d_amt",
    "total_ifl_cnt",
    "product_commission_rate",
    "off_mark",
)
SUMS: Final = ("units_30d", "gmv_30d_usd", "creators")
DAY: Final = date(2026, 11, 22)


def judged(**now: Any) -> Severity:
    return severity(moves(STATE, STATE | now))


# --- which moves there are ----------------------------------------------------------------------------------------


def test_between_equal_states_nothing_moved() -> None:
    assert moves(STATE, dict(STATE)) == ()
    assert severity(()) is Severity.NONE


def test_moves_come_in_a_fixed_order_each_with_both_values() -> None:
    now = {
        "price_usd": 15.0,
        "units_30d": 1_500,
        "gmv_30d_usd": 22_500.0,
        "creators": 120,
        "commission": 0.2,
        "delisted": 1,
        "stage": "Growth",
    }
    moved = moves(STATE, now)
    assert [(move.name, move.before, move.now) for move in moved] == [(name, STATE[name], now[name]) for name in now]


def test_a_cent_of_the_price_is_a_move_and_less_than_a_hundredth_of_a_sum_is_none() -> None:
    assert [move.name for move in moves(STATE, STATE | {"price_usd": 20.01})] == ["price_usd"]
    for name in SUMS:
        for sign in (1, -1):
            assert moves(STATE, STATE | {name: STATE[name] * (1 + sign * 0.00999)}) == (), name
            assert moves(STATE, STATE | {name: STATE[name] * (1 + sign * 0.01001)}) != (), name


@pytest.mark.parametrize("name", FIGURES)
def test_what_becomes_known_or_unknown_is_a_minor_move_without_a_change(name: str) -> None:
    unknown = STATE | {name: None}
    for before, now in ((STATE, unknown), (unknown, STATE)):
        (move,) = moves(before, now)
        assert (move.name, move.before, move.now, move.change) == (name, before[name], now[name], None)
        if name != "commission":
            assert move.severity is Severity.MINOR


def test_sales_that_began_have_moved_though_there_is_no_fraction_of_none() -> None:
    (move,) = moves(STATE | {"units_30d": 0}, STATE)
    assert (move.change, move.severity) == (None, Severity.MINOR)


def test_a_stage_that_is_unclear_or_not_kept_on_one_side_has_not_moved() -> None:
    for other in ("Unclear", None):
        assert moves(STATE, STATE | {"stage": other}) == ()
        assert moves(STATE | {"stage": other}, STATE) == ()
    without = {name: value for name, value in STATE.items() if name != "stage"}
    assert moves(without, STATE) == moves(STATE, without) == ()


# --- how much they say --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("name", "notable", "high"),
    [("price_usd", 0.05, 0.20), ("units_30d", 0.15, 0.50), ("gmv_30d_usd", 0.15, 0.50), ("creators", 0.10, 0.30)],
)
def test_a_fraction_is_notable_and_high_from_its_threshold_on(
    name: str, notable: float, high: float, sign: int
) -> None:
    for threshold, level, below in (
        (notable, Severity.NOTABLE, Severity.MINOR),
        (high, Severity.HIGH, Severity.NOTABLE),
    ):
        assert judged(**{name: STATE[name] * (1 + sign * (threshold + 1e-9))}) is level
        assert judged(**{name: STATE[name] * (1 + sign * (threshold - 1e-3))}) is below


@pytest.mark.parametrize("sign", [1, -1])
def test_a_commission_is_judged_by_points_not_by_fractions(sign: int) -> None:
    for points, level in (
        (0.0099, Severity.MINOR),
        (0.01, Severity.NOTABLE),  # 0.15 + 0.01 is a hair off 0.16
        (0.0299, Severity.NOTABLE),
        (0.03, Severity.HIGH),
    ):
        assert judged(commission=0.15 + sign * points) is level
    assert judged(commission=None) is Severity.HIGH
    assert severity(moves(STATE | {"commission": None}, STATE | {"commission": 0.005})) is Severity.MINOR


@pytest.mark.parametrize(("name", "least"), [("units_30d", 100), ("gmv_30d_usd", 1_000), ("creators", 30)])
def test_between_small_values_even_a_large_change_is_minor(name: str, least: int) -> None:
    assert severity(moves(STATE | {name: 1}, STATE | {name: least - 1})) is Severity.MINOR
    for before, now in ((1, least), (least, 1)):
        assert severity(moves(STATE | {name: before}, STATE | {name: now})) is Severity.HIGH


def test_going_off_sale_and_coming_back_is_high() -> None:
    assert judged(delisted=1) is severity(moves(STATE | {"delisted": 1}, STATE)) is Severity.HIGH


@pytest.mark.parametrize(
    ("before", "now", "level"),
    [
        ("Steady", "New", Severity.NOTABLE),
        ("Declining", "Steady", Severity.NOTABLE),
        ("Steady", "Growth", Severity.HIGH),
        ("Steady", "Viral", Severity.HIGH),
        ("Steady", "Declining", Severity.HIGH),
    ],
)
def test_another_stage_is_notable_and_one_that_decides_something_high(before: str, now: str, level: Severity) -> None:
    assert severity(moves(STATE | {"stage": before}, STATE | {"stage": now})) is level


def test_together_they_say_what_the_most_telling_one_says() -> None:
    assert judged(units_30d=1_020, price_usd=21.5) is Severity.NOTABLE
    assert judged(units_30d=1_020, price_usd=21.5, delisted=1) is Severity.HIGH


def test_severities_are_in_order_and_their_words_are_those_of_the_answers() -> None:
    assert [level.word for level in sorted(Severity)] == ["none", "minor", "notable", "high"]


# --- whatever the rows hold ---------------------------------------------------------------------------------------

_VALUES: Final = st.one_of(st.none(), st.integers(0, 10**6), st.floats(0, 1e15, allow_subnormal=True))
STATES: Final = st.fixed_dictionaries(
    dict.fromkeys(FIGURES[:-1], _VALUES)
    | {
        "commission": st.one_of(st.none(), st.floats(0.001, 1)),
        "delisted": st.sampled_from([0, 1]),
        "stage": st.sampled_from([None, "New", "Growth", "Viral", "Declining", "Steady", "Unclear"]),
    }
)


@settings(max_examples=50)
@given(STATES, STATES)
def test_a_move_is_between_two_different_values_and_has_a_severity(before: dict[str, Any], now: dict[str, Any]) -> None:
    moved = moves(before, now)
    assert len({move.name for move in moved}) == len(moved)
    for move in moved:
        assert (move.before, move.now) == (before[move.name], now[move.name])
        assert move.before != move.now
        assert move.severity >= Severity.MINOR
        assert move.change is None or math.isfinite(move.change)
    assert severity(moved) == max([0, *[move.severity for move in moved]])


@settings(max_examples=50)
@given(STATES, STATES)
def test_price_commission_sale_and_stage_move_there_and_back(before: dict[str, Any], now: dict[str, Any]) -> None:
    there, back = ({move.name for move in moves(*pair)} for pair in ((before, now), (now, before)))
    # Sums do not always: 1 % of the larger is more than 1 % of the smaller.
    assert there - set(SUMS) == back - set(SUMS)


@given(STATES)
def test_a_state_has_not_moved_from_itself(one: dict[str, Any]) -> None:
    assert moves(one, dict(one)) == ()


@given(st.floats(0.01, 10_000), st.floats(-0.99, 3), st.floats(-0.99, 3))
def test_a_larger_change_in_the_same_direction_never_says_less(price: float, one: float, other: float) -> None:
    if (one < 0) != (other < 0):
        return
    small, large = sorted((one, other), key=abs)
    levels = [
        severity(moves(STATE | {"price_usd": price}, STATE | {"price_usd": price * (1 + by)})) for by in (small, large)
    ]
    assert levels == sorted(levels)


@settings(max_examples=50)
@given(any_product(*FIELDS, *UNITS), any_product(*FIELDS, *UNITS))
def test_rows_of_any_kind_can_be_compared(before: Product, now: Product) -> None:
    for states in ((state(before), state(now)), (state_on(before, DAY), state_on(now, DAY))):
        for move in moves(*states):
            assert move.change is None or math.isfinite(move.change)


def test_a_state_is_read_from_a_row_and_its_stage_depends_on_the_day() -> None:
    row = product(
        spu_avg_price=12.5,
        total_sale_7d_cnt=40,
        total_sale_15d_cnt=90,
        total_sale_30d_cnt=200,
        total_sale_gmv_30d_amt=2_500,
        total_sale_gmv_amt=5_000,
        total_ifl_cnt=8,
        total_ifl_video_30d_cnt=5,
        total_ifl_live_30d_cnt=1,
        product_commission_rate=0.1,
        off_mark=2,
        first_crawl_dt=20261101,
    )
    assert state(row) == {
        "price_usd": 12.5,
        "units_30d": 200,
        "gmv_30d_usd": 2_500,
        "creators": 8,
        "commission": 0.1,
        "delisted": 1,
    }
    assert state_on(row, DAY) == state(row) | {"stage": "New"}
    assert state_on(row, date(2027, 3, 1))["stage"] != "New"


class Named(dict[str, Any]):
    """A row of which only the named fields may be read."""

    def get(self, field: str, default: Any = None) -> Any:
        assert field in {"product_id", *NAMED}
        return super().get(field, default)


@settings(max_examples=60)
@given(sound_product(), st.sampled_from([20250101, 20261001, 20261110]), st.integers(0, 200))
def test_a_state_reads_no_other_fields_than_the_named_ones(one: Product, first_seen: int, creators: int) -> None:
    row = Named(one.raw) | {"first_crawl_dt": first_seen, "total_ifl_cnt": creators}
    state_on(Product(Named(row)), DAY)
