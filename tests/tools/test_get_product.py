"""get_product through the whole server: after a search it shows what the catalogue holds, and for an id that was never
seen it says how to come by it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2 as httpx
import pytest
from mcp import Client
from starlette.applications import Starlette

from keyapi_mcp.app import App
from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.errors import InvalidQuery, StoreUnavailable
from keyapi_mcp.sandbox.app import create_app
from keyapi_mcp.sandbox.catalogue import Catalogue, Snapshot
from keyapi_mcp.settings import read_settings
from support.connections import ERAS, Era, Told

pytestmark = pytest.mark.anyio

DAY = date(2026, 11, 22)
PRODUCTS = 600


@dataclass
class World:
    """A server before the sandbox, and the day that both live on."""

    app: App
    sandbox: Starlette
    day: date = DAY

    @property
    def requests(self) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = self.sandbox.state.requests
        return requests

    def now(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC) + timedelta(days=1)

    async def search(self, region: str = "US", **filters: Any) -> list[str]:
        """Ids of the products on the page."""
        answer = await self.app.call("search_products", {"region": region, **filters})
        return [str(row[0]) for row in answer.structured()["rows"]]

    def truth(self, product_id: str, region: str = "US", day: date | None = None) -> dict[str, Any]:
        """The row's figures, from the catalogue itself."""
        return self.snapshot(product_id, region, day).fields

    def snapshot(self, product_id: str, region: str = "US", day: date | None = None) -> Snapshot:
        (found,) = [one for one in CATALOGUE.on(region, day or self.day) if one.listing.product_id == product_id]
        return found


CATALOGUE = Catalogue(PRODUCTS)


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    opened: World
    sandbox = create_app(products=PRODUCTS, today=lambda: opened.day)
    app = App(
        read_settings(sandbox=True, min_interval_s=0, **settings),
        upstream=httpx.ASGITransport(sandbox),
        clock=lambda: opened.now(),
    )
    opened = World(app, sandbox)
    async with app.running():
        yield opened


async def refusal(app: App, **arguments: Any) -> InvalidQuery:
    with pytest.raises(InvalidQuery) as refused:
        await app.call("get_product", arguments)
    return refused.value


# --- what a search has shown --------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["US", "TH", "VN", "JP"])
async def test_after_a_search_each_product_of_it_has_a_card_that_agrees_with_the_catalogue(region: str) -> None:
    async with world() as it:
        ids = await it.search(region)
        requests = len(it.requests)
        for product_id in ids:
            answer = await it.app.call("get_product", {"product_id": product_id})
            structured, truth = answer.structured(), it.truth(product_id, region)
            facts = structured["facts"]
            assert facts["product_id"] == product_id
            assert facts["region"] == region
            assert facts["price_usd"] == truth["spu_avg_price"]
            assert facts["reviews"] == truth["review_count"]
            assert facts.get("commission", 0) == truth["product_commission_rate"]
            assert ("delisted" in facts["flags"]) == (truth["off_mark"] >= 2)
            assert facts["first_seen"].replace("-", "") == str(truth["first_crawl_dt"])
            table = {row[0]: dict(zip(structured["columns"], row, strict=True)) for row in structured["rows"]}
            for window, suffix in (("1d", "_1d"), ("7d", "_7d"), ("90d", "_90d"), ("life", "")):
                assert table[window]["units"] == truth[f"total_sale{suffix}_cnt"]
                assert table[window]["gmv_usd"] == round(truth[f"total_sale_gmv{suffix}_amt"])
                assert table[window]["views"] == truth[f"total_views{suffix}_cnt"]
                assert table[window]["videos"] == truth[f"total_video{suffix}_cnt"]
                assert table[window]["lives"] == truth[f"total_live{suffix}_cnt"]
            assert table["life"]["creators"] == truth["total_ifl_cnt"]
            assert answer.text().startswith(f"SANDBOX (synthetic data) · Product · {region} · data of 2026-11-22 (T+1)")
        assert len(it.requests) == requests, "it asked the service"


async def test_variants_and_the_price_in_the_shop_are_those_of_the_listing() -> None:
    async with world() as it:
        for product_id in await it.search("TH"):
            listing = it.snapshot(product_id, "TH").listing
            truth = it.truth(product_id, "TH")
            facts = (await it.app.call("get_product", {"product_id": product_id})).structured()["facts"]
            colours = max(1, listing.variants)
            assert facts["variants"] % colours == 0
            assert facts["options"].startswith("Colour: golden")
            currency, amounts = facts["shop_price"].split(" ")
            assert currency == "THB"
            low, high = (float(amount) for amount in (amounts.split("–") * 2)[:2])
            assert low == pytest.approx(truth["min_price"] * 34, abs=0.01)
            assert high == pytest.approx(truth["max_price"] * 34, abs=0.01) or facts["variants"] == 1


