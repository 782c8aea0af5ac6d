"""scan_products through the whole server: what it may spend, what it refuses, what it says, and how it tells how far
it is; its figures against plain arithmetic over the catalogue."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import anyio
import anyio.lowlevel
import httpx2 as httpx
import pytest
import stamina
from mcp import Client

from keyapi_mcp.api import limits
from keyapi_mcp.app import App
from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.errors import InvalidQuery, KeyApiMcpError, LimitReached, MissingKey, Offline, QuotaExhausted, TimedOut
from keyapi_mcp.query import PARAMETERS
from keyapi_mcp.sandbox.app import create_app
from keyapi_mcp.sandbox.catalogue import Catalogue
from keyapi_mcp.settings import read_settings
from keyapi_mcp.tools.scan_products import DESCRIPTION
from support.connections import ERAS, Era, Told, connected
from support.kept import Clock, open_app
from support.pages import Listing, rows
from support.sandbox_server import running_sandbox

pytestmark = pytest.mark.anyio

DAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCAN = {"region": "US"}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "_SLOW_INTERVAL_S", 0.001)
    with stamina.set_testing(True, attempts=10):
        yield


async def scan(app: App, **arguments: Any) -> Told:
    """As a client sees it, over the protocol."""
    async with Client(app.server) as client:
        told = Told.of(await client.call_tool("scan_products", SCAN | arguments))
    assert not told.is_error, told.text
    return told


async def refused(app: App, **arguments: Any) -> KeyApiMcpError:
    with pytest.raises(KeyApiMcpError) as caught:
        await app.call("scan_products", SCAN | arguments)
    return caught.value


def structured(told: Told) -> dict[str, Any]:
    assert told.structured is not None
    return told.structured


# --- what it may spend ----------------------------------------------------------------------------------------------


async def test_by_default_five_pages_are_read_for_five_credits_and_again_for_none() -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        first = await scan(app)
        assert sorted(listing.asked) == [1, 2, 3, 4, 5]
        assert "Credits: 5 for this call; 5 today, 195 left" in first.text
        assert "sample: 50 products of pages 1–5 · 0 delisted left out" in first.text
        again = await scan(app)
        assert len(listing.asked) == 5
        assert "Credits: 0 for this call (kept pages); 5 today" in again.text
        assert "5 of 5 pages kept, oldest from 2026-11-23 09:00 UTC (0 min ago)" in again.text
        assert structured(again)["facts"] == structured(first)["facts"]


async def test_a_page_that_a_search_has_read_is_not_paid_for_again() -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        await app.call("search_products", SCAN)
        assert (await app.call("scan_products", SCAN)).spending.call == 4
        assert (await app.call("search_products", SCAN | {"page_num": 5})).spending.call == 0


async def test_more_pages_than_a_call_may_pay_for_are_refused_with_both_ways_out() -> None:
    listing = Listing(rows(200))
    async with open_app(listing) as app:
        error = await refused(app, pages=11)
        assert isinstance(error, LimitReached)
        assert "KEYAPI_MCP_CREDITS_PER_CALL allows 10" in error.what
        assert "max_credits=10" in error.next_step
        assert "KEYAPI_MCP_CREDITS_PER_CALL raises the limit" in error.next_step
        assert listing.asked == []
        told = await scan(app, pages=11, max_credits=10)
        assert len(listing.asked) == 10
        assert "PARTIAL" in told.text
        assert "Partial: page 11 of 11 could not be read: max_credits was spent." in told.text
        assert "Next: the same call again reads on and pays only for what is missing (1 credit at most)." in told.text
        told = await scan(app, pages=11, max_credits=10)
        assert "PARTIAL" not in told.text
        assert len(listing.asked) == 11


async def test_max_credits_above_the_limit_of_a_call_is_refused_with_the_settings_name() -> None:
    listing = Listing(rows(200))
    async with open_app(listing) as app:
        error = await refused(app, pages=2, max_credits=11)
        assert isinstance(error, LimitReached)
        assert "max_credits=11 is above KEYAPI_MCP_CREDITS_PER_CALL, which allows 10" in error.what
        assert listing.asked == []
    async with open_app(listing, credits_per_call="off") as app:
        await scan(app, pages=12, max_credits=11)
        assert len(listing.asked) == 11


async def calls_waiting(app: App, count: int) -> None:
    """Until so many calls wait for pages that are asked for. Looking into the store first takes a thread its time."""
    flights = app._running_services().pages._flights
    with anyio.fail_after(20):
        while sum(flight.waiting for flight in flights.values()) != count:
            await anyio.lowlevel.checkpoint()


async def test_the_limit_of_one_call_ends_no_other_call_that_waits_for_the_same_page() -> None:
    listing = Listing(rows(100), held={2, 9})
    told: dict[str, Told] = {}

    async def call(name: str, tool: str, **arguments: Any) -> None:
        async with Client(app.server) as client:
            told[name] = Told.of(await client.call_tool(tool, SCAN | arguments))

    async with open_app(listing, max_in_flight=2) as app:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: call("elsewhere", "search_products", page_num=9))
            await listing.requests(1)
            tasks.start_soon(lambda: call("small", "scan_products", pages=3, max_credits=2))
            # Page 2 is under way; page 3, for which nothing will be left, waits for its turn.
            await listing.requests(3)
            tasks.start_soon(lambda: call("search", "search_products", page_num=3))
            tasks.start_soon(lambda: call("large", "scan_products", pages=5, max_credits=5))
            # Page 9 for one call, page 2 for two, page 3 for three.
            await calls_waiting(app, 6)
            listing.release()
        assert sorted(listing.asked) == [1, 2, 3, 4, 5, 9]
        for name in ("elsewhere", "search", "large"):
            assert not told[name].is_error, told[name].text
            assert "PARTIAL" not in told[name].text
        assert "Partial: page 3 of 3 could not be read: max_credits was spent." in told["small"].text
        spent = {name: structured(one)["credits"]["call"] for name, one in told.items()}
        assert (spent["small"], spent["elsewhere"], spent["search"] + spent["large"]) == (2, 1, 3)


async def test_a_failure_is_tried_again_for_whoever_may_pay_for_it_though_the_first_caller_may_not() -> None:
    listing = Listing(rows(10), held={1}, failing={1: httpx.Response(503)})
    errors, answers = [], []

    async def failing_once(request: httpx.Request) -> httpx.Response:
        answer = await listing(request)
        listing.failing.clear()
        return answer

    async def scan_for_one_credit() -> None:
        errors.append(await refused(app, pages=1, max_credits=1))

    async def search() -> None:
        answers.append(await app.call("search_products", SCAN))

    async with open_app(failing_once) as app:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(scan_for_one_credit)
            await listing.requests(1)
            tasks.start_soon(search)
            await calls_waiting(app, 2)
            listing.release()
        assert [error.maybe_spent for error in errors] == [1]
        assert [(one.spending.call, len(one.structured()["rows"])) for one in answers] == [(1, 10)]


async def test_max_credits_0_tells_what_is_kept_however_old_with_its_age_and_without_a_key() -> None:
    listing, clock = Listing(rows(80)), Clock()
    async with open_app(listing, clock) as app:
        await scan(app, pages=2)
    clock.pass_days(3)
    async with open_app(listing, clock, token=None) as app:
        told = await scan(app, pages=3, max_credits=0)
        assert len(listing.asked) == 2
        assert "STALE: 2 of 2 pages, oldest from 2026-11-23 09:00 UTC (3 d ago)" in told.text
        assert "data of about 2026-11-22 (T+1)" in told.text
        assert "Partial: page 3 of 3 could not be read: they are not kept, and max_credits=0" in told.text
        assert "Next: a call with max_credits=3 reads what is missing or old (3 credits at most)." in told.text
        assert "Credits: 0 for this call (kept pages)" in told.text


async def test_max_credits_0_with_nothing_kept_is_an_error_and_no_empty_result() -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        error = await refused(app, max_credits=0)
        assert isinstance(error, InvalidQuery)
        assert "This is not an empty result." in error.what
        assert listing.asked == []


async def test_offline_gives_what_is_kept_and_else_says_so() -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        await scan(app, pages=2)
    async with open_app(listing, offline=True) as app:
        told = await scan(app, pages=3)
        assert "KEYAPI_MCP_OFFLINE forbids asking." in told.text
        assert isinstance(await refused(app, region="GB"), Offline)
    assert len(listing.asked) == 2


async def test_the_days_limit_ends_a_scan_and_is_named() -> None:
    listing = Listing(rows(80))
    async with open_app(listing, credits_per_day=3) as app:
        told = await scan(app)
        assert len(listing.asked) == 3
        assert "KEYAPI_MCP_CREDITS_PER_DAY" in told.text
        assert "Credits: 3 for this call; 3 today, 0 left" in told.text


# --- failures -------------------------------------------------------------------------------------------------------


async def test_a_failure_half_way_is_named_beside_what_was_paid_for() -> None:
    listing = Listing(rows(80), failing={3: httpx.Response(402)})
    async with open_app(listing, max_in_flight=1) as app:
        told = await scan(app)
        assert listing.asked == [1, 2, 3]
        answer = structured(told)
        assert "sample: 20 products of pages 1–2, PARTIAL" in answer["scope"]
        (named,) = [note for note in answer["notes"] if note.startswith("Partial: pages 3–5 of 5 could not be read: ")]
        assert named in told.text
        assert answer["credits"]["call"] == 2
        assert "The same call then pays only for what is missing (3 credits at most)." in answer["next"]


async def test_nothing_at_all_is_the_failure_itself() -> None:
    listing = Listing(rows(80), failing={1: httpx.Response(402)})
    async with open_app(listing) as app:
        assert isinstance(await refused(app), QuotaExhausted)
        assert listing.asked == [1]
    async with open_app(listing, token=None) as app:
        assert isinstance(await refused(app), MissingKey)


async def test_a_failed_request_that_may_be_billed_is_told_as_unknown() -> None:
    listing = Listing(rows(80), failing={2: httpx.Response(501)})
    async with open_app(listing, max_in_flight=1) as app:
        told = await scan(app)
        assert "Credits: 1 + 0–1 (unknown) for this call; 2 today (1 of them unknown)" in told.text
        assert structured(told)["credits"]["call_unknown"] == 1


async def test_at_the_end_of_its_time_it_says_that_it_is_partial_and_how_to_go_on() -> None:
    listing = Listing(rows(80), held={2, 3, 4, 5})
    async with open_app(listing, total_timeout_s=1) as app:
        told = await scan(app)
        assert "Partial: pages 2–5 of 5 could not be read: the time for one call was over." in told.text
        assert "Next: the same call again reads on and pays only for what is missing (4 credits at most)." in told.text
        assert "Credits: 1 + 0–4 (unknown) for this call" in told.text
        listing.release()


async def test_no_page_in_time_is_an_error() -> None:
    listing = Listing(rows(80), held={1})
    async with open_app(listing, total_timeout_s=0.5) as app:
        error = await refused(app)
        assert isinstance(error, TimedOut)
        assert error.maybe_spent == 1
        listing.release()


@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_call_sends_nothing_more(era: Era) -> None:
    listing = Listing(rows(500), held=set(range(2, 51)))
    async with open_app(listing, credits_per_call="off") as app, Client(app.server, mode=era) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "scan_products", SCAN | {"pages": 50})
            await listing.requests(5)
            tasks.cancel_scope.cancel()
        # The server has heard of it before it hears this.
        await client.call_tool("get_usage", {})
        listing.release()
        told = Told.of(await client.call_tool("scan_products", SCAN | {"pages": 5}))
        assert "Credits: 0 for this call" in told.text
        assert sorted(listing.asked) == [1, 2, 3, 4, 5]


# --- what it refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"pages": 0}, "pages: input should be greater than or equal to 1"),
        ({"pages": 51}, "pages: input should be less than or equal to 50"),
        ({"pages": "many"}, "pages: must be a number"),
        ({"max_credits": -1}, "max_credits: input should be greater than or equal to 0"),
        ({"exclude_delisted": "perhaps"}, "exclude_delisted: "),
        ({"page_num": 2}, "page_num: a scan reads whole pages from the first on; pages says how many."),
        ({"page_size": 5}, "page_size: a scan reads whole pages"),
        ({"limit": 5}, "limit: a scan reads whole pages"),
        ({"keyword": "lip oil"}, "there is no keyword search"),
        ({"max_credit": 5}, "The nearest is max_credits."),
        ({"min_price": 5}, "The nearest is min_spu_avg_price."),
        ({"nonsense_xyz": 5}, "There are: pages, max_credits, exclude_delisted, region, category_id"),
        ({"product_sort_field": 9}, "product_sort_field: "),
        ({"region": "Atlantis"}, "region: "),
    ],
    ids=str,
)
async def test_what_cannot_be_meant_is_refused_for_nothing(arguments: dict[str, Any], expected: str) -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        error = await refused(app, **arguments)
        assert isinstance(error, InvalidQuery)
        assert expected in error.what
        assert "page_num," not in error.what
        assert listing.asked == []


async def test_mistakes_of_both_kinds_are_told_at_once() -> None:
    async with open_app(Listing([])) as app:
        error = await refused(app, pages=99, min_product_rating=9, page_num=3)
        assert len(error.what.splitlines()) == 3
        error = await refused(app, page=99, max_credit=-1, category="Beauty", exclude_delisted="maybe", region="Mars")
        assert [line.split(":")[0].strip('"') for line in error.what.splitlines()] == [
            "page",
            "exclude_delisted",
            "max_credit",
            "category",
            "region",
            "category_id",
        ]


async def test_the_number_of_pages_by_another_name_is_judged_at_once() -> None:
    async with open_app(Listing([])) as app:
        first, second = (await refused(app, num_pages=99)).what.splitlines()
        assert first == "num_pages: a scan reads whole pages from the first on; pages says how many."
        assert second == "pages: input should be less than or equal to 50 (got 99)."
        assert len((await refused(app, max_pages=99, num_pages=None)).what.splitlines()) == 2
        assert len((await refused(app, num_pages=99, pages=2)).what.splitlines()) == 1
        assert len((await refused(app, num_pages=9)).what.splitlines()) == 1


async def test_too_many_pages_are_refused_with_the_credits_that_the_most_pages_need() -> None:
    listing = Listing(rows(80))
    async with open_app(listing, credits_per_call=3) as app:
        error = await refused(app, pages=200)
        assert isinstance(error, InvalidQuery)
        assert "less than or equal to 50" in error.what
        assert error.next_step == (
            "call again with these corrected; above 3 pages, max_credits=3 is needed too, and the same call again "
            "reads on."
        )
        await scan(app, pages=50, max_credits=3)
    async with open_app(listing, credits_per_call="off") as app:
        assert (await refused(app, pages=200)).next_step == "call again with these corrected."


async def test_numbers_as_text_and_category_names_are_read() -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        told = await scan(
            app, pages="2", max_credits="2", exclude_delisted="false", category_id="Beauty & Personal Care"
        )
        assert "Beauty & Personal Care (601450)" in told.text
        assert "delisted left out" not in told.text
        assert sorted(listing.asked) == [1, 2]


# --- what it says ---------------------------------------------------------------------------------------------------


async def test_delisted_products_are_left_out_unless_they_are_wanted() -> None:
    products = rows(20)
    for number in (0, 4, 12):
        products[number]["off_mark"] = 2
    async with open_app(Listing(products)) as app:
        without = await scan(app, pages=2)
        assert "sample: 17 products of pages 1–2" in without.text
        assert "3 delisted left out" in without.text
        assert "Delisted: 3 of 20 read (15 %)" in without.text
        assert structured(without)["rows"][0][0] == products[1]["product_id"]
        with_them = await scan(app, pages=2, exclude_delisted=False)
        assert "sample: 20 products" in with_them.text
        assert structured(with_them)["facts"]["delisted_share"] == 0.15
        assert structured(with_them)["rows"][0][0] == products[0]["product_id"]


async def test_an_empty_list_names_the_filters_and_shows_no_figures() -> None:
    async with open_app(Listing([])) as app:
        told = await scan(app, min_product_rating=4.9)
        assert "sample: 0 products of page 1, the list ends there" in told.text
        assert "no product matches all of: rating ≥ 4.9." in told.text
        assert "Sample totals" not in told.text
        assert "facts" not in structured(told)
        assert structured(told)["rows"] == []


async def test_the_answer_is_the_same_in_both_eras_and_both_forms_say_the_same() -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        await scan(app)
        answers = []
        for era in ERAS:
            async with Client(app.server, mode=era) as client:
                answers.append(Told.of(await client.call_tool("scan_products", SCAN)))
    assert answers[0] == answers[1]
    told, answer = answers[0], structured(answers[0])
    lines = told.text.splitlines()
    assert lines[0] == answer["scope"]
    assert all(note in lines for note in answer["notes"])
    assert answer["next"] in told.text
    table = [line.split("|") for line in lines if "|" in line]
    assert "|".join(table[0]) == "#|product_id|product|price $|u30|gmv30 $|growth %|creators|comm %|$/sale|stage"
    assert [cells[1] for cells in table[1:]] == [row[0] for row in answer["rows"]]
    assert [cells[-1] for cells in table[1:]] == [row[-1] for row in answer["rows"]]
    assert len(answer["rows"]) == 10
    assert "a lower bound of the market, because the sort chose the sample" in told.text
    assert answer["facts"]["totals_are"] == "a lower bound of the market, because the sort chose the sample"


SECTIONS = (
    "Sample totals in 30 d: ",
    "Price (products, % of GMV, median GMV $): ",
    "Concentration within the sample, top 1/3/10 % of GMV: by product ",
    "New, % of GMV: first seen < 30 d ",
    "Channels video/live/other % of GMV: ",
    "Commission quartiles %: ",
    "Products by creators: <30 ",
    "Stages: ",
    "Delisted: ",
)


def sandbox_app(**settings: Any) -> App:
    return App(
        read_settings(
            **{"sandbox": True, "min_interval_s": 0, "credits_per_call": "off", "credits_per_day": "off"} | settings
        ),
        upstream=httpx.ASGITransport(create_app(products=4000, today=lambda: DAY)),
        clock=lambda: NOON,
    )


async def test_every_answer_is_at_most_1300_tokens_in_either_form_and_has_every_section() -> None:
    tokens = token_counter()
    assert tokens is not None
    app = sandbox_app(store="memory")
    async with app.running():
        for region in ("US", "GB", "TH", "VN", "ID", "JP", "MX", "DE"):
            for pages in (5, 50):
                answer = await app.call("scan_products", {"region": region, "pages": pages, "category_id": "601450"})
                text = answer.text()
                compact = json.dumps(answer.structured(), ensure_ascii=False, separators=(",", ":"))
                assert tokens(text) <= 1_300, (region, pages)
                assert tokens(compact) <= 1_300, (region, pages)
                assert len(answer.structured()["rows"]) == 10
                for section in SECTIONS:
                    assert f"\n{section}" in text, (region, pages, section)
                found = [note for note in answer.notes if note.startswith("Finding: ")]
                assert 3 <= len(found) <= 5


async def test_a_question_of_every_filter_shows_fewer_rows_and_says_so() -> None:
    tokens = token_counter()
    assert tokens is not None
    bounds: dict[str, Any] = {name: 0.001 for name in PARAMETERS if name.startswith("min_") and "rate" in name}
    bounds |= {name: 1 for name in PARAMETERS if name.startswith("min_") and name not in bounds}
    bounds |= {name: 123_456_789_012 for name in PARAMETERS if name.startswith("max_")}
    bounds |= {"max_product_commission_rate": 1, "max_product_rating": 5}
    bounds |= {"min_first_crawl_dt": 20200101, "max_first_crawl_dt": 20261231}
    app = sandbox_app(store="memory")
    async with app.running():
        answer = await app.call(
            "scan_products", {"region": "US", "pages": 5, "is_s_shop": 0, "category_id": "601450", **bounds}
        )
    shown = len(answer.structured()["rows"])
    assert 3 <= shown < 10
    assert f"Only {shown} of the 10 best rows are shown, for room." in answer.notes
    for form in (answer.text(), json.dumps(answer.structured(), ensure_ascii=False, separators=(",", ":"))):
        assert tokens(form) <= 1_300


def test_the_description_is_at_most_90_tokens() -> None:
    tokens = token_counter()
    assert tokens is not None
    assert tokens(DESCRIPTION) <= 90


# --- its figures, computed another way ------------------------------------------------------------------------------


async def test_the_figures_are_those_of_plain_arithmetic_over_the_catalogue() -> None:
    app = sandbox_app()
    async with app.running():
        facts = (await app.call("scan_products", {"region": "US", "pages": 30})).structured()["facts"]
    # The catalogue's own numbers; nothing of the package's formulas.
    market = [one.fields | {"id": one.listing.product_id} for one in Catalogue(4000).on("US", DAY)]
    market.sort(key=lambda one: one["total_sale_gmv_30d_amt"], reverse=True)
    read = market[:300]
    sample = [one for one in read if one["off_mark"] < 2]
    gmv = sum(one["total_sale_gmv_30d_amt"] for one in sample)
    assert facts["products"] == len(sample)
    assert facts["delisted"] == len(read) - len(sample)
    assert facts["units_30d"] == sum(one["total_sale_30d_cnt"] for one in sample)
    assert facts["gmv_30d_usd"] == pytest.approx(gmv, abs=1)

    bands = {"$20–50": (20, 50), "from $100": (100, 10**9)}
    for name, (low, high) in bands.items():
        inside = [one["total_sale_gmv_30d_amt"] for one in sample if low <= one["spu_avg_price"] < high]
        assert facts["price_bands"][name] == [
            len(inside),
            pytest.approx(sum(inside) / gmv, abs=0.0006),
            pytest.approx(statistics.median(inside), abs=1),
        ]

    by_seller: dict[str, float] = {}
    for one in sample:
        by_seller[one["seller_id"]] = by_seller.get(one["seller_id"], 0) + one["total_sale_gmv_30d_amt"]
    shares = sorted((amount / gmv for amount in by_seller.values()), reverse=True)
    assert facts["by_seller"]["sellers"] == len(shares)
    assert facts["by_seller"]["top_1"] == pytest.approx(shares[0], abs=0.0006)
    assert facts["by_seller"]["top_10"] == pytest.approx(sum(shares[:10]), abs=0.0006)
    assert facts["by_seller"]["hhi"] == round(sum((100 * share) ** 2 for share in shares))
    assert facts["by_product"]["top_3"] == pytest.approx(
        sum(one["total_sale_gmv_30d_amt"] for one in sample[:3]) / gmv, abs=0.0006
    )

    def seen(one: dict[str, Any]) -> int:
        return (DAY - datetime.strptime(str(one["first_crawl_dt"]), "%Y%m%d").date()).days

    for days in (30, 90):
        new = sum(one["total_sale_gmv_30d_amt"] for one in sample if 0 <= seen(one) < days)
        assert facts["new_gmv_share"][f"{days}d"] == pytest.approx(new / gmv, abs=0.0006)

    low, high = (sum(one["total_ifl_cnt"] < 30 for one in sample), sum(one["total_ifl_cnt"] > 100 for one in sample))
    assert (facts["creators"]["<30"], facts["creators"][">100"]) == (low, high)
    assert sum(facts["creators"].values()) == len(sample)
    assert sum(facts["stages"].values()) == len(sample)

    sound = [
        one
        for one in sample
        if one["total_video_sale_gmv_30d_amt"] + one["total_live_sale_gmv_30d_amt"]
        <= 1.02 * one["total_sale_gmv_30d_amt"]
    ]
    whole = sum(one["total_sale_gmv_30d_amt"] for one in sound)
    video = sum(one["total_video_sale_gmv_30d_amt"] for one in sound)
    assert facts["channels"]["video"] == pytest.approx(video / whole, abs=0.0006)

    rates = [one["product_commission_rate"] for one in sample if one["product_commission_rate"]]
    assert facts["commission_quartiles"][1] == pytest.approx(statistics.median(rates), abs=0.0006)


# --- how far it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_progress_is_told_in_words_to_those_who_ask(era: Era) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with open_app(Listing(rows(80))) as app, Client(app.server, mode=era) as client:
        await client.call_tool("scan_products", SCAN, progress_callback=progress)
    assert told == [(number, 5, f"{number} of 5 pages read") for number in range(1, 6)]


@pytest.mark.parametrize("era", ERAS)
async def test_progress_comes_over_stdio(era: Era) -> None:
    told: list[str | None] = []
    done = anyio.Event()

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)
        if progress == total:
            done.set()

    with running_sandbox(products=300) as sandbox:
        async with connected("stdio", era, sandbox) as connection:
            with anyio.fail_after(30):
                arguments = SCAN | {"pages": 3}
                result = Told.of(
                    await connection.client.call_tool("scan_products", arguments, progress_callback=progress)
                )
                assert not result.is_error, result.text
                await done.wait()
        assert len(sandbox.requests) == 3
    assert told == [f"{number} of 3 pages read" for number in (1, 2, 3)]
