"""Reading what changed: against the data day before each product's latest, or against an earlier day.

The first is a look at one index for all products. The second compares snapshots, some products in a transaction, so
that whoever else asks meanwhile has to wait for some of them only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any, Final

import anyio.to_thread
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)

from keyapi_mcp.clock import day_number, day_of
from keyapi_mcp.fields import FIGURES
from keyapi_mcp.product import Product
from keyapi_mcp.reference.commission import CommissionUnit
from keyapi_mcp.research.change_list import Change, Changes, Scope, Tally
from keyapi_mcp.research.changes import FIELDS, Move, Severity, moves, severity, state_on
from keyapi_mcp.research.changes import FIGURES as COMPARED
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.research.turnover import RecipeRun, turnovers
from keyapi_mcp.store import finds, renewal
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.keeping import last_state, previous_state
from keyapi_mcp.store.lookup import REGIONS
from keyapi_mcp.store.prepared import Prepared
from keyapi_mcp.store.schema import PREVIOUS, products, snapshots, watched

_AT_ONCE: Final = 1_000
_Key = tuple[str, str]

_IDENTITY: Final = ("region", "product_id", "name", "gmv_30d_usd", "data_day")
_LAST: Final = (*COMPARED, "stage", "delisted")
_BOTH: Final = (*_IDENTITY, "previous_day", *_LAST, *[f"previous_{name}" for name in PREVIOUS])
# Of a snapshot no more is read than its state needs: it is a hundred thousand times.
_NEEDED: Final = tuple(column for column in FIGURES if column.field in FIELDS)


async def changes(
    database: Database, scope: Scope, since: date | None, most: int, unit: CommissionUnit, rules: Rules
) -> Changes:
    """What moved in the scope since a day, `None` = the one before each product's latest. most: how many to list.

    Of the watched products those that did not move are listed, too.
    """
    if scope.kind == "all" and since is None:
        return await database.run(lambda connection: _first_of_all(connection, scope.region, most, rules), writes=False)
    tally = Tally(most, still=scope.kind == "watch")
    if scope.kind != "recipe":
        await _add_all(database, scope, since, tally, unit)
        return tally.whole()
    runs = await database.run(lambda connection: finds.runs(connection, scope.recipe, scope.region), writes=False)
    of_each = turnovers(runs, since)
    for one in of_each:
        await _add_all(database, replace(scope, region=one.last.region), since, tally, unit, one.last)
    return replace(tally.whole(), turnover=of_each)


async def _add_all(
    database: Database,
    scope: Scope,
    since: date | None,
    tally: Tally,
    unit: CommissionUnit,
    run: RecipeRun | None = None,
) -> None:
    after: _Key | None = ("", "")
    while after is not None:
        after = await _some_more(database, scope, since, after, tally, unit, run)


async def _some_more(
    database: Database,
    scope: Scope,
    since: date | None,
    after: _Key,
    tally: Tally,
    unit: CommissionUnit,
    run: RecipeRun | None,
) -> _Key | None:
    """Add the next products; returns the last one of them, `None` at the end."""
    statement = (_of_run if run else _prepared)(scope.kind, scope.region is not None, since is not None)
    values = {
        "ids": run.product_ids if run else (),
        "in_region": scope.region,
        "after_region": after[0],
        "after_id": after[1],
        "since": since and day_number(since),
        "at_once": _AT_ONCE,
    }
    rows = await database.run(lambda connection: statement(connection, values), writes=False)
    last_run = run.day if run else None
    if since is None:
        tally.add(map(_since_previous, rows), last_run)
    else:
        # A thousand comparisons take long enough to do them beside the store's thread and the event loop.
        await anyio.to_thread.run_sync(lambda: tally.add(_since_day(rows, since, unit), last_run))
    return max((row[0], row[1]) for row in rows) if len(rows) == _AT_ONCE else None


# --- all products, against the day before -------------------------------------------------------------------------


def _first_of_all(connection: Connection, region: str | None, most: int, rules: Rules) -> Changes:
    values = {"in_region": region, "most": most}
    counts: dict[int | None, int] = dict(_counts(region is not None)(connection, values))
    once, same = counts.pop(None, 0), counts.pop(0, 0)
    pending = renewal.uncompared(connection, rules, region) if once else 0
    return Changes(
        listed=tuple(map(_since_previous, _largest(region is not None)(connection, values))),
        by_severity={Severity(number): count for number, count in counts.items() if number},
        same=same,
        once=once - pending,
        pending=pending,
    )


@cache
def _counts(one_region: bool) -> Prepared:
    counted = select(products.c.severity, func.count()).group_by(products.c.severity)
    return Prepared(counted.where(_in_region()) if one_region else counted)


@cache
def _largest(one_region: bool) -> Prepared:
    moved = select(*[products.c[name] for name in _BOTH]).where(products.c.severity > literal_column("0"))
    order = (products.c.severity, products.c.gmv_30d_usd, products.c.region, products.c.product_id)
    largest = moved.order_by(*[column.desc() for column in order]).limit(bindparam("most"))
    return Prepared(largest.where(_in_region()) if one_region else largest)


def _in_region() -> ColumnElement[bool]:
    # Not the column itself: the key begins with it, and by the key every row of the region would be read.
    return products.c.region.concat(literal_column("''")) == bindparam("in_region")


# --- some products after the other --------------------------------------------------------------------------------


_Statement = Callable[[Connection, Mapping[str, Any]], Sequence[Any]]


@cache
def _prepared(kind: str, one_region: bool, with_day: bool) -> _Statement:
    return Prepared(_beside(kind, one_region, with_day))


@cache
def _of_run(kind: str, one_region: bool, with_day: bool) -> _Statement:
    statement = _beside(kind, one_region, with_day)
    return lambda connection, values: connection.execute(statement, dict(values)).all()


def _beside(kind: str, one_region: bool, with_day: bool) -> Select[Any]:
    return (_beside_day if with_day else _beside_previous)(_keys(kind, one_region))


def _keys(kind: str, one_region: bool) -> Subquery:
    """The next products of the scope, in the order of the key."""
    region, product_id = products.c.region, products.c.product_id
    conditions: list[ColumnElement[bool]] = []
    chosen = select(region, product_id)
    position: ColumnElement[str] = product_id
    if kind == "recipe":
        conditions.append(product_id.in_(bindparam("ids", expanding=True)))
        # Not the column itself: by its order, every product of the region would be read.
        position = product_id.concat(literal_column("''"))
    if kind == "watch":
        marked = product_id.in_(select(watched.c.product_id))
        chosen = chosen.join(REGIONS, and_(region == REGIONS.c.region, marked))
    if one_region:
        conditions += [region == bindparam("in_region"), position > bindparam("after_id")]
    else:
        conditions.append(tuple_(region, product_id) > tuple_(bindparam("after_region"), bindparam("after_id")))
    return chosen.where(*conditions).order_by(region, product_id).limit(bindparam("at_once")).subquery("chosen")


def _of_products(keys: Subquery, *columns: ColumnElement[Any]) -> Select[Any]:
    """These columns of them, in any order."""
    here = and_(products.c.region == keys.c.region, products.c.product_id == keys.c.product_id)
    # Outer, so that it begins with the keys.
    return select(keys.c.region, keys.c.product_id, *columns).select_from(keys.outerjoin(products, here))


def _beside_previous(keys: Subquery) -> Select[Any]:
    return _of_products(keys, *[products.c[name] for name in _BOTH[2:]])


def _beside_day(keys: Subquery) -> Select[Any]:
    """With each product's snapshot of the last day up to `since`, of the first one after it if there is none."""
    earlier, base = snapshots.alias("earlier"), snapshots.alias("base")
    since: ColumnElement[int] = bindparam("since")
    of_it = (earlier.c.region == keys.c.region, earlier.c.product_id == keys.c.product_id)
    last = select(func.max(earlier.c.data_day)).where(*of_it, earlier.c.data_day <= since).scalar_subquery()
    first = select(func.min(earlier.c.data_day)).where(*of_it, earlier.c.data_day > since).scalar_subquery()
    compared = and_(
        base.c.region == keys.c.region,
        base.c.product_id == keys.c.product_id,
        base.c.data_day == func.coalesce(last, first),
        base.c.data_day < products.c.data_day,
        products.c.data_day > since,
    )
    columns = [
        *[products.c[name] for name in (*_IDENTITY[2:], *_LAST)],
        base.c.data_day,
        *[base.c[column.name] for column in _NEEDED],
    ]
    return _of_products(keys, *columns).outerjoin(base, compared)


