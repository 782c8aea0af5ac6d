"""The watch list in the store: what is on it, and what returned its products last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.research.change_list import Origin, Watched
from keyapi_mcp.store import upkeep
from keyapi_mcp.store.store import Store
from support.kept import NOW, Clock, keep, open_store, product_id, row
from support.recipes import found_by

pytestmark = pytest.mark.anyio

ONE, TWO, THREE = map(product_id, (1, 2, 3))
RECIPES = ("breaking-out", "old", "dear", "cheap")
KEY = "region={}&product_sort_field=7&sort_type=1&page_num={}&page_size=10"


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with open_store(store=request.param, fresh_s=0) as opened:
        yield opened


async def watched(store: Store) -> list[tuple[str, str]]:
    return [(one.product_id, one.note) for one in await store.watch_list.everything()]


# --- adding and removing ------------------------------------------------------------------------------------------


async def test_ids_are_watched_once_added_known_or_not(store: Store) -> None:
    await keep(store, row(1))
    assert await store.watch_list.add([ONE, TWO], None) == {ONE, TWO}
    assert await store.watch_list.everything() == (Watched(ONE), Watched(TWO))


async def test_adding_again_changes_nothing_and_tells_which_are_new(store: Store) -> None:
    await store.watch_list.add([ONE], "spring")
    assert await store.watch_list.add([TWO, ONE], None) == {TWO}
    assert await watched(store) == [(ONE, "spring"), (TWO, "")]


async def test_a_new_note_takes_the_place_of_the_old_one(store: Store) -> None:
    await store.watch_list.add([ONE, TWO], "spring")
    assert await store.watch_list.add([ONE, THREE], "summer") == {THREE}
    assert await watched(store) == [(ONE, "summer"), (TWO, "spring"), (THREE, "summer")]


async def test_the_list_is_in_the_order_in_which_it_was_made() -> None:
    clock = Clock()
    async with open_store(clock) as store:
        for one in (THREE, ONE, TWO):
            await store.watch_list.add([one], None)
            clock.pass_days(1)
        await store.watch_list.add([THREE], "again")
        assert [one for one, _ in await watched(store)] == [THREE, ONE, TWO]


async def test_removing_tells_which_were_there_and_can_be_repeated(store: Store) -> None:
    await store.watch_list.add([ONE, TWO], None)
    assert await store.watch_list.remove([ONE, THREE]) == {ONE}
    assert await store.watch_list.remove([ONE, THREE]) == frozenset()
    assert await watched(store) == [(TWO, "")]


async def test_the_list_is_there_after_a_restart() -> None:
    async with open_store() as store:
        await store.watch_list.add([ONE], "spring")
    async with open_store() as again:
        assert await watched(again) == [(ONE, "spring")]


async def test_two_processes_share_one_list() -> None:
    async with open_store() as one, open_store() as other:
        assert await one.watch_list.add([ONE, TWO], None) == {ONE, TWO}
        assert await other.watch_list.add([TWO, THREE], None) == {THREE}
        await other.watch_list.remove([ONE])
        assert await watched(one) == await watched(other) == [(TWO, ""), (THREE, "")]


async def test_a_store_that_may_only_be_read_refuses_to_add_and_gives_its_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_store() as store:
        await store.watch_list.add([ONE], None)
    monkeypatch.setattr("keyapi_mcp.store.opening.os.access", lambda *_: False)
    async with open_store() as store:
        with pytest.raises(StoreUnavailable, match="it cannot be written"):
            await store.watch_list.add([TWO], None)
        with pytest.raises(StoreUnavailable, match="it cannot be written"):
            await store.watch_list.remove([ONE])
        assert await watched(store) == [(ONE, "")]


# --- where they were seen -----------------------------------------------------------------------------------------


async def test_each_watched_product_has_the_regions_in_which_it_was_seen(store: Store) -> None:
    await keep(store, row(1), row(3), region="US")
    await keep(store, row(1), region="TH")
    assert await store.watch_list.regions() == {}
    await store.watch_list.add([ONE, TWO], None)
    assert await store.watch_list.regions() == {ONE: ("TH", "US")}


# --- what returned them last --------------------------------------------------------------------------------------


async def test_the_search_that_brought_the_last_state_is_known_by_its_key(store: Store) -> None:
    await keep(store, row(1), row(2), page_num=2)
    await keep(store, row(2, total_sale_cnt=5), page_num=3, at=NOW + timedelta(days=1))
    await keep(store, row(1), region="TH")
    assert await store.watch_list.origins([ONE, TWO, THREE], RECIPES) == {
        ("US", ONE): Origin(region="US", key=KEY.format("US", 2)),
        ("US", TWO): Origin(region="US", key=KEY.format("US", 3)),
        ("TH", ONE): Origin(region="TH", key=KEY.format("TH", 1)),
    }
    assert await store.watch_list.origins([], RECIPES) == {}


async def test_a_recipe_that_returned_it_is_named_instead_with_its_pages(store: Store) -> None:
    await keep(store, row(1), row(2))
    await found_by(store, "breaking-out", ONE, pages=3)
    await found_by(store, "breaking-out", THREE, region="GB", pages=2)
    assert await store.watch_list.origins([ONE, TWO, THREE], RECIPES) == {
        ("US", ONE): Origin("breaking-out", "US", 3),
        ("US", TWO): Origin(region="US", key=KEY.format("US", 1)),
        ("GB", THREE): Origin("breaking-out", "GB", 2),
    }


async def test_a_search_that_returned_it_later_than_a_recipe_is_named(store: Store) -> None:
    await found_by(store, "breaking-out", ONE, TWO, data_day=20261120)
    await keep(store, row(1))
    assert await store.watch_list.origins([ONE, TWO], RECIPES) == {
        ("US", ONE): Origin(region="US", key=KEY.format("US", 1)),
        ("US", TWO): Origin("breaking-out", "US", 3),
    }


async def test_a_recipe_that_cannot_return_it_again_is_not_named(store: Store) -> None:
    await keep(store, row(1), row(2))
    await found_by(store, "removed", ONE)
    await found_by(store, "breaking-out", TWO, pages=0)
    assert await store.watch_list.origins([ONE, TWO], RECIPES) == {
        ("US", one): Origin(region="US", key=KEY.format("US", 1)) for one in (ONE, TWO)
    }


async def test_of_several_recipes_the_last_one_counts_and_then_the_cheapest(store: Store) -> None:
    await found_by(store, "old", ONE, data_day=20261120, pages=1)
    await found_by(store, "dear", ONE, data_day=20261122, pages=5)
    await found_by(store, "cheap", ONE, data_day=20261122, pages=2)
    assert await store.watch_list.origins([ONE], RECIPES) == {("US", ONE): Origin("cheap", "US", 2)}


async def test_a_search_that_is_pruned_is_not_known_any_more() -> None:
    clock = Clock()
    async with open_store(clock, fresh_s=0) as store:
        await keep(store, row(1))
        clock.pass_days(2)
        await keep(store, row(2), page_num=2, at=clock.now)
        await store.database.run(lambda connection: connection.exec_driver_sql("DELETE FROM searches WHERE id = 1"))
        assert set(await store.watch_list.origins([ONE, TWO], RECIPES)) == {("US", TWO)}


async def test_recipes_are_told_with_the_regions_in_which_they_were_run(store: Store) -> None:
    assert await store.watch_list.recipes_run() == {}
    await found_by(store, "breaking-out", ONE, TWO, region="US")
    await found_by(store, "breaking-out", ONE, region="GB")
    await found_by(store, "steady", ONE)
    assert await store.watch_list.recipes_run() == {"breaking-out": ["GB", "US"], "steady": ["US"]}


# --- looking after it ---------------------------------------------------------------------------------------------


async def test_pruning_keeps_the_list_and_what_returned_the_watched_ones() -> None:
    async with open_store(fresh_s=0) as store:
        await keep(store, row(1), row(2))
        await keep(store, row(3), page_num=2, at=NOW + timedelta(days=30))
        await found_by(store, "breaking-out", ONE, TWO, THREE)
        await found_by(store, "breaking-out", region="GB", data_day=20261201)
        await store.watch_list.add([ONE], "spring")
        before = date(2026, 12, 1)
        while await store.database.run(lambda connection: upkeep.prune(connection, before, 1)):
            pass
        contents = await store.database.run(upkeep.contents)
        assert (contents.products, contents.watched) == (1, 1)
        assert await watched(store) == [(ONE, "spring")]
        assert await store.watch_list.origins([ONE, TWO], RECIPES) == {("US", ONE): Origin("breaking-out", "US", 3)}
        assert await store.watch_list.recipes_run() == {"breaking-out": ["GB"]}
        assert set(await store.watch_list.origins([THREE], RECIPES)) == {("US", THREE)}


async def test_without_a_place_for_the_file_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no directory")
    async with open_store() as store:
        with pytest.raises(StoreUnavailable):
            await store.watch_list.add([ONE], None)
