"""get_changes of a recipe: its last run by its name, what entered and left since the run before, and how to go on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from keyapi_mcp.app import App
from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.results.answer import Answer
from support.kept import Clock, open_app, product_id
from support.pages import Listing, rows
from support.recipes import found_by
from support.service import without_waiting

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with without_waiting():
        yield


def grown(count: int, *without: int, more: int = 1) -> list[dict[str, Any]]:
    """So many products that have sold more by tenths, the best first, and without some."""
    some = [one for number, one in enumerate(rows(count)) if number not in without]
    return [one | {"total_sale_30d_cnt": one["total_sale_30d_cnt"] * (10 + more) // 10} for one in some]


async def run(app: App, **arguments: Any) -> Answer:
    return await app.call("run_recipe", {"recipe": "hidden-gem", "region": "US", **arguments})


async def changes(app: App, **arguments: Any) -> Answer:
    return await app.call("get_changes", {"scope": "recipe", "recipe": "hidden-gem", "region": "US", **arguments})


def of_run(answer: Answer) -> dict[str, Any]:
    (told,) = answer.facts["runs"].values()
    return dict(told)


def ids(*numbers: int) -> list[str]:
    return [product_id(number) for number in numbers]


# --- whose changes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [{"category": "601450"}, {"overrides": ["units_7d=100000"]}], ids=str)
async def test_a_run_by_other_numbers_or_in_a_category_is_not_the_recipe_s(changed: dict[str, Any]) -> None:
    clock, listing = Clock(), Listing(rows(12))
    async with open_app(listing, clock) as app:
        await run(app)
        clock.pass_days(1)
        listing.rows = grown(12, more=3)
        await run(app)
        before = await changes(app)
        assert (before.facts["known"], before.facts["moved"]) == (12, 12)
        clock.pass_days(1)
        listing.rows = rows(3)
        await run(app, **changed, pages=1)
        after = await changes(app)
        assert after.facts["known"] == 12
        assert of_run(after) | {"first_read_today": True} == of_run(before)


async def test_a_recipe_that_was_run_by_other_numbers_only_has_no_finds() -> None:
    async with open_app(Listing(rows(3))) as app:
        await run(app, overrides=["units_7d=1"])
        with pytest.raises(Exception, match=r"recipe: 'hidden-gem' has not been run as it is yet\."):
            await changes(app)


async def test_a_run_that_finds_none_is_told_as_such_and_not_as_the_one_before() -> None:
    clock, listing = Clock(), Listing(rows(3))
    async with open_app(listing, clock) as app:
        await run(app)
        clock.pass_days(1)
        listing.rows = rows(3, total_sale_7d_cnt=1)
        assert (await run(app)).facts["kept"] == 0
        answer = await changes(app)
        assert (answer.facts["known"], answer.facts["moved"]) == (0, 0)
        assert answer.lines == [
            f"US, last run on data of 2026-11-23: found none; new since 2026-11-22: none; no longer: 3 "
            f"({', '.join(ids(0, 1, 2))})."
        ]
        assert answer.table is None
        assert answer.notes == ()
        assert (
            answer.next_step
            == "run_recipe recipe=hidden-gem region=US max_credits=0 shows what each condition removed."
        )
        free = await run(app, max_credits=0)
        assert free.facts["kept"] == free.structured()["credits"]["call"] == 0


# --- what entered and left ----------------------------------------------------------------------------------------


async def test_what_is_new_and_what_is_no_longer_is_told_in_both_forms() -> None:
    clock, listing = Clock(), Listing(rows(10))
    async with open_app(listing, clock) as app:
        await run(app)
        first = await changes(app)
        assert of_run(first) == {"day": "2026-11-22", "found": 10, "first_read_today": True}
        assert "US, last run on data of 2026-11-22: found 10." in first.lines
        clock.pass_days(1)
        listing.rows = grown(18, 0, 3)
        await run(app)
        answer = await changes(app)
        assert of_run(answer) == {
            "day": "2026-11-23",
            "found": 16,
            "first_read_today": True,
            "since": "2026-11-22",
            "new": 8,
            "no_longer": 2,
            "new_ids": ids(10, 11, 12, 13, 14),
            "no_longer_ids": ids(0, 3),
        }
        assert answer.lines[-1] == (
            "US, last run on data of 2026-11-23: found 16; new since 2026-11-22: 8 "
            f"({', '.join(ids(10, 11, 12, 13, 14))}, …); no longer: 2 ({', '.join(ids(0, 3))})."
        )
        assert answer.lines[-1] in answer.text()
        clock.pass_days(1)
        listing.rows = grown(12, more=2)
        await run(app)
        assert of_run(await changes(app))["new_ids"] == ids(0, 3)
        since = of_run(await changes(app, since="20261122"))
        assert (since["since"], since["new_ids"], since["no_longer"]) == ("2026-11-22", ids(10, 11), 0)
        assert "since" not in of_run(await changes(app, since="20261124"))


async def test_a_run_of_other_pages_is_not_compared() -> None:
    clock, listing = Clock(), Listing(rows(30))
    async with open_app(listing, clock) as app:
        await run(app)
        clock.pass_days(1)
        listing.rows = grown(30)
        await run(app, pages=1)
        answer = await changes(app)
        assert answer.lines[-1].endswith("found 10; what is new is not known: no run before looked at the same pages.")
        assert "new" not in of_run(answer)


async def test_pages_that_could_not_be_read_anew_are_no_news() -> None:
    clock, listing = Clock(), Listing(rows(20))
    async with open_app(listing, clock) as app:
        await run(app, pages=2)
        clock.pass_days(1)
        listing.rows = grown(20, more=3)
        await run(app, pages=2)
        clock.pass_days(1)
        listing.rows = grown(20, more=6)
        listing.failing[2] = httpx.Response(402, json={"code": 402, "message": "no credits"})
        partly = await run(app, pages=2)
        assert partly.facts["stale_pages"] == 1
        answer = await changes(app)
        assert (answer.facts["moved"], answer.facts["moved_before_last_run"]) == (20, 10)
        assert "10 of these moved before the last run: nothing newer of them has come since." in answer.notes
        assert "new" not in of_run(answer)


async def test_markets_are_told_one_by_one() -> None:
    async with open_app(Listing([])) as app:
        store = app._running_services().store
        for region in ("DE", "FR", "GB", "IT", "US"):
            await found_by(store, "hidden-gem", *ids(1, 2, 3), region=region, data_day=20261120)
            await found_by(store, "hidden-gem", *ids(3, 4, 5, 6), region=region, data_day=20261121)
        answer = await changes(app, region=None)
        assert list(answer.facts["runs"]) == ["DE", "FR", "GB"]
        assert answer.lines[0] == (
            "DE, last run on data of 2026-11-21: found 4; new since 2026-11-20: 3 "
            f"({', '.join(ids(4, 5))}, …); no longer: 2 ({', '.join(ids(1, 2))})."
        )
        assert answer.lines[-1] == "2 more markets: a region tells its own."
        assert answer.next_step == (
            "run_recipe recipe=hidden-gem region=DE or region=FR or region=GB brings newer figures, by now up to those "
            "of 2026-11-22 (4 credits at most each)."
        )


# --- newer figures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_call", "price"), [(10, "4 credits"), (2, "2 credits"), (1, "1 credit"), ("off", "4 credits")]
)
async def test_old_figures_are_told_with_the_run_that_brings_newer_ones(per_call: Any, price: str) -> None:
    clock, listing = Clock(), Listing(rows(60))
    async with open_app(listing, clock, credits_per_call=per_call) as app:
        await run(app)
        assert "run_recipe" not in (await changes(app)).next_step
        clock.pass_days(7)
        for since in ({}, {"since": "7d"}):
            step = (await changes(app, **since)).next_step
            assert step == (
                "run_recipe recipe=hidden-gem region=US brings newer figures, by now up to those of 2026-11-29 "
                f"({price} at most)."
            )
        words = re.findall(r"(\w+)=(\S+)", step)
        spent = len(listing.asked)
        await app.call("run_recipe", dict(words))
        assert len(listing.asked) - spent == int(price.split()[0])
        assert of_run(await changes(app))["day"] == "2026-11-29"


async def test_of_a_recipe_that_there_is_no_more_no_run_is_named() -> None:
    async with open_app(Listing([])) as app:
        await found_by(app._running_services().store, "removed", *ids(1), data_day=20261120)
        assert "run_recipe" not in (await changes(app, recipe="removed")).next_step


# --- room ---------------------------------------------------------------------------------------------------------


async def test_an_answer_is_at_most_a_thousand_tokens_in_either_form() -> None:
    count = token_counter()
    assert count is not None
    clock, listing = Clock(), Listing(rows(40, product_name="Hydrating lip oil with vitamin E " * 5))
    async with open_app(listing, clock, min_interval_s=0) as app:
        await run(app)
        clock.pass_days(1)
        listing.rows = grown(60, *range(0, 40, 2), more=7)
        await run(app)
        for since in ({}, {"since": "1d"}, {"since": "2d"}):
            answer = await changes(app, **since)
            as_json = json.dumps(answer.structured(), ensure_ascii=False, separators=(",", ":"))
            assert max(count(answer.text()), count(as_json)) <= 1_000
        assert len(answer.structured()["rows"]) >= 8
