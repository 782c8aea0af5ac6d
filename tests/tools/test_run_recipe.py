"""run_recipe through the whole server: what it asks for, what it may spend, what it keeps and tells; its counts against
plain arithmetic over the catalogue."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import stamina
from mcp import Client

from keyapi_mcp.api import limits
from keyapi_mcp.app import App
from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.errors import InvalidQuery, KeyApiMcpError, LimitReached, QuotaExhausted, StoreUnavailable, TimedOut
from keyapi_mcp.recipes.loading import shipped, shipped_names
from keyapi_mcp.recipes.overrides import names as overridable
from keyapi_mcp.research.turnover import RecipeRun
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.sandbox.catalogue import Catalogue
from keyapi_mcp.store import finds
from keyapi_mcp.store.store import Store
from keyapi_mcp.tools.run_recipe import DESCRIPTION
from support.connections import ERAS, Told
from support.kept import Clock, open_app, product_id
from support.pages import Listing, rows
from support.sandbox_server import DAY, RunningSandbox, running_sandbox
from support.service import settings_for

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PRODUCTS = 4_000


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "_SLOW_INTERVAL_S", 0.001)
    with stamina.set_testing(True, attempts=10):
        yield


@pytest.fixture(scope="module")
def catalogue_served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=PRODUCTS) as running:
        yield running


@pytest.fixture
def sandbox(catalogue_served: RunningSandbox) -> RunningSandbox:
    catalogue_served.reset()
    return catalogue_served


@asynccontextmanager
async def app_at(sandbox: RunningSandbox) -> AsyncIterator[App]:
    app = App(settings_for(sandbox.url, credits_per_day="off", credits_per_month="off"), clock=lambda: NOON)
    async with app.running():
        yield app


@dataclass(eq=False)
class Asked(Listing):
    """A listing that remembers what was asked of it."""

    questions: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.questions.append(dict(request.url.params))
        return await super().__call__(request)


def growing() -> list[dict[str, Any]]:
    """Fifteen products that grow, ten that do not, and five of which it cannot be told."""
    products = rows(30)
    for number, one in enumerate(products):
        if number < 15:
            one |= {"total_sale_7d_cnt": 600, "total_sale_15d_cnt": 700, "total_sale_30d_cnt": 1_000}
        else:
            one["total_sale_15d_cnt"] = 400 if number < 25 else one["total_sale_7d_cnt"]
    return products


async def run(app: App, recipe: str | None = None, **arguments: Any) -> Answer:
    return await app.call("run_recipe", ({} if recipe is None else {"recipe": recipe, "region": "US"}) | arguments)


async def refused(app: App, **arguments: Any) -> KeyApiMcpError:
    with pytest.raises(KeyApiMcpError) as caught:
        await app.call("run_recipe", arguments)
    return caught.value


def own_file(text: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / "recipes.toml").write_text(text, encoding="utf-8")


# --- what it asks for -----------------------------------------------------------------------------------------------

SENT: dict[str, dict[str, str]] = {
    "breaking-out": {"sales_trend_flag": "1", "sales_flag": "1", "min_total_sale_30d_cnt": "300", "sort": "4"},
    "new-and-rising": {"min_first_crawl_dt": "20260923", "sales_trend_flag": "1", "sort": "5"},
    "high-commission": {"min_product_commission_rate": "0.1", "sort": "5"},
    "hidden-gem": {
        "min_total_sale_30d_cnt": "200",
        "max_total_ifl_cnt": "50",
        "min_product_commission_rate": "0.1",
        "sort": "4",
    },
    "creator-hot": {"min_total_ifl_cnt": "50", "min_total_views_cnt": "1000000", "sort": "7"},
    "low-price-volume": {"max_spu_avg_price": "10", "min_total_sale_cnt": "5000", "sort": "1"},
    "free-shipping-few-videos": {"free_shipping": "1", "max_total_video_cnt": "30", "sort": "4"},
    "video-viral": {"sales_flag": "1", "min_total_views_cnt": "100000", "sort": "4"},
    "live-sellers": {"sales_flag": "2", "sort": "7"},
    "proven-and-open": {
        "min_total_sale_30d_cnt": "1000",
        "min_product_rating": "4.3",
        "min_review_count": "50",
        "sort": "7",
    },
}


async def test_each_sends_its_filters_and_sort_exactly_and_costs_nothing_the_second_time(
    sandbox: RunningSandbox,
) -> None:
    assert set(SENT) == set(shipped_names())
    async with app_at(sandbox) as app:
        for name, sent in SENT.items():
            before = len(sandbox.requests)
            first = await run(app, name)
            asked = [request["params"] for request in sandbox.requests[before:]]
            assert len(asked) == first.spending.call == shipped()[name].pages
            question = {key: value for key, value in sent.items() if key != "sort"}
            question |= {"region": "US", "product_sort_field": sent["sort"], "sort_type": "1", "page_size": "10"}
            numbers = sorted(int(params.pop("page_num")) for params in asked)
            assert numbers == list(range(1, len(asked) + 1))
            assert asked == [question] * len(asked)

            again = await run(app, name)
            assert len(sandbox.requests) == before + len(asked)
            assert again.spending.call == 0
            assert again.structured()["rows"] == first.structured()["rows"]
            assert again.facts == first.facts


async def test_a_category_of_any_level_goes_to_the_parameter_of_its_level() -> None:
    listing = Asked(rows(5))
    async with open_app(listing) as app:
        for given, parameter, sent in (
            ("Beauty & Personal Care", "category_id", "601450"),
            (848648, "category_l2_id", "848648"),
            ("601534", "category_l3_id", "601534"),
        ):
            answer = await run(app, "creator-hot", category=given)
            asked = listing.questions[-1]
            assert {name: value for name, value in asked.items() if name.startswith("category")} == {parameter: sent}
            assert f"({sent})" in answer.scope


async def test_a_category_that_is_none_is_refused_with_those_near() -> None:
    listing = Listing(rows(5))
    async with open_app(listing) as app:
        error = await refused(app, recipe="creator-hot", region="US", category="lip stuff")
        assert isinstance(error, InvalidQuery)
        assert error.what.startswith('category: "lip stuff" is no single category. Near: ')
        assert " = 601" in error.what
        assert listing.asked == []


async def test_the_calls_category_takes_the_place_of_the_recipes(tmp_path: Path) -> None:
    own_file('[mine]\npurpose = "mine"\nfilters = { category_l2_id = "848648" }\n', tmp_path)
    listing = Asked(rows(5))
    async with open_app(listing) as app:
        await run(app, "mine")
        assert listing.questions[-1]["category_l2_id"] == "848648"
        await run(app, "mine", category="601450")
        assert listing.questions[-1]["category_id"] == "601450"
        assert "category_l2_id" not in listing.questions[-1]


# --- what it may spend ----------------------------------------------------------------------------------------------


async def test_max_credits_0_reads_what_is_kept_and_never_asks() -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        error = await refused(app, recipe="creator-hot", region="US", max_credits=0)
        assert "This is not an empty result." in error.what
        await run(app, "creator-hot", pages=2)
        answer = await run(app, "creator-hot", max_credits=0)
        assert answer.spending.call == 0
        assert "sample: 20 products of pages 1–2, PARTIAL" in answer.scope
        assert "a call with max_credits=1 reads what is missing" in answer.next_step
        assert sorted(listing.asked) == [1, 2]


async def test_more_than_a_call_may_spend_is_refused_when_it_was_asked_for_and_else_cut() -> None:
    listing = Listing(rows(200))
    async with open_app(listing, credits_per_call=2) as app:
        error = await refused(app, recipe="creator-hot", region="US", pages=3)
        assert isinstance(error, LimitReached)
        assert "max_credits=2" in error.next_step
        assert listing.asked == []
        answer = await run(app, "creator-hot")
        assert sorted(listing.asked) == [1, 2]
        assert "PARTIAL" in answer.scope
        assert answer.next_step.startswith("the same call again reads on")
        answer = await run(app, "creator-hot")
        assert sorted(listing.asked) == [1, 2, 3]
        assert "PARTIAL" not in answer.scope


async def test_kept_pages_that_are_too_old_are_marked() -> None:
    clock = Clock()
    async with open_app(Listing(rows(80)), clock) as app:
        await run(app, "creator-hot")
        clock.pass_days(3)
        answer = await run(app, "creator-hot", max_credits=0)
        assert "STALE: 3 of 3 pages, oldest from 2026-11-23 09:00 UTC (3 d ago)" in answer.scope
        assert "data of about 2026-11-22" in answer.scope


# --- what is left, against the catalogue's own numbers ---------------------------------------------------------------

Fields = dict[str, Any]


def _growth(one: Fields) -> float | None:
    week, before = one["total_sale_7d_cnt"], one["total_sale_15d_cnt"] - one["total_sale_7d_cnt"]
    return (week / 7) / (before / 8) - 1 if before >= 8 else None


def _momentum(one: Fields) -> float | None:
    return one["total_sale_7d_cnt"] / 7 * 30 / one["total_sale_30d_cnt"] if one["total_sale_30d_cnt"] else None


def _per_sale(one: Fields) -> float | None:
    rate = one["product_commission_rate"]
    return one["spu_avg_price"] * rate if rate and one["spu_avg_price"] else None


def _share(channel: str) -> Callable[[Fields], float | None]:
    def share(one: Fields) -> float | None:
        whole: float = one["total_sale_gmv_30d_amt"]
        return one[f"total_{channel}_sale_gmv_30d_amt"] / whole if whole else None

    return share


@cache
def market() -> tuple[Fields, ...]:
    """All products of the US, as the sandbox has them."""
    return tuple(one.fields | {"id": one.listing.product_id} for one in Catalogue(PRODUCTS).on("US", DAY))


Reading = Callable[[Fields], float | None]
Check = tuple[Reading, Callable[[float], bool]]
TRUTH: dict[str, tuple[Callable[[Fields], bool], str, int, list[Check]]] = {
    "breaking-out": (
        lambda one: one["sales_trend_flag"] == 1 and one["sales_flag"] == 1 and one["total_sale_30d_cnt"] >= 300,
        "total_sale_7d_cnt",
        50,
        [(_growth, lambda value: value > 0.3), (_momentum, lambda value: value > 1.3)],
    ),
    "high-commission": (
        lambda one: one["product_commission_rate"] >= 0.1,
        "total_sale_30d_cnt",
        40,
        [(_per_sale, lambda value: value >= 1)],
    ),
    "new-and-rising": (
        lambda one: one["first_crawl_dt"] >= 20260923 and one["sales_trend_flag"] == 1,
        "total_sale_30d_cnt",
        30,
        [(lambda one: one["total_sale_30d_cnt"], lambda value: value >= 1000)],
    ),
    "video-viral": (
        lambda one: one["sales_flag"] == 1 and one["total_views_cnt"] >= 100_000,
        "total_sale_7d_cnt",
        40,
        [(_share("video"), lambda value: value >= 0.5)],
    ),
    "live-sellers": (
        lambda one: one["sales_flag"] == 2,
        "total_sale_gmv_30d_amt",
        40,
        [(_share("live"), lambda value: value >= 0.5)],
    ),
}


@pytest.mark.parametrize("name", TRUTH)
async def test_what_each_condition_removed_is_what_plain_arithmetic_removes(name: str, sandbox: RunningSandbox) -> None:
    asked, sort, wanted, checks = TRUTH[name]
    read = sorted(filter(asked, market()), key=lambda one: one[sort], reverse=True)[:wanted]
    left = [one for one in read if one["off_mark"] < 2]
    delisted = len(read) - len(left)
    outcomes = []
    for reading, holds in checks:
        values = [(one, reading(one)) for one in left]
        kept = [one for one, value in values if value is not None and holds(value)]
        outcomes.append((len(left), len(left) - len(kept), sum(value is None for _, value in values)))
        left = kept

    async with app_at(sandbox) as app:
        answer = await run(app, name)
    assert [(one["looked_at"], one["removed"], one["unknown"]) for one in answer.facts["conditions"]] == outcomes
    assert answer.facts["kept"] == len(left)
    assert [row[0] for row in answer.structured()["rows"]] == [one["id"] for one in left[:10]]
    assert f"{delisted} delisted left out" in answer.scope
    for of, removed, unknown in outcomes:
        told = f": {removed} of {of} removed" + (f" ({unknown} unknown)" if unknown else "")
        assert any(line.endswith(told) for line in answer.lines), told


async def test_stage_and_window_are_those_of_the_card(sandbox: RunningSandbox) -> None:
    async with app_at(sandbox) as app:
        answer = (await run(app, "proven-and-open")).structured()
        assert answer["rows"]
        for row in answer["rows"]:
            found = dict(zip(answer["columns"], row, strict=True))
            assert (found["stage"], found["follow_window"]) == ("Growth", "open")
            card = await app.call("get_product", {"product_id": found["product_id"], "region": "US"})
            assert (card.facts["stage"], card.facts["follow_window"]) == ("Growth", "open")


# --- what it says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["US", "VN"])
async def test_every_answer_is_at_most_1000_tokens_in_either_form(region: str, sandbox: RunningSandbox) -> None:
    tokens = token_counter()
    assert tokens is not None
    async with app_at(sandbox) as app:
        for name in (None, *shipped_names()):
            for answer in (await run(app, name, region=region), await run(app, name, region=region)):
                compact = json.dumps(answer.structured(), ensure_ascii=False, separators=(",", ":"))
                assert tokens(answer.text()) <= 1_000, name
                assert tokens(compact) <= 1_000, name


async def test_a_recipe_of_many_columns_shows_fewer_rows(sandbox: RunningSandbox, tmp_path: Path) -> None:
    tokens = token_counter()
    assert tokens is not None
    metrics = ("momentum", "creator_inflow", "video_share", "commission_pool_usd", "video_inflow", "opportunity")
    conditions = ", ".join(f'{{ metric = "{metric}", min = 0 }}' for metric in metrics)
    own_file(f'[big]\npurpose = "many columns"\npages = 5\nconditions = [{conditions}]\n', tmp_path)
    async with app_at(sandbox) as app:
        answer = await run(app, "big")
    assert answer.facts["kept"] > 10
    shown = len(answer.structured()["rows"])
    assert 3 <= shown < 10
    assert f", the first {shown} shown" in answer.text()
    (others,) = [note for note in answer.notes if note.startswith("Kept, but not shown: ")]
    assert others.count(", ") >= 5
    assert tokens(answer.text()) <= 1_000
    assert tokens(json.dumps(answer.structured(), ensure_ascii=False, separators=(",", ":"))) <= 1_000


async def test_both_forms_in_both_eras_say_the_same() -> None:
    listing = Listing(growing())
    async with open_app(listing) as app:
        await run(app, "breaking-out", pages=3)
        answers = []
        for era in ERAS:
            async with Client(app.server, mode=era) as client:
                arguments = {"recipe": "breaking-out", "region": "US", "pages": 3}
                answers.append(Told.of(await client.call_tool("run_recipe", arguments)))
    assert answers[0] == answers[1]
    told = answers[0]
    assert told.structured is not None
    lines = told.text.splitlines()
    assert lines[0] == told.structured["scope"]
    assert lines[0].startswith("Recipe breaking-out: sells faster this week than in the days before, ")
    assert (
        "US · 7-day sales trend: rising · units 30 d ≥ 300 · main sales channel: video · by units 7 d, falling"
        in lines[0]
    )
    assert lines[1:4] == [
        "growth 7 d above 30 %: 15 of 30 removed (5 unknown)",
        "momentum above 1.3: 0 of 15 removed",
        "Kept: 15 of 30, the first 10 shown",
    ]
    assert told.structured["facts"] == {
        "recipe": "breaking-out",
        "filters": {"sales_trend_flag": 1, "min_total_sale_30d_cnt": 300, "sales_flag": 1},
        "conditions": [
            {"metric": "growth_7d", "above": 0.3, "looked_at": 30, "removed": 15, "unknown": 5},
            {"metric": "momentum", "above": 1.3, "looked_at": 15, "removed": 0, "unknown": 0},
        ],
        "kept": 15,
    }
    assert lines[4] == "#|product_id|product|price $|u7|u30|gmv30 $|growth %|creators|comm %|$/sale|stage|momentum"
    table = [line.split("|") for line in lines[5:15]]
    assert [cells[1] for cells in table] == [row[0] for row in told.structured["rows"]]
    assert told.structured["columns"][-1] == "momentum"
    assert [float(cells[-1]) for cells in table] == [round(row[-1], 2) for row in told.structured["rows"]]
    assert told.structured["next"] in lines[-1]


async def test_shares_that_are_asked_for_are_shown() -> None:
    products = rows(10, total_video_sale_gmv_30d_amt=3000.0, total_live_sale_gmv_30d_amt=0.0)
    async with open_app(Listing(products)) as app:
        answer = await run(app, "video-viral", pages=1)
    assert "|stage|vid/live/oth %\n" in answer.text()
    assert answer.structured()["columns"][-4:] == ["stage", "video_share", "live_share", "other_share"]


async def test_delisted_products_are_left_out() -> None:
    products = rows(20)
    for number in (0, 4, 12):
        products[number]["off_mark"] = 2
    async with open_app(Listing(products)) as app:
        answer = await run(app, "hidden-gem", pages=2)
    assert "sample: 17 products of pages 1–2" in answer.scope
    assert "3 delisted left out" in answer.scope
    assert answer.facts["conditions"][0]["looked_at"] == 17
    assert answer.structured()["rows"][0][0] == products[1]["product_id"]


async def test_where_all_are_off_sale_it_is_said_and_none_is_offered() -> None:
    products = rows(10)
    for one in products:
        one["off_mark"] = 2
    async with open_app(Listing(products)) as app:
        answer = await run(app, "new-and-rising", pages=1)
    assert answer.structured()["rows"] == []
    assert answer.next_step == "all of these are off sale; more pages read on."


async def test_conditions_that_contradict_each_other_name_a_value_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "recipes.toml").write_text(
        '[never]\npurpose = "p"\nleast = 2\n'
        'conditions = [{ metric = "units_7d", min = 1_000 }, { metric = "units_7d", max = 5 }]\n'
    )
    async with open_app(Listing(rows(1)), home=home) as app:
        answer = await run(app, "never", pages=1)
    assert "Fewer than 2 of the 1 products meet all conditions: the best 1 by the sort are shown." in answer.notes
    (nearest,) = [note for note in answer.notes if note.startswith("The nearest is")]
    assert nearest.count("units 7 d") == 1


async def test_nothing_left_is_said_with_the_nearest_and_the_number_that_would_keep_it() -> None:
    products = rows(20)
    products[7]["total_sale_7d_cnt"] = 90  # growth 71 %, momentum 1.29 at 300 units
    products[7]["total_sale_30d_cnt"] = 300
    listing = Listing(products)
    async with open_app(listing) as app:
        answer = await run(app, "breaking-out", pages=2)
        assert answer.structured()["rows"] == []
        assert answer.facts["kept"] == 0
        assert (
            f"None of the 20 products meets all conditions. The nearest is {product_id(7)}: momentum 1.29."
            in answer.notes
        )
        assert answer.next_step == "overrides momentum=1.2 would keep it, with max_credits=0 for 0 credits."
        own = await run(app, "breaking-out", pages=2, overrides=["growth_7d=0.5"], max_credits=0)
        assert own.next_step.startswith("overrides momentum=1.2, beside your own, would keep it")
        again = await run(app, "breaking-out", pages=2, overrides=["momentum=1.2"], max_credits=0)
        assert [row[0] for row in again.structured()["rows"]] == [product_id(7)]
        assert len(listing.asked) == 2


async def test_too_few_are_filled_up_with_the_best_where_a_recipe_says_so() -> None:
    products = [one | {"total_sale_30d_cnt": 900 - number} for number, one in enumerate(rows(20))]
    async with open_app(Listing(products)) as app:
        answer = await run(app, "new-and-rising", pages=2)
        assert answer.facts["kept"] == 0
        assert "No product of the 20 meets all conditions: the best 10 by the sort are shown." in answer.notes
        assert f"The nearest is {product_id(0)}: units 30 d 900." in answer.notes
        assert [row[0] for row in answer.structured()["rows"]] == [product_id(number) for number in range(10)]
        answer = await run(app, "new-and-rising", pages=2, overrides="units_30d=900")
        assert answer.facts["kept"] == 1
        assert len(answer.structured()["rows"]) == 1


async def test_a_service_without_a_match_is_told_with_a_filter_to_loosen() -> None:
    async with open_app(Listing([])) as app:
        answer = await run(app, "proven-and-open")
        assert "sample: 0 products of page 1, the list ends there" in answer.scope
        assert "no product matches all of: units 30 d ≥ 1,000; rating ≥ 4.3; reviews ≥ 50." in answer.next_step
        assert "overrides, for example min_total_sale_30d_cnt=500." in answer.next_step
        assert "nearest" not in answer.text()


@pytest.mark.parametrize(
    "given",
    [
        ["units_7d=75", "min_total_sale_30d_cnt=1,000"],
        "units_7d=75, min_total_sale_30d_cnt=1,000",
        '["units_7d=75", "min_total_sale_30d_cnt=1,000"]',
        {"units_7d": 75, "min_total_sale_30d_cnt": 1000},
        '{"units_7d": 75, "min_total_sale_30d_cnt": "1,000"}',
    ],
    ids=["list", "text", "JSON list", "mapping", "JSON mapping"],
)
async def test_overrides_are_read_in_every_form_and_shown(given: Any) -> None:
    listing = Asked(rows(10))
    async with open_app(listing) as app:
        answer = await run(app, "hidden-gem", pages=1, overrides=given)
    assert listing.questions[0]["min_total_sale_30d_cnt"] == "1000"
    assert "units 30 d ≥ 1,000" in answer.scope
    assert answer.lines[0] == "Your own numbers: units_7d, min_total_sale_30d_cnt"
    assert answer.lines[1].startswith("units 7 d ≥ 75: ")
    assert answer.facts["overridden"] == ["units_7d", "min_total_sale_30d_cnt"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"region": None}, "region: is needed to run hidden-gem, for example US. Nothing was sent."),
        ({"region": "Atlantis"}, "region: "),
        ({"pages": 0}, "pages: input should be greater than or equal to 1"),
        ({"pages": 51}, "pages: input should be less than or equal to 50"),
        ({"max_credits": -1}, "max_credits: input should be greater than or equal to 0"),
        ({"overrides": ["units_7=5"]}, "the nearest is units_7d"),
        ({"overrides": 5}, "overrides: "),
        pytest.param({"overrides": "[" * 100_000}, "overrides: ", id="nested too deeply"),
        ({"overrides": ["min_product_rating=9"]}, "min_product_rating: must be at most 5"),
        ({"overides": []}, "The nearest is overrides."),
    ],
    ids=str,
)
async def test_what_cannot_be_meant_is_refused_for_nothing(arguments: dict[str, Any], expected: str) -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        error = await refused(app, **{"recipe": "hidden-gem", "region": "US"} | arguments)
        assert isinstance(error, InvalidQuery)
        assert expected in error.what
        assert listing.asked == []


WRONG: dict[str, Any] = {"region": "Americ", "category": "Beauty", "pages": 100}


async def test_everything_that_is_wrong_is_told_at_once() -> None:
    listing = Listing(rows(80))
    async with open_app(listing, credits_per_call=3) as app:
        overrides = ["x", "min_product_rating=9"]
        error = await refused(app, recipe="hidden-gem", overrides=overrides, **WRONG)
        assert [line.split(":")[0] for line in error.what.splitlines()] == [
            "pages",
            'overrides "x"',
            "category",
            "region",
        ]
        # Whoever reads fewer pages would meet the limit of a call next.
        assert "above 3 pages, max_credits=3 is needed too" in error.next_step
        error = await refused(app, recipe="hidden-gem", category="Beauty", overrides=["min_product_rating=9"])
        assert [line.split(":")[0] for line in error.what.splitlines()] == ["category", "region", "min_product_rating"]
        assert error.next_step == "call again with these corrected."
        assert listing.asked == []


async def test_what_is_wrong_beside_an_unknown_recipe_is_told_too() -> None:
    async with open_app(Listing([])) as app:
        error = await refused(app, recipe="trending", **WRONG)
        lines = error.what.splitlines()
        assert lines[0].startswith("pages: ")
        assert lines[1] == 'recipe: there is no "trending". There are:'
        assert [line.split(":")[0] for line in lines[2:]] == [*shipped_names(), "category", "region"]
        assert error.next_step.startswith("call again with one of these names; ")
        assert "max_credits=10 is needed too" in error.next_step


async def test_a_category_by_another_name_is_judged_at_once() -> None:
    async with open_app(Listing([])) as app:
        first, second = (await refused(app, recipe="hidden-gem", region="US", category_id="Beauty")).what.splitlines()
        assert first == '"category_id": unknown parameter. The nearest is category.'
        assert second.startswith('category: "Beauty" is no single category. Near: Beauty & Personal Care = 601450;')


# --- the list -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [{}, {"recipe": ""}, {"recipe": None, "region": "US"}], ids=str)
async def test_without_a_recipe_all_are_listed_with_their_numbers_for_nothing(arguments: dict[str, Any]) -> None:
    listing = Listing(rows(80))
    async with open_app(listing) as app:
        answer = await app.call("run_recipe", arguments)
    assert listing.asked == []
    assert answer.spending.call == 0
    listed = answer.structured()
    assert listed["columns"] == ["recipe", "purpose", "filters; conditions; sort", "pages"]
    assert [row[0] for row in listed["rows"]] == list(shipped_names())
    line = (
        "hidden-gem|sells with few creators and pays a commission|units 30 d ≥ 200, commission ≥ 10 %, creators ≤ 50; "
    )
    assert f"{line}units 7 d ≥ 50; by units 7 d|4" in answer.text().splitlines()
    (told,) = [note for note in answer.notes if note.startswith("Names for overrides: ")]
    names = told.removeprefix("Names for overrides: ").removesuffix(".").split(", ")
    assert len(names) == len(set(names))
    assert set(names) == {name for recipe in shipped().values() for name in overridable(recipe)}


async def test_the_users_own_are_listed_first_and_marked_and_broken_ones_named(tmp_path: Path) -> None:
    own_file('[mine]\npurpose = "a | b"\n\n[broken]\npurpose = "x"\npages = 99\n', tmp_path)
    async with open_app(Listing(rows(10))) as app:
        answer = await run(app)
        assert answer.structured()["rows"][0] == ["mine", "a / b", "by GMV 30 d", 3]
        assert "Recipes: 11 named screens, 1 of them your own" in answer.scope
        assert "From your own recipes.toml: mine." in answer.notes
        problem = "Not usable: recipes.toml, line 6: broken: pages has to be a whole number from 1 to 50."
        assert problem in answer.notes
        done = await run(app, "mine")
        assert done.scope.startswith("Recipe mine (your own): a / b · US · ")
        assert done.facts["own"] is True
        assert problem in done.notes
        error = await refused(app, recipe="broken", region="US")
        assert problem in error.what


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[mine\n", "line 1: Expected ']' at the end of a table declaration."),
        ("x = 3\n", "line 1: x: has to be a table, for example [my-recipe]."),
        ("['[a](b) | c']\n", "line 1: [a] (b) / c: a name has lower-case letters, digits and hyphens, at most 40."),
    ],
)
async def test_what_is_wrong_with_the_users_file_is_told_in_its_own_marks(
    tmp_path: Path, text: str, problem: str
) -> None:
    own_file(text, tmp_path)
    async with open_app(Listing([])) as app:
        assert f"Not usable: recipes.toml, {problem}" in (await run(app)).notes
        assert (await refused(app, recipe="zz", region="US")).what.endswith(f"\nNot usable: recipes.toml, {problem}")


async def test_many_own_recipes_do_not_make_the_list_long(tmp_path: Path) -> None:
    tokens = token_counter()
    assert tokens is not None
    purpose = "งานหัตถกรรมไทย " * 8
    own_file("".join(f'[mine-{number}]\npurpose = "{purpose[:120]}"\n' for number in range(200)), tmp_path)
    async with open_app(Listing([])) as app:
        answer = await run(app)
        assert tokens(answer.text()) <= 1_200
        assert "Not shown here: mine-" in answer.text()
        assert " more." in answer.text()


@pytest.mark.parametrize("name", ["breaking out", "Breaking_Out", " BREAKING-OUT "])
async def test_a_name_is_read_however_it_is_written(name: str) -> None:
    async with open_app(Listing(rows(10))) as app:
        assert (await run(app, name, pages=1)).facts["recipe"] == "breaking-out"


async def test_an_unknown_recipe_is_refused_with_the_nearest_and_all_names() -> None:
    listing = Listing(rows(10))
    async with open_app(listing) as app:
        error = await refused(app, recipe="braking-out\n\x1b[31m", region="US")
    assert isinstance(error, InvalidQuery)
    lines = error.what.splitlines()
    assert lines[0] == 'recipe: there is no "braking-out". The nearest is breaking-out. There are:'
    assert lines[1:] == [f"{recipe.name}: {recipe.purpose}" for recipe in shipped().values()]
    assert listing.asked == []


async def test_of_very_many_recipes_an_unknown_name_shows_as_many_as_there_is_room_for(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    purpose = "日本語テスト𓀀ϗ" * 15
    (home / "recipes.toml").write_text(
        "".join(f'[mine-{number:030}]\npurpose = "{purpose}"\n' for number in range(30)) + "[broken]\n", "utf-8"
    )
    async with open_app(Listing([]), home=home) as app:
        error = await refused(app, recipe="zz", region="US")
    lines = error.what.splitlines()
    assert lines[1].startswith("breaking-out: ")
    shown = sum(": " in line for line in lines[1:-1])
    assert lines[-2:] == [
        f"and {40 - shown} more.",
        "Not usable: recipes.toml, line 61: broken: purpose is missing.",
    ]
    assert shown > 15
    count = token_counter()
    assert count is not None
    assert count(error.what) <= 1_000


def test_the_description_names_every_shipped_recipe() -> None:
    assert all(name in DESCRIPTION for name in shipped_names())


@pytest.mark.parametrize(
    ("settings", "arguments", "failing", "failure"),
    [
        ({}, {}, {}, None),
        ({}, {"max_credits": 1}, {}, None),
        ({"credits_per_day": 1}, {}, {}, LimitReached),
        ({}, {}, {2: httpx.Response(402)}, QuotaExhausted),
        ({"total_timeout_s": 0.5}, {}, {"held": True}, TimedOut),
    ],
    ids=["whole", "to cost no more", "a limit", "the service", "time"],
)
async def test_what_keeps_it_from_being_whole_is_known_to_who_acts_on_it(
    settings: dict[str, Any], arguments: dict[str, Any], failing: dict[Any, Any], failure: type | None
) -> None:
    listing = Listing(rows(20), failing=failing, held={2} if "held" in failing else set())
    async with open_app(listing, **settings) as app:
        answer = await run(app, "hidden-gem", pages=2, **arguments)
        listing.release()
        assert type(answer.failure) is (failure or type(None))
        missing = [] if failure is None and not arguments else [2]
        assert answer.facts.get("missing_pages", []) == missing


# --- what is remembered ---------------------------------------------------------------------------------------------


async def remembered(app: App) -> list[tuple[Any, ...]]:
    services = app._running_services()

    def look(connection: Any) -> list[tuple[Any, ...]]:
        found = connection.exec_driver_sql("SELECT * FROM recipe_finds ORDER BY recipe, region, product_id")
        return [tuple(row) for row in found]

    return await services.store.database.run(look, writes=False)


async def test_everything_that_meets_the_conditions_is_remembered_with_its_day() -> None:
    clock, products = Clock(), rows(30)
    for number in range(25, 30):
        products[number]["total_sale_7d_cnt"] = 10
    async with open_app(Listing(products), clock) as app:
        await run(app, "hidden-gem", pages=3)
        found = [("hidden-gem", "US", product_id(number), 20261122, 3) for number in range(25)]
        assert await remembered(app) == found
        clock.pass_days(1)
        for one in products:
            one["total_sale_30d_cnt"] += 1
        await run(app, "hidden-gem", pages=1)
        newer = [(*one[:3], 20261123, 1) if number < 10 else one for number, one in enumerate(found)]
        assert await remembered(app) == newer


@pytest.mark.parametrize("changed", [{"category": "601450"}, {"overrides": ["units_7d=1"]}], ids=str)
async def test_what_the_name_alone_would_not_find_again_is_not_remembered_as_its_find(changed: dict[str, Any]) -> None:
    clock = Clock()
    async with open_app(Listing(rows(2)), clock) as app:
        await run(app, "hidden-gem", **changed)
        assert await remembered(app) == []
        await run(app, "hidden-gem", pages=3)
        found = await remembered(app)
        clock.pass_days(1)
        await run(app, "hidden-gem", **changed)
        assert await remembered(app) == found == [("hidden-gem", "US", product_id(i), 20261122, 1) for i in range(2)]


async def test_an_old_page_does_not_take_a_newer_day_back() -> None:
    async with open_app(Listing(rows(1))) as app:
        store = app._running_services().store
        await note(store, date(2026, 11, 22), 3, product_id(1))
        await note(store, date(2026, 11, 20), 1, product_id(1), product_id(2))
        await note(store, date(2026, 11, 20), 1)
        assert await remembered(app) == [
            ("mine", "US", product_id(1), 20261122, 3),
            ("mine", "US", product_id(2), 20261120, 1),
        ]


async def note(store: Store, day: date, pages: int, *ids: str, at: datetime = NOON) -> None:
    await store.note_run("mine", ids, pages, RecipeRun("US", day, at, pages, ids))


async def test_of_one_day_the_deepest_run_counts_and_of_those_the_last_with_the_time_of_the_first() -> None:
    day, later = date(2026, 11, 22), NOON + timedelta(hours=3)
    async with open_app(Listing(rows(1))) as app:
        store = app._running_services().store
        await note(store, day, 1, product_id(1))
        await note(store, day, 3, product_id(2), product_id(3), at=later)
        await note(store, day, 3, product_id(3), at=later)
        await note(store, day, 0, product_id(4), at=later)
        await note(store, day - timedelta(days=1), 3)
        runs = await store.database.run(lambda connection: finds.runs(connection, "mine", None), writes=False)
        assert runs == [
            RecipeRun("US", day, NOON, 3, (product_id(3),)),
            RecipeRun("US", day - timedelta(days=1), NOON, 3, ()),
        ]


async def test_a_store_that_cannot_be_written_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any) -> None:
        raise StoreUnavailable("here", "the disk is full")

    async with open_app(Listing(rows(10))) as app:
        monkeypatch.setattr(finds, "note", broken)
        assert (await run(app, "hidden-gem", pages=1)).facts["kept"] == 10
