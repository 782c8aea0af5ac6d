"""The ledger: what each attempt counts, within which limits, on which day and in which month."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from keyapi_mcp.credits import AskedElsewhere, Budget, DaySpent, Outcome
from keyapi_mcp.errors import LimitReached
from keyapi_mcp.store import books
from keyapi_mcp.store.books import Limits
from keyapi_mcp.store.database import Database
from support.kept import NOW, Clock, keep, open_store, row

ENDLESS = Limits(None, None)
SOON = timedelta(seconds=40)


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database(None)
    yield database
    database.close()


def reserve(
    database: Database, now: datetime = NOW, limits: Limits = ENDLESS, key: str = "region=US", *, share: bool = False
) -> tuple[int, Any]:
    return database.run_now(lambda connection: books.reserve(connection, key, limits, now, now + SOON, share=share))


def settle(
    database: Database, number: int, outcome: Outcome, now: datetime = NOW, limits: Limits = ENDLESS, ref: str = "r"
) -> Any:
    return database.run_now(lambda connection: books.settle(connection, number, outcome, ref, limits, now))


def totals(database: Database, now: datetime = NOW, limits: Limits = ENDLESS) -> Any:
    return database.run_now(lambda connection: books.totals(connection, limits, now))


def attempts(database: Database) -> list[tuple[str, int, str | None]]:
    """(state, credits, request id) of each, in order. The sums by day agree with them, always."""
    assert database.run_now(books.disagreements) == []
    return [
        (found.state, found.credits, found.request_id)
        for found in database.run_now(
            lambda connection: connection.exec_driver_sql("SELECT * FROM ledger ORDER BY id").all()
        )
    ]


# --- what counts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "state", "counted", "unknown"),
    [(Outcome.PAID, "paid", 1, 0), (Outcome.UNKNOWN, "unknown", 1, 1), (Outcome.FREE, "free", 0, 0)],
)
def test_each_outcome_counts_what_it_may_have_cost(
    outcome: Outcome, state: str, counted: int, unknown: int, database: Database
) -> None:
    number, after = reserve(database, limits=Limits(10, 100))
    # Under way it counts already, for it may be billed.
    assert (after.today, after.today_unknown, after.left_today, after.left_this_month) == (1, 1, 9, 99)
    assert attempts(database) == [("open", 1, None)]
    after = settle(database, number, outcome, limits=Limits(10, 100))
    assert (after.today, after.today_unknown, after.this_month) == (counted, unknown, counted)
    assert (after.left_today, after.left_this_month, after.left) == (10 - counted, 100 - counted, 10 - counted)
    assert attempts(database) == [(state, counted, "r")]


def test_an_end_that_is_told_twice_counts_once_and_the_last_word_holds(database: Database) -> None:
    number, _ = reserve(database)
    for outcome, counted in ((Outcome.UNKNOWN, 1), (Outcome.PAID, 1), (Outcome.PAID, 1), (Outcome.FREE, 0)):
        assert settle(database, number, outcome).today == counted
        assert len(attempts(database)) == 1


def test_an_attempt_that_is_not_in_this_file_changes_nothing(database: Database) -> None:
    assert settle(database, 4711, Outcome.PAID).today == 0
    assert attempts(database) == []


def test_spent_and_saved_by_day_newest_first(database: Database) -> None:
    for day, outcome in ((0, Outcome.PAID), (0, Outcome.UNKNOWN), (1, Outcome.PAID), (3, Outcome.FREE)):
        now = NOW + timedelta(days=day)
        settle(database, reserve(database, now)[0], outcome, now)
    database.run_now(lambda connection: books.add_kept(connection, {20261124: 5, 20261125: 1}))
    database.run_now(lambda connection: books.add_kept(connection, {20261124: 2}))
    assert database.run_now(lambda connection: books.by_day(connection, 20261101)) == [
        DaySpent(20261125, 0, 0, 1),
        DaySpent(20261124, 1, 0, 7),
        DaySpent(20261123, 1, 1, 0),
    ]
    assert database.run_now(lambda connection: books.by_day(connection, 20261125)) == [DaySpent(20261125, 0, 0, 1)]


# --- days and months -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "first"),
    [
        (datetime(2026, 11, 23, 23, 59, 59, 999_999, UTC), datetime(2026, 11, 24, tzinfo=UTC)),
        # The wall clock of a place far away is already at the next day, or still at the last.
        (
            datetime(2026, 11, 24, 13, 59, 59, tzinfo=timezone(timedelta(hours=14))),
            datetime(2026, 11, 24, tzinfo=UTC),
        ),
        (
            datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC),
            datetime(2026, 11, 23, 16, tzinfo=timezone(timedelta(hours=-8))),
        ),
    ],
)
def test_a_day_ends_at_midnight_utc(last: datetime, first: datetime, database: Database) -> None:
    limits = Limits(1, None)
    reserve(database, last, limits)
    with pytest.raises(LimitReached) as refused:
        reserve(database, last, limits)
    assert "otherwise wait until 2026-11-24 00:00 UTC" in refused.value.next_step
    _, after = reserve(database, first, limits)
    assert (after.today, after.left_today, after.this_month) == (1, 0, 2)
    assert database.run_now(lambda connection: books.by_day(connection, 0)) == [
        DaySpent(20261124, 0, 1, 0),
        DaySpent(20261123, 0, 1, 0),
    ]


@pytest.mark.parametrize(
    ("last", "first"),
    [
        ((2026, 11, 30), (2026, 12, 1)),
        ((2026, 12, 31), (2027, 1, 1)),
        ((2027, 2, 28), (2027, 3, 1)),
        ((2028, 2, 29), (2028, 3, 1)),
        ((2027, 1, 31), (2027, 2, 1)),
    ],
)
def test_a_month_ends_at_midnight_utc_of_its_last_day(
    last: tuple[int, int, int], first: tuple[int, int, int], database: Database
) -> None:
    limits = Limits(None, 2)
    reserve(database, datetime(*last[:2], 1, tzinfo=UTC), limits)
    end = datetime(*last, 23, 59, 59, tzinfo=UTC)
    reserve(database, end, limits)
    with pytest.raises(LimitReached) as refused:
        reserve(database, end, limits)
    begin = datetime(*first, tzinfo=UTC)
    assert f"otherwise wait until {begin:%Y-%m-%d} 00:00 UTC" in refused.value.next_step
    assert "KEYAPI_MCP_CREDITS_PER_MONTH raises the limit (off lifts it)" in refused.value.next_step
    _, after = reserve(database, begin, limits)
    assert (after.this_month, after.left_this_month) == (1, 1)


def test_an_attempt_belongs_to_the_day_on_which_it_was_reserved(database: Database) -> None:
    before, after = NOW.replace(hour=23, minute=59), NOW.replace(hour=0) + timedelta(days=1)
    number, _ = reserve(database, before)
    assert settle(database, number, Outcome.PAID, after).today == 0
    assert totals(database, before).today == 1
    assert totals(database, after).this_month == 1


# --- limits --------------------------------------------------------------------------------------------------------


def test_the_error_over_a_limit_says_what_it_costs_what_is_left_and_what_to_do(database: Database) -> None:
    limits = Limits(2, None)
    reserve(database, limits=limits)
    settle(database, reserve(database, limits=limits)[0], Outcome.UNKNOWN)
    with pytest.raises(LimitReached) as refused:
        reserve(database, limits=limits)
    assert refused.value.what == (
        "This would cost 1 credit, but none is left of your limit of 2 a day (2 counted). Nothing was sent."
    )
    assert refused.value.next_step == (
        "KEYAPI_MCP_CREDITS_PER_DAY raises the limit (off lifts it); otherwise wait until 2026-11-24 00:00 UTC. "
        "query_products answers from the 0 products seen so far for free."
    )
    assert len(attempts(database)) == 2


def test_what_turned_out_to_be_free_may_be_spent_again(database: Database) -> None:
    limits = Limits(1, 1)
    for _ in range(3):
        number, _ = reserve(database, limits=limits)
        settle(database, number, Outcome.FREE)
    settle(database, reserve(database, limits=limits)[0], Outcome.PAID)
    with pytest.raises(LimitReached):
        reserve(database, limits=limits)


def test_a_limit_of_zero_spends_nothing_and_one_that_is_off_everything(database: Database) -> None:
    for limits in (Limits(0, None), Limits(None, 0)):
        with pytest.raises(LimitReached, match="none is left of your limit of 0 a"):
            reserve(database, limits=limits)
    for _ in range(5):
        _, after = reserve(database)
    assert (after.left_today, after.left_this_month, after.left) == (None, None, None)


def test_a_limit_that_was_lowered_below_what_is_spent_leaves_nothing_and_not_less(database: Database) -> None:
    for _ in range(5):
        reserve(database)
    assert totals(database, limits=Limits(3, 4)).left == 0


def test_the_nearer_of_two_limits_is_what_is_left(database: Database) -> None:
    reserve(database)
    assert totals(database, limits=Limits(10, 5)).left == 4
    assert totals(database, limits=Limits(3, 50)).left == 2
    assert totals(database, limits=Limits(None, 50)).left == 49


@pytest.mark.anyio
@pytest.mark.parametrize(("setting", "allowed"), [("3", 3), ("0", 0)])
async def test_one_call_s_own_limit(setting: str, allowed: int) -> None:
    async with open_store(credits_per_call=setting) as store:
        budget = Budget(allowed)
        for number in range(allowed):
            await store.reserve(f"region=US&page_num={number}", budget)
        with pytest.raises(LimitReached) as refused:
            await store.reserve("region=GB", budget)
        assert refused.value.what == (
            f"This would cost 1 credit, but none is left of this call's limit of {setting}. Nothing was sent."
        )
        assert refused.value.next_step == (
            "KEYAPI_MCP_CREDITS_PER_CALL raises the limit (off lifts it). "
            "query_products answers from what was seen so far for free."
        )
        found = await store.totals()
        assert found is not None
        assert found.today == allowed
        # Another call has its own.
        await store.reserve("region=GB", Budget(1))


@pytest.mark.anyio
async def test_the_limits_are_those_of_the_settings_and_the_clock_is_the_one_given() -> None:
    clock = Clock()
    async with open_store(clock, credits_per_day=2, credits_per_month=3) as store:
        for day, allowed in ((0, 2), (1, 1), (2, 0)):
            clock.now = NOW + timedelta(days=day)
            for number in range(allowed):
                await keep(store, row(day), at=clock.now, page_num=10 * day + number)
            with pytest.raises(LimitReached):
                await store.reserve("region=GB&page_num=1", Budget(None))
        clock.now = datetime(2026, 12, 1, tzinfo=UTC)
        await keep(store, row(9), at=clock.now, page_num=99)


# --- one question, several processes -------------------------------------------------------------------------------


def test_a_question_that_is_being_asked_is_not_asked_twice(database: Database) -> None:
    reserve(database, share=True)
    with pytest.raises(AskedElsewhere):
        reserve(database, share=True)
    reserve(database, key="region=GB", share=True)
    # Whoever does not want to share asks for itself.
    reserve(database, share=False)
    assert len(attempts(database)) == 3


def test_when_its_time_is_over_or_it_has_ended_another_may_ask(database: Database) -> None:
    number, _ = reserve(database, share=True)
    settle(database, number, Outcome.FREE)
    reserve(database, share=True)
    reserve(database, NOW + SOON + timedelta(seconds=1), share=True)
    assert attempts(database) == [("free", 0, "r"), ("unknown", 1, None), ("open", 1, None)]


def test_of_a_process_in_another_container_only_its_time_tells_that_it_is_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with monkeypatch.context() as there:
        there.setattr(books, "_here", lambda: 4026531999)
        there.setattr(os, "getpid", lambda: process.pid)
        reserve(database, share=True)
    for passed in (timedelta(0), SOON):
        with pytest.raises(AskedElsewhere):
            reserve(database, NOW + passed, share=True)
    reserve(database, NOW + SOON + timedelta(seconds=1), share=True)
    assert attempts(database) == [("unknown", 1, None), ("open", 1, None)]


@pytest.mark.skipif(os.name != "posix", reason="a process that is gone cannot be told from others")
@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "a zombie"])
def test_what_a_dead_process_was_asking_may_be_asked_at_once_and_stays_counted(
    reaped: bool, database: Database
) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        database.run_now(
            lambda connection: connection.exec_driver_sql(
                "INSERT INTO ledger VALUES (1, 'region=US', 0, 20261123, 'open', 1, ?, ?, NULL)",
                ((NOW + SOON).timestamp(), process.pid),
            )
        )
        database.run_now(lambda connection: books._count(connection, 20261123, unknown=1))
        with pytest.raises(AskedElsewhere):
            reserve(database, share=True)
        process.kill()
        if reaped:
            process.wait()
        else:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        _, after = reserve(database, share=True)
        assert after.today == 2
        assert [state for state, *_ in attempts(database)] == ["unknown", "open"]
