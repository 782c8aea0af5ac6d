"""What older rules have computed is computed anew from what is stored, in steps, by the newest program alone."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection

from keyapi_mcp.credits import Budget
from keyapi_mcp.product import Page, Product
from keyapi_mcp.research import derived
from keyapi_mcp.research.derived import NAMES, RULES_VERSION, Rules, derive
from keyapi_mcp.store import keeping, renewal
from keyapi_mcp.store.store import Store
from support.kept import NOW, Clock, a_month, open_store, row
from support.waiting import until

pytestmark = pytest.mark.anyio


def change_rules(monkeypatch: pytest.MonkeyPatch, *, growth: float) -> None:
    """Rules of a later version: another growth, everything else as it was."""

    def derived_by_them(product: Product, day: date, rules: Rules) -> dict[str, Any]:
        return derive(product, day, rules) | {"growth_7d": growth}

    for module in (keeping, renewal):
        monkeypatch.setattr(module, "derive", derived_by_them)
    monkeypatch.setattr(derived, "RULES_VERSION", RULES_VERSION + 1)


def outdated(connection: Connection) -> int:
    return renewal.outdated(connection, Rules())


async def metrics(store: Store) -> list[Any]:
    def look(connection: Connection) -> list[Any]:
        statement = f"SELECT product_id, rules_version, {', '.join(NAMES)} FROM products ORDER BY product_id"
        return [tuple(found) for found in connection.exec_driver_sql(statement)]

    return await store.database.run(look, writes=False)


async def test_changed_rules_are_applied_from_what_is_stored_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    await a_month()
    change_rules(monkeypatch, growth=0.5)
    async with open_store() as store:
        # In the way of a person at the command line: step by step.
        store.database._chore = None
        before = await metrics(store)
        assert await store.database.run(outdated) == 3
        steps = []
        while some := await store.database.run(
            lambda connection: renewal.recompute(connection, "fraction", Rules(), 2)
        ):
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
        assert (
            await store.database.run(lambda connection: renewal.recompute(connection, "fraction", Rules(), 1000)) == 3
        )
        assert await metrics(store) == before


async def test_a_server_renews_them_while_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await a_month()
    change_rules(monkeypatch, growth=0.25)
    monkeypatch.setattr(renewal, "_RENEWED_AT_ONCE", 1)
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
    # Told once, before the first of the three steps.
    assert re.findall(r"the metrics of (\d+) products are computed anew", caplog.text) == ["3"]


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
