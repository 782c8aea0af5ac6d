"""The call that brings a newer state: the recipe or search that returned it last, or what stays about it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from keyapi_mcp.query import ProductQuery
from keyapi_mcp.reference.commission import CommissionUnit
from keyapi_mcp.research.change_list import Origin
from keyapi_mcp.research.history import Seen
from keyapi_mcp.results.asking_again import ask_again
from support.products import product

DAY = date(2026, 11, 22)


def seen(**fields: Any) -> Seen:
    return Seen("US", product(**fields), DAY, datetime(2026, 11, 23, tzinfo=UTC), DAY, 1)


@pytest.mark.parametrize("unit", ["fraction", "percent"])
def test_a_search_is_named_without_its_defaults_and_with_fractions(unit: CommissionUnit) -> None:
    query = ProductQuery(
        region="US",
        category_id="601450",
        min_product_commission_rate=0.155,
        min_spu_avg_price=12.0,
        sort_type=0,
        page_num=3,
    )
    words = ask_again(Origin(region="US", key=urlencode(query.to_params(unit))), None, unit)
    assert words == (
        "search_products region=US category_id=601450 min_spu_avg_price=12 min_product_commission_rate=0.155 "
        "sort_type=0 page_num=3 (1 credit)"
    )
    arguments = dict(word.split("=") for word in words.removesuffix(" (1 credit)").split(" ")[1:])
    assert ProductQuery.model_validate(arguments) == query


@pytest.mark.parametrize(("pages", "price"), [(1, "1 credit"), (3, "3 credits")])
def test_a_recipe_is_named_with_its_price(pages: int, price: str) -> None:
    origin = Origin("breaking-out", "GB", pages)
    assert ask_again(origin, seen(), "fraction") == f"run_recipe recipe=breaking-out region=GB pages={pages} ({price})"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (None, "pages=14 (14 credits)"),
        (14, "pages=14 (14 credits)"),
        (13, "pages=14 max_credits=13 (13 a call, 14 credits in all)"),
    ],
)
def test_a_recipe_of_more_pages_than_a_call_may_pay_for_is_named_with_what_it_may(
    limit: int | None, words: str
) -> None:
    told = ask_again(Origin("breaking-out", "GB", 14), seen(), "fraction", limit)
    assert told == f"run_recipe recipe=breaking-out region=GB {words}"


@pytest.mark.parametrize("key", ["", "region=US&page_num=none", "region=US&max_product_commission_rate=much", "gone=1"])
def test_a_search_that_cannot_be_asked_any_more_is_replaced_by_what_stays(key: str) -> None:
    known = seen(category_id="601450", category_l2_id="0", first_crawl_dt=20251006)
    for origin in (None, Origin(region="US", key=key)):
        assert ask_again(origin, known, "fraction") == (
            "search_products region=US category_id=601450 min_first_crawl_dt=20251006 max_first_crawl_dt=20251006 "
            "(1 credit a page)"
        )
        assert ask_again(origin, None, "fraction") == ""
    assert ask_again(None, seen(), "fraction") == "search_products region=US (1 credit a page)"
