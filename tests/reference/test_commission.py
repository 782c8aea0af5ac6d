"""The unit of commission, converted both ways in one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.reference.commission import CommissionUnit, from_service, to_service


@pytest.mark.parametrize(
    ("fraction", "unit", "sent"),
    [(0.15, "fraction", 0.15), (0.15, "percent", 15), (0.29, "percent", 29), (0.07, "percent", 7), (0, "percent", 0)],
)
def test_a_filter_is_sent_in_the_unit_of_the_service(fraction: float, unit: CommissionUnit, sent: float) -> None:
    assert to_service(fraction, unit) == sent


@pytest.mark.parametrize(
    ("value", "unit", "fraction", "flagged"),
    [
        (0.15, "fraction", 0.15, False),
        (1, "fraction", 1, False),
        (1.01, "fraction", 0.0101, True),
        (15, "fraction", 0.15, True),
        (15, "percent", 0.15, False),
        (0.5, "percent", 0.005, False),
    ],
)
def test_a_rows_rate_is_read_as_a_fraction_and_flagged_where_it_cannot_be_one(
    value: float, unit: CommissionUnit, fraction: float, flagged: bool
) -> None:
    rate, as_percent = from_service(value, unit)
    assert rate == pytest.approx(fraction)
    assert as_percent is flagged


@given(st.floats(0, 1), st.sampled_from(["fraction", "percent"]))
def test_there_and_back_is_the_same_rate(fraction: float, unit: CommissionUnit) -> None:
    rate, flagged = from_service(to_service(fraction, unit), unit)
    assert rate == pytest.approx(fraction, abs=1e-7)
    assert not flagged
