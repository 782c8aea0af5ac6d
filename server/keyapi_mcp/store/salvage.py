"""What can still be read of a damaged file's credit ledger and watch list, written into a new file.

The ledger's sums agree there; the rest of a file can be had again, at a price.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, insert

from keyapi_mcp.store.books import COUNTED
from keyapi_mcp.store.database import private_file
from keyapi_mcp.store.opening import open_engine
from keyapi_mcp.store.schema import credit_days, ledger, watched

_Row = dict[str, Any]
# What stands for attempts whose day is known and nothing else.
_LOST_KEY: Final = "(lost)"
_MOST_A_DAY: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """whole: everything that was spent is in it, though perhaps only as the sum of a day; watched: what could."""

    attempts: list[_Row]
    days: list[_Row]
    whole: bool
    watched: list[_Row]

    @property
    def credits(self) -> int:
        return sum(day["paid"] + day["unknown"] for day in self.days)


def read(connection: sqlite3.Connection) -> Found:
    """Either of the two tables tells what was spent: each attempt, or the sums of each day."""
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    attempts, all_attempts = _rows(connection, ledger, "id", _is_attempt)
    sums, all_sums = _rows(connection, credit_days, "day", _is_sum)
    paid, unknown = Counter[int](), Counter[int]()
    for attempt in attempts:
        more_paid, more_unknown = COUNTED[attempt["state"]]
        paid[attempt["day"]] += more_paid
        unknown[attempt["day"]] += more_unknown
    by_day = {one["day"]: one for one in sums}
    days = []
    for day in sorted({*paid, *unknown, *by_day}):
        told = by_day.get(day, {"paid": 0, "unknown": 0, "kept": 0})
        whole = {"day": day, "kept": told["kept"]}
        for name, counted in (("paid", paid), ("unknown", unknown)):
            whole[name] = max(told[name], counted[day])
            attempts += [_lost(day, name)] * (whole[name] - counted[day])
        days.append(whole)
    listed, _ = _rows(connection, watched, "product_id", _is_watched)
    return Found(attempts, days, all_attempts or all_sums, listed)


def write(found: Found, path: Path, busy_s: float) -> None:
    """A new file with these books, this watch list and nothing else. Raises what opening and writing raise."""
    private_file(path)
    engine = open_engine(path, busy_s)
    try:
        with engine.begin() as connection:
            # Those with a number first, so that none of the others takes it.
            numbered = [attempt for attempt in found.attempts if "id" in attempt]
            others = [attempt for attempt in found.attempts if "id" not in attempt]
            for table, rows in (
                (ledger, numbered),
                (ledger, others),
                (credit_days, found.days),
                (watched, found.watched),
            ):
                if rows:
                    connection.execute(insert(table), rows)
    finally:
        engine.dispose()


def _rows(
    connection: sqlite3.Connection, table: Table, key: str, is_one: Callable[[_Row], bool]
) -> tuple[list[_Row], bool]:
    """What can be read of a table, from its beginning and from its end, and whether that is all of it."""
    rows: dict[Any, _Row] = {}
    known = {column.name for column in table.columns}
    entire = False
    for direction in ("ASC", "DESC"):
        try:
            # Indexes may be damaged, too.
            for row in connection.execute(f'SELECT * FROM "{table.name}" NOT INDEXED ORDER BY "{key}" {direction}'):  # noqa: S608
                rows[row[key]] = {name: row[name] for name in row.keys() if name in known}  # noqa: SIM118
            entire = True
            break
        except sqlite3.DatabaseError:
            continue
    good = [row for row in rows.values() if is_one(row)]
    return good, entire and len(good) == len(rows)


def _is_attempt(row: _Row) -> bool:
    return (
        _is_day(row.get("day"))
        and row.get("state") in COUNTED
        and isinstance(row.get("key"), str)
        and all(isinstance(row.get(name), int | float) for name in ("credits", "until", "process", "reserved_at"))
    )


def _is_sum(row: _Row) -> bool:
    counts = [row.get(name) for name in ("paid", "unknown", "kept")]
    return _is_day(row.get("day")) and all(isinstance(one, int) and 0 <= one <= _MOST_A_DAY for one in counts)


def _is_watched(row: _Row) -> bool:
    product_id, note = row.get("product_id"), row.get("note")
    return (
        isinstance(product_id, str)
        and product_id.isascii()
        and product_id.isdigit()
        and isinstance(row.get("added_at"), int | float)
        and (note is None or isinstance(note, str))
    )


def _is_day(value: object) -> bool:
    return isinstance(value, int) and 2020_01_01 <= value <= 2100_01_01


def _lost(day: int, state: str) -> _Row:
    return {"key": _LOST_KEY, "reserved_at": 0.0, "day": day, "state": state, "credits": 1, "until": 0.0, "process": 0}