async def test_no_seller_gets_into_a_description() -> None:
    async with world() as it:
        described = 0
        for region in ("US", "TH", "VN", "ID", "JP", "MX", "DE"):
            for product_id in await it.search(region):
                text = (await it.app.call("get_product", {"product_id": product_id})).facts.get("description", "")
                described += bool(text)
                for private in ("Trading Co", "Ltd", "GmbH", "株式会社", "จำกัด", "TNHH", "Sdn Bhd", "S.L.", "@"):
                    assert private not in text
        assert described > 50


async def test_cards_stay_within_their_tokens_in_eight_markets() -> None:
    count = token_counter()
    assert count is not None
    sizes = []
    async with world() as it:
        for region in ("US", "GB", "TH", "VN", "ID", "JP", "MX", "DE"):
            for product_id in (await it.search(region))[:6]:
                told = await it.app.call("get_product", {"product_id": product_id})
                as_json = json.dumps(told.structured(), ensure_ascii=False, separators=(",", ":"))
                sizes += [count(told.text()), count(as_json)]
    assert len(sizes) >= 2 * 40
    assert max(sizes) <= 700


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_gets_both_forms_for_no_credit(era: Era) -> None:
    async with world() as it, Client(it.app.server, mode=era) as client:
        await client.call_tool("search_products", {"region": "US"})
        (product_id, *_) = await it.search("US")
        requests = len(it.requests)
        told = Told.of(await client.call_tool("get_product", {"product_id": product_id}))
        assert not told.is_error
        assert "Credits: 0 for this call (from the store); 1 today" in told.text
        assert told.structured is not None
        assert told.structured["credits"]["call"] == 0
        assert told.structured["facts"]["product_id"] == product_id
        assert len(it.requests) == requests


async def test_what_was_kept_is_there_after_a_restart() -> None:
    async with world() as it:
        (product_id, *_) = await it.search("US")
    async with world() as again:
        answer = await again.app.call("get_product", {"product_id": product_id, "region": "us"})
        assert answer.facts["product_id"] == product_id
        assert again.requests == []


# --- history ------------------------------------------------------------------------------------------------------


async def test_as_the_days_go_by_the_card_says_what_moved() -> None:
    async with world() as it:
        (product_id, *_) = await it.search("US")
        days = [DAY, DAY + timedelta(days=6), DAY + timedelta(days=7)]
        for day in days[1:]:
            it.day = day
            assert product_id in await it.search("US")
        answer = await it.app.call("get_product", {"product_id": product_id})
        history = answer.structured()["facts"]["seen"]
        assert (history["days"], history["first_day"]) == (3, "2026-11-22")
        assert list(history["change_since"]) == ["2026-11-22", "2026-11-28"]
        now = it.truth(product_id)
        for day in days[:2]:
            then, told = it.truth(product_id, day=day), history["change_since"][day.isoformat()]
            for name, field in (("creators", "total_ifl_cnt"), ("price_usd", "spu_avg_price")):
                change = now[field] / then[field] - 1
                assert told.get(name, 0) == pytest.approx(change, abs=0.01)
            units = now["total_sale_30d_cnt"] / then["total_sale_30d_cnt"] - 1
            assert told.get("units_30d", told.get("units_and_gmv_30d", 0)) == pytest.approx(units, abs=0.01)
        assert f"seen on 3 days since 2026-11-22. Since {DAY}: " in answer.text()
        assert "data of 2026-11-29" in answer.scope


async def test_one_day_is_no_history() -> None:
    async with world() as it:
        (product_id, *_) = await it.search("US")
        answer = await it.app.call("get_product", {"product_id": product_id})
        assert "History: seen on one day only, 2026-11-22; nothing to compare with." in answer.text()
        assert answer.structured()["facts"]["seen"] == {"days": 1, "first_day": "2026-11-22"}


async def test_the_search_that_an_old_card_names_brings_the_newer_state() -> None:
    async with world() as it:
        for product_id in (await it.search("US"))[:3]:
            it.day = DAY
            await it.search("US")
            it.day = DAY + timedelta(days=3)
            old = await it.app.call("get_product", {"product_id": product_id})
            assert "data of 2026-11-22" in old.scope
            words = old.next_step.removeprefix("a newer state: search_products ").removesuffix(" (1 credit a page).")
            arguments = dict(word.split("=") for word in words.split(" "))
            assert set(arguments) >= {"region", "min_first_crawl_dt", "max_first_crawl_dt"}
            assert product_id in await it.search(**arguments)
            new = await it.app.call("get_product", {"product_id": product_id})
            assert "data of 2026-11-25" in new.scope
            assert new.next_step == "compare_products sets it beside others."


