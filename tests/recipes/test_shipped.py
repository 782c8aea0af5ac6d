"""The recipes that come with the package: each is what it says, and asks only for what the service takes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from keyapi_mcp.arguments import read_arguments
from keyapi_mcp.recipes.conditions import measure
from keyapi_mcp.recipes.loading import shipped, shipped_names
from keyapi_mcp.recipes.recipe import HOWS, METRICS, Recipe
from keyapi_mcp.reference.glossary import explain
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.results.recipe_words import screen_words
from keyapi_mcp.settings import Settings
from support.products import product

DAY = date(2026, 11, 22)
SINCE = 20260923  # 60 days before

# name: what is asked of the service, and what of the rows; from the project's own list, not from the file.
EXPECTED: dict[str, tuple[dict[str, Any], list[tuple[str, str, float | str]]]] = {
    "breaking-out": (
        {"sales_trend_flag": 1, "sales_flag": 1, "min_total_sale_30d_cnt": 300, "product_sort_field": 4},
        [("growth_7d", "above", 0.3), ("momentum", "above", 1.3)],
    ),
    "new-and-rising": (
        {"min_first_crawl_dt": SINCE, "sales_trend_flag": 1, "product_sort_field": 5},
        [("units_30d", "min", 1000)],
    ),
    "high-commission": (
        {"min_product_commission_rate": 0.1, "product_sort_field": 5},
        [("usd_per_sale", "min", 1)],
    ),
    "hidden-gem": (
        {
            "min_total_sale_30d_cnt": 200,
            "max_total_ifl_cnt": 50,
            "min_product_commission_rate": 0.1,
            "product_sort_field": 4,
        },
        [("units_7d", "min", 50)],
    ),
    "creator-hot": ({"min_total_ifl_cnt": 50, "min_total_views_cnt": 1_000_000, "product_sort_field": 7}, []),
    "low-price-volume": (
        {"max_spu_avg_price": 10, "min_total_sale_cnt": 5000, "product_sort_field": 1},
        [("units_7d", "above", 0)],
    ),
    "free-shipping-few-videos": (
        {"free_shipping": 1, "max_total_video_cnt": 30, "product_sort_field": 4},
        [("units_7d", "min", 50)],
    ),
    "video-viral": (
        {"sales_flag": 1, "min_total_views_cnt": 100_000, "product_sort_field": 4},
        [("video_share", "min", 0.5)],
    ),
    "live-sellers": ({"sales_flag": 2, "product_sort_field": 7}, [("live_share", "min", 0.5)]),
    "proven-and-open": (
        {
            "min_total_sale_30d_cnt": 1000,
            "min_product_rating": 4.3,
            "min_review_count": 50,
            "product_sort_field": 7,
        },
        [("stage", "is", "Growth"), ("follow_window", "is", "open")],
    ),
}

# How many pages are read is what a run costs.
PAGES = dict.fromkeys(EXPECTED, 4) | {"breaking-out": 5, "new-and-rising": 3, "creator-hot": 3, "proven-and-open": 5}

each_recipe = pytest.mark.parametrize("recipe", shipped().values(), ids=list(shipped()))


def test_there_are_these_ten() -> None:
    assert list(shipped()) == list(shipped_names()) == list(EXPECTED)


@each_recipe
def test_its_numbers_are_those_of_the_list_and_the_service_takes_them(recipe: Recipe) -> None:
    asked, conditions = EXPECTED[recipe.name]
    arguments = recipe.arguments(DAY)
    assert arguments == asked | {"sort_type": 1}
    query = read_arguments({"region": "US", **arguments}).query
    assert {name: getattr(query, name) for name in arguments} == arguments
    assert [(one.metric, one.how, one.value) for one in recipe.conditions] == conditions


@each_recipe
def test_it_says_what_it_is_for_where_it_comes_from_and_how_much_is_worth_reading(recipe: Recipe) -> None:
    assert recipe.purpose
    assert recipe.origin
    assert recipe.pages == PAGES[recipe.name]
    # So that it runs with the default limit of a call.
    limit = Settings.model_fields["credits_per_call"].default
    assert recipe.pages <= limit
    assert not recipe.own
    assert recipe.least == (recipe.name == "new-and-rising")


@each_recipe
def test_every_number_of_it_is_in_its_words(recipe: Recipe) -> None:
    words = screen_words(recipe)
    for value in recipe.filters.values():
        shown = {1: "yes|rising|video", 2: "live", 0.1: "10 %"}.get(value, f"{getattr(value, 'days', value):,}")
        assert any(part in words for part in shown.split("|")), (value, words)
    for condition in recipe.conditions:
        value = condition.value
        shown = value if isinstance(value, str) else f"{value * 100:g} %" if 0 < value < 1 else f"{value:,g}"
        assert shown in words


def test_every_metric_of_a_condition_is_measured_and_in_the_glossary() -> None:
    assert set(METRICS) <= measure(product(), DAY, Rules()).keys()
    assert [metric for metric in METRICS if explain(metric) is None] == []
    assert len(set(METRICS)) == len(METRICS)


def test_the_ways_to_compare_are_the_documented_ones() -> None:
    assert HOWS == ("min", "above", "max", "below", "is")
