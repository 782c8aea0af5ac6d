"""Looking after the file: what is in it, whether it is sound, removing what is old, renewing what rules changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, and_, bindparam, delete, func, or_, select, tuple_, update

from keyapi_mcp.clock import day_number
from keyapi_mcp.product import Product
from keyapi_mcp.reference.commission import CommissionUnit
from keyapi_mcp.research.derived import NAMES, Rules, derive
from keyapi_mcp.research.stage import place
from keyapi_mcp.store import books
from keyapi_mcp.store.columns import FIGURES, TEXTS
from keyapi_mcp.store.keeping import day_of, severity_of
from keyapi_mcp.store.schema import (
    PREVIOUS,
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
    def count(table: object) -> int:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]

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


# Not what a newer program has computed. (In two ranges, which an index answers.)
_OUTDATED: Final = or_(
    products.c.rules_version < bindparam("stamp"),
    and_(products.c.rules_version > bindparam("stamp"), products.c.rules_version < bindparam("next_version")),
)


def _of(rules: Rules) -> dict[str, int]:
    return {"stamp": rules.stamp, "next_version": rules.next_version}


def outdated(connection: Connection, rules: Rules) -> int:
    """Products whose derived metrics were computed by older formulas, or by other weights."""
    return int(connection.execute(select(func.count()).where(_OUTDATED), _of(rules)).scalar_one())


def uncompared(connection: Connection, rules: Rules, region: str | None) -> int:
    """Products that were seen on two days, of which it is still to be computed what moved between them.

    region: `None` for every one. A new program finds such in the store of an older one.
    """
    # Not the columns themselves: their indexes are the longer way to the few that are outdated.
    waiting = [_OUTDATED, (products.c.severity + 0).is_(None), products.c.previous_day.is_not(None)]
    if region is not None:
        waiting.append(products.c.region.concat("") == region)
    return int(connection.execute(select(func.count()).where(*waiting), _of(rules)).scalar_one())


_STORED: Final = (*FIGURES, *TEXTS)
_before: Final = snapshots.alias("before")
_SOME: Final = (
    select(
        products.c.region,
        products.c.product_id,
        products.c.data_day,
        products.c.previous_day,
        *[products.c[f"previous_{name}"] for name in PREVIOUS],
        *[products.c[one.name] for one in _STORED],
        _before.c.data_day.label("before_day"),
        *[_before.c[one.name].label(f"before_{one.name}") for one in FIGURES],
    )
    .outerjoin(
        _before,
        and_(
            _before.c.region == products.c.region,
            _before.c.product_id == products.c.product_id,
            _before.c.data_day == products.c.previous_day,
        ),
    )
    .where(_OUTDATED)
)
_RENEWED: Final = (*NAMES, "previous_commission", "previous_stage", "severity")
_RENEW: Final = (
    update(products)
    .where(products.c.region == bindparam("of_region"), products.c.product_id == bindparam("id"))
    .values(rules_version=bindparam("now"), **{name: bindparam(name) for name in _RENEWED})
)


def recompute(connection: Connection, unit: CommissionUnit, rules: Rules, at_once: int) -> int:
    """Compute some products' metrics anew from their stored fields; returns how many, 0 at the end."""
    rows = connection.execute(_SOME.limit(at_once), _of(rules)).mappings().all()
    renewed = []
    for row in rows:
        identity = {"product_id": row["product_id"]}
        product = Product({one.field: row[one.name] for one in _STORED} | identity, unit)
        known = {**row, **derive(product, day_of(row["data_day"]), rules)}
        if row["before_day"] is not None:
            before = Product({one.field: row[f"before_{one.name}"] for one in FIGURES} | identity, unit)
            known["previous_stage"] = place(before, day_of(row["before_day"])).stage
            known["previous_commission"] = before.commission
        renewed.append(
            {"of_region": row["region"], "id": row["product_id"], "now": rules.stamp}
            | {name: known[name] for name in (*NAMES, "previous_commission", "previous_stage")}
            | {"severity": severity_of(known)}
        )
    if renewed:
        connection.execute(_RENEW, renewed)
    return len(rows)