# --- what is not there --------------------------------------------------------------------------------------------


async def test_an_unknown_id_says_that_there_is_no_look_up_and_which_search_would_find_it() -> None:
    async with world() as it, Client(it.app.server) as client:
        told = Told.of(await client.call_tool("get_product", {"product_id": "1729384501234567890"}))
        assert told.is_error
        assert told.text == (
            "Product 1729384501234567890 is not in the store, which holds what searches have shown; the service has no "
            "look-up by product id.\n"
            "Credits: none spent.\n"
            "Next: search_products with the region, category and filters that it falls under brings it in (1 credit a "
            "page); query_products finds by name what is there (0 credits): SELECT product_id, region, name FROM "
            "products WHERE name LIKE '%word%'."
        )
        assert it.requests == []


async def test_the_statement_that_it_names_works() -> None:
    async with world() as it:
        await it.search("US")
        error = await refusal(it.app, product_id="1729384501234567890")
        sql = error.next_step[error.next_step.index("SELECT") :].removesuffix(".").replace("word", "a")
        assert len((await it.app.call("query_products", {"sql": sql})).structured()["rows"]) > 0


async def test_an_id_that_lost_its_last_digits_finds_its_neighbour() -> None:
    async with world() as it:
        (product_id, *_) = await it.search("US")
        lost = str(int(float(product_id)))
        if lost == product_id:
            lost = str(int(product_id) - 100)
        error = await refusal(it.app, product_id=lost)
        assert f"There is {product_id} (US): digits at the end are lost" in error.what


async def test_an_id_of_another_region_is_named_with_that_region() -> None:
    async with world() as it:
        (product_id, *_) = await it.search("TH")
        error = await refusal(it.app, product_id=product_id, region="US")
        assert error.what == f"Product {product_id} is in the store for TH, not for US."
        assert error.next_step == "call again with region=TH."
        assert (await it.app.call("get_product", {"product_id": product_id})).facts["region"] == "TH"


@pytest.mark.parametrize(
    ("product_id", "reason"),
    [
        (1.7293845012345679e18, "must be text of digits; as a number it loses its last digits"),
        ("17293845012345678x0", "must be the digits of a product_id, as text"),
        ("1.729e18", "must be the digits of a product_id, as text"),
        (True, "must be the digits of a product_id, as text"),
        (["1729384501234567890"], "must be the digits of a product_id, as text"),
        ("9" * 26, "must be the digits of a product_id, as text"),
        ("١٢٣", "must be the digits of a product_id, as text"),
        (-5, "must be the digits of a product_id, as text"),
    ],
)
async def test_an_id_that_is_none_is_refused_with_the_reason(product_id: Any, reason: str) -> None:
    async with world() as it:
        error = await refusal(it.app, product_id=product_id)
        assert error.what.startswith(f"product_id: {reason}")
        assert it.requests == []


async def test_what_else_is_wrong_is_told_with_its_fix() -> None:
    async with world() as it:
        assert (await refusal(it.app)).what == "product_id: is required."
        assert "The nearest is product_id." in (await refusal(it.app, productid="1", product_id="1")).what
        assert "two-letter country code" in (await refusal(it.app, product_id="1", region="Mars")).what


async def test_digits_with_blanks_around_and_a_whole_number_are_taken() -> None:
    async with world() as it:
        (product_id, *_) = await it.search("US")
        for given in (f" {product_id} ", int(product_id)):
            answer = await it.app.call("get_product", {"product_id": given, "region": None})
            assert answer.facts["product_id"] == product_id


async def test_the_link_that_an_answer_gives_is_taken_for_the_product() -> None:
    async with world() as it:
        (product_id, *_) = await it.search("US")
        card = await it.app.call("get_product", {"product_id": product_id})
        again = await it.app.call("get_product", {"product_id": f" {card.facts['page']}?region=US "})
        assert again.facts["product_id"] == product_id
        error = await refusal(it.app, product_id="https://www.tiktok.com/@a/video/1729384501234567890")
        assert '(got "https://www.tiktok.com/@a/video/1729384501234567890").' in error.what


async def test_without_a_store_the_error_names_it(tmp_path: Any) -> None:
    home = tmp_path / "home"
    home.write_text("no directory")
    async with world() as it:
        with pytest.raises(StoreUnavailable):
            await it.app.call("get_product", {"product_id": "1729384501234567890"})


async def test_a_store_in_memory_has_cards_too() -> None:
    async with world(store="memory") as it:
        (product_id, *_) = await it.search("US")
        answer = await it.app.call("get_product", {"product_id": product_id})
        assert "of this process" in answer.text()
