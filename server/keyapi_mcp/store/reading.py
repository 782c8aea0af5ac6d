"""Reading back: the answer to a query as it was given, from the figures of its data day."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, bindparam, literal_column, select

from keyapi_mcp.fields import FIGURES, TEXTS
from keyapi_mcp.product import Page, Product
from keyapi_mcp.reference.commission import CommissionUnit
from keyapi_mcp.store.prepared import Prepared
from keyapi_mcp.store.schema import products, searches, snapshots

# By the order in which they were kept: by their times, one from a clock that was ahead would be the newest for long.
_LATEST: Final = Prepared(
    select(
        searches.c.region,
        searches.c.fetched_at,
        searches.c.data_day,
        searches.c.rows,
        searches.c.product_ids,
        searches.c.unrefreshed,
        searches.c.synthetic,
        searches.c.request_id,
    )
    .where(searches.c.key == bindparam("of_key"))
    .order_by(searches.c.id.desc())
    .limit(literal_column("1"))
)


@cache
def _rows(count: int) -> Prepared:
    """Reads so many products of a region on a data day, as far as they are there."""
    ids: list[BindParameter[str]] = [bindparam(f"id_{number}") for number in range(count)]
    return Prepared(
        select(
            snapshots.c.product_id,
            *[snapshots.c[column.name] for column in FIGURES],
            *[products.c[column.name] for column in TEXTS],
        )
        .join(products, (products.c.region == snapshots.c.region) & (products.c.product_id == snapshots.c.product_id))
        .where(
            snapshots.c.region == bindparam("of_region"),
            snapshots.c.data_day == bindparam("day"),
            snapshots.c.product_id.in_(ids),
        )
    )


_FIELDS: Final = ("product_id", *[column.field for column in (*FIGURES, *TEXTS)])


_NEWEST: Final = Prepared(select(searches.c.synthetic).order_by(searches.c.id.desc()).limit(literal_column("1")))


def holds_synthetic(connection: Connection) -> bool | None:
    """Whether what is kept came from a sandbox; `None` where nothing is kept. A file has one service, so one kind."""
    newest = _NEWEST(connection, {})
    return bool(newest[0][0]) if newest else None


def latest_page(
    connection: Connection, key: str, unit: CommissionUnit, fetched: tuple[float, float] | None = None
) -> Page | None:
    """The newest kept answer to a query, if all of its rows are kept and it was fetched after the first and not after
    the second of two times (Unix seconds)."""
    latest = _LATEST(connection, {"of_key": key})
    if not latest:
        return None
    region, fetched_at, data_day, count, product_ids, unrefreshed, synthetic, request_id = latest[0]
    if fetched is not None and not fetched[0] < fetched_at <= fetched[1]:
        return None
    ids = product_ids.split(",") if product_ids else []
    wanted = {"of_region": region, "day": data_day} | {f"id_{number}": one for number, one in enumerate(ids)}
    found = _rows(len(ids))(connection, wanted) if ids else ()
    rows = {row[0]: dict(zip(_FIELDS, row, strict=True)) for row in found}
    if any(product_id not in rows for product_id in ids):
        return None
    return Page(
        products=tuple(Product(_with_region(rows[product_id], region), unit) for product_id in ids),
        rows=count,
        fetched_at=datetime.fromtimestamp(fetched_at, UTC),
        request_id=request_id,
        synthetic=bool(synthetic),
        unrefreshed=unrefreshed,
    )


def _with_region(row: dict[str, Any], region: str) -> dict[str, Any]:
    row["region"] = region
    return row
