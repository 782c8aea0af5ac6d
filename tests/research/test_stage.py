"""Stages and follow-selling windows: the first rule that fits, with the numbers that decided."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.product import Product
from keyapi_mcp.research.stage import Placed, place

DAY = date(2026, 11, 22)


def product(**changes: Any) -> Product:
    """Steady in every respect, but for the changes."""
    row = {
        "product_id": "1729384501234567890",
        "first_crawl_dt": 20250101,
        "total_sale_7d_cnt": 700,
        "total_sale_15d_cnt": 1500,
        "total_sale_30d_cnt": 3000,
        "total_sale_60d_cnt": 6000,
        "total_sale_gmv_30d_amt": 30_000,
        "total_sale_gmv_amt": 200_000,
        "total_ifl_cnt": 50,
        "total_ifl_video_7d_cnt": 7,
        "total_ifl_video_30d_cnt": 30,
        "total_ifl_live_7d_cnt": 0,
        "total_ifl_live_30d_cnt": 0,
        "total_video_7d_cnt": 7,
        "total_video_30d_cnt": 30,
    }
    return Product(row | changes)


NEW = {"first_crawl_dt": 20261110, "total_sale_gmv_amt": 20_000, "total_ifl_video_30d_cnt": 20}
GROWING = {"total_sale_7d_cnt": 1000, "total_sale_15d_cnt": 1500, "total_ifl_video_7d_cnt": 9}
VIRAL = {"total_sale_gmv_30d_amt": 150_000}
DECLINING = {"total_sale_7d_cnt": 400}


@pytest.mark.parametrize(
    ("changes", "stage", "reasons"),
    [
        (NEW, "New", {"seen_days", "lifetime_gmv_usd", "creators_30d"}),
        (NEW | GROWING, "New", {"seen_days", "lifetime_gmv_usd", "creators_30d"}),
        (NEW | {"first_crawl_dt": 20261023}, "Unclear", {"growth_7d", "momentum", "creator_inflow"}),
        (GROWING, "Growth", {"growth_7d", "creator_inflow"}),
        (GROWING | {"total_ifl_video_7d_cnt": 7, "total_video_7d_cnt": 9}, "Growth", {"growth_7d", "video_inflow"}),
        (GROWING | VIRAL, "Growth", {"growth_7d", "creator_inflow"}),
        (VIRAL, "Viral", {"gmv_30d_usd", "momentum", "creator_inflow"}),
        (VIRAL | {"total_ifl_video_7d_cnt": 5}, "Steady", {"lifetime_gmv_usd", "momentum"}),
        (DECLINING, "Declining", {"momentum"}),
        ({"total_sale_60d_cnt": 7500}, "Declining", {"growth_30d"}),
        ({}, "Steady", {"lifetime_gmv_usd", "momentum"}),
        ({"total_sale_gmv_amt": 149_999}, "Unclear", {"growth_7d", "momentum", "creator_inflow"}),
        ({"total_sale_7d_cnt": 900}, "Unclear", {"growth_7d", "momentum", "creator_inflow"}),
    ],
)
def test_the_first_stage_that_fits_is_taken_with_what_decided(
    changes: dict[str, Any], stage: str, reasons: set[str]
) -> None:
    placed = place(product(**changes), DAY)
    assert (placed.stage, set(placed.reasons)) == (stage, reasons)


@pytest.mark.parametrize("missing", ["total_sale_7d_cnt", "total_sale_15d_cnt", "total_sale_30d_cnt"])
def test_without_the_units_of_a_window_the_stage_is_unclear(missing: str) -> None:
    assert place(product(**NEW, **{missing: None}), DAY) == Placed("Unclear", None, {})


@pytest.mark.parametrize(
    ("changes", "window"),
    [
        (NEW | {"total_sale_30d_cnt": 99, "total_sale_7d_cnt": 20, "total_sale_15d_cnt": 50}, "unvalidated"),
        (NEW, None),
        (GROWING, "open"),
        (GROWING | {"total_ifl_cnt": 100}, "narrowing"),
        (GROWING | {"total_ifl_cnt": None}, None),
        (GROWING | {"total_ifl_video_7d_cnt": 6, "total_video_7d_cnt": 9}, "narrowing"),
        (VIRAL | {"total_ifl_cnt": 100}, "narrowing"),
        (VIRAL, None),
        ({}, "closed"),
        (DECLINING, "closed"),
    ],
)
def test_the_window_follows_from_stage_creators_and_inflow(changes: dict[str, Any], window: str | None) -> None:
    assert place(product(**changes), DAY).window == window


# --- each threshold at its edge, in numbers of people's own list, not of the data file ------------------------------

# 230 units a day, 15 % more than in the 8 days before.
RISEN = {
    "total_sale_7d_cnt": 1610,
    "total_sale_15d_cnt": 3210,
    "total_sale_30d_cnt": 6900,
    "total_sale_60d_cnt": 13_800,
}
RISING = RISEN | {"total_sale_15d_cnt": 3209}
MORE_VIDEOS = RISING | {"total_video_7d_cnt": 771, "total_video_30d_cnt": 3000}
FEW_SOLD = NEW | {"total_sale_7d_cnt": 20, "total_sale_15d_cnt": 50}


@pytest.mark.parametrize(
    ("changes", "field", "inside", "outside", "stages"),
    [
        # New: seen < 30 days ago, lifetime GMV < 25k, creators of 30 days < 30.
        (NEW, "first_crawl_dt", 20261024, 20261023, ("New", "Unclear")),
        (NEW, "total_sale_gmv_amt", 24_999, 25_000, ("New", "Unclear")),
        (NEW, "total_ifl_video_30d_cnt", 29, 30, ("New", "Unclear")),
        # Growth: above 15 %, and creator or video inflow above 1.1.
        (RISEN | {"total_ifl_video_7d_cnt": 9}, "total_sale_15d_cnt", 3209, 3210, ("Growth", "Steady")),
        (RISING | {"total_ifl_video_30d_cnt": 3000}, "total_ifl_video_7d_cnt", 771, 770, ("Growth", "Steady")),
        (RISING | {"total_video_30d_cnt": 3000}, "total_video_7d_cnt", 771, 770, ("Growth", "Steady")),
        # Viral: GMV of 30 days from 150k, momentum from 0.85, creator inflow from 0.8.
        ({}, "total_sale_gmv_30d_amt", 150_000, 149_999, ("Viral", "Steady")),
        (VIRAL, "total_sale_7d_cnt", 595, 594, ("Viral", "Steady")),
        (VIRAL | {"total_ifl_video_30d_cnt": 300}, "total_ifl_video_7d_cnt", 56, 55, ("Viral", "Steady")),
        # Declining: momentum below 0.7, or 30 % less than in the 30 days before.
        ({}, "total_sale_7d_cnt", 489, 490, ("Declining", "Steady")),
        ({}, "total_sale_60d_cnt", 3000 + 4286, 3000 + 4285, ("Declining", "Steady")),
        # Steady: lifetime GMV from 150k, momentum to 1.15.
        ({}, "total_sale_gmv_amt", 150_000, 149_999, ("Steady", "Unclear")),
        ({}, "total_sale_7d_cnt", 805, 806, ("Steady", "Unclear")),
    ],
)
def test_a_stage_ends_where_the_list_says(
    changes: dict[str, Any], field: str, inside: int, outside: int, stages: tuple[str, str]
) -> None:
    assert tuple(place(product(**changes | {field: value}), DAY).stage for value in (inside, outside)) == stages


@pytest.mark.parametrize(
    ("changes", "field", "inside", "outside", "windows"),
    [
        # Unvalidated: New with less than 100 units in 30 days.
        (FEW_SOLD, "total_sale_30d_cnt", 99, 100, ("unvalidated", None)),
        # Open: Growth with less than 100 creators, and not fewer of them coming in than before.
        (GROWING, "total_ifl_cnt", 99, 100, ("open", "narrowing")),
        (VIRAL, "total_ifl_cnt", 99, 100, (None, "narrowing")),
        (MORE_VIDEOS | {"total_ifl_video_30d_cnt": 3000}, "total_ifl_video_7d_cnt", 700, 699, ("open", "narrowing")),
        (VIRAL | {"total_ifl_video_30d_cnt": 3000}, "total_ifl_video_7d_cnt", 700, 699, (None, "narrowing")),
    ],
)
def test_a_window_ends_where_the_list_says(
    changes: dict[str, Any], field: str, inside: int, outside: int, windows: tuple[str | None, str | None]
) -> None:
    assert tuple(place(product(**changes | {field: value}), DAY).window for value in (inside, outside)) == windows


# --- whatever the rows hold -----------------------------------------------------------------------------------------

FIELDS = [name for name in product().raw if name != "product_id"]
values = st.none() | st.integers(0, 10**6) | st.floats(0, 10**6)


@given(st.dictionaries(st.sampled_from(FIELDS), values))
def test_whatever_is_missing_or_odd_a_stage_is_given_and_its_reasons_are_numbers(changes: dict[str, Any]) -> None:
    placed = place(product(**changes), DAY)
    assert placed.stage in ("New", "Growth", "Viral", "Declining", "Steady", "Unclear")
    assert placed.window in (None, "unvalidated", "open", "narrowing", "closed")
    assert all(value == value and abs(value) < 10**12 for value in placed.reasons.values())
