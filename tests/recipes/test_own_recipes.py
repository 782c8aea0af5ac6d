"""The user's own recipes: they add and replace, and a broken one is told by file, line and reason."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import pytest

from keyapi_mcp.app import App
from keyapi_mcp.recipes.loading import Recipes, read_recipes, shipped
from keyapi_mcp.recipes.recipe import Condition, DaysAgo
from keyapi_mcp.settings import read_settings

GOOD = """
[mine]
purpose = "what I look for"
"""


def recipes(tmp_path: Path, text: str | bytes) -> Recipes:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / "recipes.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_recipes(read_settings(home=home))


def test_without_a_file_there_are_the_packages() -> None:
    found = read_recipes(read_settings())
    assert found.by_name == shipped()
    assert found.problems == ()


def test_one_of_the_users_stands_beside_the_packages(tmp_path: Path) -> None:
    found = recipes(
        tmp_path,
        """
        [cheap-and-growing]
        purpose = "under 15 dollars and growing"
        sort = "Average Price"
        direction = "ascending"
        pages = 7
        least = 3

        [cheap-and-growing.filters]
        max_spu_avg_price = 15
        category_id = "Beauty & Personal Care"
        min_first_crawl_dt = { days_ago = 90 }
        max_first_crawl_dt = 2026-11-01

        [[cheap-and-growing.conditions]]
        metric = "growth_7d"
        min = 0
        """,
    )
    assert found.problems == ()
    assert list(found.by_name) == [*shipped(), "cheap-and-growing"]
    mine = found.by_name["cheap-and-growing"]
    assert mine.own
    assert (mine.sort, mine.direction, mine.pages, mine.least) == (3, 0, 7, 3)
    assert mine.filters["min_first_crawl_dt"] == DaysAgo(90)
    assert mine.arguments(date(2026, 11, 22))["min_first_crawl_dt"] == 20260824
    assert mine.arguments(date(2026, 11, 22))["max_first_crawl_dt"] == 20261101
    assert mine.conditions == (Condition("growth_7d", "min", 0, "growth_7d"),)


def test_one_of_the_same_name_takes_the_place_of_the_packages(tmp_path: Path) -> None:
    found = recipes(tmp_path, '[hidden-gem]\npurpose = "mine"\nsort = 2\n')
    assert list(found.by_name) == list(shipped())
    assert found.by_name["hidden-gem"].purpose == "mine"
    assert found.by_name["hidden-gem"].conditions == ()
    assert shipped()["hidden-gem"].purpose != "mine"


def test_two_conditions_on_one_metric_can_be_told_apart(tmp_path: Path) -> None:
    text = GOOD + 'conditions = [{ metric = "momentum", min = 1 }, { metric = "momentum", below = 2 }]\n'
    assert [one.name for one in recipes(tmp_path, text).by_name["mine"].conditions] == [
        "momentum.min",
        "momentum.below",
    ]


@pytest.mark.parametrize(
    ("lines", "number", "reason"),
    [
        ("filters = { min_total_sales = 5 }", 4, "min_total_sales is no filter; the nearest is min_total_sale_cnt"),
        ("filters = { region = 'US' }", 4, "region is no filter: it is given with each call."),
        ("filters = { pages = 3 }", 4, "pages is no filter: it belongs beside filters."),
        ("filters = { min_review_count = 2026-11-01 }", 4, "min_review_count: must be a number"),
        ("filters = { min_product_rating = 9 }", 4, "min_product_rating: must be at most 5 (got 9)"),
        ("filters = { min_product_rating = 4, max_product_rating = 3 }", 4, "min_product_rating 4 is above"),
        ("filters = { category_id = 'Nonsensical' }", 4, "no category is like"),
        ("filters = { min_first_crawl_dt = { days = 3 } }", 4, "a table can only be a date"),
        ("filters = { min_review_count = { days_ago = 3 } }", 4, "a table can only be a date"),
        (
            "filters = { min_first_crawl_dt = { days_ago = 3 }, max_first_crawl_dt = { days_ago = 30 } }",
            4,
            "min_first_crawl_dt is after max_first_crawl_dt: nothing can match; exchange them",
        ),
        ("filters = { free_shipping = 2 }", 4, "is no value of free shipping: 0 no, 1 yes"),
        ("filters = 3", 4, "filters has to be a table"),
        ("\n\npages = 51", 6, "pages has to be a whole number from 1 to 50"),
        ("pages = 2.5", 4, "pages has to be a whole number"),
        ("least = 11", 4, "least has to be a whole number from 0 to 10"),
        ("sort = 'units'", 4, "sort has to be one of: lifetime units, lifetime GMV, "),
        ("direction = 3", 4, "direction has to be one of: ascending, descending"),
        ("condition = []", 4, "condition is no part of a recipe; the nearest is conditions"),
        ("conditions = {}", 4, "conditions has to be a list of tables"),
        ("conditions = [{ metric = 'growth_7', min = 1 }]", 4, "growth_7 is no metric; the nearest is growth_7d"),
        (
            "conditions = [\n  { metric = 'momentum', min = 1 },\n  { metric = 'growth7', min = 1 },\n]",
            6,
            "growth7 is no",
        ),
        ("conditions = [{ min = 1 }]", 4, "a condition needs a metric"),
        ("conditions = [{ metric = 'momentum' }]", 4, "a condition has one of min, above, max, below, is"),
        ("conditions = [{ metric = 'momentum', min = 1, max = 2 }]", 4, "a condition has one of"),
        ("conditions = [{ metric = 'momentum', min = '1' }]", 4, "momentum: min has to be a number"),
        ("conditions = [{ metric = 'momentum', min = true }]", 4, "momentum: min has to be a number"),
        ("conditions = [{ metric = 'momentum', min = inf }]", 4, "momentum: min has to be a number"),
        pytest.param(
            f"conditions = [{{ metric = 'momentum', min = {'9' * 400} }}]",
            4,
            "momentum: min has to be a number, at most 1,000,000,000,000",
            id="a number of 400 digits",
        ),
        ("conditions = [{ metric = 'stage', min = 'Growth' }]", 4, "stage: is has to be one of New, Growth"),
        ("conditions = [{ metric = 'stage', is = 'Great' }]", 4, "stage: is has to be one of New, Growth"),
        ("conditions = [{ metric = 'video_share', min = 50 }]", 4, "video_share is a fraction: 50 would be 5000%"),
        ("conditions = [{ metric = 'free_shipping', is = 1 }]", 4, "free_shipping is a filter of the service"),
        (
            "conditions = [{ metric = 'momentum', min = 1 }, { metric = 'momentum', min = 2 }]",
            4,
            "momentum has two conditions with min",
        ),
    ],
)
def test_a_broken_recipe_is_told_by_file_line_and_name_and_the_others_work(
    tmp_path: Path, lines: str, number: int, reason: str
) -> None:
    other = '\n[other]\npurpose = "works"\nfilters = { min_total_sale_cnt = 5 }\npages = 5\n'
    found = recipes(tmp_path, f"{GOOD}{lines}\n{other}")
    (problem,) = found.problems
    assert problem.startswith(f"recipes.toml, line {number}: mine: ")
    assert reason in problem
    assert list(found.by_name) == [*shipped(), "other"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 3\n", "recipes.toml, line 1: x: has to be a table, for example [my-recipe]."),
        (
            "[good]\npurpose='a'\n\n['My Recipe']\npurpose = 'a'\n",
            "recipes.toml, line 4: My Recipe: a name has lower-case",
        ),
        ("[mine]\npages = 3\n", "recipes.toml, line 1: mine: purpose is missing."),
        ("mine.pages = 3\n", "recipes.toml, line 1: mine: purpose is missing."),
        ("[mine]\npurpose = 'a\\u0007b'\n".replace("'", '"'), "recipes.toml, line 2: mine: purpose has to be one line"),
        (
            "[other]\npurpose = 'a'\npages = 4\n[mine]\npurpose = 'b'\npages = 99\n",
            "recipes.toml, line 6: mine: pages has to be",
        ),
        (
            "[[mine.conditions]]\nmetric = 'momentum'\nmin = 1\n[[mine.conditions]]\nmetric = 'x'\nmin = 1\n"
            "[mine.filters]\n",
            "recipes.toml, line 1: mine: purpose is missing.",
        ),
    ],
)
def test_the_line_is_that_of_the_recipe_itself(tmp_path: Path, text: str, expected: str) -> None:
    (problem,) = recipes(tmp_path, text).problems
    assert problem.startswith(expected)


def test_a_broken_one_leaves_the_packages_of_its_name(tmp_path: Path) -> None:
    found = recipes(tmp_path, "[hidden-gem]\npages = 0\n")
    assert found.by_name == shipped()
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[mine\n", "recipes.toml, line 1: "),
        ("[mine]\npurpose = \n", "recipes.toml, line 2: Invalid value."),
        (b"\xff\xfe\x00", "recipes.toml: is not UTF-8 text."),
        ("#" * 1_000_001, "recipes.toml: is too large to be such a file."),
    ],
)
def test_a_file_that_cannot_be_read_leaves_the_packages(tmp_path: Path, text: str | bytes, expected: str) -> None:
    found = recipes(tmp_path, text)
    assert found.by_name == shipped()
    (problem,) = found.problems
    assert problem.startswith(expected)


@pytest.mark.anyio
async def test_a_server_starts_with_a_broken_file_and_says_so_in_its_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipes(tmp_path, "[mine]\npages = 3\n")
    with caplog.at_level(logging.WARNING):
        async with App(read_settings(home=tmp_path / "home", sandbox=True)).running():
            pass
    assert "recipes.toml, line 1: mine: purpose is missing." in caplog.messages
