"""Looking after the file: what is in it, whether it is sound, removing what is old, renewing what rules changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from keyapi_mcp.credits import Budget
from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.product import Page, Product
from keyapi_mcp.research import derived
from keyapi_mcp.research.derived import NAMES, RULES_VERSION, Rules, derive
from keyapi_mcp.store import keeping, upkeep
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.store import Store
from keyapi_mcp.store.upkeep import Contents, Old
from support.kept import NOW, Clock, keep, open_store, product_id, row
from support.waiting import until

pytestmark = pytest.mark.anyio


async def ask(store: Store, sql: str) -> list[Any]:
    def look(connection: Any) -> list[Any]:
        return [tuple(found) for found in connection.exec_driver_sql(sql)]

    return await store.database.run(look, writes=False)


async def a_month(**settings: Any) -> Path:
    """A store in which product 1 was seen on the first, tenth and thirtieth day, 2 on the first and tenth, 3 once."""
    clock = Clock()
    async with open_store(clock, **settings) as store:
        for day, numbers in ((0, (1, 2, 3)), (9, (1, 2)), (29, (1,))):
            clock.now = NOW
            clock.pass_days(day)
            rows = [row(number, total_sale_cnt=10_000 + day) for number in numbers]
            await keep(store, *rows, at=clock.now, page_num=day + 1)
        assert store.path is not None
        return store.path


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


# --- renewing ------------------------------------------------------------------------------------------------------


def change_rules(monkeypatch: pytest.MonkeyPatch, *, growth: float) -> None:
    """Rules of a later version: another growth, everything else as it was."""

    def derived_by_them(product: Product, day: date, rules: Rules) -> dict[str, Any]:
        return derive(product, day, rules) | {"growth_7d": growth}

    for module in (keeping, upkeep):
        monkeypatch.setattr(module, "derive", derived_by_them)
    monkeypatch.setattr(derived, "RULES_VERSION", RULES_VERSION + 1)


def outdated(connection: Connection) -> int:
    return upkeep.outdated(connection, Rules())


async def metrics(store: Store) -> list[Any]:
    return await ask(store, f"SELECT product_id, rules_version, {', '.join(NAMES)} FROM products ORDER BY product_id")


async def test_changed_rules_are_applied_from_what_is_stored_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    await a_month()
    change_rules(monkeypatch, growth=0.5)
    async with open_store() as store:
        # In the way of a person at the command line: step by step.
        store.database._chore = None
        before = await metrics(store)
        assert await store.database.run(outdated) == 3
        steps = []
        while some := await store.database.run(lambda connection: upkeep.recompute(connection, "fraction", Rules(), 2)):
            steps.append(some)
        assert steps == [2, 1]
        assert await store.database.run(outdated) == 0
        place = 2 + NAMES.index("growth_7d")
        assert await metrics(store) == [
            (one[0], Rules().stamp, *one[2:place], 0.5, *one[place + 1 :]) for one in before
        ]


async def test_metrics_computed_anew_by_the_same_rules_are_the_same() -> None:
    await a_month()
    async with open_store() as store:
        store.database._chore = None
        before = await metrics(store)
        await store.database.run(lambda connection: connection.exec_driver_sql("UPDATE products SET rules_version = 0"))
        assert await store.database.run(lambda connection: upkeep.recompute(connection, "fraction", Rules(), 1000)) == 3
        assert await metrics(store) == before


async def test_a_server_renews_them_while_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await a_month()
    change_rules(monkeypatch, growth=0.25)
    monkeypatch.setattr("keyapi_mcp.store.renewal._RENEWED_AT_ONCE", 1)
    caplog.set_level("INFO")
    async with open_store() as store:
        assert await store.totals() is not None
        path = store.path
        assert path is not None

        def renewed() -> bool:
            with closing(sqlite3.connect(path)) as connection:
                found = connection.execute("SELECT min(growth_7d), min(rules_version) FROM products").fetchone()
                return bool(found == (0.25, Rules().stamp))

        until(renewed)
    for left in (3, 2, 1):
        assert f"the metrics of {left} products are computed anew" in caplog.text


async def test_an_older_program_does_not_put_its_rules_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        change_rules(newer, growth=0.5)
        await a_month()
    async with open_store() as store:
        assert await store.database.run(outdated) == 0
        reservation = await store.reserve("region=US&page_num=7", Budget(None))
        assert reservation.number == 4


async def test_the_unit_of_commission_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    async with open_store(clock, commission_unit="percent") as store:
        reservation = await store.reserve("region=US&page_num=1", Budget(None))
        raw = row(1, product_commission_rate=0.5)  # half a percent
        await reservation.settle_paid(Page((Product(raw, "percent"),), 1, NOW))
    change_rules(monkeypatch, growth=0.25)
    async with open_store(clock, commission_unit="percent") as store:
        await store.totals()
        assert store.path is not None
        path = store.path

        def renewed() -> bool:
            with closing(sqlite3.connect(path)) as connection:
                found = connection.execute("SELECT growth_7d, commission FROM products").fetchone()
                return bool(found == (0.25, 0.005))

        until(renewed)
