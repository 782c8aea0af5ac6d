"""The ten questions that people type, each answered by the tool path a model would take, against plain arithmetic over
the catalogue's own figures; and what this source cannot answer, said with the nearest number that it can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from typing import Any, Final

import pytest

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.reference.absent import ABSENT
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.sandbox.catalogue import Catalogue
from keyapi_mcp.store.views import COLUMNS
from support.by_hand import followed, growth, momentum
from support.changing_world import World, world
from support.sandbox_server import DAY, RunningSandbox, running_sandbox

pytestmark = pytest.mark.anyio

PRODUCTS: Final = 1_500
TRUTH: Final = Catalogue(PRODUCTS)
BEAUTY: Final = "601450"
STAGES: Final = "SELECT product_id, stage, follow_window FROM products ORDER BY product_id LIMIT 1000"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=PRODUCTS) as running:
        yield running


def asking(sandbox: RunningSandbox) -> AbstractAsyncContextManager[World]:
    return world(sandbox, credits_per_call="off", min_interval_s=0, credits_per_day=200)


def truth(day: date = DAY, region: str = "US") -> list[Row]:
    """Every product of the market, as the service's fields."""
    return [one.fields | {"product_id": one.listing.product_id} for one in TRUTH.on(region, day)]


def largest(rows: Sequence[Row], field: str, most: int) -> list[Row]:
    return sorted(rows, key=lambda row: -row[field])[:most]


def ids(answer: Answer) -> list[str]:
    content = answer.structured()
    return [row[content["columns"].index("product_id")] for row in content["rows"]]


def cells(answer: Answer, column: str) -> list[Any]:
    content = answer.structured()
    return [row[content["columns"].index(column)] for row in content["rows"]]


def pays(row: Row) -> float:
    return float(row["spu_avg_price"] * row["product_commission_rate"])


def as_ids(rows: Sequence[Row]) -> list[str]:
    return [row["product_id"] for row in rows]


# --- the ten --------------------------------------------------------------------------------------------------------


async def test_what_is_breaking_out_right_now(served: RunningSandbox) -> None:
    async with asking(served) as here:
        answer = await here.ask("run_recipe", recipe="breaking-out", region="US")
    rising = [
        row
        for row in truth()
        if row["sales_trend_flag"] == 1 and row["sales_flag"] == 1 and row["total_sale_30d_cnt"] >= 300
    ]
    sample = largest(rising, "total_sale_7d_cnt", 50)
    fits = [row for row in sample if (found := growth(row)) is not None and found > 0.3 and (momentum(row) or 0) > 1.3]
    wanted = [row for row in fits if row["off_mark"] < 2][:10]
    assert len(wanted) >= 3
    assert ids(answer) == as_ids(wanted)
    assert cells(answer, "growth_7d") == [pytest.approx(growth(row), abs=0.01) for row in wanted]


async def test_the_ten_best_sellers_of_thirty_days(served: RunningSandbox) -> None:
    async with asking(served) as here:
        answer = await here.ask("search_products", region="US", product_sort_field=5)
    wanted = largest(truth(), "total_sale_30d_cnt", 10)
    assert ids(answer) == as_ids(wanted)
    assert cells(answer, "units_30d") == [row["total_sale_30d_cnt"] for row in wanted]


async def test_which_products_pay_a_high_commission(served: RunningSandbox) -> None:
    async with asking(served) as here:
        answer = await here.ask("run_recipe", recipe="high-commission", region="US")
    paying = [row for row in truth() if row["product_commission_rate"] >= 0.1]
    sample = largest(paying, "total_sale_30d_cnt", 40)
    wanted = [row for row in sample if pays(row) >= 1 and row["off_mark"] < 2][:10]
    assert len(wanted) == 10
    assert ids(answer) == as_ids(wanted)
    assert cells(answer, "usd_per_sale") == [pytest.approx(pays(row), abs=0.01) for row in wanted]


