"""get_changes through the whole server, over a sandbox whose date moves on: what moved is what the catalogue says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import anyio.to_thread
import pytest

from keyapi_mcp.app import App
from keyapi_mcp.commands.schemas import token_counter
from keyapi_mcp.results.change_answer import thresholds
from keyapi_mcp.store import renewal
from keyapi_mcp.store.renewal import Renewal
from support.changing_world import PRODUCTS, REGIONS, as_dicts, expected, world
from support.kept import Clock, Service, open_app, product_id, row
from support.recipes import found_by
from support.sandbox_server import DAY, RunningSandbox, running_sandbox
from support.service import settings_for
from support.waiting import until

pytestmark = pytest.mark.anyio

UNKNOWN: Final = "1729384501234567890"
LATER_DAY: Final = "a search or recipe on a later data day brings the next state"


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=PRODUCTS) as running:
        yield running


# --- what moved ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("since", [None, 0, 2, 9])
async def test_what_moved_is_what_the_catalogue_says(served: RunningSandbox, since: int | None) -> None:
    async with world(served) as it:
        await it.visit(0, 1, 9, 23)
        day = None if since is None else DAY + timedelta(days=since)
        arguments: dict[str, Any] = {} if day is None else {"since": f"{day:%Y%m%d}"}
        wanted = expected(it.seen, day)
        answer = await it.changes(scope="all", limit=50, **arguments)
        assert answer.facts["known"] == len(it.seen)
        assert answer.facts["moved"] == len(wanted)
        rows = as_dicts(answer)
        assert len(rows) == min(50, len(wanted)) > 10
        days = {name: answer.facts[name] for name in ("since_day", "day") if name in answer.facts}
        for told in rows:
            cells = wanted[told["region"], told["product_id"]]
            assert {name: (told | days).get(name) for name in cells} == cells
        levels = ["high", "notable", "minor"]
        assert [told["severity"] for told in rows] == sorted((told["severity"] for told in rows), key=levels.index)
        counts = [one["severity"] for one in wanted.values()]
        assert {level: answer.facts.get(level, 0) for level in levels} == {one: counts.count(one) for one in levels}
        assert answer.structured()["notes"][-1] == thresholds()


async def test_a_region_is_a_part_of_all(served: RunningSandbox) -> None:
    async with world(served) as it:
        await it.visit(0, 12)
        for region in REGIONS:
            for arguments in ({}, {"since": "20261122"}):
                answer = await it.changes(scope="all", region=region.lower(), limit=50, **arguments)
                here = {key: days for key, days in it.seen.items() if key[0] == region}
                wanted = expected(here, DAY if arguments else None)
                assert {(told["region"], told["product_id"]) for told in as_dicts(answer)} == set(wanted)
                assert answer.facts["known"] == len(here)
                assert f"all known products · {region} · " in answer.scope


async def test_the_text_says_the_same_in_compact_words() -> None:
    service, clock = Service(row(1), row(2), row(3, product_name="A | <b>\nname")), Clock()
    async with open_app(service, clock) as app:
        await app.call("search_products", {"region": "US"})
        clock.pass_days(1)
        service.rows = [
            row(1, spu_avg_price=9.99, total_sale_30d_cnt=457, total_sale_gmv_30d_amt=4_565.43),
            row(2),
            row(3, product_commission_rate=0, total_ifl_cnt=42, off_mark=2, product_name="A | <b>\nname"),
        ]
        await app.call("search_products", {"region": "US"})
        text = (await app.call("get_changes", {"scope": "all"})).text()
        assert text == (
            "What changed: all known products · against the data day before each product's latest, "
            "2026-11-22 → 2026-11-23 · T+1, USD, sales and GMV estimated\n"
            "2 of 3 moved: 2 high; 1 did not.\n"
            "#|product_id|product|region|severity|what moved\n"
            f"1|{product_id(1)}|Lip oil 1|US|high|price $12.50 → $9.99 (-20 %); units 30 d +52 %; GMV 30 d +21 %\n"
            f"2|{product_id(3)}|A / ‹b› name|US|high|creators +5 %; commission 15 % → unknown; delisted\n"
            f"{thresholds()}\n"
            "Next: get_product has one of them whole. Credits: 0 for this call (from the store); 1 today, 199 left "
            "within your limits (account balance not visible)."
        )


def test_the_thresholds_are_those_of_the_rules_in_one_line() -> None:
    assert thresholds() == (
        "High: price ±20 %, units or GMV 30 d ±50 %, creators ±30 %, commission ±3 points, on or off sale, stage to "
        "Growth, Viral, Declining. Notable: ±5 %, ±15 %, ±10 %, ±1 points, another stage. Otherwise minor, as where "
        "both values are below 100 units, $1,000 or 30 creators."
    )


async def test_what_has_no_fraction_is_told_in_words_in_both_forms() -> None:
    service, clock = Service(row(1, total_sale_30d_cnt=0, spu_avg_price=0)), Clock()
    async with open_app(service, clock) as app:
        await app.call("search_products", {"region": "US"})
        clock.pass_days(1)
        service.rows = [row(1, total_sale_gmv_30d_amt=None)]
        await app.call("search_products", {"region": "US"})
        answer = await app.call("get_changes", {"scope": "all"})
        (told,) = as_dicts(answer)
        assert told["price_usd"] == 12.5
        assert told["price_change"] == "unknown → 12.5"
        assert told["units_30d_change"] == "0 → 301"
        assert told["gmv_30d_change"] == "3762.5 → unknown"
        assert "price unknown → $12.50; units 30 d 0 → 301; GMV 30 d $3762 → unknown" in answer.text()


async def test_asking_twice_or_from_another_process_gives_the_same_answer(served: RunningSandbox) -> None:
    async with world(served) as it:
        await it.visit(0, 3)
        for arguments in ({"scope": "all"}, {"scope": "all", "since": "1d"}, {"scope": "all", "region": "US"}):
            first = await it.changes(**arguments)
            assert (await it.changes(**arguments)).text() == first.text()
            other = App(settings_for(served.url), clock=it.now)
            async with other.running():
                assert (await other.call("get_changes", arguments)).text() == first.text()


async def test_what_is_left_out_is_said_with_how_to_get_it(served: RunningSandbox) -> None:
    async with world(served) as it:
        await it.visit(0, 12)
        few = await it.changes(scope="all", limit=2)
        assert f"{few.facts['moved'] - 2} more not shown: limit up to 50 lists more." in few.notes
    async with open_app(service := Service(), clock := Clock()) as app:
        for passed in (0, 1):
            clock.pass_days(passed)
            for page in range(7):
                service.rows = [row(page * 10 + number, spu_avg_price=12.5 - passed) for number in range(10)]
                await app.call("search_products", {"region": "US", "page_num": page + 1})
        for arguments, way in (
            ({}, "20 more not shown: query_products lists all: SELECT region, product_id, severity FROM products"),
            ({"since": "1d"}, "20 more not shown: a region narrows it."),
        ):
            answer = await app.call("get_changes", {"scope": "all", "limit": 50, **arguments})
            (note,) = [one for one in answer.notes if "not shown" in one]
            assert note.startswith(way)
        sql = (await app.call("get_changes", {"scope": "all", "limit": 50})).notes[0].split("all: ")[1].rstrip(".")
        listed = (await app.call("query_products", {"sql": sql, "limit": 100})).structured()["rows"]
        assert len(listed) == 70


# --- since --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", ["20261122", 20261122, "2026-11-22", " 2026-11-22 ", "2026-11-22T10:00Z", "5d", "5 days"]
)
async def test_a_day_is_taken_in_every_usual_form(served: RunningSandbox, given: Any) -> None:
    async with world(served) as it:
        await it.visit(0, 5, pages=1)
        assert "· since 2026-11-22, 2026-11-22 → 2026-11-27 ·" in (await it.changes(scope="all", since=given)).scope


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("yesterday", "since: must be a day as yyyyMMdd, or days ago as 7d"),
        ("20261340", "since: 20261340 is no day of the calendar."),
        (True, "since: must be a day"),
        ("20261123", "since: there is no data of 2026-11-23 yet; the newest is of 2026-11-22."),
    ],
)
async def test_a_day_that_is_none_or_has_not_come_is_refused(served: RunningSandbox, given: Any, reason: str) -> None:
    async with world(served) as it:
        assert reason in (await it.refusal(scope="all", since=given)).what


async def test_a_day_before_everything_compares_with_the_first_kept_day_and_says_so(served: RunningSandbox) -> None:
    async with world(served) as it:
        await it.visit(0, 5, pages=1)
        answer = await it.changes(scope="all", since="9999d")
        later = len([days for days in it.seen.values() if len(days) > 1])
        assert f"{later} compared with the first kept day after" in answer.notes[0]
        assert answer.facts["since_day"] == "2026-11-22"


# --- nothing to tell ----------------------------------------------------------------------------------------------


async def test_each_kind_of_nothing_has_its_own_words_and_next_step(served: RunningSandbox) -> None:
    async with world(served) as it:
        for arguments in ({"scope": "all"}, {"scope": "all", "since": "3d"}, {"scope": "all", "region": "GB"}):
            empty = await it.changes(**arguments)
            assert empty.notes[0].startswith("No product of these is in the store")
            assert empty.next_step == f"search_products brings products in (1 credit a page); {LATER_DAY}."
        unwatched = await it.changes(scope="watch")
        assert unwatched.notes == ("Nothing is watched.",)
        assert unwatched.next_step == "watch_products action=add product_ids=[…] watches products."

        ids = await it.search()
        once = await it.changes(scope="all")
        assert once.lines == ["0 of 10 moved; 10 without an earlier day to compare with."]
        assert once.notes == ("Nothing to compare with: no product here was seen on two days.",)
        assert once.next_step == f"{LATER_DAY}."
        idle = await it.changes(scope="all", since="20261122")
        assert idle.notes == ("Nothing to compare with: none was seen after 2026-11-22.",)
        assert idle.next_step == f"{LATER_DAY}; an earlier since compares with older days."

        await it.app.call("watch_products", {"action": "add", "product_ids": [UNKNOWN]})
        unseen = await it.changes(scope="watch")
        assert unseen.facts == {"known": 0, "moved": 0, "never_seen": 1}
        assert "no search has shown it yet" in unseen.text()
        assert unseen.next_step.startswith("search_products with their region")
        assert len(ids) == 10


async def test_where_nothing_moved_it_is_said(served: RunningSandbox) -> None:
    service, clock = Service(row(1), row(2)), Clock()
    async with open_app(service, clock) as app:
        await app.call("search_products", {"region": "US"})
        clock.pass_days(9)
        await app.call("search_products", {"region": "US"})
        answer = await app.call("get_changes", {"scope": "all"})
        assert answer.lines == ["0 of 2 moved; 2 did not."]
        assert answer.notes == ("Nothing moved.",)
    assert served.url


# --- recipes ------------------------------------------------------------------------------------------------------


async def test_a_recipe_s_products_are_told_and_others_refused_with_those_there_are(served: RunningSandbox) -> None:
    async with world(served) as it:
        assert (await it.refusal(scope="recipe")).what == "recipe: is required."
        assert (await it.refusal(scope="recipe")).next_step == "run_recipe runs one; none has been run yet."
        await it.visit(0, 12)
        ids = [key[1] for key in it.seen if key[0] == "US"][:8]
        await found_by(it.store, "breaking-out", *ids)
        answer = await it.changes(scope="recipe", recipe=" Breaking Out ", limit=50)
        wanted = expected({key: days for key, days in it.seen.items() if key[1] in ids}, None)
        assert {(told["region"], told["product_id"]) for told in as_dicts(answer)} == set(wanted)
        assert answer.facts["known"] == 8
        assert "What changed: recipe breaking-out · against" in answer.scope
        other = await it.refusal(scope="recipe", recipe="steady")
        assert other.what == "recipe: 'steady' has not been run as it is yet."
        assert other.next_step == "call again with one of: breaking-out."
        elsewhere = await it.refusal(scope="recipe", recipe="breaking-out", region="GB")
        assert elsewhere.what == "recipe: breaking-out has not been run as it is for GB yet, only for US."
        assert elsewhere.next_step == "run_recipe recipe=breaking-out region=GB runs it for the first time."
        unused = await it.refusal(scope="recipe", recipe="hidden-gem")
        assert unused.what == "recipe: 'hidden-gem' has not been run as it is yet."
        assert unused.next_step == "run_recipe recipe=hidden-gem region=US runs it for the first time."
        await found_by(it.store, "removed", *ids)
        removed = await it.refusal(scope="recipe", recipe="removed", region="GB")
        assert removed.next_step == "call again with one of those regions."
        assert "recipe: goes with scope=recipe only" in (await it.refusal(scope="all", recipe="breaking-out")).what


# --- room ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "letters", ["Hydrating lip oil with vitamin E ", "ลิปออยล์บำรุงริมฝีปาก", "唇油滋润保湿", "🧴💄✨", "ẫễỗ ", "|<[`"]
)
async def test_an_answer_is_at_most_a_thousand_tokens_in_either_form_whatever_the_names(letters: str) -> None:
    count = token_counter()
    assert count is not None
    service, clock = Service(), Clock()
    async with open_app(service, clock) as app:
        for passed in (0, 1):
            clock.pass_days(passed)
            for page in range(2):
                service.rows = [
                    row(
                        page * 10 + number,
                        product_name=letters * 20,
                        spu_avg_price=1_234.56 + 400 * passed,
                        total_sale_30d_cnt=12_345 * (1 + passed),
                        total_sale_gmv_30d_amt=1_234_567 * (1 + 0.7 * passed),
                        total_ifl_cnt=333 - 111 * passed,
                        product_commission_rate=0.125 + 0.05 * passed,
                        off_mark=2 * passed,
                    )
                    for number in range(10)
                ]
                await app.call("search_products", {"region": "US", "page_num": page + 1})
        ids = [product_id(number) for number in range(20)]
        await app.call("watch_products", {"action": "add", "product_ids": ids, "note": letters * 5})
        clock.pass_days(1)
        for arguments in ({"scope": "all"}, {"scope": "all", "since": "2d"}, {"scope": "watch"}):
            answer = await app.call("get_changes", arguments)
            as_json = json.dumps(answer.structured(), ensure_ascii=False, separators=(",", ":"))
            assert max(count(answer.text()), count(as_json)) <= 1_000
            shown = len(answer.structured()["rows"])
            assert 6 <= shown <= 15
            left = f"{20 - shown} more not shown: "
            left += (
                "limit up to 50 lists more."
                if shown == 15
                else "no room at this limit; a larger one, or a region, shows them."
            )
            assert left in answer.notes
        more = await app.call("get_changes", {"scope": "all", "limit": 40})
        assert len(more.structured()["rows"]) == 20


async def test_a_recipe_s_name_as_the_scope_is_taken_for_that_recipe() -> None:
    async with open_app(Service(row(1))) as app:
        await app.call("run_recipe", {"recipe": "creator-hot", "region": "US", "pages": 1})
        by_name = await app.call("get_changes", {"scope": "recipe", "recipe": "creator-hot"})
        assert (await app.call("get_changes", {"scope": "Creator hot"})).scope == by_name.scope
        assert "recipe creator-hot" in by_name.scope


async def test_what_is_wrong_is_told_with_its_fix(served: RunningSandbox) -> None:
    async with world(served) as it:
        assert (await it.refusal()).what == "scope: is required (watch, recipe or all)."
        assert "scope: input should be 'watch', 'recipe' or 'all'" in (await it.refusal(scope="mine")).what
        assert "limit: input should be less than or equal to 50" in (await it.refusal(scope="all", limit=51)).what
        assert "two-letter country code" in (await it.refusal(scope="all", region="Mars")).what


async def test_what_an_older_version_kept_is_told_as_not_compared_until_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Renewal, "is_due", lambda *_: False)  # also of the server that makes it old
    service, clock = Service(row(1), row(2)), Clock()
    async with open_app(service, clock) as app:
        await app.call("search_products", {"region": "US"})
        clock.pass_days(1)
        service.rows = [row(1, spu_avg_price=5)]
        await app.call("search_products", {"region": "US"})
        store = app._running_services().store
        older = "UPDATE products SET rules_version = 1, severity = NULL, stage = NULL"
        await store.database.run(lambda connection: connection.exec_driver_sql(older))
    async with open_app(service, clock) as app:
        for region in ({}, {"region": "US"}):
            answer = await app.call("get_changes", {"scope": "all", **region})
            assert answer.lines == ["0 of 2 moved; 1 without an earlier day to compare with; 1 not compared yet."]
            assert answer.facts["not_compared_yet"] == 1
            assert answer.notes == (
                "An older version has kept these; what moved is worked out while nothing is asked.",
            )
            assert answer.next_step == "call again in a minute."
        elsewhere = await app.call("get_changes", {"scope": "all", "region": "GB"})
        assert "not_compared_yet" not in elsewhere.facts
    monkeypatch.undo()
    async with open_app(service, clock) as app:
        database, rules = app._running_services().store.database, app.judging.rules
        await anyio.to_thread.run_sync(
            until, lambda: not database.run_now(lambda connection: renewal.outdated(connection, rules), writes=False)
        )
        answer = await app.call("get_changes", {"scope": "all"})
        assert answer.lines == ["1 of 2 moved: 1 high; 1 without an earlier day to compare with."]
