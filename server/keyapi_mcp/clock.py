"""The one source of time, so that tests and the sandbox can move it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def day_number(day: date) -> int:
    """yyyyMMdd, as the service writes days."""
    return day.year * 10_000 + day.month * 100 + day.day


def utc_day_number(moment: datetime) -> int:
    """The same of a moment's day, UTC."""
    return day_number(moment.astimezone(UTC).date())


@lru_cache(maxsize=1_024)
def day_of(number: int) -> date:
    """The day that such a number stands for. Raises ValueError when there is none."""
    return date(number // 10_000, number // 100 % 100, number % 100)


def iso(number: int) -> str:
    """yyyyMMdd as people read it, yyyy-mm-dd."""
    text = str(number)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def data_day(fetched_at: datetime) -> date:
    """The day that figures fetched at this time speak of: the service's data is one day old (T+1, UTC)."""
    return fetched_at.astimezone(UTC).date() - timedelta(days=1)
