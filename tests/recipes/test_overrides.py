"""A call's own numbers: what they change, how they may be written, and refusals that help."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.recipes.loading import shipped
from keyapi_mcp.recipes.overrides import names, override
from keyapi_mcp.recipes.recipe import DaysAgo, Recipe

DAY = date(2026, 11, 22)


def of(name: str, *overrides: str) -> Recipe:
    return override(shipped()[name], overrides)


def values(recipe: Recipe) -> dict[str, Any]:
    return {condition.name: condition.value for condition in recipe.conditions}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("growth_7d=0.5", 0.5),
        (" growth_7d = 50% ", 0.5),
        ("growth_7d=1,000", 1000),
        ("growth_7d=$1,000.50", 1000.5),
        ("growth_7d=-0.1", -0.1),
    ],
)
def test_a_condition_takes_another_number(text: str, expected: float) -> None:
    changed = of("breaking-out", text)
    assert values(changed) == {"growth_7d": expected, "momentum": 1.3}
    assert changed.overridden == ("growth_7d",)
    assert values(shipped()["breaking-out"])["growth_7d"] == 0.3


def test_a_word_is_read_in_any_case() -> None:
    assert values(of("proven-and-open", "stage=viral"))["stage"] == "Viral"


def test_a_filter_takes_another_value_and_further_filters_can_be_added() -> None:
    changed = of("breaking-out", "min_total_sale_30d_cnt=500", "max_spu_avg_price=20")
    assert changed.arguments(DAY)["min_total_sale_30d_cnt"] == "500"
    assert changed.arguments(DAY)["max_spu_avg_price"] == "20"
    assert changed.overridden == ("min_total_sale_30d_cnt", "max_spu_avg_price")


def test_off_takes_a_filter_or_condition_away() -> None:
    changed = of("breaking-out", "momentum=off", "sales_flag=OFF")
    assert values(changed) == {"growth_7d": 0.3}
    assert "sales_flag" not in changed.arguments(DAY)


@pytest.mark.parametrize("text", ["30d", "30 days ago", "30 D"])
def test_a_date_can_be_so_many_days_ago(text: str) -> None:
    changed = of("new-and-rising", f"min_first_crawl_dt={text}")
    assert changed.filters["min_first_crawl_dt"] == DaysAgo(30)
    assert changed.arguments(DAY)["min_first_crawl_dt"] == 20261023


def test_the_last_of_the_same_name_counts() -> None:
    assert values(of("breaking-out", "momentum=2", "momentum=3"))["momentum"] == 3
    assert values(of("breaking-out", "momentum=off", "momentum=3"))["momentum"] == 3
    assert "momentum" not in values(of("breaking-out", "momentum=3", "momentum=off", "momentum=off"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("growth=0.5", "the nearest is growth_7d. Its own are sales_trend_flag, sales_flag, min_total_sale_30d_cnt, "),
        ("usd_per_sale=2", "breaking-out has nothing of this name"),
        ("min_total_sale_30d=5", "the nearest is min_total_sale_30d_cnt"),
        ("max_creators=20", "the nearest is max_total_ifl_cnt. Its own are "),
        ("growth_7d", "is written name=value, for example growth_7d=…"),
        ("growth_7d=", "is written name=value"),
        ("=5", "is written name=value"),
        ("growth_7d=1e13", "growth_7d: above has to be a number, at most 1,000,000,000,000"),
        ("growth_7d=0,5", "the value has to be a number, or off"),
        ("growth_7d=1,5", "the value has to be a number, or off"),
        ("growth_7d=1.000,5", "the value has to be a number, or off"),
        ("growth_7d=fast", "the value has to be a number, or off"),
        ("growth_7d=nan", "the value has to be a number, or off"),
        ("growth_7d=1e999", "the value has to be a number, or off"),
        ("pages=3", "pages is an argument of the call itself"),
        ("region=GB", "region is an argument of the call itself"),
        ("category_l2_id=848648", "category is an argument of the call itself"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_helps(text: str, expected: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        of("breaking-out", text)
    assert expected in caught.value.what
    assert caught.value.what.startswith(f'overrides "{text}": ')


def test_words_and_shares_are_held_to_what_they_can_be() -> None:
    with pytest.raises(InvalidQuery, match="is has to be one of New, Growth, Viral, Declining, Steady, Unclear"):
        of("proven-and-open", "stage=growing")
    with pytest.raises(InvalidQuery, match=r"video_share is a fraction: .*for 60 % write 0\.6"):
        of("video-viral", "video_share=60")


def test_every_mistake_is_told_on_a_line_of_its_own() -> None:
    with pytest.raises(InvalidQuery) as caught:
        of("breaking-out", "growth=1", "momentum=2", "\x1b[31mx\n=1")
    lines = caught.value.what.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_what_there_is_instead_is_told_once() -> None:
    with pytest.raises(InvalidQuery) as caught:
        of("breaking-out", "growth=1", "moment=2", "pages=3")
    first, second, third = caught.value.what.splitlines()
    assert first.endswith(
        "growth_7d. Its own are sales_trend_flag, sales_flag, min_total_sale_30d_cnt, growth_7d, momentum."
    )
    assert second == 'overrides "moment=2": breaking-out has nothing of this name; the nearest is momentum.'
    assert third == 'overrides "pages=3": pages is an argument of the call itself.'


def test_a_recipe_without_numbers_says_so() -> None:
    plain = Recipe("plain", "all", {}, sort=7, direction=1, pages=1)
    with pytest.raises(InvalidQuery, match="Its own are none; filters of search_products can be added"):
        override(plain, ["growth_7d=1"])
    assert override(plain, ["min_review_count=5"]).filters == {"min_review_count": "5"}


def test_a_category_is_none_of_a_recipe_s_names_because_it_is_the_call_s() -> None:
    mine = Recipe("mine", "all", {"category_l2_id": "848648", "min_review_count": 5}, sort=7, direction=1, pages=1)
    assert names(mine) == ("min_review_count",)


@pytest.mark.parametrize("name", shipped())
def test_every_number_of_every_recipe_can_be_overridden(name: str) -> None:
    recipe = shipped()[name]
    for one in names(recipe):
        assert names(of(name, f"{one}=off")) == tuple(other for other in names(recipe) if other != one)
