"""Statements put together at random, words of SQL and of the store's own: each is answered or refused, none writes,
none reads what is not shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio.from_thread
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.store.sql import Rows
from keyapi_mcp.store.store import Store
from keyapi_mcp.store.views import COLUMNS
from support.kept import keep, open_store, row

pytestmark = pytest.mark.slow

# It stands where no view reads: in the ledger's request ids, in a row's hidden fields.
SECRET: Final = "xyzzy-plugh"
HIDDEN: Final = (
    "main.ledger",
    "ledger",
    "main.listings",
    "listings",
    "main.credit_days",
    "sqlite_master",
    "pragma_table_info('ledger')",
)
_WORDS: Final = """
SELECT FROM WHERE WITH AS RECURSIVE UNION ALL VALUES JOIN ON GROUP BY ORDER LIMIT CASE WHEN THEN END EXISTS INSERT INTO
UPDATE SET DELETE DROP TABLE VIEW ALTER CREATE TEMP TRIGGER ATTACH DETACH PRAGMA VACUUM EXPLAIN BEGIN COMMIT ROLLBACK
REPLACE REINDEX ANALYZE RETURNING
"""
PIECES: Final = (
    *_WORDS.split(),
    *(
        "*",
        "(",
        ")",
        ",",
        ";",
        "--",
        "/*",
        "*/",
        "'",
        '"',
        "`",
        "[",
        "]",
        "=",
        "<",
        "||",
        ".",
        "?",
        ":a",
        "@b",
        "\x00",
        "1",
        "NULL",
    ),
    *("products", "snapshots", "searches", "categories", "columns", "main", "temp", "name", "gmv_30d_usd", "rowid"),
    *HIDDEN,
    *("request_id", '"row"', "digest", "load_extension('x')", "readfile('/etc/passwd')", "writefile('x', 'y')"),
    *("randomblob(9)", "zeroblob(999999999)", "json_each('[1]')", "printf('%.*c', 99999999, 'x')", "count(*)", "x'00'"),
    *(
        "query_only",
        "writable_schema",
        "= 0",
        "user_version",
        "'file:x?mode=rwc'",
        "fts5",
        "dbstat",
        "generate_series(1, 9)",
    ),
)
_loose: Final = st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map(" ".join)
_tables: Final = st.sampled_from([*COLUMNS, *HIDDEN, "(SELECT * FROM main.ledger)", "x"])
_columns: Final = st.sampled_from(["*", "name", "rowid", "request_id", "count(*)", '"row"', "key", "sql", "x.*"])
# Mostly well-formed ones, so that they get past the parser.
_SHAPES: Final = (
    "SELECT {column} FROM {table}",
    "SELECT {column} FROM {table} AS x, {other} LIMIT 3",
    "SELECT (SELECT {column} FROM {table} LIMIT 1) FROM {other}",
    "WITH products AS (SELECT * FROM {table}) SELECT {column} FROM products",
    "WITH x AS (SELECT * FROM {table}) SELECT {column} FROM x, {other}",
    "SELECT 1 WHERE EXISTS (SELECT {column} FROM {table}) UNION ALL SELECT {column} FROM {other}",
    "SELECT {column} FROM {other} WHERE name IN (SELECT {column} FROM {table})",
    "SELECT json_group_array({column}) FROM {table}",
    "EXPLAIN SELECT {column} FROM {table}",
    "INSERT INTO {table} SELECT {column} FROM {other} RETURNING *",
    "UPDATE {table} SET name = (SELECT {column} FROM {other}) RETURNING *",
    "DELETE FROM {table} RETURNING {column}",
    "CREATE TEMP TABLE y AS SELECT {column} FROM {table}",
    "SELECT {column} FROM {table}; DROP TABLE {other}",
)
_formed: Final = st.builds(
    lambda shape, column, table, other: shape.format(column=column, table=table, other=other),
    st.sampled_from(_SHAPES),
    _columns,
    _tables,
    _tables,
)


@dataclass
class Opened:
    portal: BlockingPortal
    store: Store
    path: Path
    before: list[Any]

    def select(self, sql: str) -> Rows | None:
        """The answer, `None` for a refusal with the way on."""
        try:
            found = self.portal.call(self.store.select, sql, 20, 6_000, 300)
            assert isinstance(found, Rows)
        except InvalidQuery as refusal:
            words = (refusal.what, refusal.next_step)
        else:
            return found
        assert all(words)
        assert SECRET not in words[0]
        return None

    def contents(self) -> list[Any]:
        return self.portal.call(self.store.database.run, _everything)


def _everything(connection: Any) -> list[Any]:
    tables = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master ORDER BY name").all()
    rows = [
        connection.exec_driver_sql(f'SELECT * FROM "{name}"').all()
        for name, sql in tables
        if "CREATE TABLE" in (sql or "")
    ]
    return [*tables, *rows, connection.exec_driver_sql("PRAGMA user_version").scalar_one()]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    home = tmp_path_factory.mktemp("statements")

    async def fill(store: Store) -> None:
        await keep(store, *[row(number, hidden_field=SECRET) for number in range(20)])

        def hide(connection: Any) -> None:
            connection.exec_driver_sql("UPDATE ledger SET request_id = ?", (SECRET,))
            connection.exec_driver_sql("UPDATE ledger SET key = ?", (SECRET,))

        await store.database.run(hide)

    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_store(home=home)) as store,
    ):
        portal.call(fill, store)
        assert store.path is not None
        found = Opened(portal, store, store.path, [])
        found.before = found.contents()
        yield found


def harmless(opened: Opened, sql: str) -> None:
    found = opened.select(sql)
    if found is not None:
        assert SECRET not in json.dumps([found.columns, found.rows])
    assert opened.contents() == opened.before
    known = {"keyapi.begun", *(f"keyapi.sqlite{end}" for end in ("", "-wal", "-shm"))}
    assert {one.name for one in opened.path.parent.iterdir()} <= known


@settings(max_examples=600)
@given(sql=_formed)
def test_well_formed_statements_read_what_is_shown_or_are_refused(sql: str, opened: Opened) -> None:
    harmless(opened, sql)


@settings(max_examples=600)
@given(sql=_loose | st.text(max_size=60))
def test_any_text_is_answered_or_refused(sql: str, opened: Opened) -> None:
    harmless(opened, sql)


def test_after_all_that_a_good_statement_is_answered(opened: Opened) -> None:
    found = opened.select("SELECT count(*) FROM products")
    assert found is not None
    assert found.rows == ((20,),)
