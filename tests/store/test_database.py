"""The store's thread: operations in order, each atomic, several in a transaction, whatever becomes of their callers."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection

from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.store import database as module
from keyapi_mcp.store.database import Database, reason
from support.waiting import until

SECONDS = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keyapi.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()


def add(day: int) -> Callable[[Connection], int]:
    """An operation that writes a row that can be seen from outside."""

    def operation(connection: Connection) -> int:
        connection.exec_driver_sql("INSERT INTO credit_days VALUES (?, 1, 0, 0)", (day,))
        return day

    return operation


def days(path: Path) -> list[int]:
    """What another connection sees."""
    with closing(sqlite3.connect(path)) as connection:
        return [day for (day,) in connection.execute("SELECT day FROM credit_days ORDER BY day")]


class Held:
    """An operation that holds the store's thread until it is let go."""

    def __init__(self, database: Database) -> None:
        self._entered, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: database.run_now(self._operation))
        self._thread.start()
        assert self._entered.wait(SECONDS)

    def _operation(self, _connection: Connection) -> None:
        self._entered.set()
        assert self._go.wait(SECONDS)

    def let_go(self) -> None:
        self._go.set()
        self._thread.join(SECONDS)


async def at_once(database: Database, *operations: Callable[[Connection], Any]) -> list[Any]:
    """What came of operations that waited for each other, as those of a busy moment do."""
    held = Held(database)
    outcomes = [asyncio.ensure_future(database.run(operation)) for operation in operations]
    await anyio.wait_all_tasks_blocked()
    held.let_go()
    with anyio.fail_after(SECONDS):
        return await asyncio.gather(*outcomes, return_exceptions=True)


def test_nothing_is_opened_before_the_first_operation(path: Path, database: Database) -> None:
    opened = [database.opened]
    assert not path.parent.exists()
    database.run_now(add(1))
    assert [*opened, database.opened] == [False, True]
    assert days(path) == [1]


@pytest.mark.anyio
async def test_what_has_returned_is_there_for_others(path: Path, database: Database) -> None:
    for day in range(1, 6):
        assert await database.run(add(day)) == day
        assert days(path) == list(range(1, day + 1))


@pytest.mark.anyio
async def test_what_waits_shares_one_transaction_in_the_order_in_which_it_came(path: Path, database: Database) -> None:
    seen: list[list[int]] = []

    def look(_connection: Connection) -> None:
        seen.append(days(path))

    assert await at_once(database, add(1), look, add(2), look, add(3)) == [1, None, 2, None, 3]
    assert seen == [[], []]
    assert days(path) == [1, 2, 3]


@pytest.mark.anyio
async def test_a_failed_operation_leaves_nothing_behind_and_the_others_alone(path: Path, database: Database) -> None:
    def fail(connection: Connection) -> None:
        add(2)(connection)
        raise ZeroDivisionError("of the caller's own")

    first, failed, last = await at_once(database, add(1), fail, add(3))
    assert (first, type(failed), last) == (1, ZeroDivisionError, 3)
    assert days(path) == [1, 3]
    with pytest.raises(ZeroDivisionError):
        await database.run(fail)
    assert days(path) == [1, 3]


