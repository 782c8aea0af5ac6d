"""Looking after the file: what is in it, whether it is sound, removing what is old."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from typing import Any

import pytest

from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.store import upkeep
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.store import Store
from keyapi_mcp.store.upkeep import Contents, Old
from support.kept import a_month, open_store, product_id

pytestmark = pytest.mark.anyio


async def ask(store: Store, sql: str) -> list[Any]:
    def look(connection: Any) -> list[Any]:
        return [tuple(found) for found in connection.exec_driver_sql(sql)]

    return await store.database.run(look, writes=False)


async def test_what_is_in_it() -> None:
    path = await a_month()
    async with open_store() as store:
        assert await store.database.run(upkeep.contents) == Contents(
            products=3, snapshots=6, searches=3, attempts=3, first_day=20261122, last_day=20261221
        )
        assert upkeep.size(path) == sum(
            file.stat().st_size for file in path.parent.iterdir() if file.name in (path.name, f"{path.name}-wal")
        )


async def test_an_empty_store_has_no_days() -> None:
    async with open_store() as store:
        assert await store.database.run(upkeep.contents) == Contents(0, 0, 0, 0, None, None)
        assert await store.database.run(upkeep.faults) == []


# --- removing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "found", "left"),
    [
        (date(2026, 11, 22), Old(0, 0, 0), (3, 6, 3)),
        (date(2026, 11, 23), Old(1, 3, 1), (2, 3, 2)),
        (date(2026, 12, 2), Old(2, 5, 2), (1, 1, 1)),
        (date(2030, 1, 1), Old(3, 6, 3), (0, 0, 0)),
    ],
)
@pytest.mark.parametrize("at_once", [1, 2, 1000])
async def test_what_is_older_is_removed_in_steps_and_the_ledger_is_not_touched(
    before: date, found: Old, left: tuple[int, int, int], at_once: int
) -> None:
    await a_month()
    async with open_store() as store:
        ledger = await ask(
            store, "SELECT * FROM ledger UNION ALL SELECT day, paid, unknown, kept, 0, 0, 0, 0, 0 FROM credit_days"
        )
        assert await store.database.run(lambda connection: upkeep.old(connection, before)) == found
        steps = []
        while removed := await store.database.run(lambda connection: upkeep.prune(connection, before, at_once)):
            steps.append(removed)
        assert all(1 <= step <= at_once for step in steps)
        assert sum(steps) == found.products + found.snapshots + found.searches
        after = await store.database.run(upkeep.contents)
        assert (after.products, after.snapshots, after.searches, after.attempts) == (*left, 3)
        # Rows and snapshots of products that are there no more would never be found again.
        assert await ask(store, "SELECT product_id FROM listings EXCEPT SELECT product_id FROM products") == []
        assert await ask(store, "SELECT count(*) FROM listings") == [(left[0],)]
        assert await ask(store, "SELECT product_id FROM snapshots EXCEPT SELECT product_id FROM products") == []
        assert (
            await ask(
                store, "SELECT * FROM ledger UNION ALL SELECT day, paid, unknown, kept, 0, 0, 0, 0, 0 FROM credit_days"
            )
            == ledger
        )
        assert await store.database.run(upkeep.faults) == []


async def test_what_is_left_after_removing_goes_on_as_before() -> None:
    await a_month()
    async with open_store() as store:
        while await store.database.run(lambda connection: upkeep.prune(connection, date(2026, 11, 30), 1000)):
            pass
        ((first, days, previous),) = await ask(
            store, f"SELECT first_day, days, previous_day FROM products WHERE product_id = '{product_id(1)}'"
        )
        assert (first, days, previous) == (20261122, 3, 20261201)


# --- soundness -----------------------------------------------------------------------------------------------------


async def test_sums_that_are_not_those_of_the_attempts_are_found() -> None:
    path = await a_month()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE credit_days SET paid = paid - 1 WHERE day = 20261202")
        connection.execute("DELETE FROM credit_days WHERE day = 20261222")
    async with open_store() as store:
        assert await store.database.run(upkeep.faults) == [
            "credits of 20261202: the sum is not that of the attempts",
            "credits of 20261222: the sum is not that of the attempts",
        ]


async def test_a_damaged_page_is_found() -> None:
    path = await a_month()
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'snapshots'").fetchone()
    damaged = bytearray(path.read_bytes())
    damaged[(root - 1) * 4096 : (root - 1) * 4096 + 64] = b"\xa5" * 64
    path.write_bytes(damaged)
    # Without a server, which would set it aside.
    database = Database(path)
    try:
        found = await database.run(upkeep.faults, writes=False)
    except StoreUnavailable as error:
        found = [error.why]
    finally:
        database.close()
    assert found != []
