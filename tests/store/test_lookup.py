"""One product out of the store: its last state, its row, the days before, and where else it is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from keyapi_mcp.store.lookup import Found
from keyapi_mcp.store.store import Store
from support.kept import NOW, keep, open_store, product_id, row, statements_of

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 22)  # the data day of what is fetched at NOW


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """The same question may be asked again at once."""
    async with open_store(store=request.param, fresh_s=0) as opened:
        yield opened


def change(store: Store, sql: str, *values: Any) -> None:
    """Behind the store's back."""
    assert store.path is not None
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(sql, values)


# --- what is found ------------------------------------------------------------------------------------------------


async def test_a_product_seen_once_has_its_state_and_its_row_and_no_earlier_day(store: Store) -> None:
    raw = row(1, skus='[{"sku_id":"5"}]', total_views_cnt=123_456)
    await keep(store, row(0), raw, row(2))
    found = await store.product(product_id(1), "US")
    (seen,) = found.seen
    assert (seen.region, seen.day, seen.first_day, seen.days) == ("US", TODAY, TODAY, 1)
    assert seen.fetched_at == NOW
    assert seen.product.product_id == product_id(1)
    assert seen.product.name == "Lip oil 1"
    assert seen.product.units(30) == 301
    assert seen.product.views() == 123_456
    assert seen.product.seller_id == "7495000000000000001"
    assert seen.product.category_ids == ("601450", "848648", "601534")
    assert found.row == raw
    assert (found.first, found.previous, found.near) == (None, None, ())


async def test_without_a_region_the_one_that_has_it_is_found(store: Store) -> None:
    await keep(store, row(1), region="US")
    await keep(store, row(2, region="TH"), region="TH")
    found = await store.product(product_id(2), None)
    assert [seen.region for seen in found.seen] == ["TH"]
    assert found.row["region"] == "TH"
    # A row that names no region is of the one that was asked for.
    assert found.seen[0].product.region == "TH"


async def test_in_several_regions_each_has_its_state_and_none_is_chosen(store: Store) -> None:
    await keep(store, row(1), region="US")
    await keep(store, row(1, total_sale_30d_cnt=7), region="GB")
    found = await store.product(product_id(1), None)
    assert [(seen.region, seen.product.units(30)) for seen in found.seen] == [("GB", 7), ("US", 301)]
    assert not found.row
    assert [seen.region for seen in (await store.product(product_id(1), "GB")).seen] == ["GB"]


async def test_where_it_is_not_in_the_region_it_is_found_elsewhere_without_row_and_days(store: Store) -> None:
    await keep(store, row(1), region="US")
    found = await store.product(product_id(1), "VN")
    assert [seen.region for seen in found.seen] == ["US"]
    assert not found.row


async def test_an_empty_store_and_an_unknown_id_have_nothing(store: Store) -> None:
    assert await store.product(product_id(1), None) == Found(())
    await keep(store, row(1))
    assert await store.product("1", "US") == Found(())


async def test_the_commission_is_read_in_the_unit_of_the_settings() -> None:
    async with open_store(commission_unit="percent") as store:
        await keep(store, row(1, product_commission_rate=0.5))
        (seen,) = (await store.product(product_id(1), None)).seen
        assert seen.product.commission == 0.005


# --- the days before ----------------------------------------------------------------------------------------------


async def test_the_first_kept_day_and_the_last_but_one_are_the_earlier_sights(store: Store) -> None:
    for passed, units in ((0, 300), (1, 310), (4, 340), (6, 360)):
        await keep(store, row(0, total_sale_30d_cnt=units), at=NOW + timedelta(days=passed))
    found = await store.product(product_id(0), "US")
    (seen,) = found.seen
    assert (seen.day, seen.product.units(30)) == (date(2026, 11, 28), 360)
    assert (seen.first_day, seen.days) == (TODAY, 4)
    assert found.first is not None
    assert (found.first.day, found.first.product.units(30)) == (TODAY, 300)
    assert found.previous is not None
    assert (found.previous.day, found.previous.product.units(30)) == (date(2026, 11, 26), 340)


async def test_with_two_days_the_first_is_also_the_last_but_one(store: Store) -> None:
    await keep(store, row(0))
    await keep(store, row(0, total_sale_30d_cnt=310), at=NOW + timedelta(days=1))
    found = await store.product(product_id(0), None)
    assert found.first is not None
    assert found.previous is not None
    assert found.first.day == found.previous.day == TODAY