# --- rows as changes ----------------------------------------------------------------------------------------------

_FIELDS: Final = ("product_id", *[column.field for column in _NEEDED])
_DAY: Final = _IDENTITY.index("data_day")
_BASE_DAY: Final = len(_IDENTITY) + len(_LAST)


def _since_previous(row: tuple[Any, ...]) -> Change:
    state = dict(zip(_BOTH, row, strict=True))
    since = state["previous_day"]
    moved = () if since is None else moves(previous_state(state), last_state(state))
    return _change(row, since, moved)


def _since_day(rows: Iterable[tuple[Any, ...]], since: date, unit: CommissionUnit) -> Iterator[Change]:
    asked = day_number(since)
    for row in rows:
        base_day = row[_BASE_DAY]
        if base_day is None:
            yield _change(row, None, idle=row[_DAY] <= asked)
            continue
        figures = dict(zip(_FIELDS, (row[1], *row[_BASE_DAY + 1 :]), strict=True))
        before = state_on(Product(figures, unit), day_of(base_day))
        now = last_state(dict(zip(_LAST, row[_DAY + 1 : _BASE_DAY], strict=True)))
        yield _change(row, base_day, moves(before, now), later=base_day > asked)


def _change(
    row: tuple[Any, ...], since: int | None, moved: tuple[Move, ...] = (), *, later: bool = False, idle: bool = False
) -> Change:
    region, product_id, name, gmv, data_day = row[: _DAY + 1]
    since_day = None if since is None else day_of(since)
    return Change(region, product_id, name, gmv, day_of(data_day), since_day, moved, severity(moved), later, idle)
