"""Writing a page: what becomes a row where, what adds nothing, and which day the figures speak of."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keyapi_mcp.credits import Budget
from keyapi_mcp.product import Page, Product
from keyapi_mcp.research.changes import Severity
from keyapi_mcp.store.keeping import packed, unpacked
from keyapi_mcp.store.schema import PREVIOUS
from keyapi_mcp.store.store import Store
from support.kept import NOW, Clock, keep, open_store, product_id, row

pytestmark = pytest.mark.anyio

DAY = 20261122  # the data day of what is fetched at NOW


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with open_store(fresh_s=0) as opened:
        yield opened


async def ask(store: Store, sql: str, *values: Any) -> list[Any]:
    def look(connection: Any) -> list[Any]:
        return [tuple(found) for found in connection.exec_driver_sql(sql, values)]

    return await store.database.run(look, writes=False)


def after(days: float) -> datetime:
    return NOW + timedelta(days=days)


def sold_on(units: int, number: int = 0, **fields: Any) -> dict[str, Any]:
    """A row whose lifetime units tell the day."""
    return row(number, total_sale_cnt=10_000 + units, **fields)


async def states(store: Store, *columns: str) -> list[Any]:
    return await ask(store, f"SELECT {', '.join(columns)} FROM products ORDER BY region, product_id")


async def sights(store: Store) -> list[Any]:
    """(day, lifetime units) of every snapshot."""
    return await ask(store, "SELECT data_day, units FROM snapshots ORDER BY region, product_id, data_day")


# --- what is kept --------------------------------------------------------------------------------------------------


async def test_a_page_becomes_a_state_a_row_and_a_snapshot_of_each_product_and_one_search(store: Store) -> None:
    await keep(store, row(1), row(2))
    assert await states(store, "region", "product_id", "data_day", "first_day", "days", "previous_day") == [
        ("US", product_id(number), DAY, DAY, 1, None) for number in (1, 2)
    ]
    assert await ask(store, "SELECT region, product_id, data_day FROM snapshots ORDER BY product_id") == [
        ("US", product_id(number), DAY) for number in (1, 2)
    ]
    assert await ask(store, "SELECT region, product_id FROM listings ORDER BY product_id") == [
        ("US", product_id(number)) for number in (1, 2)
    ]
    (search,) = await ask(
        store, 'SELECT "key", region, page_num, data_day, rows, product_ids, request_id FROM searches'
    )
    assert search == (
        "region=US&product_sort_field=7&sort_type=1&page_num=1&page_size=10",
        *("US", 1, DAY, 2, f"{product_id(1)},{product_id(2)}", "r1"),
    )


async def test_every_number_of_the_row_has_its_column_and_metrics_are_computed(store: Store) -> None:
    await keep(store, row(0, total_views_30d_cnt="1234", product_commission_rate=0.2))
    columns = ("price_usd", "units_7d", "gmv_30d_usd", "views_30d", "commission_raw", "commission", "usd_per_sale")
    assert await states(store, *columns) == [(12.5, 70, 3750.0, 1234, 0.2, 0.2, 2.5)]
    assert await states(store, "momentum", "growth_7d", "seen_days", "delisted") == [(1.0, 0.0, 325.0, 0.0)]


async def test_what_cannot_be_read_is_null_and_never_zero(store: Store) -> None:
    odd: dict[str, Any] = {"total_sale_7d_cnt": None, "total_sale_30d_cnt": [5], "spu_avg_price": "n/a"}
    await keep(store, row(0, **odd, review_count=True, total_ifl_cnt=-1))
    assert await states(store, "units_7d", "units_30d", "price_usd", "reviews", "creators", "momentum") == [
        (None, None, None, None, None, None)
    ]


async def test_ids_are_text_whatever_they_look_like(store: Store) -> None:
    await keep(store, row(product_id="0012", seller_id=7495000000000000001, category_id=601450))
    assert await states(store, "product_id", "seller_id", "category_id", "typeof(product_id)", "typeof(seller_id)") == [
        ("0012", "7495000000000000001", "601450", "text", "text")
    ]
    assert await ask(
        store, "SELECT typeof(product_id) FROM snapshots UNION ALL SELECT typeof(product_ids) FROM searches"
    ) == [
        ("text",),
        ("text",),
    ]


async def test_the_same_product_of_two_markets_is_two(store: Store) -> None:
    await keep(store, sold_on(1), region="US")
    await keep(store, sold_on(2), region="GB")
    assert await states(store, "region", "units") == [("GB", 10_002), ("US", 10_001)]


async def test_the_raw_row_is_kept_once_compressed_without_signatures_of_images(store: Store) -> None:
    signed = "https://p16.example.com/a~tplv-resize-webp:800:800.webp?dr=10507&nonce=1&refresh_token=x&t=5"
    raw = row(
        0,
        desc_detail=json.dumps([{"type": "image", "image": {"url_list": [signed, signed.replace("webp?", "jpeg?")]}}]),
        cover_url=signed,
        landing="https://example.com/page?keep=this.webp",
        question="really.png?yes no",
        newer_field={"nested": [1, 2.5, None, "ü"]},
    )
    await keep(store, raw)
    await keep(store, raw | {"total_sale_cnt": 5}, at=after(1))
    ((kept,),) = await ask(store, "SELECT row FROM listings")
    assert b"refresh_token" not in zlib.decompress(kept)
    plain = signed.partition("?")[0]
    assert unpacked(kept) == raw | {
        "total_sale_cnt": 5,
        "desc_detail": raw["desc_detail"]
        .replace(signed, plain)
        .replace(signed.replace("webp?", "jpeg?"), plain.removesuffix("webp") + "jpeg"),
        "cover_url": plain,
        "question": "really.png no",
    }
    assert len(kept) < len(json.dumps(raw)) / 2


@pytest.mark.parametrize(
    "name", ["half \ud83d of a pair", "nul \x00 inside", "\u202eright to left", "', \"; DROP TABLE products; --"]
)
async def test_no_text_whatever_keeps_a_page_from_being_kept(store: Store, name: str) -> None:
    await keep(store, row(0, product_name=name))
    ((kept, length),) = await ask(store, "SELECT name, length(CAST(name AS BLOB)) FROM products")
    storable = name.encode("utf-8", "ignore")
    assert (kept, length) == (storable.decode(), len(storable))
    assert unpacked(packed({"product_name": name}))["product_name"] == name


# --- what adds nothing ---------------------------------------------------------------------------------------------


async def test_an_identical_page_of_the_same_day_adds_one_search_and_nothing_else(store: Store) -> None:
    await keep(store, row(1), row(2))
    before = {name: await ask(store, f"SELECT * FROM {name}") for name in ("products", "snapshots", "listings")}
    await keep(store, row(1), row(2), at=after(0.2))
    assert {name: await ask(store, f"SELECT * FROM {name}") for name in before} == before
    assert await ask(store, "SELECT count(*) FROM searches") == [(2,)]


async def test_asking_the_same_a_hundred_times_a_day_does_not_grow_the_file(store: Store) -> None:
    await keep(store, *[row(number) for number in range(10)])

    async def pages() -> int:
        ((count,),) = await ask(store, "PRAGMA page_count")
        return int(count)

    before = await pages()
    for _ in range(100):
        await keep(store, *[row(number) for number in range(10)])
    # A hundred searches and attempts with their keys: some pages of 4 KB, where the rows alone would be 160.
    assert await pages() - before < 20


async def test_a_different_page_of_the_same_day_takes_the_place_of_the_first(store: Store) -> None:
    await keep(store, sold_on(1))
    await keep(store, sold_on(2, product_name="Lip oil, new"), at=after(0.2))
    assert await sights(store) == [(DAY, 10_002)]
    assert await states(store, "units", "name", "days", "previous_day") == [(10_002, "Lip oil, new", 1, None)]
    ((kept,),) = await ask(store, "SELECT row FROM listings")
    assert unpacked(kept)["product_name"] == "Lip oil, new"


async def test_only_what_is_different_is_written(store: Store) -> None:
    await keep(store, sold_on(1, 1), sold_on(1, 2))
    await keep(store, sold_on(1, 1), sold_on(2, 2), at=after(0.2))
    assert await states(store, "fetched_at", "units") == [
        (NOW.timestamp(), 10_001),
        (after(0.2).timestamp(), 10_002),
    ]


async def test_a_number_that_comes_as_text_or_with_a_fraction_of_zero_is_the_same_number(store: Store) -> None:
    await keep(store, row(1, total_sale_cnt=5))
    for same in (5.0, "5", "5.0"):
        await keep(store, row(1, total_sale_cnt=same), at=after(0.1))
    assert await states(store, "fetched_at") == [(NOW.timestamp(),)]


async def test_a_product_twice_on_a_page_is_kept_once_and_stays_twice_in_the_search(store: Store) -> None:
    await keep(store, row(1), row(2), row(1))
    assert await states(store, "product_id") == [(product_id(1),), (product_id(2),)]
    assert await ask(store, "SELECT rows, product_ids FROM searches") == [
        (3, f"{product_id(1)},{product_id(2)},{product_id(1)}")
    ]


async def test_an_empty_page_is_a_search_without_products(store: Store) -> None:
    await keep(store)
    assert await ask(store, "SELECT rows, product_ids FROM searches") == [(0, "")]
    assert await states(store, "product_id") == []


# --- history -------------------------------------------------------------------------------------------------------


async def test_each_day_has_its_snapshot_and_the_state_knows_the_day_seen_before(store: Store) -> None:
    for day, changes in ((0, {}), (1, {"spu_avg_price": 11}), (4, {"spu_avg_price": 10, "off_mark": 2})):
        await keep(store, sold_on(day, **changes), at=after(day))
    assert await sights(store) == [(20261122, 10_000), (20261123, 10_001), (20261126, 10_004)]
    columns = ("data_day", "first_day", "days", "previous_day", *[f"previous_{name}" for name in PREVIOUS])
    assert await states(store, *columns) == [
        (20261126, DAY, 3, 20261123, 11.0, 70, 300, 3750.0, 40, 0.15, 0, "Unclear")
    ]


async def test_how_much_it_says_what_moved_since_the_day_before_is_kept_with_the_state(store: Store) -> None:
    told = []
    changes: list[dict[str, Any]] = [{}, {}, {"spu_avg_price": 12}, {"spu_avg_price": 9}, {"off_mark": 2}]
    for day, changed in enumerate(changes):
        await keep(store, sold_on(day, **{"spu_avg_price": 12.5} | changed), at=after(day))
        told += await states(store, "severity")
    assert told == [(None,), (Severity.NONE,), (Severity.MINOR,), (Severity.HIGH,), (Severity.HIGH,)]


async def test_a_product_knows_the_search_that_brought_its_state(store: Store) -> None:
    await keep(store, sold_on(0), page_num=1)
    await keep(store, sold_on(0), page_num=2)
    assert await states(store, "last_search") == [(1,)]
    await keep(store, sold_on(1), at=after(1), page_num=2)
    assert await states(store, "last_search") == [(3,)]


async def test_a_second_fetch_of_a_day_leaves_the_day_before_as_the_previous_one(store: Store) -> None:
    await keep(store, sold_on(0, spu_avg_price=9))
    await keep(store, sold_on(1, spu_avg_price=8), at=after(1))
    await keep(store, sold_on(2, spu_avg_price=7), at=after(1.1))
    assert await states(store, "price_usd", "previous_price_usd", "previous_day", "days") == [(7.0, 9.0, DAY, 2)]


async def test_the_day_is_that_of_utc(store: Store) -> None:
    await keep(store, sold_on(1), at=datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC))
    await keep(store, sold_on(2), at=datetime(2026, 11, 24, 0, 0, 0, tzinfo=UTC))
    assert await sights(store) == [(20261122, 10_001), (20261123, 10_002)]


# --- a clock that is wrong -----------------------------------------------------------------------------------------


async def test_after_a_clock_that_was_ahead_the_next_page_is_the_last_state_again(store: Store) -> None:
    await keep(store, sold_on(0))
    await keep(store, sold_on(1), at=after(400))
    await keep(store, sold_on(2, spu_avg_price=8), at=after(1))
    assert await states(store, "data_day", "units", "price_usd", "first_day", "days", "previous_day") == [
        (20261123, 10_002, 8.0, DAY, 3, None)
    ]
    await keep(store, sold_on(3), at=after(2))
    assert await states(store, "data_day", "units", "days", "previous_day", "previous_price_usd") == [
        (20261124, 10_003, 4, 20261123, 8.0)
    ]


async def test_a_clock_that_is_behind_for_a_while_leaves_right_dates_when_it_is_mended(store: Store) -> None:
    await keep(store, sold_on(0))
    await keep(store, sold_on(1), at=after(-500))
    await keep(store, sold_on(2), at=after(1))
    first = 20250710  # 500 days before, less the one by which figures are old
    assert await states(store, "data_day", "units", "first_day", "days") == [(20261123, 10_002, first, 3)]
    assert [day for day, _ in await sights(store)] == [first, 20261122, 20261123]


# --- a source that is behind ---------------------------------------------------------------------------------------


async def settled(store: Store, *rows: dict[str, Any], at: datetime) -> Page:
    """Keep a page; as it is given to whoever asked."""
    reservation = await store.reserve(f"region=US&page_num=1&at={at}", Budget(None))
    return (await reservation.settle_paid(Page(tuple(map(Product, rows)), len(rows), at))).page


async def test_the_same_figures_the_next_day_speak_of_the_day_before(store: Store) -> None:
    await keep(store, row(1), row(2))
    page = await settled(store, row(2), row(1), row(3), at=after(1))
    assert (page.unrefreshed, page.data_day) == (1, NOW.date() - timedelta(days=1))
    # Those seen for the first time, too.
    assert await states(store, "data_day", "days") == [(DAY, 1)] * 3
    assert len(await sights(store)) == 3
    assert await ask(store, "SELECT data_day, unrefreshed FROM searches ORDER BY id") == [(DAY, 0), (DAY, 1)]
    page = await settled(store, *[sold_on(1, number) for number in (1, 2, 3)], at=after(1.4))
    assert (page.unrefreshed, page.data_day) == (0, NOW.date())
    assert await states(store, "data_day", "days", "previous_day") == [(20261123, 2, DAY)] * 3


async def test_a_source_that_is_behind_for_days_is_seen_as_such(store: Store) -> None:
    await keep(store, row(1))
    for days in (1, 2, 3):
        page = await settled(store, row(1), at=after(days))
        assert (page.unrefreshed, page.data_day) == (days, NOW.date() - timedelta(days=1))
    assert await states(store, "data_day", "days") == [(DAY, 1)]


async def test_a_row_that_stays_the_same_for_longer_is_one_that_nobody_refreshes(store: Store) -> None:
    await keep(store, row(1))
    page = await settled(store, row(1), row(2), at=after(4))
    assert page.unrefreshed == 0
    assert await states(store, "data_day") == [(20261126,), (20261126,)]


async def test_one_product_that_changed_shows_that_the_source_has_refreshed(store: Store) -> None:
    await keep(store, row(1), sold_on(0, 2))
    assert (await settled(store, row(1), sold_on(5, 2), at=after(1))).unrefreshed == 0


@pytest.mark.parametrize("sold", [0, None], ids=["none", "unknown"])
async def test_products_that_sold_nothing_on_the_last_day_tell_nothing(store: Store, sold: int | None) -> None:
    # Three sold three weeks ago: the figures of the next day are the same, and new.
    quiet = row(1, total_sale_1d_cnt=sold, total_sale_7d_cnt=0, total_sale_30d_cnt=3)
    await keep(store, quiet)
    assert (await settled(store, quiet, at=after(1))).unrefreshed == 0
    assert await states(store, "data_day", "days") == [(20261123, 2)]


async def test_a_page_without_a_product_that_was_seen_the_day_before_is_taken_as_new(store: Store) -> None:
    await keep(store, row(1))
    assert (await settled(store, row(2), row(3), at=after(1))).unrefreshed == 0


async def test_what_is_newer_stays_when_a_page_turns_out_to_be_of_the_day_before(store: Store) -> None:
    await keep(store, row(1))
    # A page of others alone: nothing tells, so it counts as of the next day.
    await settled(store, row(2), at=after(1))
    await settled(store, row(1), row(2), at=after(1.1))
    assert await states(store, "product_id", "data_day", "first_day", "days") == [
        (product_id(1), 20261122, 20261122, 1),
        (product_id(2), 20261123, 20261122, 2),
    ]


async def test_a_clock_that_stands_still_keeps_one_day(tmp_path: Path) -> None:
    clock = Clock()
    async with open_store(clock, fresh_s=0) as store:
        for _ in range(3):
            await keep(store, row(1), at=clock.now)
        assert await states(store, "days") == [(1,)]
