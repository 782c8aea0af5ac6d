"""Numbers for reading and for reasoning, at the edges where a digit or a suffix changes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.results.numbers import compact, exact, money, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (7, "7"),
        (987, "987"),
        (999, "999"),
        (999.4, "999"),
        (999.5, "1k"),
        (1000, "1k"),
        (1040, "1k"),
        (1200, "1.2k"),
        (12_345, "12.3k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (160_000, "160k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (1_140_000, "1.1M"),
        (999_499_999, "999M"),
        (999_500_000, "1B"),
        (12_000_000_000, "12B"),
        (1e12, "1000B"),
    ],
)
def test_a_count_is_written_in_three_digits_at_most(value: float, text: str) -> None:
    assert compact(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (1.955, "1.96"), (9.9, "9.90"), (999.99, "999.99"), (1000, "1000"), (1234.5, "1234")],
)
def test_money_has_cents_below_a_thousand(value: float, text: str) -> None:
    assert money(value) == text


@pytest.mark.parametrize(
    ("fraction", "digits", "text"),
    [
        (0, 0, "0"),
        (0.38, 0, "38"),
        (0.385, 1, "38.5"),
        (0.1, 1, "10"),
        (1, 0, "100"),
        (1.5, 0, "150"),
        (0.01, 0, "1"),
        (0.004, 0, "0.4"),
        (0.0004, 0, "0"),
        (99.99, 0, "9999"),
        (123, 0, "12.3k"),
        (-0.5, 0, "-50"),
        (-0.004, 0, "-0.4"),
        (-0.0004, 0, "0"),
    ],
)
def test_a_fraction_is_written_in_percent(fraction: float, digits: int, text: str) -> None:
    assert percent(fraction, digits=digits) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.38, "+38"),
        (-0.38, "-38"),
        (0, "0"),
        (0.004, "+0.4"),
        (0.0004, "0"),
        (-0.0004, "0"),
        (150, "+15k"),
        (-1, "-100"),
    ],
)
def test_a_growth_has_its_sign_unless_it_rounds_to_nothing(fraction: float, text: str) -> None:
    assert percent(fraction, signed=True) == text


def test_what_is_absent_is_an_empty_cell_and_null_and_never_zero() -> None:
    assert (compact(None), money(None), percent(None), percent(None, signed=True)) == ("", "", "", "")
    assert exact(None) is None


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [(12.0, 2, 12), (12.345, 2, 12.35), (12.3449, 2, 12.34), (0.1234, 3, 0.123), (1234.5678, 0, 1235), (-0.001, 2, 0)],
)
def test_json_numbers_are_rounded_and_whole_ones_are_integers(value: float, digits: int, expected: float) -> None:
    rounded = exact(value, digits)
    assert rounded == expected
    assert type(rounded) is type(expected)
    assert math.copysign(1, rounded or 0) > 0 or expected < 0


@given(st.floats(0, 1e15))
def test_a_compact_number_reads_back_to_within_half_a_unit_of_its_last_digit(value: float) -> None:
    text = compact(value)
    assert len(text) <= 8 or value < 0.001
    suffix = {"k": 1e3, "M": 1e6, "B": 1e9}.get(text[-1], 1)
    assert float(text.rstrip("kMB")) * suffix == pytest.approx(value, rel=0.051, abs=0.001)


@given(st.floats(0, 1e15), st.floats(0, 1e15))
def test_a_greater_number_never_reads_smaller(one: float, other: float) -> None:
    def read(value: float) -> float:
        text = compact(value)
        return float(text.rstrip("kMB")) * {"k": 1e3, "M": 1e6, "B": 1e9}.get(text[-1], 1)

    low, high = sorted((one, other))
    assert read(low) <= read(high)


@given(st.floats(-1, 1e12), st.integers(0, 3))
def test_percentages_of_any_size_are_short_and_without_exponent(fraction: float, digits: int) -> None:
    text = percent(fraction, digits=digits, signed=True)
    assert "e" not in text
    assert text != "-0"
    assert len(text) <= 10