async def test_days_of_another_product_or_market_do_not_count(store: Store) -> None:
    await keep(store, row(0), row(1), region="US")
    await keep(store, row(0), region="GB")
    await keep(store, row(0, total_sale_30d_cnt=310), at=NOW + timedelta(days=1), region="GB")
    found = await store.product(product_id(0), "US")
    assert (found.first, found.previous) == (None, None)


# --- what was meant -----------------------------------------------------------------------------------------------


async def test_an_id_whose_last_digits_were_lost_is_near_to_the_kept_one(store: Store) -> None:
    kept = product_id(67_890)
    await keep(store, row(67_890), region="US")
    # A number of 64 bits, and the same as JavaScript writes it.
    for lost in (str(int(float(kept))), f"{Decimal(repr(float(kept))):f}"):
        assert lost != kept
        found = await store.product(lost, "US")
        assert found.seen == ()
        assert found.near == (("US", kept),)
    await keep(store, row(67_900), region="TH")
    assert (await store.product(str(int(float(kept))), None)).near == (("TH", product_id(67_900)), ("US", kept))


async def test_other_ids_are_not_near(store: Store) -> None:
    await keep(store, row(10_000), row(1))
    assert (await store.product(product_id(5_000), None)).near == ()
    for short in ("1", "0", "99999", "999999999999999"):
        assert (await store.product(short, None)).near == ()
    # Too short to have lost a digit on the way.
    await keep(store, row(product_id="54321"), page_num=2)
    assert (await store.product("54322", None)).near == ()


async def test_of_many_near_ones_only_some_are_named(store: Store) -> None:
    await keep(store, *[row(number) for number in range(1, 9)])
    assert len((await store.product(product_id(500), None)).near) == 3


# --- several at once ----------------------------------------------------------------------------------------------


async def test_the_last_states_of_several_come_by_id_with_every_region(store: Store) -> None:
    await keep(store, row(0), row(1), region="US")
    await keep(store, row(1), row(2), region="TH")
    found = await store.states([product_id(0), product_id(1), product_id(9)])
    assert {identifier: [seen.region for seen in seen] for identifier, seen in found.items()} == {
        product_id(0): ["US"],
        product_id(1): ["TH", "US"],
    }
    assert await store.states([]) == {}


async def test_of_the_states_the_newest_day_is_given(store: Store) -> None:
    await keep(store, row(0))
    await keep(store, row(0, total_sale_30d_cnt=999), at=NOW + timedelta(days=2))
    ((seen,),) = (await store.states([product_id(0)])).values()
    assert (seen.product.units(30), seen.days) == (999, 2)


# --- damage and size ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [b"", b"not compressed", b"x\x9c\x03\x00\x00\x00\x00\x01"])
async def test_a_row_that_cannot_be_read_any_more_costs_the_texts_only(damage: bytes) -> None:
    async with open_store(fresh_s=0) as store:
        await keep(store, row(0))
        change(store, 'UPDATE listings SET "row" = ?', damage)
        found = await store.product(product_id(0), "US")
        assert found.row == {}
        assert found.seen[0].product.units(30) == 300
        change(store, "DELETE FROM listings")
        assert (await store.product(product_id(0), "US")).row == {}


async def test_nothing_that_grows_with_the_store_is_read_from_end_to_end() -> None:
    """Each look-up goes by a key, with and without a region, found or not."""
    async with open_store(fresh_s=0) as store:
        await keep(store, row(0), row(1))
        await keep(store, row(0), region="TH")
        await keep(store, row(1, total_sale_30d_cnt=5), at=NOW + timedelta(days=1))
        statements = await statements_of(store)
        await store.product(product_id(1), None)
        await store.product(product_id(1), "US")
        await store.product(product_id(999), None)
        await store.states([product_id(0), product_id(1)])
        looked = [sql for sql in statements if sql.lstrip().startswith(("SELECT", "WITH"))]
        assert len(looked) >= 10
        assert store.path is not None
        with closing(sqlite3.connect(store.path)) as connection:
            for sql in looked:
                plan = [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
                assert any("SEARCH" in step for step in plan)
                for step in plan:
                    assert not step.startswith(("SCAN products", "SCAN snapshots", "SCAN listings")), (step, sql)


async def test_rows_with_odd_json_come_back_as_they_were(store: Store) -> None:
    odd = row(0, desc_detail="[{", skus=None, extra={"deep": [1, None, "é\u0000"]}, off_mark="1")
    await keep(store, odd)
    found = await store.product(product_id(0), None)
    assert json.dumps(found.row, sort_keys=True) == json.dumps(odd, sort_keys=True)
