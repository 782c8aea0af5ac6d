"""The credit ledger: an attempt is reserved before it is sent and settled after it, within the user's own limits.

Limits hold across processes, because a reservation is one transaction. What a dead process left open stays counted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from keyapi_mcp.clock import utc_day_number
from keyapi_mcp.credits import AskedElsewhere, DaySpent, Outcome, Totals
from keyapi_mcp.errors import LimitReached
from keyapi_mcp.store.prepared import Prepared
from keyapi_mcp.store.schema import OPEN, credit_days, ledger, products

_STATES: Final = {Outcome.PAID: "paid", Outcome.UNKNOWN: "unknown", Outcome.FREE: "free"}
# What an attempt in a state adds to its day: (paid, unknown).
COUNTED: Final = {"open": (0, 1), "unknown": (0, 1), "paid": (1, 0), "free": (0, 0)}

# A process is its id and, above that, the namespace that gave it: the same number is another process in a container.
_PROCESSES: Final = 1 << 22

_OPEN_ATTEMPTS: Final = Prepared(
    select(ledger.c.id, ledger.c.until, ledger.c.process).where(ledger.c.key == bindparam("of_key"), OPEN)
)
_CLOSE: Final = (
    update(ledger).where(ledger.c.id.in_(bindparam("numbers", expanding=True)), OPEN).values(state="unknown")
)
_RESERVE: Final = Prepared(insert(ledger), ("key", "reserved_at", "day", "state", "credits", "until", "process"))
_ATTEMPT: Final = Prepared(select(ledger.c.day, ledger.c.state).where(ledger.c.id == bindparam("number")))
_SETTLE: Final = Prepared(
    update(ledger)
    .where(ledger.c.id == bindparam("number"))
    .values(state=bindparam("how"), credits=bindparam("counted"), request_id=bindparam("quoted"))
)
_add = upsert(credit_days)
_ADD: Final = Prepared(
    _add.on_conflict_do_update(
        index_elements=[credit_days.c.day],
        set_={name: credit_days.c[name] + _add.excluded[name] for name in ("paid", "unknown", "kept")},
    ),
    ("day", "paid", "unknown", "kept"),
)
_spent = credit_days.c.paid + credit_days.c.unknown
_today = credit_days.c.day == bindparam("today")
_TOTALS: Final = Prepared(
    select(
        func.coalesce(func.sum(_spent), 0),
        func.coalesce(func.sum(case((_today, _spent), else_=0)), 0),
        func.coalesce(func.sum(case((_today, credit_days.c.unknown), else_=0)), 0),
    ).where(credit_days.c.day.between(bindparam("first"), bindparam("last")))
)
_BY_DAY: Final = select(credit_days).where(credit_days.c.day >= bindparam("since")).order_by(credit_days.c.day.desc())


@dataclass(frozen=True, slots=True)
class Limits:
    """Credits a day and a month (UTC); `None` = no limit."""

    per_day: int | None
    per_month: int | None


def reserve(
    connection: Connection, key: str, limits: Limits, now: datetime, until: datetime, *, share: bool
) -> tuple[int, Totals]:
    """Book one credit for an attempt that may be under way up to `until`. Returns its number and the totals after it.

    Raises LimitReached, or, with `share`, AskedElsewhere when another process is asking the same question; nothing is
    booked then.
    """
    if share:
        running, gone = _attempts(connection, key, now)
        if running:
            raise AskedElsewhere
        if gone:
            # Their credits may be spent, and are counted so already.
            connection.execute(_CLOSE, {"numbers": gone})
    before = totals(connection, limits, now)
    if before.left_today is not None and before.left_today < 1:
        raise _refusal(connection, "day", limits.per_day, before.today, _midnight(now))
    if before.left_this_month is not None and before.left_this_month < 1:
        raise _refusal(connection, "month", limits.per_month, before.this_month, _next_month(now))
    day = utc_day_number(now)
    attempt: dict[str, Any] = {
        "key": key,
        "reserved_at": now.timestamp(),
        "day": day,
        "state": "open",
        "credits": 1,
        "until": until.timestamp(),
        "process": _here() * _PROCESSES + os.getpid(),
    }
    number = _RESERVE.insert(connection, attempt)
    _count(connection, day, unknown=1)
    return number, _after_one_more(before)


def settle(
    connection: Connection, number: int, outcome: Outcome, request_id: str | None, limits: Limits, now: datetime
) -> Totals:
    """Write down how an attempt ended; telling it twice changes nothing. Returns the totals after it."""
    for day, state_before in _ATTEMPT(connection, {"number": number}):  # none, if the file is another one by now
        state = _STATES[outcome]
        (paid, unknown), (paid_before, unknown_before) = COUNTED[state], COUNTED[state_before]
        _SETTLE(connection, {"number": number, "how": state, "counted": paid + unknown, "quoted": request_id})
        _count(connection, day, paid=paid - paid_before, unknown=unknown - unknown_before)
    return totals(connection, limits, now)


def add_kept(connection: Connection, counts: Mapping[int, int]) -> None:
    """Count questions that were answered without a request, by day (yyyymmdd)."""
    for day, count in counts.items():
        _count(connection, day, kept=count)


def _count(connection: Connection, day: int, *, paid: int = 0, unknown: int = 0, kept: int = 0) -> None:
    _ADD(connection, {"day": day, "paid": paid, "unknown": unknown, "kept": kept})


def by_day(connection: Connection, since: int) -> list[DaySpent]:
    """Every day since then on which anything was spent or saved, newest first."""
    rows = connection.execute(_BY_DAY, {"since": since})
    return [DaySpent(row.day, row.paid, row.unknown, row.kept) for row in rows if row.paid or row.unknown or row.kept]


def totals(connection: Connection, limits: Limits, now: datetime) -> Totals:
    """What counts against the limits: everything that was paid for, and what may have been."""
    today = utc_day_number(now)
    first = today // 100 * 100
    ((month, day, unknown),) = _TOTALS(connection, {"today": today, "first": first, "last": first + 99})
    return Totals(
        today=day,
        today_unknown=unknown,
        this_month=month,
        left_today=_left(limits.per_day, day),
        left_this_month=_left(limits.per_month, month),
    )


def _left(limit: int | None, spent: int) -> int | None:
    return None if limit is None else max(0, limit - spent)


def _after_one_more(before: Totals) -> Totals:
    """The totals once an attempt is under way."""
    return Totals(
        today=before.today + 1,
        today_unknown=before.today_unknown + 1,
        this_month=before.this_month + 1,
        left_today=None if before.left_today is None else before.left_today - 1,
        left_this_month=None if before.left_this_month is None else before.left_this_month - 1,
    )


def under_way(connection: Connection, key: str, now: datetime) -> bool:
    """Whether any process is asking this question."""
    return bool(_attempts(connection, key, now)[0])


def _attempts(connection: Connection, key: str, now: datetime) -> tuple[list[int], list[int]]:
    """Attempts at this question that may be under way, and those that are not any more, though they are open.

    An attempt is over when its time is, or when its process is gone.
    """
    running, gone = [], []
    for number, until, process in _OPEN_ATTEMPTS(connection, {"of_key": key}):
        if until < now.timestamp() or not _runs(process):
            gone.append(number)
        else:
            running.append(number)
    return running, gone


def _runs(process: int) -> bool:
    namespace, process = divmod(process, _PROCESSES)
    if namespace not in (0, _here()):  # another container's, which cannot be seen from here: its time decides
        return True
    if sys.platform == "win32":  # signal 0 is not a question there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # One that was killed is there until its parent has taken note, which some never do.
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(") ")[2][:1] not in ("Z", "X")
    except OSError:
        return True


@cache
def _here() -> int:
    """Linux: the number of the namespace in which process ids count; 0 where there is one only."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def disagreements(connection: Connection) -> list[int]:
    """Days whose sums are not those of their attempts; none, as long as the file is sound."""
    sums = {row.day: (row.paid, row.unknown) for row in connection.execute(_BY_DAY, {"since": 0})}
    counted = dict.fromkeys(sums, (0, 0))
    attempts = select(ledger.c.day, ledger.c.state, func.count().label("attempts")).group_by(
        ledger.c.day, ledger.c.state
    )
    for row in connection.execute(attempts):
        paid, unknown = counted.get(row.day, (0, 0))
        more_paid, more_unknown = COUNTED[row.state]
        counted[row.day] = (paid + more_paid * row.attempts, unknown + more_unknown * row.attempts)
    return sorted(day for day in counted if counted[day] != sums.get(day, (0, 0)))


def _refusal(connection: Connection, span: str, limit: int | None, spent: int, ends: datetime) -> LimitReached:
    known = connection.execute(select(func.count()).select_from(products)).scalar_one()
    variable = f"KEYAPI_MCP_CREDITS_PER_{span.upper()}"
    return LimitReached(
        f"This would cost 1 credit, but none is left of your limit of {limit:,} a {span} ({spent:,} counted). "
        "Nothing was sent.",
        f"{variable} raises the limit (off lifts it); otherwise wait until {ends:%Y-%m-%d %H:%M} UTC. "
        f"query_products answers from the {known:,} products seen so far for free.",
    )


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _next_month(now: datetime) -> datetime:
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
