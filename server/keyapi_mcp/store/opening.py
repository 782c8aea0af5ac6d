"""Opening the file: pragmas, transactions as they have to be, and migrations."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.store.migrations import look_before_opening, migrate

_LOOK_AGAIN_S: Final = 0.01


def open_engine(path: Path | None, busy_s: float) -> Engine:
    """An engine with one connection, its schema brought up to date. What may only be read is opened for reading.

    Raises StoreUnavailable for a file that is newer than this program, which is left untouched.
    """
    read_only = path is not None and not all(os.access(place, os.W_OK) for place in (path, path.parent))
    if path is not None:
        look_before_opening(path)
        if read_only and _log_size(path):
            # What is in the log cannot be read without writing beside it.
            raise StoreUnavailable(str(path), "it cannot be written")

    def connect() -> sqlite3.Connection:
        name = ":memory:"
        if path is not None:
            # Never made by opening: a damaged one may be about to be replaced. Of what nobody writes, nothing is put
            # beside it for keeping out of each other's way.
            name = f"file:{quote(str(path))}?mode={'ro&immutable=1' if read_only else 'rw'}"
        connection = sqlite3.connect(
            name, uri=path is not None, timeout=busy_s, check_same_thread=False, cached_statements=256
        )
        # The driver would begin transactions by itself, and later than we need it.
        connection.isolation_level = None
        if path is not None and not read_only:
            _log_ahead(connection, busy_s)
        # In WAL mode this loses nothing when a process dies, at most the last moments when the power fails.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    # One thread, one connection.
    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        # One that writes takes the lock at once: a transaction that has read cannot always become one that writes.
        writes = connection.get_execution_options().get("writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    try:
        migrate(engine, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _log_ahead(connection: sqlite3.Connection, busy_s: float) -> None:
    """Switch a new file to WAL mode. Unlike all else, this does not wait for others who are doing the same."""
    end = time.monotonic() + busy_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(_LOOK_AGAIN_S)


def _log_size(path: Path) -> int:
    log = path.with_name(path.name + "-wal")
    return log.stat().st_size if log.exists() else 0
