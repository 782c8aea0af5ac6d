"""Answers SQL over a store's file, in a process of its own that can do nothing but read and can be killed at any time.

It is run by its path with the standard library alone, so that it starts fast. One JSON document a line:

- first `{"uri", "size", "views": {name: SELECT}, "tables": {name: {"columns": {name: type}, "rows": [[...]]}},
  "heap_bytes"}`, and where `uri` is null, `size` bytes of a database; answered with `{"ready"}` or `{"error", "kind"}`,
- then for each question `{"sql", "rows", "characters", "longest_text", "seconds"}`,
- answered with `{"begun"}` and then with `{"columns", "dropped", "rows", "more", "cut"}` or `{"error", "kind"}`, with
  `"others"` where further columns do not exist, as written;
  kind: "sql", "denied", "time", "memory", "busy" (locked by another process) or "file" (damaged, gone).
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import time
from contextlib import suppress
from typing import Any, Final

# No single value, and no row while it is sorted, grows beyond this; the answer's own limits are far below.
_LONGEST_VALUE: Final = 200_000
_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_LENGTH: _LONGEST_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    # Two wide views side by side have about 250.
    sqlite3.SQLITE_LIMIT_COLUMN: 400,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 100,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
# What Python itself may take beside SQLite: the interpreter and one row.
_OWN_BYTES: Final = 128 * 1024 * 1024
_OPCODES_BETWEEN_LOOKS: Final = 1_000
_BUSY_S: Final = 1.0
_LONGEST_NAME: Final = 60
# How SQLite says so; newer ones add what text in double quotes may have been meant as.
NO_COLUMN: Final = re.compile(r"no such column: (.+?)(?: - should this be .*)?")
_MOST_COLUMNS: Final = 6
# Everything in SQLite's documentation that computes a value from values; nothing that reads files, loads code, or
# makes large things out of nothing. Newer functions are not known to be harmless until somebody has looked.
_FUNCTIONS: Final = frozenset(
    """
    abs char coalesce concat concat_ws format glob hex if ifnull iif instr length like likelihood likely lower ltrim
    max min nullif octet_length printf quote replace round rtrim sign soundex substr substring trim typeof unhex
    unicode unlikely upper -> ->>
    avg count group_concat median percentile percentile_cont percentile_disc string_agg sum total
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
    current_date current_time current_timestamp date datetime julianday strftime time timediff unixepoch
    acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power
    radians sin sinh sqrt tan tanh trunc
    json json_array json_array_length json_error_position json_extract json_group_array json_group_object json_object
    json_quote json_type json_valid
    """.split()  # noqa: SIM905
)
# Tables that SQLite makes out of a value; for the list of ids in `searches`.
_TABLE_FUNCTIONS: Final = frozenset(("json_each", "json_tree"))
_KINDS: Final = {
    sqlite3.SQLITE_AUTH: "denied",
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_CORRUPT: "file",
    sqlite3.SQLITE_NOTADB: "file",
    sqlite3.SQLITE_IOERR: "file",
    sqlite3.SQLITE_CANTOPEN: "file",
    sqlite3.SQLITE_INTERRUPT: "time",
    sqlite3.SQLITE_NOMEM: "memory",
    sqlite3.SQLITE_TOOBIG: "memory",
}


class _Guard:
    """What a statement may do: select, and read what is shown; of the file's tables only what the views read.

    reads: table and column of the file. Through which view a column is read does not matter, because SQLite takes the
    name of any common table expression for one. hidden: names of the file, in lower case, that none of the statement's
    own may be.
    """

    def __init__(self, shown: set[str], hidden: set[str], reads: set[tuple[str, str]]) -> None:
        self._shown = shown
        self._hidden = hidden
        self._reads = reads | {(table, "") for table, _ in reads}

    def __call__(
        self, action: int, first: str | None, second: str | None, database: str | None, _view: str | None
    ) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            allowed = True
        elif action == sqlite3.SQLITE_FUNCTION:
            allowed = (second or "").lower() in _FUNCTIONS
        elif action == sqlite3.SQLITE_READ:
            # No column: rows are only counted. No database: a common table expression, or, where no column is read, a
            # table by its name alone.
            allowed = (
                (not database and not self._is_hidden(first or ""))
                or (database == "temp" and first in self._shown)
                or first in _TABLE_FUNCTIONS
                or (database == "main" and (first, second or "") in self._reads)
            )
        else:
            allowed = False
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    def _is_hidden(self, name: str) -> bool:
        return name.lower() in self._hidden or name.lower().startswith("sqlite_")


def open_reader(setup: dict[str, Any], database: bytes = b"") -> sqlite3.Connection:
    """A connection that shows the views and tables of the set-up and refuses everything but reading them."""
    _limit_memory(setup["heap_bytes"] + _OWN_BYTES + 2 * len(database))
    connection = sqlite3.connect(setup["uri"] or ":memory:", uri=True, isolation_level=None, timeout=_BUSY_S)
    if setup["uri"] is None:
        connection.deserialize(database)
    connection.execute(f"PRAGMA hard_heap_limit = {setup['heap_bytes'] + len(database)}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    for name, table in setup["tables"].items():
        columns = ", ".join(f'"{column}" {kind}' for column, kind in table["columns"].items())
        connection.execute(f'CREATE TEMP TABLE "{name}" ({columns})')
        marks = ", ".join("?" * len(table["columns"]))
        connection.execute("BEGIN")
        connection.executemany(f'INSERT INTO temp."{name}" VALUES ({marks})', table["rows"])  # noqa: S608
        connection.execute("COMMIT")
    for name, select in setup["views"].items():
        connection.execute(f'CREATE TEMP VIEW "{name}" AS {select}')
    connection.execute("PRAGMA query_only = ON")
    for name in _TABLE_FUNCTIONS:
        # The first use declares it, which is no reading; there are SQLites without them.
        with suppress(sqlite3.Error):
            connection.execute(f"SELECT 1 FROM {name}('[]')").close()  # noqa: S608
    reads = _reads_of(connection, setup["views"])
    shown = {*setup["views"], *setup["tables"]}
    names = {name for (name,) in connection.execute("SELECT lower(name) FROM main.sqlite_master")}
    connection.set_authorizer(_Guard(shown, names - shown, reads))
    for limit, value in _LIMITS.items():
        connection.setlimit(limit, value)
    return connection


def _reads_of(connection: sqlite3.Connection, views: dict[str, str]) -> set[tuple[str, str]]:
    """The tables and columns of the file that the views read, as SQLite itself reports them."""
    reads: set[tuple[str, str]] = set()

    def note(action: int, first: str | None, second: str | None, database: str | None, _view: str | None) -> int:
        # The first look at a file also reads its schema.
        if action == sqlite3.SQLITE_READ and database == "main" and not (first or "").startswith("sqlite_"):
            reads.add((first or "", second or ""))
        return sqlite3.SQLITE_OK

    connection.set_authorizer(note)
    for name in views:
        connection.execute(f'EXPLAIN SELECT * FROM temp."{name}"').close()  # noqa: S608
    return reads


def _limit_memory(more: int) -> None:
    """Let the process have no more memory than it has now and so many bytes; only Linux can say and hold this."""
    try:
        import resource

        with open("/proc/self/statm") as held:  # noqa: PTH123
            most = int(held.read().split()[0]) * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, OSError, ValueError):
        return


def answer(connection: sqlite3.Connection, asked: dict[str, Any]) -> dict[str, Any]:
    """Run one statement within its limits."""
    end = time.monotonic() + asked["seconds"]
    connection.set_progress_handler(lambda: int(time.monotonic() > end), _OPCODES_BETWEEN_LOOKS)
    longest = asked["longest_text"]
    # Cut on the way, because a row of many long texts would take far more room in Python than in SQLite.
    connection.text_factory = lambda raw: raw[: 8 * longest].decode("utf-8", "replace")[: 2 * longest]
    cursor = connection.cursor()
    try:
        cursor.execute(asked["sql"])
        if cursor.description is None:
            return {"error": "only a SELECT is answered", "kind": "sql"}
        return _read(cursor, asked)
    except MemoryError:
        return {"error": "out of memory", "kind": "memory"}
    # Warning: two statements; ValueError: half a surrogate pair, a zero character.
    except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError) as error:
        return _failure(error) | _others(cursor, asked["sql"], str(error))
    finally:
        # What is left of the statement would hold its snapshot of the file.
        cursor.close()
        connection.set_progress_handler(None, 0)


def _failure(error: Exception) -> dict[str, Any]:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return {"error": str(error)[:1_000], "kind": _KINDS.get(code, "sql")}


def _others(cursor: sqlite3.Cursor, sql: str, error: str) -> dict[str, Any]:
    """Further columns that do not exist: SQLite names the first one, so each that it names is written as NULL."""
    found: list[str] = []
    try:
        while len(found) < _MOST_COLUMNS and (missing := NO_COLUMN.fullmatch(error)):
            if missing[1] in (*found, "NULL"):
                break  # it is written in a way that this does not reach
            found.append(missing[1])
            sql = re.sub(rf"(?<![\w.]){re.escape(missing[1])}(?!\w)", "NULL", sql)
            error = ""
            try:
                cursor.execute(f"EXPLAIN {sql}")
            except sqlite3.Error as next_error:
                error = str(next_error)
    except (MemoryError, sqlite3.Warning, ValueError):
        pass
    return {"others": found[1:]} if found[1:] else {}


def _read(cursor: sqlite3.Cursor, asked: dict[str, Any]) -> dict[str, Any]:
    """Rows up to the limits.

    dropped: columns at the end for which even one row has no room; more: there are further rows; cut: characters, not
    rows, were the limit.
    """
    names = [column[0][:_LONGEST_NAME] for column in cursor.description]
    longest, left = asked["longest_text"], asked["characters"]
    rows: list[list[Any]] = []
    more = cut = False
    kept = len(names)
    for row in cursor:
        if len(rows) == asked["rows"]:
            more = True
            break
        values = [_plain(value) for value in row[:kept]]
        sizes = [_size(value, longest) for value in values]
        if not rows:
            kept = _fitting([len(name) + 1 + size for name, size in zip(names, sizes, strict=True)], left)
            left -= sum(len(name) + 1 for name in names[:kept])
        left -= sum(sizes[:kept])
        if left < 0 and rows:
            more = cut = True
            break
        rows.append(values[:kept])
    if not rows:
        kept = _fitting([len(name) + 1 for name in names], left)
    return {"columns": names[:kept], "dropped": len(names) - kept, "rows": rows, "more": more, "cut": cut}


def _fitting(sizes: list[int], room: int) -> int:
    """How many of them fit, at least one."""
    for position, size in enumerate(sizes):
        room -= size
        if room < 0:
            return max(1, position)
    return len(sizes)


def _size(value: Any, longest: int) -> int:
    return 1 if value is None else 1 + min(len(str(value)), longest)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def main() -> None:
    setup = json.loads(sys.stdin.buffer.readline())
    try:
        connection = open_reader(setup, sys.stdin.buffer.read(setup["size"]))
    except sqlite3.Error as error:
        _say(_failure(error))
        return
    _say({"ready": True})
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        _say({"begun": True})
        _say(answer(connection, asked))


def _say(document: dict[str, Any]) -> None:
    # To a parent that is gone there is nothing to say.
    with suppress(BrokenPipeError):
        print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
