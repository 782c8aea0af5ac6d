"""The opportunity score: bounded, monotone where it should be, and stable when signals are missing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.product import Product
from keyapi_mcp.research.opportunity import SIGNALS, default_weights, opportunity


def product(**changes: Any) -> Product:
    row = {
        "product_id": "1729384501234567890",
        "total_sale_7d_cnt": 500,
        "total_sale_30d_cnt": 2000,
        "spu_avg_price": 20,
        "product_commission_rate": 0.15,
        "total_ifl_cnt": 100,
        "product_rating": 4.5,
        "review_count": 200,
    }
    return Product(row | changes)


def score(**changes: Any) -> float:
    value = opportunity(product(**changes)).score
    assert value is not None
    return value


def in_30_days(units: float) -> dict[str, Any]:
    """70 units in 7 days: momentum 300 / units."""
    return {"total_sale_7d_cnt": 70, "total_sale_30d_cnt": units}


def pays(usd: float) -> dict[str, Any]:
    return {"spu_avg_price": usd * 10, "product_commission_rate": 0.1}


def test_at_the_bounds_the_score_is_nothing_and_a_hundred() -> None:
    worst = {"total_sale_7d_cnt": 10, "total_sale_30d_cnt": 600, "total_ifl_cnt": 1000, "product_rating": 4.0}
    best = {"total_sale_7d_cnt": 5000, "total_sale_30d_cnt": 5000, "total_ifl_cnt": 10, "product_rating": 4.9}
    assert score(**worst, spu_avg_price=2) == 0
    assert score(**best, spu_avg_price=100) == pytest.approx(100)


def test_the_points_of_the_signals_are_the_score() -> None:
    found = opportunity(product())
    assert set(found.signals) == set(SIGNALS)
    assert sum(signal.points for signal in found.signals.values()) == pytest.approx(found.score)
    assert found.missing == ()
    # Demand by hand: (ln 500 − ln 10) / (ln 5000 − ln 10) of 25 points.
    assert found.signals["demand"].points == pytest.approx(15.74, abs=0.01)
    # Quality by hand: (4.5 − 4.0) / 0.8 of 15 points.
    assert found.signals["quality"].points == pytest.approx(9.375)


def test_the_weights_are_these_and_sum_to_a_hundred() -> None:
    weights = {"demand": 25, "momentum": 20, "payoff": 20, "competition_gap": 20, "quality": 15}
    assert default_weights() == weights
    assert sum(weights.values()) == 100


@pytest.mark.parametrize(
    ("signal", "low", "middle", "high"),
    [
        (
            "demand",
            {"total_sale_7d_cnt": 10},
            {"total_sale_7d_cnt": math.sqrt(10 * 5_000)},
            {"total_sale_7d_cnt": 5_000},
        ),
        ("momentum", in_30_days(600), in_30_days(240), in_30_days(150)),
        ("payoff", pays(0.5), pays(math.sqrt(0.5 * 10)), pays(10)),
        ("competition_gap", {"total_ifl_cnt": 5_000}, {"total_ifl_cnt": 500}, {"total_ifl_cnt": 50}),
        ("quality", {"product_rating": 4.0}, {"product_rating": 4.4}, {"product_rating": 4.8}),
    ],
)
def test_a_signal_is_nothing_at_its_low_bound_half_in_the_middle_and_whole_at_its_high_one(
    signal: str, low: dict[str, Any], middle: dict[str, Any], high: dict[str, Any]
) -> None:
    """In the middle of the logarithm, where a signal goes by that."""
    for changes, strength in ((low, 0.0), (middle, 0.5), (high, 1.0)):
        found = opportunity(product(**changes)).signals[signal]
        assert found.strength == pytest.approx(strength, abs=1e-9)


def test_a_missing_signal_leaves_the_blend_and_is_named() -> None:
    found = opportunity(product(product_commission_rate=0))
    assert found.missing == ("payoff",)
    whole = opportunity(product())
    of_the_rest = sum(signal.points for name, signal in whole.signals.items() if name != "payoff")
    assert found.score == pytest.approx(of_the_rest * 100 / 80)


def test_few_reviews_say_nothing_of_quality() -> None:
    assert opportunity(product(review_count=19)).missing == ("quality",)
    assert opportunity(product(review_count=20)).missing == ()


def test_fewer_than_three_signals_are_no_score() -> None:
    found = opportunity(product(product_commission_rate=0, total_ifl_cnt=0, review_count=0))
    assert len(found.signals) == 2
    assert found.score is None
    assert opportunity(product(product_commission_rate=0, total_ifl_cnt=0)).score is not None


def test_own_weights_shift_the_score_and_none_at_all_is_no_score() -> None:
    only = dict.fromkeys(SIGNALS, 0.0) | {"quality": 3.0}
    assert opportunity(product(), only).score == pytest.approx(62.5)
    assert opportunity(product(), dict.fromkeys(SIGNALS, 0.0)).score is None


@pytest.mark.parametrize(
    ("field", "rises"),
    [
        ("spu_avg_price", True),
        ("product_commission_rate", True),
        ("total_ifl_cnt", False),
        ("product_rating", True),
        ("total_sale_30d_cnt", False),
    ],
)
@given(data=st.data())
def test_the_score_is_monotone_in(field: str, rises: bool, data: st.DataObject) -> None:
    bounds = {"product_commission_rate": (0.001, 1.0), "product_rating": (0.1, 5.0)}.get(field, (1.0, 10_000.0))
    low, high = sorted((data.draw(st.floats(*bounds)), data.draw(st.floats(*bounds))))
    lower, higher = score(**{field: low}), score(**{field: high})
    assert (lower <= higher + 1e-9) if rises else (higher <= lower + 1e-9)


@given(st.integers(1, 400), st.integers(1, 400))
def test_more_units_this_week_never_lower_it(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert score(total_sale_7d_cnt=low) <= score(total_sale_7d_cnt=high) + 1e-9


FIELDS = [name for name in product().raw if name != "product_id"]


@given(st.dictionaries(st.sampled_from(FIELDS), st.none() | st.integers(0, 10**9) | st.floats(0, 10**9)))
def test_it_is_within_0_and_100_or_absent_whatever_is_there(changes: dict[str, Any]) -> None:
    found = opportunity(product(**changes))
    assert found.score is None or 0 <= found.score <= 100
    assert set(found.signals) | set(found.missing) == set(SIGNALS)
    assert (found.score is None) == (len(found.signals) < 3)
