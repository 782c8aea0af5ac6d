"""compare_products through the whole server: what it compares is what the catalogue holds, and ids that it cannot
compare are named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2 as httpx
import pytest
from mcp import Client
from starlette.applications import Starlette

from keyapi_mcp.app import App
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.sandbox.app import create_app
from keyapi_mcp.sandbox.catalogue import Catalogue
from keyapi_mcp.settings import read_settings
from support.connections import ERAS, Era, Told

pytestmark = pytest.mark.anyio

DAY = date(2026, 11, 22)
PRODUCTS = 600
CATALOGUE = Catalogue(PRODUCTS)
UNKNOWN = ("1729384501234567890", "1729384501234567999")


class World:
    """A server before the sandbox, and the day that both live on."""

    def __init__(self) -> None:
        self.day = DAY
        self.sandbox: Starlette = create_app(products=PRODUCTS, today=lambda: self.day)
        self.app = App(
            read_settings(sandbox=True, min_interval_s=0), upstream=httpx.ASGITransport(self.sandbox), clock=self._now
        )

    def _now(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC) + timedelta(days=1)

    async def search(self, region: str = "US", **filters: Any) -> list[str]:
        answer = await self.app.call("search_products", {"region": region, **filters})
        return [str(row[0]) for row in answer.structured()["rows"]]

    async def compare(self, product_ids: Any, **arguments: Any) -> dict[str, Any]:
        answer = await self.app.call("compare_products", {"product_ids": product_ids, **arguments})
        return answer.structured()

    async def refusal(self, **arguments: Any) -> InvalidQuery:
        with pytest.raises(InvalidQuery) as refused:
            await self.app.call("compare_products", arguments)
        return refused.value


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    opened = World()
    async with opened.app.running():
        yield opened


def ids_of(structured: dict[str, Any]) -> list[str]:
    return [product_id for product_id, _ in structured["facts"]["products"].values()]


def values(structured: dict[str, Any], metric: str) -> list[Any]:
    (found,) = [row for row in structured["rows"] if row[0] == metric]
    return list(found[1:-2])


# --- what is compared ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 5, 8])
async def test_the_figures_are_those_of_the_catalogue_in_the_order_of_the_ids(count: int) -> None:
    async with world() as it:
        ids = (await it.search("US"))[:count][::-1]
        requests = len(it.sandbox.state.requests)
        told = await it.compare(ids)
        assert ids_of(told) == ids
        assert told["columns"] == ["metric", *"ABCDEFGH"[:count], "best", "max_minus_min"]
        truths = {one.listing.product_id: one.fields for one in CATALOGUE.on("US", DAY)}
        for metric, field in (("units_30d", "total_sale_30d_cnt"), ("price_usd", "spu_avg_price")):
            assert values(told, metric) == [truths[product_id][field] for product_id in ids]
        assert values(told, "gmv_30d_usd") == [round(truths[one]["total_sale_gmv_30d_amt"]) for one in ids]
        assert values(told, "commission") == [truths[one]["product_commission_rate"] or None for one in ids]
        # The page was sorted by GMV: the last of the reversed ids had most.
        (row,) = [row for row in told["rows"] if row[0] == "gmv_30d_usd"]
        assert row[-2] == "ABCDEFGH"[count - 1]
        assert told["scope"].startswith(f"SANDBOX (synthetic data) · {count} products compared · US")
        assert told["credits"] == {"call": 0, "today": 1, "left": 199, "source": "from the store"}
        assert len(it.sandbox.state.requests) == requests


async def test_the_newest_state_is_compared() -> None:
    async with world() as it:
        (first, second, *_) = await it.search("US")
        it.day = DAY + timedelta(days=2)
        assert {first, second} <= set(await it.search("US"))
        told = await it.compare([first, second])
        truths = {one.listing.product_id: one.fields for one in CATALOGUE.on("US", it.day)}
        assert values(told, "units_30d") == [truths[one]["total_sale_30d_cnt"] for one in (first, second)]
        assert "data of 2026-11-24 (T+1)" in told["scope"]


async def test_states_of_different_days_are_compared_with_a_warning() -> None:
    async with world() as it:
        (old, *_) = await it.search("US", page_num=2)
        it.day = DAY + timedelta(days=1)
        (new, *_) = await it.search("US")
        told = await it.compare([old, new])
        warning = "The data days differ, so the windows do not cover the same days: 2026-11-22 A; 2026-11-23 B."
        assert warning in told["notes"]


async def test_without_a_region_products_of_several_markets_are_compared_with_a_warning() -> None:
    async with world() as it:
        (here, *_), (there, *_) = await it.search("US"), await it.search("TH")
        told = await it.compare([here, there])
        assert "The markets differ: TH B; US A." in told["notes"]
        error = await it.refusal(product_ids=[here, there], region="US")
        assert error.what == f"Product {there} is in the store for TH, not for US."


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_gets_both_forms(era: Era) -> None:
    async with world() as it, Client(it.app.server, mode=era) as client:
        ids = (await it.search("JP"))[:3]
        told = Told.of(await client.call_tool("compare_products", {"product_ids": ids, "region": "jp"}))
        assert not told.is_error
        assert told.structured is not None
        assert ids_of(told.structured) == ids
        for letter, product_id in zip("ABC", ids, strict=True):
            assert f"\n{letter} = {product_id} " in told.text
        assert "Credits: 0 for this call (from the store)" in told.text


@pytest.mark.parametrize("write", [",".join, ", ".join, lambda ids: f'["{ids[0]}", "{ids[1]}"]'])
async def test_ids_in_one_text_are_taken(write: Any) -> None:
    async with world() as it:
        ids = (await it.search("US"))[:2]
        assert ids_of(await it.compare(write(ids))) == ids


# --- ids that cannot be compared ----------------------------------------------------------------------------------


async def test_ids_that_are_not_in_the_store_are_named_and_the_rest_is_compared() -> None:
    async with world() as it:
        first, second, *_ = await it.search("US")
        told = await it.compare([first, UNKNOWN[0], second, UNKNOWN[1]])
        assert ids_of(told) == [first, second]
        assert (
            f"Not in the store, so left out: {UNKNOWN[0]}, {UNKNOWN[1]}; search_products brings products in."
            in told["notes"]
        )


async def test_with_fewer_than_two_left_it_is_an_error_that_names_the_way() -> None:
    async with world() as it, Client(it.app.server) as client:
        (first, *_) = await it.search("US")
        requests = len(it.sandbox.state.requests)
        told = Told.of(await client.call_tool("compare_products", {"product_ids": [first, UNKNOWN[0]]}))
        assert told.is_error
        assert told.text.startswith(
            f"Not in the store, which holds what searches have shown: {UNKNOWN[0]}; only one other is. The service has "
            "no look-up by product id.\nCredits: none spent.\nNext: search_products with the region"
        )
        error = await it.refusal(product_ids=list(UNKNOWN))
        assert f"{UNKNOWN[0]}, {UNKNOWN[1]}; none of the others is." in error.what
        assert len(it.sandbox.state.requests) == requests


async def test_an_id_given_twice_is_compared_once_and_said() -> None:
    async with world() as it:
        first, second, *_ = await it.search("US")
        told = await it.compare([first, second, first])
        assert ids_of(told) == [first, second]
        assert "The same id was given more than once; it is compared once." in told["notes"]
        error = await it.refusal(product_ids=[first, first])
        assert error.what == "A comparison takes two different products."
        assert error.next_step == "call again with two to eight different ids."


async def test_an_id_in_several_regions_needs_one() -> None:
    async with world() as it:
        first, second, *_ = await it.search("US")

        # The sandbox's ids are of one market each: the same page is kept for another one, too.
        def copy(connection: Any) -> None:
            for table in ("products", "listings", "snapshots"):
                columns = [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")]
                others = ", ".join(f'"{name}"' for name in columns if name != "region")
                connection.exec_driver_sql(
                    f"INSERT INTO {table} (region, {others}) SELECT 'GB', {others} FROM {table} WHERE region = 'US'"
                )

        await it.app._services.store.database.run(copy)  # type: ignore[union-attr]
        error = await it.refusal(product_ids=[first, second])
        assert error.what == (f"Product {first} is in the store for GB and US, and each market has its own figures.")
        assert error.next_step == "call again with region=GB or region=US."
        assert ids_of(await it.compare([first, second], region="GB")) == [first, second]
        with pytest.raises(InvalidQuery, match="for GB and US"):
            await it.app.call("get_product", {"product_id": first})
        assert (await it.app.call("get_product", {"product_id": first, "region": "UK"})).facts["region"] == "GB"


async def test_links_to_product_pages_are_taken_for_their_ids() -> None:
    async with world() as it:
        (first, second, *_) = await it.search("US")
        links = [f"https://www.tiktok.com/view/product/{first}", f"https://www.tiktok.com/shop/pdp/a-name/{second}?a=1"]
        for given in (links, ", ".join(links)):
            assert ids_of(await it.compare(given)) == [first, second]


async def test_an_id_that_lost_its_last_digits_is_told_with_the_one_that_it_may_stand_for() -> None:
    async with world() as it:
        first, second, third = [one for one in await it.search("US") if int(float(one)) != int(one)][:3]
        lost = int(float(first))
        told = f"{lost}: There is {first} (US): digits at the end are lost where an id is sent as a number"
        assert told in (await it.refusal(product_ids=[lost, second])).what
        compared = await it.compare([lost, second, third])
        assert ids_of(compared) == [second, third]
        assert any(note.startswith(told) for note in compared["notes"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "product_ids: is required."),
        ({"product_ids": []}, "product_ids: needs at least 2 (got 0)."),
        ({"product_ids": ["1"]}, "product_ids: needs at least 2 (got 1)."),
        ({"product_ids": [str(number) for number in range(9)]}, "product_ids: takes at most 8."),
        ({"product_ids": ["1", 1.7e18]}, "product_ids.1: must be text of digits; as a number it loses its last digits"),
        ({"product_ids": "1, x"}, "product_ids.1: must be the digits of a product_id, as text"),
        ({"product_ids": {"a": 1}}, "product_ids: input should be a valid list"),
        ({"product_ids": ["1", "2"], "regoin": "US"}, "The nearest is region."),
    ],
)
async def test_wrong_arguments_are_refused_with_the_fix(arguments: dict[str, Any], told: str) -> None:
    async with world() as it:
        error = await it.refusal(**arguments)
        assert told in error.what
        assert error.next_step
        assert it.sandbox.state.requests == []
