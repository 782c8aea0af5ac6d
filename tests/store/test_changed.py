"""What changed, read from the store: the same as plain Python finds in the rows that were kept."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date, timedelta
from itertools import product
from typing import Any, Final, Literal, NamedTuple

import pytest

from keyapi_mcp.research.change_list import Change, Changes, Scope
from keyapi_mcp.research.changes import Move, Severity
from keyapi_mcp.store import changed
from keyapi_mcp.store.store import Store
from support import by_hand
from support.kept import NOW, keep, open_store, product_id, row, statements_of
from support.recipes import found_by

pytestmark = pytest.mark.anyio

FIRST: Final = date(2026, 11, 22)  # the data day of what is fetched at NOW
REGIONS: Final = ("TH", "US")
PRODUCTS: Final = 40
DAYS: Final = (0, 1, 2, 5, 9)
ALL: Final = Scope("all")

# (region, id) → day → the row of that day
Kept = dict[tuple[str, str], dict[date, dict[str, Any]]]


def moved_on(draw: random.Random, before: dict[str, Any]) -> dict[str, Any]:
    """What a row could be some days later; often the same."""
    after = dict(before)
    if draw.random() < 0.3:
        after["spu_avg_price"] = draw.choice((0, 9.99, 12.5, 12.6, 20.0))
    if draw.random() < 0.5:
        factor = draw.choice((0.4, 0.8, 1.005, 1.2, 1.9))
        for days in (1, 7, 15, 30, 60, 90):
            after[f"total_sale_{days}d_cnt"] = round(after[f"total_sale_{days}d_cnt"] * factor)
            after[f"total_sale_gmv_{days}d_amt"] = after[f"total_sale_gmv_{days}d_amt"] * factor
    if draw.random() < 0.3:
        after["total_ifl_cnt"] = draw.choice((20, 40, 44, 60))
    if draw.random() < 0.2:
        after["product_commission_rate"] = draw.choice((0, 0.15, 0.16, 0.2))
    if draw.random() < 0.1:
        after["off_mark"] = draw.choice((0, 2))
    return after


async def filled(store: Store, seed: int = 1) -> Kept:
    """Products of two regions, seen on some of the days."""
    draw = random.Random(seed)
    kept: Kept = {}
    rows = {
        (region, number): row(number * 100, total_sale_gmv_amt=200_000, first_crawl_dt=20260101)
        for region in REGIONS
        for number in range(PRODUCTS)
    }
    for passed in DAYS:
        day = FIRST + timedelta(days=passed)
        for region in REGIONS:
            seen = [number for number in range(PRODUCTS) if draw.random() < 0.6]
            for number in seen:
                rows[region, number] = moved_on(draw, rows[region, number])
                kept.setdefault((region, product_id(number * 100)), {})[day] = rows[region, number]
            # Not by tens: that takes as many transactions and says no more.
            page = [rows[region, number] for number in seen]
            await keep(store, *page, at=NOW + timedelta(days=passed), region=region, page_num=passed + 1)
    return kept


class Told(NamedTuple):
    region: str
    product_id: str
    since: date | None
    day: date
    moved: tuple[by_hand.Moved, ...]
    later: bool

    @property
    def level(self) -> str:
        return by_hand.loudest(move.level for move in self.moved)


def in_python(kept: Kept, since: date | None) -> tuple[list[Told], Counter[str]]:
    """What changed, worked out from the rows: those that moved, first to last, and how many of each kind."""
    told, counts = [], Counter[str]()
    for (region, identifier), rows in kept.items():
        day = max(rows)
        if since is None:
            earlier = sorted(one for one in rows if one < day)[-1:]
        elif day <= since:
            counts["idle"] += 1
            continue
        else:
            earlier = sorted(one for one in rows if one <= since)[-1:] or sorted(one for one in rows if one < day)[:1]
        if not earlier:
            counts["once"] += 1
            continue
        before, now = (by_hand.state(rows[one], one) for one in (earlier[0], day))
        one = Told(
            region, identifier, earlier[0], day, by_hand.moved(before, now), since is not None and earlier[0] > since
        )
        counts["later"] += one.later
        counts[one.level] += 1
        if one.moved:
            told.append(one)

    def order(one: Told) -> tuple[Any, ...]:
        gmv = kept[one.region, one.product_id][one.day]["total_sale_gmv_30d_amt"]
        return (by_hand.LEVELS.index(one.level), gmv, one.region, one.product_id)

    return sorted(told, key=order, reverse=True), counts


def as_told(change: Change) -> Told:
    moved = tuple(by_hand.Moved(move.name, move.before, move.now, move.severity.word) for move in change.moved)
    return Told(change.region, change.product_id, change.since, change.day, moved, change.later)


def counted(found: Changes) -> Counter[str]:
    return Counter(
        {
            **{level.word: count for level, count in found.by_severity.items()},
            "none": found.same,
            "idle": found.idle,
            "once": found.once,
            "later": found.later,
        }
    )


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with open_store(store=request.param, fresh_s=0) as opened:
        yield opened


@pytest.fixture
def in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed, "_AT_ONCE", 7)


# --- the same as in plain Python ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_small_steps")
async def test_all_that_moved_is_what_plain_python_finds() -> None:
    async with open_store(fresh_s=0) as store:
        kept = await filled(store)
        for since, region in product((None, -3, 0, 1, 3, 8, 9, 20), (None, *REGIONS)):
            day = None if since is None else FIRST + timedelta(days=since)
            here = {key: rows for key, rows in kept.items() if region in (None, key[0])}
            told, counts = in_python(here, day)
            found = await store.watch_list.changes(Scope("all", region=region), day, 1_000)
            assert list(map(as_told, found.listed)) == told, (since, region)
            assert counted(found) == +counts, (since, region)
            assert found.known == len(here)
            assert found.moved == len(told)
            few = await store.watch_list.changes(Scope("all", region=region), day, 5)
            assert few.listed == found.listed[:5]
            assert counted(few) == counted(found)
            if since in (None, 0, 1, 3):
                assert len(told) > 15
                assert {one.level for one in told} == {"minor", "notable", "high"}


@pytest.mark.usefixtures("in_small_steps")
@pytest.mark.parametrize("kind", ["recipe", "watch"])
async def test_a_recipe_s_and_the_watched_ones_are_a_part_of_all(kind: Literal["recipe", "watch"]) -> None:
    async with open_store(fresh_s=0) as store:
        kept = await filled(store)
        ids = [product_id(number * 100) for number in range(0, PRODUCTS, 2)]
        if kind == "watch":
            await store.watch_list.add([*ids, product_id(77_777)], None)
            chosen = {key: rows for key, rows in kept.items() if key[1] in ids}
        else:
            # 77777 is pruned by now; others were returned by another recipe, or in the other region.
            await found_by(store, "breaking-out", *ids, product_id(77_777), region="US")
            await found_by(store, "steady", product_id(100), region="US")
            chosen = {key: rows for key, rows in kept.items() if key[1] in ids and key[0] == "US"}
        for since, region in product((None, 1), (None, "US")):
            day = None if since is None else FIRST + timedelta(days=since)
            here = {key: rows for key, rows in chosen.items() if region in (None, key[0])}
            told, counts = in_python(here, day)
            scope = Scope(kind, "breaking-out" if kind == "recipe" else "", region)
            found = await store.watch_list.changes(scope, day, 1_000)
            assert counted(found) == +counts, (since, region)
            assert [as_told(one) for one in found.listed if one.moved] == told, (since, region)
            assert len(found.listed) == (len(here) if kind == "watch" else len(told))
            assert len(told) > 5


async def test_of_the_watched_ones_those_that_moved_come_first_then_those_of_which_it_is_known_that_they_did_not(
    store: Store,
) -> None:
    await keep(store, row(1), row(2), row(3))
    await keep(store, row(1), row(2, total_sale_30d_cnt=900), row(4), at=NOW + timedelta(days=4))
    await store.watch_list.add([product_id(number) for number in (1, 2, 3, 4, 5)], None)
    found = await store.watch_list.changes(Scope("watch"), None, 10)
    assert [(one.product_id, one.since is not None, bool(one.moved)) for one in found.listed] == [
        (product_id(2), True, True),
        (product_id(1), True, False),
        (product_id(4), False, False),
        (product_id(3), False, False),
    ]
    since = await store.watch_list.changes(Scope("watch"), FIRST + timedelta(days=1), 10)
    assert [(one.product_id, one.idle) for one in since.listed] == [
        (product_id(2), False),
        (product_id(1), False),
        (product_id(4), False),
        (product_id(3), True),
    ]


# --- special cases ------------------------------------------------------------------------------------------------


async def test_in_an_empty_store_nothing_is_known(store: Store) -> None:
    for scope in (ALL, Scope("watch"), Scope("recipe", "breaking-out")):
        for since in (None, FIRST):
            assert await store.watch_list.changes(scope, since, 10) == Changes((), {})


async def test_what_was_pruned_is_compared_with_the_first_day_that_is_kept(store: Store) -> None:
    await keep(store, row(1, spu_avg_price=10.0))
    await keep(store, row(1, spu_avg_price=11.0), at=NOW + timedelta(days=10))
    await keep(store, row(1, spu_avg_price=12.0), at=NOW + timedelta(days=20))
    await store.database.run(
        lambda connection: connection.exec_driver_sql("DELETE FROM snapshots WHERE data_day < 20261201")
    )
    (one,) = (await store.watch_list.changes(ALL, FIRST + timedelta(days=3), 10)).listed
    assert (one.since, one.later) == (FIRST + timedelta(days=10), True)
    assert one.moved == (Move("price_usd", 11.0, 12.0, Severity.NOTABLE),)


async def test_a_stage_depends_on_the_day_though_no_figure_moved() -> None:
    """New ends by the calendar: both sides have the stage of their own day."""
    fields = {f"total_sale_{days}d_cnt": 40 for days in (7, 15, 30)} | {
        **{f"total_sale_gmv_{days}d_amt": 400 for days in (7, 15, 30)},
        "total_sale_gmv_amt": 400,
        "total_ifl_video_30d_cnt": 2,
        "total_ifl_live_30d_cnt": 0,
        "first_crawl_dt": 20261110,
    }
    fields |= {"total_sale_15d_cnt": 80, "total_sale_30d_cnt": 500}
    async with open_store(fresh_s=0) as store:
        await keep(store, row(1, **fields))
        await keep(store, row(1, **fields), at=NOW + timedelta(days=40))
        for since in (None, FIRST):
            (one,) = (await store.watch_list.changes(ALL, since, 10)).listed
            assert [(move.name, move.before) for move in one.moved] == [("stage", "New")]


async def test_asking_twice_or_in_another_process_gives_the_same(store: Store) -> None:
    await filled(store)
    for since in (None, FIRST):
        first = await store.watch_list.changes(ALL, since, 30)
        assert await store.watch_list.changes(ALL, since, 30) == first
        if store.path is not None:
            async with open_store() as other:
                assert await other.watch_list.changes(ALL, since, 30) == first


async def test_what_a_recipe_returned_on_an_earlier_day_only_is_not_its_any_more() -> None:
    async with open_store(fresh_s=0) as store:
        for day, price in ((0, 10), (1, 20)):
            await keep(store, row(1, spu_avg_price=price), row(2, spu_avg_price=price), at=NOW + timedelta(days=day))
        await keep(store, row(1), region="TH")
        await found_by(store, "breaking-out", product_id(1), data_day=20261122)
        await found_by(store, "breaking-out", product_id(2), data_day=20261123)
        await found_by(store, "breaking-out", product_id(1), region="TH", data_day=20261122)
        for region, known in (("US", [product_id(2)]), ("TH", []), (None, [product_id(2)])):
            found = await store.watch_list.changes(Scope("recipe", "breaking-out", region), None, 30)
            assert [one.product_id for one in found.listed] == known
        assert found.known == 2  # that of the other market, too: its last day is its own


# --- speed --------------------------------------------------------------------------------------------------------


async def test_nothing_that_grows_with_the_store_is_read_row_by_row_for_the_default_question() -> None:
    async with open_store(fresh_s=0) as store:
        await filled(store)
        await store.watch_list.add([product_id(100)], None)
        await found_by(store, "breaking-out", product_id(100))
        statements = await statements_of(store)
        for region in (None, "US"):
            for scope in (
                Scope("all", "", region),
                Scope("watch", "", region),
                Scope("recipe", "breaking-out", region),
            ):
                await store.watch_list.changes(scope, None, 10)
                await store.watch_list.changes(scope, FIRST, 10)
        await store.watch_list.regions()
        await store.watch_list.origins([product_id(100)], ["breaking-out"])
        looked = [sql for sql in statements if sql.lstrip().startswith(("SELECT", "WITH"))]
        assert len(looked) >= 16
        assert store.path is not None
        with closing(sqlite3.connect(store.path)) as connection:
            for sql in looked:
                plan = [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
                for step in plan:
                    # The two indexes that hold all that is asked for; whole rows only by their keys.
                    if step.startswith("SCAN products"):
                        assert "USING COVERING INDEX" in step or "products_by_severity" in step, (step, sql)
                    assert not step.startswith(("SCAN snapshots", "SCAN base", "SCAN earlier", "SCAN searches")), step
                    assert step != "USE TEMP B-TREE FOR ORDER BY" or "severity" not in sql, (step, sql)


async def test_other_calls_have_their_turn_between_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed, "_AT_ONCE", 5)
    async with open_store(fresh_s=0) as store:
        kept = await filled(store)
        asked = 0
        run = store.database.run

        async def count(operation: Any, **how: Any) -> Any:
            nonlocal asked
            asked += 1
            return await run(operation, **how)

        monkeypatch.setattr(store.database, "run", count)
        await store.watch_list.changes(ALL, FIRST, 10)
        assert asked == len(kept) // 5 + 1