async def test_new_products_that_blow_up(served: RunningSandbox) -> None:
    async with asking(served) as here:
        answer = await here.ask("run_recipe", recipe="new-and-rising", region="US")
    since = int(f"{DAY - timedelta(days=60):%Y%m%d}")
    new = [row for row in truth() if row["first_crawl_dt"] >= since and row["sales_trend_flag"] == 1]
    sample = [row for row in largest(new, "total_sale_30d_cnt", 30) if row["off_mark"] < 2]
    wanted = [row for row in sample if row["total_sale_30d_cnt"] >= 1_000] or sample
    assert wanted
    assert ids(answer) == as_ids(wanted[:10])


async def test_cheap_but_sold_in_volume(served: RunningSandbox) -> None:
    async with asking(served) as here:
        answer = await here.ask("run_recipe", recipe="low-price-volume", region="US")
    cheap = [row for row in truth() if row["spu_avg_price"] <= 10 and row["total_sale_cnt"] >= 5_000]
    sample = largest(cheap, "total_sale_cnt", 40)
    wanted = [row for row in sample if row["total_sale_7d_cnt"] > 0 and row["off_mark"] < 2][:10]
    assert len(wanted) >= 3
    assert ids(answer) == as_ids(wanted)


async def test_can_i_still_follow_this_one(served: RunningSandbox) -> None:
    """Of every product of the market, in the store's columns; and of one of each kind, on its card."""
    wanted = {row["product_id"]: followed(row, DAY) for row in truth()}
    one_of_each = {kind: product_id for product_id, kind in wanted.items()}
    assert {stage for stage, _ in one_of_each} == {"New", "Growth", "Viral", "Declining", "Steady", "Unclear"}
    assert {window for _, window in one_of_each} == {"unvalidated", "open", "narrowing", "closed", None}
    told: dict[str, tuple[str, str | None]] = {}
    async with asking(served) as here:
        scan = await here.ask("scan_products", region="US", pages=50, exclude_delisted=False)
        assert scan.facts["stages"] == Counter(stage for stage, _ in wanted.values())
        asked = len(served.requests)
        for start in range(0, len(wanted), 100):
            part = await here.ask("query_products", sql=f"{STAGES} OFFSET {start}", limit=100)
            told |= {product_id: (stage, window) for product_id, stage, window in part.structured()["rows"]}
        for kind, product_id in one_of_each.items():
            facts = (await here.ask("get_product", product_id=product_id)).facts
            assert (facts["stage"], facts.get("follow_window")) == kind, product_id
        assert len(served.requests) == asked
    assert told == wanted


async def test_which_niches_in_beauty_are_not_yet_monopolised(served: RunningSandbox) -> None:
    in_beauty = [row for row in truth() if row["category_id"] == BEAUTY]
    async with asking(served) as here:
        beauty = cells(await here.ask("find_categories", text="beauty"), "id")[0]
        assert beauty == BEAUTY
        below = await here.ask("find_categories", text=beauty)
        named = zip(cells(below, "parameter"), cells(below, "id"), strict=True)
        niches = [identifier for parameter, identifier in named if parameter == "category_l2_id"]
        sold = Counter(row["category_l2_id"] for row in in_beauty if row["category_l2_id"] != "0")
        assert set(sold) <= set(niches)
        for niche in [one for one in niches if sold[one]][:4]:
            answer = await here.ask("scan_products", region="US", category_l2_id=niche, exclude_delisted=False)
            sample = largest([row for row in in_beauty if row["category_l2_id"] == niche], "total_sale_gmv_30d_amt", 50)
            amounts = [row["total_sale_gmv_30d_amt"] for row in sample]
            held = answer.facts["by_product"]
            assert held["top_3"] == pytest.approx(sum(sorted(amounts)[-3:]) / sum(amounts), abs=0.001)
            hhi = sum((100 * amount / sum(amounts)) ** 2 for amount in amounts)
            assert held["hhi"] == pytest.approx(hhi, abs=1)
            assert answer.facts["products"] == len(sample)


