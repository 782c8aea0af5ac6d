"""Bringing a file's schema up to date: numbered steps, each applied once and never changed after its release."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine

from keyapi_mcp.errors import DAMAGED, NO_STORE, StoreUnavailable

# In the file's header, so that another program's database is recognised: "KAPI".
APPLICATION_ID: Final = 0x4B415049
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_LOOKED_AT: Final = 65_536
# By these a file whose beginning is gone is still known as one of ours: its mark, or the words that made its tables.
_MARK_AT: Final = 68
_OUR_WORDS: Final = b"CREATE TABLE credit_days"


@cache
def steps() -> tuple[str, ...]:
    """The SQL of each step, in order; step 1 makes a new file."""
    folder = resources.files("keyapi_mcp.store") / "steps"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((folder / name).read_text(encoding="utf-8") for name in names)


def look_before_opening(path: Path) -> None:
    """Raise StoreUnavailable, as `migrate` does, before a file is opened in a way that would change it."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header:
        return  # new
    if not header.startswith(_MAGIC):
        raise StoreUnavailable(str(path), why_unreadable(path))
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        # What the header says may be out of date.
        address = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
            connection.execute("BEGIN")  # another process may be making it: all of one moment
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    else:
        pages, version, application = (int.from_bytes(header[at : at + 4]) for at in (28, 60, 68))
        tables = pages - 1  # an empty database has one page
    _refuse_unknown(path, application, version, tables)


def why_unreadable(path: Path) -> str:
    """Why SQLite finds no database in the file: it is a damaged one of ours, or none."""
    with path.open("rb") as file:
        beginning = file.read(_LOOKED_AT)
    mark = int.from_bytes(beginning[_MARK_AT : _MARK_AT + 4])
    known = beginning.startswith(_MAGIC) or mark == APPLICATION_ID or _OUR_WORDS in beginning
    return DAMAGED if known else NO_STORE


def migrate(engine: Engine, path: Path | None) -> None:
    """Apply the steps that are missing, all or none.

    Raises StoreUnavailable, and changes nothing, for a file that has more steps than this program knows or that
    belongs to another program.
    """
    with engine.connect().execution_options(writes=False) as connection, connection.begin():
        done = _done(connection, path)
    if done == len(steps()):
        return
    with engine.connect() as connection, connection.begin():
        # Another process may have been faster.
        done = _done(connection, path)
        for number, step in enumerate(steps()[done:], start=done + 1):
            for statement in step.split(";\n"):
                if statement.strip():
                    connection.exec_driver_sql(statement)
            connection.exec_driver_sql(f"PRAGMA user_version = {number}")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _done(connection: Connection, path: Path | None) -> int:
    """How many steps the file has behind it."""
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    _refuse_unknown(path, application, version, tables)
    return version


def _refuse_unknown(path: Path | None, application: int, version: int, tables: int) -> None:
    if application != APPLICATION_ID and (version or tables):
        raise StoreUnavailable(str(path), "it belongs to another program")
    if version > len(steps()):
        raise StoreUnavailable(
            str(path),
            f"a newer keyapi-mcp has written it (schema {version}, this one knows {len(steps())}); it was not touched",
        )
