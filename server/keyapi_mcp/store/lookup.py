"""Reading single products: the last state, the row as it came, and the days before."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, func, select

from keyapi_mcp.clock import day_number, day_of
from keyapi_mcp.fields import FIGURES, TEXTS
from keyapi_mcp.product import Product
from keyapi_mcp.reference.commission import CommissionUnit
from keyapi_mcp.research.history import Seen, Snapshot
from keyapi_mcp.store.keeping import unpacked
from keyapi_mcp.store.schema import listings, products, snapshots

# 19 digits as a number keep 16 or 17 of them: what was meant is not further away than this.
_LOST_BY_NUMBERS: Final = 512

# The regions there are. A step to the next one each, because a scan of all products would take longer.
_regions = select(func.min(products.c.region).label("region")).cte("regions", recursive=True)
_next = select(func.min(products.c.region)).where(products.c.region > _regions.c.region).scalar_subquery()
REGIONS: Final = _regions.union_all(select(_next).where(_regions.c.region.is_not(None)))

_STATES: Final = (
    select(
        products.c.region,
        products.c.product_id,
        *[products.c[column.name] for column in (*FIGURES, *TEXTS)],
        products.c.data_day,
        products.c.fetched_at,
        products.c.first_day,
        products.c.days,
    )
    .join(
        REGIONS,
        and_(products.c.region == REGIONS.c.region, products.c.product_id.in_(bindparam("ids", expanding=True))),
    )
    .order_by(products.c.region)
)
_FIELDS: Final = ("region", "product_id", *[column.field for column in (*FIGURES, *TEXTS)])
_NEAR: Final = (
    select(products.c.region, products.c.product_id)
    .join(
        REGIONS,
        and_(
            products.c.region == REGIONS.c.region,
            products.c.product_id.between(bindparam("low"), bindparam("high")),
        ),
    )
    .order_by(products.c.region, products.c.product_id)
    .limit(3)
)

_SIGHTS: Final = select(snapshots.c.data_day, *[snapshots.c[column.name] for column in FIGURES]).where(
    snapshots.c.region == bindparam("of_region"),
    snapshots.c.product_id == bindparam("id"),
    snapshots.c.data_day < bindparam("before"),
)
_FIRST: Final = _SIGHTS.order_by(snapshots.c.data_day).limit(1)
_PREVIOUS: Final = _SIGHTS.order_by(snapshots.c.data_day.desc()).limit(1)
_LISTING: Final = select(listings.c.row).where(
    listings.c.region == bindparam("of_region"), listings.c.product_id == bindparam("id")
)


@dataclass(frozen=True, slots=True)
class Found:
    """What the store has under one id.

    seen: its state in the region asked for, otherwise one for each region that has it; row: as it came, with one state
    only; first, previous: the first kept day and the last but one, where there are such; near: where there is no
    state, ids (with their regions) that differ in the last digits only.
    """

    seen: tuple[Seen, ...]
    row: Mapping[str, Any] = field(default_factory=dict)
    first: Snapshot | None = None
    previous: Snapshot | None = None
    near: tuple[tuple[str, str], ...] = ()


def states(connection: Connection, ids: Sequence[str], unit: CommissionUnit) -> dict[str, tuple[Seen, ...]]:
    """The last states of these products, by id: one for each region that has it, by code."""
    found: dict[str, tuple[Seen, ...]] = {}
    rows: Iterable[Row[Any]] = connection.execute(_STATES, {"ids": list(ids)})
    for row in rows:
        found[row.product_id] = (*found.get(row.product_id, ()), _seen(row, unit))
    return found


def product(connection: Connection, product_id: str, region: str | None, unit: CommissionUnit) -> Found:
    """One product, whole. Where it is not in that region (`None`: in any), or in several, only its states."""
    everywhere = states(connection, [product_id], unit).get(product_id, ())
    if not everywhere:
        return Found((), near=_near(connection, product_id))
    seen = tuple(one for one in everywhere if region in (None, one.region))
    if len(seen) != 1:
        return Found(everywhere)
    (last,) = seen
    whose = {"of_region": last.region, "id": product_id}
    day = day_number(last.day)
    first = connection.execute(_FIRST, {**whose, "before": day}).one_or_none()
    previous = connection.execute(_PREVIOUS, {**whose, "before": day}).one_or_none() if first else None
    row = connection.execute(_LISTING, whose).scalar_one_or_none()
    return Found(seen, _row(row), _snapshot(product_id, first, unit), _snapshot(product_id, previous, unit))


def _seen(row: Row[Any], unit: CommissionUnit) -> Seen:
    *fields, data_day, fetched_at, first_day, days = tuple[Any, ...](row)
    return Seen(
        region=row.region,
        product=Product(dict(zip(_FIELDS, fields, strict=True)), unit),
        day=day_of(data_day),
        fetched_at=datetime.fromtimestamp(fetched_at, UTC),
        first_day=day_of(first_day),
        days=days,
    )


def _snapshot(product_id: str, row: Row[Any] | None, unit: CommissionUnit) -> Snapshot | None:
    if row is None:
        return None
    day, *values = tuple[Any, ...](row)
    raw = {"product_id": product_id} | {one.field: value for one, value in zip(FIGURES, values, strict=True)}
    return Snapshot(Product(raw, unit), day_of(day))


def _row(packed: bytes | None) -> Mapping[str, Any]:
    """The listing's texts are worth less than the card: one that cannot be read any more is as one without."""
    if packed is None:
        return {}
    try:
        row = unpacked(packed)
    except (zlib.error, json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _near(connection: Connection, product_id: str) -> tuple[tuple[str, str], ...]:
    low, high = (str(int(product_id) + lost) for lost in (-_LOST_BY_NUMBERS, _LOST_BY_NUMBERS))
    # As text, only numbers of the same length are in order; and short ones are near to everything.
    if len(product_id) < 15 or not len(low) == len(product_id) == len(high):
        return ()
    return tuple((row.region, row.product_id) for row in connection.execute(_NEAR, {"low": low, "high": high}))