async def test_compare_these_and_why_do_they_sell(served: RunningSandbox) -> None:
    async with asking(served) as here:
        chosen = ids(await here.ask("search_products", region="US"))[:4]
        answer = await here.ask("compare_products", product_ids=chosen)
    by_id = {row["product_id"]: row for row in truth()}
    content = answer.structured()
    metrics = {row[0]: row[1:5] for row in content["rows"]}
    for name, field in (("video_share", "total_video_sale_gmv_30d_amt"), ("live_share", "total_live_sale_gmv_30d_amt")):
        wanted = [by_id[one][field] / by_id[one]["total_sale_gmv_30d_amt"] for one in chosen]
        assert metrics[name] == pytest.approx(wanted, abs=0.01)
    assert metrics["units_30d"] == [by_id[one]["total_sale_30d_cnt"] for one in chosen]


async def test_what_changed_since_last_week_in_my_list(served: RunningSandbox) -> None:
    async with asking(served) as here:
        listed = ids(await here.ask("search_products", region="US"))
        watched = listed[:5]
        await here.ask("watch_products", action="add", product_ids=watched)
        here.go_to(7)
        for page in (1, 2):  # a week later some of them stand elsewhere
            await here.ask("search_products", region="US", page_num=page)
        answer = await here.ask("get_changes", scope="watch", since="7d")
    before = {row["product_id"]: row for row in truth()}
    now = {row["product_id"]: row for row in truth(DAY + timedelta(days=7))}
    page_of = [row["product_id"] for row in largest(list(now.values()), "total_sale_gmv_30d_amt", 20)]
    again = [one for one in watched if one in page_of]
    assert len(again) >= 3
    told = dict(zip(ids(answer), cells(answer, "units_30d_change"), strict=True))
    for one in again:
        change = now[one]["total_sale_30d_cnt"] / before[one]["total_sale_30d_cnt"] - 1
        if abs(change) >= 0.011:
            assert told[one] == pytest.approx(change, abs=0.002)
        elif abs(change) < 0.009:
            assert told[one] is None
    assert set(told) == set(watched)


async def test_how_many_credits_are_left_within_my_limits(served: RunningSandbox) -> None:
    async with asking(served) as here:
        for region in ("US", "TH", "US"):
            await here.ask("search_products", region=region)
        answer = await here.ask("get_usage")
        assert len(served.requests) == 2
    assert answer.structured()["credits"]["today"] == 2
    assert answer.structured()["credits"]["left"] == 198


# --- what it cannot answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", ABSENT, ids=[one.what for one in ABSENT])
async def test_what_is_not_in_this_source_is_said_with_the_nearest_number(one: Any, served: RunningSandbox) -> None:
    async with asking(served) as here:
        await here.ask("search_products", region="US")
        for name in sorted(one.names):
            for tool, arguments in (
                ("search_products", {"region": "US", name: "x"}),
                ("query_products", {"sql": f"SELECT {name} FROM products"}),
            ):
                with pytest.raises(InvalidQuery) as refused:
                    await here.ask(tool, **arguments)
                told = f"{refused.value.what} {refused.value.next_step}"
                assert f"{one.what}: not in this source. The nearest: {one.nearest}." in told, (tool, name)
        assert len(served.requests) == 1
    # The nearest is there: a column, or a tool.
    there = {*COLUMNS["products"], "get_usage"}
    assert [word for word in one.nearest.replace(",", "").split() if word in there]


async def test_there_is_no_keyword_search_and_the_nearest_categories_are_named(served: RunningSandbox) -> None:
    async with asking(served) as here:
        with pytest.raises(InvalidQuery) as refused:
            await here.ask("search_products", region="US", keyword="lipstick")
        assert not served.requests
    assert "there is no keyword search at this service" in refused.value.what
    assert "category_l3_id" in refused.value.what
