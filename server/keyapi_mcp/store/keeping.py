"""Writing an answered page: products, snapshots and the search, as far as they say anything new.

The data day is inferred: the service publishes a day's figures on the next (T+1, UTC), so a page fetched on a day
speaks of the day before. The source may be behind, though. When all products of the page that were seen on one of the
few days before it, and that sold on the last day they speak of, have the very same figures again, nothing was
refreshed in between (those sales would be among the lifetime's by now): the page then speaks of that earlier day, and
is marked.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import BindParameter, Connection, Table, bindparam, case, func, select, update
from sqlalchemy.dialects.sqlite import insert

from keyapi_mcp.clock import day_number, day_of
from keyapi_mcp.fields import figures, texts
from keyapi_mcp.product import Page, Product, off_sale
from keyapi_mcp.research import changes
from keyapi_mcp.research.derived import Rules, derive
from keyapi_mcp.store.prepared import Prepared
from keyapi_mcp.store.schema import PREVIOUS, listings, products, searches, snapshots

# Signatures of image addresses: they change with every fetch and lead nowhere after a while.
# (Written so that it begins with a fixed character, which is searched for much faster.)
_IMAGE_QUERY: Final = re.compile(
    rb"\?(?:(?<=\.webp\?|\.jpeg\?|\.avif\?|\.heic\?)|(?<=\.jpg\?|\.png\?|\.gif\?))[^\s\"\\]*"
)
# A source that was down is back after some days; figures that stay the same for longer are those of a product that the
# source does not look at any more.
_LONGEST_DELAY_DAYS: Final = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """One product as a page showed it."""

    product: Product
    figures: dict[str, float | None]
    digest: int

    @classmethod
    def of(cls, product: Product) -> Shown:
        values = figures(product)
        return cls(product, values, _digest(values.values()))


def _digest(values: Collection[float | None]) -> int:
    """One whole number for all figures, the same for 12 and 12.0. Absent figures count as a negative one: none is."""
    numbers = struct.pack(f"<{len(values)}d", *[-1 if value is None else value for value in values])
    return int.from_bytes(hashlib.blake2b(numbers, digest_size=7).digest())


def packed(row: Any) -> bytes:
    """A row as compressed JSON, image addresses without their query part."""
    try:
        text = to_json(row)
    except PydanticSerializationError:  # half a surrogate pair
        text = json.dumps(row).encode()
    return zlib.compress(_IMAGE_QUERY.sub(b"", text), 1)


def unpacked(row: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(zlib.decompress(row))
    return document


_State = dict[str, Any]
# What has to be known of a product for writing its next sight.
_HISTORY: Final = ("product_id", "data_day", "digest", "first_day", "days", *PREVIOUS, "previous_day")
_STATES: Final = (*_HISTORY, *[f"previous_{name}" for name in PREVIOUS])


@lru_cache(maxsize=32)
def _known(count: int) -> Prepared:
    """Reads the states of so many products of a region, as far as they are there."""
    ids: list[BindParameter[str]] = [bindparam(f"id_{number}") for number in range(count)]
    return Prepared(
        select(*[products.c[name] for name in _STATES]).where(
            products.c.region == bindparam("of_region"), products.c.product_id.in_(ids)
        )
    )


def _upsert(table: Table) -> Prepared:
    """Puts rows into a table, in place of those with the same key."""
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return Prepared(
        statement.on_conflict_do_update(index_elements=keys, set_=changed), [column.name for column in table.columns]
    )


_PUT_PRODUCTS: Final = _upsert(products)
_PUT_SNAPSHOTS: Final = _upsert(snapshots)
_PUT_LISTINGS: Final = _upsert(listings)
_KEEP_SEARCH: Final = Prepared(insert(searches), [column.name for column in searches.columns if column.name != "id"])
_days_seen = select(func.count()).where(
    snapshots.c.region == products.c.region, snapshots.c.product_id == products.c.product_id
)
_SEEN_BEFORE: Final = (
    update(products)
    .where(products.c.region == bindparam("of_region"), products.c.product_id.in_(bindparam("ids", expanding=True)))
    .values(
        first_day=case((products.c.first_day > bindparam("day"), bindparam("day")), else_=products.c.first_day),
        days=_days_seen.scalar_subquery(),
    )
)


def keep(connection: Connection, key: str, page: Page, shown: Sequence[Shown], rules: Rules) -> int:
    """Write a page. Returns by how many days the source was behind (see above)."""
    asked = parse_qs(key)
    region = asked["region"][0]
    ids = [one.product.product_id for one in shown]
    known = _states(connection, region, ids)
    expected = page.data_day
    day = _day_of_last_refresh(shown, known, expected) or expected
    behind = (expected - day).days
    search = {
        "key": key,
        "region": region,
        "page_num": int(asked["page_num"][0]),
        "fetched_at": page.fetched_at.timestamp(),
        "data_day": day_number(day),
        "rows": page.rows,
        "product_ids": ",".join(ids),
        "unrefreshed": behind,
        "synthetic": int(page.synthetic),
        "request_id": page.request_id,
    }
    written = _Written(region, page.fetched_at.timestamp(), _KEEP_SEARCH.insert(connection, search), rules)
    _write(connection, written, (day, expected), shown, known)
    return behind


@dataclass(frozen=True, slots=True)
class _Written:
    """What all rows of a page have in common. search: its number."""

    region: str
    fetched_at: float
    search: int
    rules: Rules


def _states(connection: Connection, region: str, ids: Sequence[str]) -> dict[str, _State]:
    """By id, what is known already."""
    if not ids:
        return {}
    wanted = {"of_region": region} | {f"id_{number}": product_id for number, product_id in enumerate(ids)}
    found = [_State(zip(_STATES, row, strict=True)) for row in _known(len(ids))(connection, wanted)]
    return {state["product_id"]: state for state in found}


def _day_of_last_refresh(shown: Iterable[Shown], known: dict[str, _State], expected: date) -> date | None:
    """The earlier day that the figures still speak of; `None` if they are new, or if nothing tells."""
    earliest = day_number(expected - timedelta(days=_LONGEST_DELAY_DAYS))
    telling = [
        (one, row)
        for one in shown
        if (row := known.get(one.product.product_id)) is not None
        and earliest <= row["data_day"] < day_number(expected)
        and one.product.units(1)
    ]
    if not telling or any(one.digest != row["digest"] for one, row in telling):
        return None
    return day_of(max(row["data_day"] for _, row in telling))


def _write(
    connection: Connection,
    page: _Written,
    days: tuple[date, date],
    shown: Iterable[Shown],
    known: dict[str, _State],
) -> None:
    """days: the one that the figures speak of, and the one that they should speak of by now."""
    speaks_of = days[0]
    region = page.region
    day, newest = map(day_number, days)
    product_rows, snapshot_rows, listing_rows = {}, {}, {}
    out_of_order = []
    for one in shown:
        identity = {"region": region, "product_id": one.product.product_id}
        row = known.get(one.product.product_id)
        if row is not None and row["data_day"] == day and row["digest"] == one.digest:
            continue
        snapshot_rows[one.product.product_id] = {
            **identity,
            "data_day": day,
            "digest": one.digest,
            **one.figures,
        }
        if row is not None and row["data_day"] > day:
            out_of_order.append(one.product.product_id)
            if row["data_day"] <= newest:
                continue  # the source is behind, and what is there is newer
            # What is there is of a day that has not come yet: the machine's clock was ahead then.
        listing_rows[one.product.product_id] = {**identity, "row": packed(one.product.raw)}
        new = {
            **identity,
            "data_day": day,
            "fetched_at": page.fetched_at,
            "digest": one.digest,
            "rules_version": page.rules.stamp,
            "last_search": page.search,
            **texts(one.product),
            **one.figures,
            **derive(one.product, speaks_of, page.rules),
            **_history(row, day),
        }
        product_rows[one.product.product_id] = {**new, "severity": severity_of(new)}
    if snapshot_rows:
        _PUT_SNAPSHOTS.many(connection, list(snapshot_rows.values()))
    if product_rows:
        _PUT_PRODUCTS.many(connection, list(product_rows.values()))
        _PUT_LISTINGS.many(connection, list(listing_rows.values()))
    if out_of_order:
        connection.execute(_SEEN_BEFORE, {"of_region": region, "ids": out_of_order, "day": day})


def severity_of(row: Mapping[str, Any]) -> int | None:
    """How much it says what moved since the day before; `None` where there is none."""
    if row["previous_day"] is None:
        return None
    return int(changes.severity(changes.moves(previous_state(row), last_state(row))))


# What is compared → its column of the last day, of the one before.
_LAST: Final = {name: name for name in (*changes.FIGURES, "stage")}
_PREVIOUS: Final = {name: f"previous_{name}" for name in _LAST}


def last_state(row: Mapping[str, Any]) -> changes.State:
    """A row of `products` as states are compared."""
    return _state(row, _LAST, row["delisted"])


def previous_state(row: Mapping[str, Any]) -> changes.State:
    """The same of the day before, as far as it is kept."""
    return _state(row, _PREVIOUS, int(off_sale(row["previous_off_mark"])))


def _state(row: Mapping[str, Any], columns: Mapping[str, str], delisted: int) -> changes.State:
    state = {name: row[column] for name, column in columns.items()}
    # As the source writes it, a price of 0 is none.
    state["price_usd"] = state["price_usd"] or None
    state["delisted"] = delisted
    return state


def _history(row: _State | None, day: int) -> dict[str, Any]:
    """Since when the product is known, on how many days it was seen, and what it was on the day seen before."""
    nothing = {"previous_day": None, **{f"previous_{name}": None for name in PREVIOUS}}
    if row is None:
        return {"first_day": day, "days": 1, **nothing}
    if row["data_day"] > day:
        return {"first_day": row["first_day"], "days": row["days"], **nothing}
    if row["data_day"] == day:
        previous = {f"previous_{name}": row[f"previous_{name}"] for name in PREVIOUS}
        return {"first_day": row["first_day"], "days": row["days"], "previous_day": row["previous_day"], **previous}
    previous = {f"previous_{name}": row[name] for name in PREVIOUS}
    return {"first_day": row["first_day"], "days": row["days"] + 1, "previous_day": row["data_day"], **previous}
