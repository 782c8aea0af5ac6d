"""Conditions: what stays, what each removed, guards, and what came nearest."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.recipes.conditions import Miss, Outcome, admitting, measure, screen
from keyapi_mcp.recipes.recipe import HOWS, Condition, How
from keyapi_mcp.research.derived import Rules
from support.products import product

GROWTH = Condition("growth_7d", "above", 0.3, "growth_7d")
MOMENTUM = Condition("momentum", "min", 1.5, "momentum")
STAGE = Condition("stage", "is", "Growth", "stage")


def condition(how: How, value: float | str) -> Condition:
    return Condition("momentum", how, value, "momentum")


@pytest.mark.parametrize(
    ("how", "below", "equal", "beyond"),
    [
        ("min", False, True, True),
        ("above", False, False, True),
        ("max", True, True, False),
        ("below", True, False, False),
        ("is", False, True, False),
    ],
)
def test_each_kind_of_condition_at_its_edge(how: How, below: bool, equal: bool, beyond: bool) -> None:
    at_two = condition(how, 2)
    assert (at_two.holds(1.9), at_two.holds(2), at_two.holds(2.1)) == (below, equal, beyond)


@pytest.mark.parametrize("how", HOWS)
def test_an_unknown_metric_never_passes(how: How) -> None:
    assert condition(how, 0).holds(None) is False
    assert condition(how, -1e9).holds(None) is False
    assert STAGE.holds(None) is False


def test_conditions_are_applied_in_order_each_to_what_the_one_before_has_left() -> None:
    rows: list[dict[str, float | None]] = [
        {"growth_7d": 0.5, "momentum": 2.0},
        {"growth_7d": 0.5, "momentum": 1.0},
        {"growth_7d": 0.3, "momentum": 2.0},
        {"growth_7d": None, "momentum": None},
        {"growth_7d": 0.31, "momentum": None},
        {"growth_7d": 0.9, "momentum": 1.5},
    ]
    screened = screen([GROWTH, MOMENTUM], rows)
    assert screened.kept == (0, 5)
    assert screened.outcomes == (Outcome(GROWTH, 6, 2, 1), Outcome(MOMENTUM, 4, 2, 1))
    assert screened.nearest is None


def test_without_conditions_all_stay() -> None:
    assert screen([], [{}, {}]).kept == (0, 1)
    assert screen([], []).nearest is None
    assert screen([GROWTH], []).outcomes == (Outcome(GROWTH, 0, 0, 0),)


def test_the_nearest_fails_the_fewest_conditions_and_those_by_the_least() -> None:
    rows: list[dict[str, float | None]] = [
        {"growth_7d": 0.1, "momentum": 1.0},
        {"growth_7d": 0.1, "momentum": 2.0},
        {"growth_7d": 0.2, "momentum": 2.0},
        {"growth_7d": None, "momentum": 2.0},
    ]
    assert screen([GROWTH, MOMENTUM], rows).nearest == Miss(2, ((GROWTH, 0.2),))
    unknown = screen([GROWTH], [{"growth_7d": None}])
    assert unknown.nearest == Miss(0, ((GROWTH, None),))


@pytest.mark.parametrize(
    ("how", "limit", "value", "expected"),
    [
        ("above", 0.3, 0.2134, "0.21"),
        ("above", 0.3, 0.2, "0.19"),
        ("min", 0.3, 0.2, "0.2"),
        ("min", 1000, 873, "870"),
        ("above", 0.3, -0.042, "-0.043"),
        ("max", 10, 12.34, "13"),
        ("below", 10, 20, "21"),
        ("below", -5, 0, "off"),
        ("max", -5, 0, "0"),
        ("above", 0, 0, "off"),
        ("min", 5, 0, "0"),
        ("min", 5, None, "off"),
        ("is", "Growth", "Viral", "Viral"),
        ("is", 1, 2, "2"),
    ],
)
def test_a_round_value_is_named_that_would_let_the_nearest_in(
    how: How, limit: float | str, value: float | str | None, expected: str
) -> None:
    assert admitting(condition(how, limit), value) == expected


@given(
    st.sampled_from(("min", "above", "max", "below")),
    st.floats(-1e12, 1e12).filter(lambda value: abs(value) > 1e-9),
)
def test_the_named_value_does_let_it_in(how: How, value: float) -> None:
    assert condition(how, float(admitting(condition(how, 0), value))).holds(value)


def test_a_rating_or_price_of_0_is_unknown() -> None:
    measured = measure(product(product_rating=0, spu_avg_price=0, review_count=0), date(2026, 11, 22), Rules())
    assert measured["rating"] is measured["price_usd"] is None
    assert measured["reviews"] == 0
