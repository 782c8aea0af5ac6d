"""History: the sandbox's date moves on by days and weeks, and the store's snapshots are the catalogue of each day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from keyapi_mcp.clock import day_number
from keyapi_mcp.fields import FIGURES, TEXTS
from keyapi_mcp.product import Product
from keyapi_mcp.research.stage import place
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.store.schema import PREVIOUS
from support.changing_world import PRODUCTS, REGIONS, TRUTH, World, world
from support.sandbox_server import DAY, RunningSandbox, running_sandbox

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=PRODUCTS) as running:
        yield running


async def search(here: World, region: str, page_num: int = 1, **more: Any) -> Answer:
    return await here.ask("search_products", region=region, page_num=page_num, **more)


def truth(region: str, product_id: str, day: date) -> dict[str, Any]:
    """The product's figures on that day, from the catalogue itself."""
    (found,) = [one for one in TRUTH.on(region, day) if one.listing.product_id == product_id]
    return found.fields | {"product_name": found.listing.name}


def as_columns(fields: dict[str, Any]) -> dict[str, Any]:
    return {column.name: fields[column.field] for column in FIGURES}


def day_of(number: int) -> date:
    return date(number // 10_000, number // 100 % 100, number % 100)


async def test_each_day_s_snapshots_are_the_catalogue_of_that_day(served: RunningSandbox) -> None:
    seen: dict[tuple[str, str], list[int]] = {}
    async with world(served) as here:
        for days in (0, 1, 2, 3, 10, 17, 38):
            here.go_to(days)
            for region in REGIONS:
                for page_num in (1, 2):
                    answer = await search(here, region, page_num)
                    day = DAY + timedelta(days=days)
                    assert f"data of about {day} (T+1)" in answer.scope
                    for row in answer.structured()["rows"]:
                        seen.setdefault((region, row[0]), []).append(day_number(day))
        snapshots = await here.rows("SELECT * FROM snapshots ORDER BY data_day")
        products = await here.rows("SELECT * FROM products")
    # Exactly what was on the pages, and what the catalogue says of it.
    by_product: dict[tuple[str, str], list[int]] = {}
    for snapshot in snapshots:
        key = (snapshot["region"], snapshot["product_id"])
        by_product.setdefault(key, []).append(snapshot["data_day"])
        fields = truth(*key, day_of(snapshot["data_day"]))
        wanted = as_columns(fields)
        assert {name: snapshot[name] for name in wanted} == wanted
    assert by_product == {key: sorted(set(days)) for key, days in seen.items()}
    assert len(snapshots) > 150
    # Some left the pages and came back; some came later than others.
    assert len({len(days) for days in by_product.values()}) > 3
    for product in products:
        key = (product["region"], product["product_id"])
        seen_on = by_product[key]
        assert (product["first_day"], product["data_day"], product["days"]) == (seen_on[0], seen_on[-1], len(seen_on))
        last = truth(*key, day_of(seen_on[-1]))
        assert {column.name: product[column.name] for column in FIGURES} == as_columns(last)
        assert product["name"] == last["product_name"]
        if len(seen_on) == 1:
            assert all(product[f"previous_{name}"] is None for name in ("day", *PREVIOUS))
            continue
        before = as_columns(truth(*key, day_of(seen_on[-2])))
        assert product["previous_day"] == seen_on[-2]
        for name in PREVIOUS:
            if name == "stage":  # its rules have tests of their own; here, that it is the earlier day's
                earlier = Product(truth(*key, day_of(seen_on[-2])))
                assert product["previous_stage"] == place(earlier, day_of(seen_on[-2])).stage
                continue
            wanted_value = before["commission_raw"] or None if name == "commission" else before[name]
            assert product[f"previous_{name}"] == wanted_value


async def test_a_source_that_has_not_refreshed_yet_is_said_and_adds_no_day(served: RunningSandbox) -> None:
    async with world(served) as here:
        await search(here, "US")
        first = await here.rows("SELECT * FROM snapshots")
        here.go_to(1, sandbox=False)
        answer = await search(here, "US")
        assert f"data of about {DAY} (T+1, source not refreshed yet)" in answer.scope
        assert "Credits: 1 for this call; 1 today" in answer.text()
        kept = await search(here, "US")
        assert f"data of about {DAY} (T+1, source not refreshed yet)" in kept.scope
        assert await here.rows("SELECT * FROM snapshots") == first
        # Products that were not seen before are of that day, too.
        await search(here, "US", 2)
        assert {row["data_day"] for row in await here.rows("SELECT data_day FROM searches WHERE page_num = 1")} == {
            day_number(DAY)
        }
        # In the afternoon it has.
        here.go_to(1)
        answer = await search(here, "US", product_sort_field=5)
        assert f"data of about {DAY + timedelta(days=1)} (T+1)" in answer.scope
        days = await here.rows("SELECT data_day, count(*) AS many FROM snapshots GROUP BY data_day ORDER BY data_day")
        assert [row["data_day"] for row in days] == [day_number(DAY), day_number(DAY + timedelta(days=1))]


async def test_ids_categories_and_names_stay_text_through_all_of_it(served: RunningSandbox) -> None:
    async with world(served) as here:
        for days in (0, 1):
            here.go_to(days)
            await search(here, "TH")
        kinds = [f"typeof({column.name}) AS {column.name}" for column in TEXTS]
        rows = await here.rows(f"SELECT typeof(product_id) AS product_id, {', '.join(kinds)} FROM products")
    assert {kind for row in rows for kind in row.values()} <= {"text", "null"}
    assert {row["product_id"] for row in rows} == {"text"}
