"""The store's file: opened on first use, one thread that writes, several waiting operations in one transaction.

SQLAlchemy Core with its synchronous engine, so that the same code can run on PostgreSQL. Several processes may have
the file open: it is in WAL mode, transactions are short, and one that finds the file locked waits for its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import os
import queue
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from keyapi_mcp.errors import ANOTHER_PROCESS, DAMAGED, EMPTIED, NO_STORE, StoreUnavailable
from keyapi_mcp.store import begun

if TYPE_CHECKING:
    from sqlalchemy import Connection

logger = logging.getLogger(__name__)

T = TypeVar("T")
Operation = Callable[["Connection"], T]

# How long an operation waits for other processes; theirs take milliseconds.
_BUSY_S: Final = 10.0
_CLOSE_S: Final = 2.0
# So many operations share a transaction at most: others want their turn, too.
_BATCH: Final = 64


class Chore(Protocol):
    """Long work that can wait: done in steps, while nothing else is asked."""

    def is_due(self, connection: Connection) -> bool:
        """Whether there is anything (left) to do; only reads."""

    def step(self, connection: Connection) -> None:
        """Do a part of it that takes some milliseconds."""


@dataclass(slots=True, eq=False)
class _Asked:
    operation: Operation[Any]
    outcome: Future[Any] | asyncio.Future[Any]
    writes: bool = True
    prepare: Callable[[], None] | None = None


# What became of an operation: its result, or what it raised.
_Outcome = tuple[_Asked, Any, BaseException | None]


class Database:
    """Runs operations, each atomic, in the order in which they were given.

    path: `None` keeps everything in memory. Nothing is opened before the first operation. chore: makes it, once there
    is time for it. mends: whether a damaged file is replaced by a new one, see `rescue.py`; operations are then carried
    out again.
    """

    def __init__(self, path: Path | None, chore: Callable[[], Chore] | None = None, *, mends: bool = False) -> None:
        self.path = path
        self._mends = mends and path is not None
        self._chore = cache(chore) if chore is not None else None
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._identity: object = None

    async def run(
        self, operation: Operation[T], *, writes: bool = True, prepare: Callable[[], None] | None = None
    ) -> T:
        """Run the operation in the store's thread, inside a transaction that is committed when this returns.

        writes: False for one that only reads; prepare: work that needs no transaction, done in the same thread before
        it begins. Once given, an operation is carried out even if its caller is cancelled. Raises what the operation
        raises (its changes are undone then), or StoreUnavailable when the file cannot be used.
        """
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._start()
        self._asked.put(_Asked(operation, outcome, writes, prepare))
        return await outcome

    def run_now(self, operation: Operation[T], *, writes: bool = True) -> T:
        """As `run`, for callers outside of an event loop."""
        outcome: Future[T] = Future()
        self._start()
        self._asked.put(_Asked(operation, outcome, writes))
        return outcome.result()

    def vacuum(self) -> None:
        """Give unused space back to the disk. Raises StoreUnavailable, for example while others write."""
        if self.path is not None:
            # Not in a transaction, as everything else is; but only a file of ours, brought up to date.
            self.run_now(lambda _connection: None)
            with contextlib.closing(sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)) as connection:
                try:
                    connection.execute("VACUUM")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                except sqlite3.Error as error:
                    raise StoreUnavailable(str(self.path), reason(error)) from None

    async def copy(self) -> bytes:
        """Everything, as the bytes of a file; for a store that is in memory."""

        def whole(connection: Connection) -> bytes:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            return source.serialize()

        return await self.run(whole, writes=False)

    @property
    def identity(self) -> object:
        """Of the file that was opened last: another one by now, if it was set aside, removed or replaced."""
        return self._identity

    @property
    def opened(self) -> bool:
        """Whether anything was asked of it so far."""
        return self._thread is not None

    def close(self) -> None:
        """Carry out what was given, then close the file. Safe to call twice."""
        if self._thread is not None:
            thread, self._thread = self._thread, None
            self._asked.put(None)
            # What a locked file still holds up is not worth holding up the end of the process.
            thread.join(_CLOSE_S)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="store", daemon=True)
            self._thread.start()

    # --- in the store's thread --------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            batch, go_on = self._next_batch()
            if batch:
                _hand_out(self._carried_out(batch))
            elif go_on:
                self._do_chore()
            if not go_on:
                break
        self._dispose()

    def _next_batch(self) -> tuple[list[_Asked], bool]:
        """What waits, at least one unless there is a chore; and whether to go on after it."""
        batch: list[_Asked] = []
        with contextlib.suppress(queue.Empty):
            asked = self._asked.get(block=self._chore is None or self._connection is None)
            while asked is not None:
                batch.append(asked)
                if len(batch) == _BATCH:
                    return batch, True
                asked = self._asked.get_nowait()
            return batch, False
        return batch, True

    def _carried_out(self, batch: list[_Asked]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        ready = []
        for asked in batch:
            try:
                if asked.prepare is not None:
                    asked.prepare()
                ready.append(asked)
            except Exception as error:
                outcomes.append((asked, None, error))
        if not ready:
            return outcomes
        try:
            try:
                results = self._attempted(ready)
            except Exception as error:
                if not self._rescued(error):
                    raise
                results = self._attempted(ready)
        except Exception as error:
            # Nothing of the batch is in the file, whatever the single results were.
            failure = self._worded(error)
            return outcomes + [(asked, None, copy.copy(failure)) for asked in ready]
        return outcomes + [(asked, result, wrong and self._worded(wrong)) for asked, result, wrong in results]

    def _attempted(self, ready: list[_Asked]) -> list[_Outcome]:
        with self._transaction(writes=any(asked.writes for asked in ready)) as connection:
            return [(asked, *_attempt(connection, asked, alone=len(ready) == 1)) for asked in ready]

    def _rescued(self, error: Exception) -> bool:
        """Whether the error may have come of a damaged file, and the one that is there now is none."""
        if not self._mends:
            return False
        from keyapi_mcp.store import rescue

        if not rescue.suspected(error):
            return False
        assert self.path is not None
        self._dispose()
        try:
            rescue.rescue(self.path, _BUSY_S)
        except Exception as failure:
            logger.warning("not set aside: %s", self._worded(failure))
            return False
        return True

    def _do_chore(self) -> None:
        assert self._chore is not None
        try:
            chore = self._chore()
            with self._transaction(writes=False) as connection:
                due = chore.is_due(connection)
            if due:
                with self._transaction(writes=True) as connection:
                    chore.step(connection)
                return
        except Exception as error:
            logger.warning("left for later: %s", self._worded(error))
        self._chore = None

    @contextlib.contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        while True:
            connection = self._opened().execution_options(writes=writes)
            with connection.begin() as transaction:
                if self._is_the_one():
                    yield connection
                    return
                # Another process has set the file aside while this one waited for its turn.
                transaction.rollback()

    def _is_the_one(self) -> bool:
        """Whether the file that is open is the one of this name."""
        return self._identity == _identity(self.path)

    def _opened(self) -> Connection:
        if self._connection is not None and not self._is_the_one():
            # The file was removed or replaced: what is written to the open one would be lost.
            self._dispose()
        while self._connection is None:
            # A quarter of a second of imports that a server which is only listed does not pay.
            from keyapi_mcp.store.opening import open_engine

            if self.path is not None:
                _begin_or_refuse(self.path)
            identity = _identity(self.path)
            try:
                connection = open_engine(self.path, _BUSY_S).connect()
            except Exception:
                if self.path is None or identity == _identity(self.path) is not None:
                    raise
                continue  # replaced in this very moment
            self._connection, self._identity = connection, identity
            if not self._is_the_one():
                # What was opened may be the file that was set aside meanwhile.
                self._dispose()
            elif self.path is not None:
                begun.note(self.path)
        return self._connection

    def _dispose(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()
            connection.engine.dispose()

    def _worded(self, error: BaseException) -> BaseException:
        if isinstance(error, StoreUnavailable):
            return error
        from sqlalchemy.exc import SQLAlchemyError

        if isinstance(error, SQLAlchemyError | sqlite3.Error | OSError):
            why = reason(getattr(error, "orig", None) or error)
            if why == NO_STORE and self.path is not None:
                from keyapi_mcp.store.migrations import why_unreadable

                with contextlib.suppress(OSError):
                    why = why_unreadable(self.path)
            return StoreUnavailable(str(self.path or "memory"), why)
        return error


def _attempt(connection: Connection, asked: _Asked, *, alone: bool) -> tuple[Any, BaseException | None]:
    """One operation, so that its failure undoes nothing of the others.

    Raises what it raises when the whole transaction has to be undone.
    """
    if alone:
        return asked.operation(connection), None
    if asked.writes:
        _say(connection, "SAVEPOINT operation")
    try:
        result = asked.operation(connection)
    except Exception as error:
        if isinstance(getattr(error, "orig", error), sqlite3.DatabaseError):
            raise
        if asked.writes:
            _say(connection, "ROLLBACK TO operation")
            _say(connection, "RELEASE operation")
        return None, error
    if asked.writes:
        _say(connection, "RELEASE operation")
    return result, None


def _say(connection: Connection, statement: str) -> None:
    """Straight to the driver: a savepoint for each operation must cost next to nothing."""
    with contextlib.closing(connection.connection.cursor()) as cursor:
        cursor.execute(statement)


def _hand_out(outcomes: list[_Outcome]) -> None:
    """Tell everyone who waits, each event loop once."""
    waiting: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        future = outcome[0].outcome
        if isinstance(future, asyncio.Future):
            waiting.setdefault(future.get_loop(), []).append(outcome)
        else:
            _tell([outcome])
    for loop, some in waiting.items():
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, some)


def _tell(outcomes: list[_Outcome]) -> None:
    for asked, result, wrong in outcomes:
        if asked.outcome.done():
            continue  # its caller was cancelled
        if wrong is None:
            asked.outcome.set_result(result)
        else:
            asked.outcome.set_exception(wrong)


def _identity(path: Path | None) -> object:
    """Which file it is, whatever its name; `None` for none."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def reason(error: BaseException) -> str:
    """Why the file cannot be used, in words."""
    text = str(error).lower()
    for sign, words in (
        ("locked", f"{ANOTHER_PROCESS} has kept it locked for {_BUSY_S:.0f} s"),
        ("full", "the disk is full"),
        ("readonly", "it cannot be written"),
        ("read-only", "it cannot be written"),
        ("unable to open", "it cannot be opened"),
        ("not a database", NO_STORE),
        ("malformed", DAMAGED),
        ("i/o error", "the disk reports an error"),
    ):
        if sign in text:
            return words
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it cannot be used"


def _begin_or_refuse(path: Path) -> None:
    """Make the file if it is not there. Raises StoreUnavailable for one of which everything is gone."""
    if not path.exists():
        # Looked for in this order: while a damaged file is replaced, one of the two is always there.
        from keyapi_mcp.store import rescue

        rescue.finish(path, _BUSY_S)
        if not path.exists():
            begun.forget(path)
            private_file(path)
    if begun.emptied(path):
        raise StoreUnavailable(str(path), EMPTIED)


def private_file(path: Path) -> None:
    """Make the directory and the file, for the user alone, if they are not there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
    if not path.exists():
        # SQLite gives its two companion files the rights of this one.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, stat.S_IRUSR | stat.S_IWUSR))
