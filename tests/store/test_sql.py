"""SQL over the store: what is answered, nothing but reading is possible, and no statement holds up a server."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from keyapi_mcp.errors import InvalidQuery, StoreUnavailable
from keyapi_mcp.reference import glossary
from keyapi_mcp.store.schema import METADATA
from keyapi_mcp.store.sql import Reader, Rows
from keyapi_mcp.store.store import Store
from keyapi_mcp.store.views import COLUMNS
from support.kept import Clock, keep, open_store, product_id, row
from support.waiting import until
from support.workers import on_linux, peak_memory, processor_ticks, workers

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

# Further than any test waits when all is well; each statement has 2 s and the process that runs it one more.
SECONDS = 40
COUNTS_FOR_EVER = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
UNINTERRUPTIBLE = "SELECT length(printf('%.*c', 2000000000, 'x'))"


async def ask(store: Store, sql: str, rows: int = 20, characters: int = 6_000, longest_text: int = 300) -> Rows:
    with anyio.fail_after(SECONDS):
        return await store.select(sql, rows, characters, longest_text)


async def value(store: Store, sql: str) -> Any:
    """The one value of an answer."""
    ((only,),) = (await ask(store, sql)).rows
    return only


async def refusal(store: Store, sql: str) -> InvalidQuery:
    with pytest.raises(InvalidQuery) as refused:
        await ask(store, sql)
    assert refused.value.next_step
    return refused.value


@asynccontextmanager
async def filled(products: int = 30, **settings: Any) -> AsyncIterator[Store]:
    async with open_store(**settings) as store:
        for first in range(0, products, 10):
            await keep(store, *map(row, range(first, min(first + 10, products))), page_num=first // 10 + 1)
        yield store


# --- what is answered ---------------------------------------------------------------------------------------------


async def test_rows_come_as_they_are_in_the_order_asked_for() -> None:
    async with filled() as store:
        found = await ask(store, "select product_id, name, units_30d from products order by units_30d desc limit 2")
        assert found == Rows(
            ("product_id", "name", "units_30d"),
            ((product_id(29), "Lip oil 29", 329), (product_id(28), "Lip oil 28", 328)),
        )


async def test_a_statement_may_be_written_in_many_ways() -> None:
    async with filled() as store:
        for sql in (
            "SELECT count(*) FROM products",
            "select count(*) from products;",
            "  SELECT count(*) FROM products ;  -- all of them",
            "/* how many? */ SELECT count(*) -- products\n FROM products;\n/* end */",
            "WITH all_of_them AS (SELECT * FROM products) SELECT count(*) FROM all_of_them",
            "SELECT count(*) FROM (SELECT product_id FROM products GROUP BY product_id)",
            "SELECT sum(n) FROM (SELECT count(*) AS n FROM products UNION ALL SELECT 0)",
            "VALUES (30)",
            'SELECT count(*) FROM products WHERE region = "US"',
            "SELECT count(*) FROM snapshots JOIN products USING (region, product_id)",
            "SELECT count(DISTINCT each.value) FROM searches, "
            "json_each('[\"' || replace(product_ids, ',', '\",\"') || '\"]') AS each",
            "SELECT max(place) FROM (SELECT row_number() OVER (ORDER BY units_30d) AS place FROM products)",
        ):
            assert await value(store, sql) == 30, sql


async def test_how_a_statement_is_carried_out_can_be_asked() -> None:
    async with filled() as store:
        assert (await ask(store, "EXPLAIN SELECT 1")).columns[1] == "opcode"
        plan = await value(store, "SELECT 1")
        assert plan == 1
        found = await ask(store, "EXPLAIN QUERY PLAN SELECT * FROM products WHERE region = 'US' AND product_id = '1'")
        assert "USING" in str(found.rows[0])


async def test_unknown_is_null_and_nothing_sold_is_0() -> None:
    rows = (
        row(0, total_sale_7d_cnt=0, spu_avg_price=0, product_rating=0, first_crawl_dt=0),
        row(1, total_sale_7d_cnt=None, spu_avg_price=None, product_rating=None, first_crawl_dt=None),
    )
    async with open_store() as store:
        await keep(store, *rows)
        for view in ("products", "snapshots"):
            found = await ask(store, f"SELECT units_7d, price_usd, rating, first_seen FROM {view} ORDER BY product_id")
            assert found.rows == ((0, None, None, None), (None, None, None, None)), view


async def test_figures_compare_with_texts_of_digits_as_numbers_do() -> None:
    async with filled(1) as store:
        for condition in (
            "category_id = 601450",
            "category_id = '601450'",
            "first_seen > '20251231' AND first_seen < '20260102'",
            "price_usd > '9' AND price_usd < '13'",
            "data_day = '20261122'",
            "(SELECT level FROM categories WHERE id = 601450) = '1'",
        ):
            assert await value(store, f"SELECT count(*) FROM products WHERE {condition}") == 1, condition


async def test_an_id_keeps_all_of_its_digits_as_a_text_and_as_a_number() -> None:
    async with filled(1) as store:
        found = await ask(store, "SELECT product_id, product_id + 0, CAST(product_id AS INTEGER) FROM products")
        assert found.rows == ((product_id(0), int(product_id(0)), int(product_id(0))),)


async def test_numbers_that_are_none_and_blobs_are_not_passed_on() -> None:
    async with filled(1) as store:
        found = await ask(store, "SELECT 1e999, -1e999, 1e999 - 1e999, x'00ff', CAST(x'41ff42' AS TEXT), 1.5")
        assert found.rows == ((None, None, None, "(2 bytes)", "A\N{REPLACEMENT CHARACTER}B", 1.5),)


async def test_history_has_a_row_a_day() -> None:
    clock = Clock()
    async with open_store(clock) as store:
        for day in range(3):
            await keep(store, row(0, total_sale_7d_cnt=100 + day), at=clock())
            clock.pass_days(1)
        found = await ask(store, "SELECT data_day, units_7d FROM snapshots ORDER BY data_day")
        assert found.rows == ((20261122, 100), (20261123, 101), (20261124, 102))
        found = await ask(store, "SELECT days, first_day, data_day, previous_day, previous_units_7d FROM products")
        assert found.rows == ((3, 20261122, 20261124, 20261123, 101),)


async def test_searches_are_told_with_their_time_and_their_products() -> None:
    async with filled(12) as store:
        found = await ask(store, "SELECT page_num, fetched_at, rows, product_ids FROM searches ORDER BY id")
        assert found.rows[1] == (2, "2026-11-23T09:00Z", 2, f"{product_id(10)},{product_id(11)}")


# --- the views explain themselves ---------------------------------------------------------------------------------


async def test_every_column_of_every_view_is_listed_with_what_it_means_in_the_order_it_comes_in() -> None:
    async with filled(1) as store:
        for view, names in COLUMNS.items():
            assert (await ask(store, f"SELECT * FROM {view}", 1, 100_000)).columns == names
            found = await ask(store, f"SELECT name, meaning FROM columns WHERE view = '{view}'", 500, 100_000)
            assert tuple(name for name, _ in found.rows) == names
            assert all(meaning for _, meaning in found.rows), view
        assert await value(store, "SELECT count(DISTINCT view) FROM columns") == len(COLUMNS)


async def test_every_column_of_products_and_snapshots_has_an_entry_in_the_glossary() -> None:
    async with filled(1) as store:
        found = await ask(
            store,
            "SELECT view, name FROM columns WHERE view IN ('products', 'snapshots') "
            "AND name NOT IN (SELECT name FROM glossary WHERE meaning <> '')",
        )
        assert found.rows == ()
        found = await ask(store, "SELECT unit, meaning FROM glossary WHERE name = 'units_30d'")
        assert found.rows == (("count", "units sold in the last 30 days (estimated)"),)
        # And nothing in it stands for many.
        assert await value(store, "SELECT count(*) FROM glossary WHERE name || meaning LIKE '%{%'") == 0


def test_units_that_a_name_promises_are_the_ones_explained() -> None:
    for name in dict.fromkeys((*COLUMNS["products"], *COLUMNS["snapshots"])):
        entry = glossary.explain(name)
        assert entry is not None, name
        assert entry.unit == "USD" or not name.endswith("_usd"), name
        assert (entry.unit == "yyyymmdd") is (name.endswith("_day") or name == "first_seen"), name


# --- limits of an answer ------------------------------------------------------------------------------------------


async def test_rows_are_capped_and_it_is_told_whether_there_were_more() -> None:
    async with filled() as store:
        for limit, more in ((29, True), (30, False), (31, False)):
            found = await ask(store, "SELECT product_id FROM products", limit)
            assert (len(found.rows), found.more, found.cut) == (min(limit, 30), more, False)


async def test_characters_are_capped_at_a_whole_row_and_it_is_told() -> None:
    async with filled() as store:
        found = await ask(store, "SELECT product_id, name FROM products", 100, 300)
        assert (found.more, found.cut, found.dropped) == (True, True, 0)
        assert 5 <= len(found.rows) <= 12
        assert all(len(one) == 2 for one in found.rows)


async def test_a_row_too_wide_for_the_answer_is_cut_at_a_whole_column() -> None:
    async with filled() as store:
        found = await ask(store, "SELECT * FROM products", 100, 300)
        assert found.columns == COLUMNS["products"][: len(found.columns)]
        assert found.dropped == len(COLUMNS["products"]) - len(found.columns) > 0
        assert {len(one) for one in found.rows} == {len(found.columns)}
        # Without a row there are the names.
        empty = await ask(store, "SELECT * FROM products WHERE 0", 100, 300)
        assert empty.rows == ()
        assert 0 < len(empty.columns) < len(COLUMNS["products"])
        assert len(empty.columns) + empty.dropped == len(COLUMNS["products"])


async def test_at_least_one_column_comes_and_a_long_name_is_cut() -> None:
    async with filled(1) as store:
        found = await ask(store, f'SELECT 1 AS "{"a" * 10_000}", 2 AS b', 1, 10)
        assert found.columns == ("a" * 60,)
        assert (found.rows, found.dropped) == (((1,),), 1)


async def test_a_long_text_does_not_drive_out_the_others() -> None:
    async with open_store() as store:
        await keep(store, *(row(number, product_name="ü" * 10_000) for number in range(10)))
        found = await ask(store, "SELECT product_id, name FROM products", 100, 6_000, 300)
        assert len(found.rows) == 10
        # More than is shown, so that it can be seen that there was more.
        assert all(300 < len(name) <= 600 for _, name in found.rows)
        assert await value(store, "SELECT length(name) FROM products LIMIT 1") == 10_000


# --- nothing but reading ------------------------------------------------------------------------------------------

WRITES = [
    "INSERT INTO products (name) VALUES ('x')",
    "INSERT INTO main.products (region, product_id) VALUES ('US', '1')",
    "INSERT INTO temp.columns VALUES ('a', 'b', 'c', 'd')",
    "REPLACE INTO categories VALUES ('1', 1, '0', 'x', 'x')",
    "UPDATE products SET name = 'x'",
    "UPDATE main.ledger SET credits = 0",
    "UPDATE glossary SET meaning = 'x'",
    "DELETE FROM products",
    "DELETE FROM main.ledger",
    "DELETE FROM columns",
    "WITH x AS (SELECT 1) DELETE FROM main.snapshots",
    "EXPLAIN DELETE FROM main.products",
    "CREATE TABLE main.x (a)",
    "CREATE TEMP TABLE x (a)",
    "CREATE TABLE temp.x AS SELECT * FROM products",
    "CREATE VIEW main.x AS SELECT 1",
    "CREATE TEMP VIEW x AS SELECT * FROM main.ledger",
    "CREATE INDEX main.x ON products (name)",
    "CREATE TEMP TRIGGER x INSTEAD OF INSERT ON products BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE temp.x USING fts5(a)",
    "DROP TABLE main.products",
    "DROP VIEW products",
    "DROP TABLE columns",
    "ALTER TABLE main.products RENAME TO x",
    "ALTER TABLE main.products ADD COLUMN x",
    "PRAGMA query_only = OFF",
    "PRAGMA hard_heap_limit = 0",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA main.user_version = 99",
    "PRAGMA table_info(ledger)",
    "ATTACH DATABASE '{folder}/x.sqlite' AS x",
    "ATTACH ':memory:' AS x",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO '{folder}/x.sqlite'",
    "REINDEX",
    "ANALYZE",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT x",
    "RELEASE x",
]
BY_NAME = ("", "main.", "MAIN.")
ELSEWHERE = [
    *[f"SELECT * FROM main.{name}" for name in METADATA.tables if name not in COLUMNS],
    # Where no column is read, SQLite does not say whose table it is.
    *[f"SELECT count(*) FROM {where}{name}" for name in METADATA.tables if name not in COLUMNS for where in BY_NAME],
    *[f"SELECT count(*) FROM {where}sqlite_master" for where in BY_NAME],
    "SELECT rowid FROM main.sqlite_master",
    *[f"SELECT 1 FROM {name}" for name in ("LedGer", '"ledger"', "sqlite_schema", "SQLITE_temp_master", "ledger AS a")],
    "SELECT 1 FROM products x, ledger",
    "SELECT (SELECT 1 FROM ledger)",
    "SELECT EXISTS (SELECT 1 FROM watched)",
    "VALUES (1) UNION ALL SELECT 1 FROM ledger",
    "WITH products AS (SELECT 1 FROM ledger) SELECT count(*) FROM products",
    "SELECT count(*) FROM pragma_table_list",
    "SELECT count(*) FROM dbstat",
    "SELECT count(*) FROM sqlite_stmt",
    "SELECT count(*) FROM main.ledger",
    "SELECT 1 FROM main.listings",
    "SELECT row FROM main.listings",
    "SELECT digest FROM main.products",
    "SELECT request_id FROM main.searches",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM main.sqlite_schema",
    "SELECT sql FROM temp.sqlite_temp_master",
    "SELECT * FROM sqlite_temp_schema",
    # The name of a common table expression is what SQLite gives for the view that reads.
    "WITH products AS (SELECT * FROM main.ledger) SELECT * FROM products",
    "WITH products AS (SELECT digest FROM main.products) SELECT * FROM products",
    "WITH snapshots AS (SELECT name, sql FROM main.sqlite_master) SELECT * FROM snapshots",
    "WITH searches AS (SELECT count(*) FROM main.listings) SELECT * FROM searches",
    "SELECT * FROM (SELECT * FROM main.ledger) AS products",
    "SELECT name FROM products WHERE EXISTS (SELECT key FROM main.ledger)",
    "SELECT name FROM products ORDER BY (SELECT process FROM main.ledger)",
    "SELECT * FROM pragma_table_info('ledger')",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM dbstat",
    "SELECT * FROM sqlite_dbpage",
    "SELECT * FROM sqlite_stmt",
    "SELECT * FROM bytecode('SELECT 1')",
    "SELECT * FROM fts3tokenize('simple', 'a b')",
]
FUNCTIONS = [
    "SELECT load_extension('x')",
    "SELECT readfile('/etc/hostname')",
    "SELECT writefile('{folder}/x', 'x')",
    "SELECT edit('x')",
    "SELECT randomblob(100)",
    "SELECT zeroblob(100)",
    "SELECT random()",
    "SELECT fts3_tokenizer('simple')",
    "SELECT sqlite_version()",
    "SELECT sqlite_compileoption_get(1)",
    "SELECT sqlite_log(1, 'x')",
    "SELECT last_insert_rowid()",
    "SELECT LOAD_EXTENSION('x')",
    "SELECT \"load_extension\"('x')",
]
MANY = [
    "SELECT 1; SELECT 2",
    "SELECT 1; DELETE FROM main.products",
    "SELECT 1;; SELECT 2",
    "SELECT 1 /* ; */; SELECT 2",
    "",
    "   ",
    ";",
    "-- nothing",
    "SELECT 1\0; DELETE FROM main.products",
    "SELECT '\ud800'",
]


@pytest.mark.parametrize(
    "statements", [WRITES, ELSEWHERE, FUNCTIONS, MANY], ids=["write", "hidden", "function", "many"]
)
async def test_nothing_but_one_select_over_the_views_is_carried_out(statements: list[str], tmp_path: Path) -> None:
    async with filled(1) as store:
        assert store.path is not None
        before = contents(store.path)
        files = below(tmp_path)
        for statement in statements:
            await refusal(store, statement.replace("{folder}", str(tmp_path)))
            assert await value(store, "SELECT name FROM products") == "Lip oil 0", statement
        assert contents(store.path) == before
        assert below(tmp_path) == files


def below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def told(process: int) -> bytes:
    """Everything that a process was started with."""
    return b"".join(Path(f"/proc/{process}/{part}").read_bytes() for part in ("environ", "cmdline"))


def contents(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        found = list(connection.iterdump())
    connection.close()
    return found


async def test_what_is_hidden_is_told_by_what_there_is() -> None:
    async with filled(1) as store:
        for statement in ELSEWHERE[: len(METADATA.tables)]:
            error = await refusal(store, statement)
            assert error.what == "Only reading the documented views is possible.", statement
            assert "products, snapshots, searches, categories, columns, glossary" in error.next_step
        assert "load_extension is not available" in (await refusal(store, FUNCTIONS[0])).what


@on_linux
async def test_the_process_that_reads_does_not_know_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYAPI_TOKEN", "sk_live_not_for_children")
    async with filled(1) as store:
        await value(store, "SELECT 1")
        (worker,) = workers()
        assert b"sk_live" not in told(worker)


# --- bombs --------------------------------------------------------------------------------------------------------

_WIDE = ", ".join(["b"] * 200)
MEMORY_BOMBS = [
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c ORDER BY x DESC",
    "WITH RECURSIVE c(x) AS (SELECT 'aaaaaaaaaa' UNION ALL SELECT x || x FROM c) SELECT length(x) FROM c",
    "SELECT a.name FROM products a, products b, products c, products d, columns e ORDER BY a.name || b.name || e.name",
    "SELECT group_concat(a.name || b.name) FROM products a, products b, products c, products d",
    "SELECT json_group_array(a.name) FROM products a, products b, products c, products d",
    "SELECT length(replace(printf('%.*c', 199999, 'a'), 'a', printf('%.*c', 199999, 'b')))",
    "SELECT count(DISTINCT a.meaning || b.meaning || c.meaning) FROM columns a, columns b, columns c",
    "SELECT max(length(a.path || b.path)) OVER (ORDER BY a.path || b.path) FROM categories a, categories b",
    # Doubled at each step while the statement is only being read.
    "WITH a AS (SELECT 1 x UNION ALL SELECT 2), b AS (SELECT a.x FROM a, a z), c AS (SELECT b.x FROM b, b z), "
    "d AS (SELECT c.x FROM c, c z), e AS (SELECT d.x FROM d, d z), f AS (SELECT e.x FROM e, e z), "
    "g AS (SELECT f.x FROM f, f z), h AS (SELECT g.x FROM g, g z), i AS (SELECT h.x FROM h, h z), "
    "j AS (SELECT i.x FROM i, i z) SELECT count(*) FROM j",
]
TIME_BOMBS = [
    UNINTERRUPTIBLE,
    "SELECT count(*) FROM products a, products b, products c, products d, products e, products f",
]


@on_linux
async def test_a_statement_that_wants_all_memory_ends_and_takes_little() -> None:
    async with filled() as store:
        for statement in MEMORY_BOMBS:
            error = await refusal(store, statement)
            assert error.what.startswith("The statement was stopped: "), statement
            for worker in workers():
                assert peak_memory(worker) < 170_000_000, statement
        assert await value(store, "SELECT count(*) FROM products") == 30


@on_linux
async def test_a_row_of_large_values_takes_little_memory_too() -> None:
    large = "printf('%.*c', 199990, 'x')"
    async with filled(1) as store:
        for kind in ("BLOB", "TEXT"):
            found = await ask(store, f"WITH t AS (SELECT CAST({large} AS {kind}) b) SELECT {_WIDE} FROM t")
            assert len(found.rows) == 1
            (worker,) = workers()
            assert peak_memory(worker) < 200_000_000


async def test_statements_without_end_are_stopped_and_everything_else_is_answered_meanwhile() -> None:
    async with filled() as store:
        ended: list[str] = []

        async def explode(statement: str) -> None:
            error = await refusal(store, statement)
            assert error.what == "The statement was stopped: it took longer than 2 s."
            ended.append(statement)

        async with anyio.create_task_group() as tasks:
            for statement in TIME_BOMBS:
                tasks.start_soon(explode, statement)
            with anyio.fail_after(SECONDS):
                await anyio.wait_all_tasks_blocked()
                assert (await store.usage()).products == 30
                assert await store.older("region=US&product_sort_field=7&sort_type=1&page_num=1&page_size=10")
                await keep(store, row(99), page_num=9)
                assert await value(store, "SELECT count(*) FROM products") == 31
            assert ended == [], "the statements had ended before anything else was asked"
        assert sorted(ended) == sorted(TIME_BOMBS)


async def test_more_statements_than_there_are_places_wait_for_their_turn() -> None:
    async with filled() as store:
        answers: list[tuple[int, Any]] = []

        async def one(number: int) -> None:
            answers.append((number, await value(store, f"SELECT {number} * count(*) FROM products")))

        async with anyio.create_task_group() as tasks:
            for number in range(12):
                tasks.start_soon(one, number)
        assert sorted(answers) == [(number, number * 30) for number in range(12)]


# --- processes that die, callers that leave -----------------------------------------------------------------------


@on_linux
async def test_a_caller_that_leaves_takes_the_statement_along() -> None:
    async with filled() as store:
        await value(store, "SELECT 1")
        (worker,) = workers()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store.select, COUNTS_FOR_EVER, 1, 100, 100)
            await computing(worker)
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(until, lambda: worker not in workers())
        # The next answer is the next question's.
        assert await value(store, "SELECT count(*) FROM products") == 30


@on_linux
async def test_a_process_killed_between_two_questions_is_not_noticed() -> None:
    async with filled() as store:
        for number in range(5):
            assert await value(store, f"SELECT {number}") == number
            (worker,) = workers()
            os.kill(worker, signal.SIGKILL)
            if number % 2:  # once it is known to be gone, and at once
                await anyio.to_thread.run_sync(until, lambda: not workers())


@on_linux
async def test_a_process_killed_while_it_answers_is_an_error_and_the_next_is_answered() -> None:
    async with filled() as store:
        await value(store, "SELECT 1")
        (worker,) = workers()
        errors: list[InvalidQuery] = []

        async def long() -> None:
            errors.append(await refusal(store, COUNTS_FOR_EVER))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(long)
            await computing(worker)
            os.kill(worker, signal.SIGKILL)
        assert "too much memory" in errors[0].what
        assert await value(store, "SELECT count(*) FROM products") == 30


async def computing(worker: int) -> None:
    """Wait until it has worked on a statement for a while."""
    before = processor_ticks(worker)
    await anyio.to_thread.run_sync(until, lambda: processor_ticks(worker) > before + 10)


@on_linux
async def test_one_process_waits_for_the_next_question_and_none_is_left_at_the_end() -> None:
    async with filled() as store:
        async with anyio.create_task_group() as tasks:
            for number in range(6):
                tasks.start_soon(value, store, f"SELECT {number}")
        assert len(workers()) == 1
    assert workers() == []


@on_linux
async def test_a_statement_under_way_at_the_end_leaves_no_process() -> None:
    async with open_store() as store:
        await keep(store, row(0))
        await value(store, "SELECT 1")
        (worker,) = workers()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(refusal, store, COUNTS_FOR_EVER)
            await computing(worker)
            await store.aclose()
            assert workers() == []


@pytest.mark.parametrize("command", ["missing", "false"])
async def test_a_process_that_does_not_start_is_said(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    executable = "/nowhere/python" if command == "missing" else shutil.which("false")
    if executable is None:
        pytest.skip("there is no such command")
    async with filled(1) as store:
        monkeypatch.setattr(sys, "executable", executable)
        with pytest.raises(StoreUnavailable, match="does not start"):
            await ask(store, "SELECT 1")


# --- files --------------------------------------------------------------------------------------------------------


async def test_what_is_written_while_it_is_read_is_seen_whole_or_not_at_all() -> None:
    sql = "SELECT (SELECT count(*) FROM products), (SELECT count(*) FROM snapshots), (SELECT sum(rows) FROM searches)"
    pages = 40
    async with filled(10) as store:
        seen: list[Any] = []

        async def read() -> None:
            while not seen or seen[-1] < 10 * pages:
                ((products, snapshots, rows),) = (await ask(store, sql)).rows
                assert products == snapshots == rows
                seen.append(products)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            for page in range(1, pages):
                await keep(store, *map(row, range(10 * page, 10 * page + 10)), page_num=page + 1)
        assert seen == sorted(seen)
        assert len(set(seen)) > 1


async def test_a_store_in_memory_is_read_as_it_is_and_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    async with open_store(store="memory") as store:
        assert await value(store, "SELECT count(*) FROM products") == 0
        for number in range(3):
            await keep(store, row(number), page_num=number + 1)
            assert await value(store, "SELECT count(*) FROM products") == number + 1
        await refusal(store, "DELETE FROM main.products")
        assert await value(store, "SELECT max(name) FROM products") == "Lip oil 2"
    assert below(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["two words", "100%", "%41%20", "what?mode=rw", "a#b", "it's", 'say "hi"', "Größe 名前", "a&b=c;d", "a:b"]
)
async def test_the_path_may_have_any_character(name: str, tmp_path: Path) -> None:
    async with filled(1, home=tmp_path / name) as store:
        assert await value(store, "SELECT name FROM products") == "Lip oil 0"
        assert {path.relative_to(tmp_path).parts[0] for path in below(tmp_path)} == {name}


async def no_copy() -> bytes:
    raise AssertionError("there is a file")


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "it cannot be opened"), (b"no database at all" * 100, "it is no store of this program")],
    ids=["missing", "something else"],
)
async def test_a_file_that_cannot_be_read_is_named(content: bytes | None, why: str, tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreUnavailable) as refused:
        await Reader(path, no_copy).select("SELECT 1", 1, 100, 100)
    assert (refused.value.where, refused.value.why) == (str(path), why)
    assert path.exists() is (content is not None)


async def test_a_file_that_another_process_keeps_to_itself_is_named_as_locked(tmp_path: Path) -> None:
    async with filled(1) as store:
        assert store.path is not None
        path = tmp_path / "copy.sqlite"
        path.write_bytes(await store.database.copy())
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with anyio.fail_after(SECONDS), pytest.raises(StoreUnavailable, match="another process keeps it locked"):
            await Reader(path, no_copy).select("SELECT count(*) FROM products", 1, 100, 100)
    finally:
        other.close()
