"""Looking after the file: what is in it, whether it is sound, removing what is old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Connection, Table, bindparam, delete, func, select, tuple_

from keyapi_mcp.clock import day_number
from keyapi_mcp.store import books
from keyapi_mcp.store.schema import (
    ledger,
    listings,
    products,
    recipe_finds,
    recipe_runs,
    searches,
    snapshots,
    watched,
)


@dataclass(frozen=True, slots=True)
class Contents:
    """days: first and last data day, as yyyymmdd; `None` in an empty store. watched: products on the watch list."""

    products: int
    snapshots: int
    searches: int
    attempts: int
    first_day: int | None
    last_day: int | None
    watched: int = 0


def contents(connection: Connection) -> Contents:
    def count(table: Table) -> int:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()

    first, last = connection.execute(select(func.min(products.c.first_day), func.max(products.c.data_day))).one()
    return Contents(count(products), count(snapshots), count(searches), count(ledger), first, last, count(watched))


def size(path: Path) -> int:
    """Bytes on disk, with what has not been merged into the file yet."""
    parts = (path, path.with_name(path.name + "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def faults(connection: Connection) -> list[str]:
    """What is wrong with the file, most of it in the database's words; empty for a sound one."""
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
    if found != ["ok"]:
        return found
    return [f"credits of {day}: the sum is not that of the attempts" for day in books.disagreements(connection)]


@dataclass(frozen=True, slots=True)
class Old:
    """What a day's passing would remove. products: those whose last sight is before it, with all their snapshots."""

    products: int
    snapshots: int
    searches: int


def old(connection: Connection, before: date) -> Old:
    """How much is older than `before`. The credit ledger is never pruned."""
    day = day_number(before)
    return Old(
        connection.execute(select(func.count()).where(products.c.data_day < day)).scalar_one(),
        connection.execute(select(func.count()).where(snapshots.c.data_day < day)).scalar_one(),
        connection.execute(select(func.count()).where(searches.c.data_day < day)).scalar_one(),
    )


def prune(connection: Connection, before: date, at_once: int) -> int:
    """Remove up to `at_once` rows that are older than `before`; returns how many were removed, 0 at the end.

    Which recipe returned a product goes with it, unless it is watched: then that says how to get it again.
    """
    day = day_number(before)
    for table in (snapshots, searches, recipe_runs):
        keys = tuple_(*table.primary_key)
        some = select(*table.primary_key).where(table.c.data_day < day).limit(at_once)
        removed = connection.execute(delete(table).where(keys.in_(some))).rowcount
        if removed:
            return removed
    gone = connection.execute(
        select(products.c.region, products.c.product_id).where(products.c.data_day < day).limit(at_once)
    ).all()
    if gone:
        names = [{"of_region": region, "id": product_id} for region, product_id in gone]
        for table in (products, listings):
            named = (table.c.region == bindparam("of_region"), table.c.product_id == bindparam("id"))
            connection.execute(delete(table).where(*named), names)
        found = (recipe_finds.c.region == bindparam("of_region"), recipe_finds.c.product_id == bindparam("id"))
        unwatched = recipe_finds.c.product_id.not_in(select(watched.c.product_id))
        connection.execute(delete(recipe_finds).where(*found, unwatched), names)
    return len(gone)