@pytest.mark.anyio
async def test_work_before_the_transaction_that_fails_is_its_own_operation_s_failure(
    path: Path, database: Database
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.run(add(1), prepare=fail)
    await database.run(add(2), prepare=lambda: None)
    assert days(path) == [2]


@pytest.mark.anyio
async def test_when_the_file_fails_nobody_is_told_that_it_went_well(path: Path, database: Database) -> None:
    await database.run(add(1))

    def full(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.exec_driver_sql("INSERT INTO listings VALUES ('US', '1', zeroblob(100000))")

    outcomes = await at_once(database, add(2), full, add(3))
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert {outcome.why for outcome in outcomes} == {"the disk is full"}
    # Each has one of its own: callers write into them what they know.
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert days(path) == [1]
    # And when there is room again, it goes on.
    await database.run(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 100000"), writes=False)
    await database.run(add(4))
    assert days(path) == [1, 4]


@pytest.mark.anyio
async def test_an_operation_is_carried_out_even_if_its_caller_is_gone(path: Path, database: Database) -> None:
    held = Held(database)
    caller = asyncio.ensure_future(database.run(add(1)))
    await anyio.wait_all_tasks_blocked()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    held.let_go()
    await database.run(add(2))
    assert days(path) == [1, 2]


def test_an_event_loop_that_has_ended_holds_up_nobody_else(path: Path, database: Database) -> None:
    held: list[Held] = []

    async def leave() -> None:
        held.append(Held(database))
        task = asyncio.ensure_future(database.run(add(1)))
        await anyio.wait_all_tasks_blocked()
        task.cancel()

    asyncio.run(leave())
    held[0].let_go()
    database.run_now(add(2))
    assert days(path) == [1, 2]


def test_closing_carries_out_what_was_given_and_may_be_done_twice(path: Path) -> None:
    database = Database(path)
    database.close()
    held = Held(database)
    waiting = [threading.Thread(target=lambda day=day: database.run_now(add(day))) for day in (1, 2)]
    for thread in waiting:
        thread.start()
    closing_it = threading.Thread(target=database.close)
    closing_it.start()
    held.let_go()
    for thread in (*waiting, closing_it):
        thread.join(SECONDS)
    database.close()
    assert days(path) == [1, 2]
    # Nothing is left beside a file that was closed well.
    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.stem}.begun"}


@pytest.mark.parametrize("name", ["a?b", "a#b", "100%25 ü", "it's", "file:x"])
def test_any_directory_s_name_will_do(name: str, tmp_path: Path) -> None:
    path = tmp_path / name / "keyapi.sqlite"
    for day in (1, 2):  # a new file, then one that is there
        database = Database(path)
        database.run_now(add(day))
        database.close()
    assert days(path) == [1, 2]


@pytest.mark.anyio
async def test_a_file_that_was_removed_is_made_again_instead_of_writing_into_nothing(
    path: Path, database: Database
) -> None:
    await database.run(add(1))
    for file in list(path.parent.iterdir()):
        file.unlink()
    await database.run(add(2))
    assert days(path) == [2]


def test_in_memory_nothing_is_written_anywhere(tmp_path: Path) -> None:
    database = Database(None)
    database.run_now(add(1))
    assert database.run_now(lambda c: c.exec_driver_sql("SELECT count(*) FROM credit_days").scalar_one()) == 1
    database.close()
    assert list(tmp_path.iterdir()) == []


# --- several connections -------------------------------------------------------------------------------------------


def test_readers_and_the_writer_are_never_in_each_other_s_way(path: Path, database: Database) -> None:
    database.run_now(add(1))
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as reader:
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM credit_days").fetchone() == (1,)
        # It has begun to read, and goes on seeing what there was then.
        database.run_now(add(2))
        assert reader.execute("SELECT count(*) FROM credit_days").fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM credit_days").fetchone() == (2,)


def test_a_lock_of_somebody_else_is_waited_for(path: Path, database: Database) -> None:
    database.run_now(add(1))
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = threading.Thread(target=lambda: database.run_now(add(2)))
        waiting.start()
        # Reading goes on meanwhile, in another process or another thread of this one.
        assert days(path) == [1]
        other.execute("COMMIT")
        waiting.join(SECONDS)
    assert days(path) == [1, 2]


def test_a_new_file_that_somebody_else_is_about_to_make_is_waited_for(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        # The one lock for which the database itself does not wait when it is to change its mode.
        other.execute("BEGIN IMMEDIATE")
        waits: list[float] = []

        def let_go(seconds: float) -> None:
            waits.append(seconds)
            other.execute("COMMIT")

        with monkeypatch.context() as patched:
            patched.setattr("keyapi_mcp.store.opening.time.sleep", let_go)
            database.run_now(add(1))
    assert len(waits) == 1
    assert days(path) == [1]


def test_a_lock_that_lasts_too_long_is_told_in_words(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUSY_S", 1.0)
    database.run_now(add(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable) as refused:
            database.run_now(add(2))
        assert refused.value.why == "another process has kept it locked for 1 s"
        assert "database is locked" not in refused.value.what
        # What only reads is not concerned.
        assert database.run_now(lambda c: c.exec_driver_sql("SELECT day FROM credit_days").all(), writes=False) == [
            (1,)
        ]
    database.run_now(add(3))
    assert days(path) == [1, 3]


# --- a chore -------------------------------------------------------------------------------------------------------


class Counting:
    """A chore of so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.gate = threading.Event()

    def is_due(self, _connection: Connection) -> bool:
        return self.left > 0

    def step(self, connection: Connection) -> None:
        assert self.gate.wait(SECONDS)
        add(1000 + self.left)(connection)
        self.left -= 1


def test_a_chore_is_done_step_by_step_and_waits_for_whatever_is_asked(path: Path) -> None:
    chore = Counting(3)
    database = Database(path, lambda: chore)
    database.run_now(add(1))
    # The first step is under way by now, or will be; what is asked comes between two of them.
    asked = [threading.Thread(target=lambda day=day: database.run_now(add(day))) for day in (2, 3)]
    for thread in asked:
        thread.start()
    chore.gate.set()
    for thread in asked:
        thread.join(SECONDS)
    until(lambda: days(path) == [1, 2, 3, 1001, 1002, 1003])
    database.close()


def test_nothing_of_a_chore_happens_before_the_first_operation(path: Path) -> None:
    chore = Counting(1)
    chore.gate.set()
    database = Database(path, lambda: chore)
    database.close()
    assert chore.left == 1
    assert not path.exists()


def test_a_chore_that_fails_is_left_and_the_rest_goes_on(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Counting):
        def step(self, _connection: Connection) -> None:
            raise ZeroDivisionError("a defect")

    database = Database(path, lambda: Broken(1))
    database.run_now(add(1))
    until(lambda: "left for later" in caplog.text)
    database.run_now(add(2))
    database.close()
    assert days(path) == [1, 2]


# --- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite3.OperationalError("database is locked"), "another process has kept it locked for 10 s"),
        (sqlite3.OperationalError("database table is locked"), "another process has kept it locked for 10 s"),
        (sqlite3.OperationalError("database or disk is full"), "the disk is full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "it cannot be written"),
        (OSError(30, "Read-only file system"), "it cannot be written"),
        (sqlite3.OperationalError("unable to open database file"), "it cannot be opened"),
        (sqlite3.DatabaseError("file is not a database"), "it is no store of this program"),
        (sqlite3.DatabaseError("database disk image is malformed"), "it is damaged"),
        (sqlite3.OperationalError("disk I/O error"), "the disk reports an error"),
        (PermissionError(13, "Permission denied"), "permission denied"),
        (NotADirectoryError(20, "Not a directory"), "not a directory"),
        (OSError(28, "No space left on device"), "no space left on device"),
        (sqlite3.OperationalError("something new"), "it cannot be used"),
    ],
    ids=str,
)
def test_every_way_in_which_a_file_fails_has_its_words(error: Exception, words: str) -> None:
    assert reason(error) == words
