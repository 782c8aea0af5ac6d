"""Days as the service writes them, and which day a moment belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.clock import day_number, day_of, utc_day_number


@given(st.dates())
def test_a_day_is_the_day_of_its_number(day: date) -> None:
    assert day_of(day_number(day)) == day


@pytest.mark.parametrize("number", [20261301, 20260230, 0])
def test_a_number_that_is_no_day_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=r"out of range|must be in"):
        day_of(number)


def test_the_day_of_a_moment_is_counted_in_utc() -> None:
    east = timezone(timedelta(hours=8))
    assert utc_day_number(datetime(2026, 11, 24, 7, 59, tzinfo=east)) == 20261123
    assert utc_day_number(datetime(2026, 11, 24, 8, tzinfo=east)) == 20261124
    assert utc_day_number(datetime(2026, 11, 24, tzinfo=UTC)) == 20261124
