"""What a refused statement is told: the nearest name, or SQLite's own way of saying it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.fields import FIGURES, TEXTS
from keyapi_mcp.store.sql_hints import worded
from keyapi_mcp.store.store import Store
from keyapi_mcp.store.views import COLUMNS
from support.kept import keep, open_store, row

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with open_store() as opened:
        await keep(opened, row(0))
        yield opened


async def said(store: Store, sql: str) -> tuple[str, str]:
    with anyio.fail_after(20), pytest.raises(InvalidQuery) as refused:
        await store.select(sql, 5, 1_000, 100)
    return refused.value.what, refused.value.next_step


async def test_a_wrong_column_is_told_the_right_one(store: Store) -> None:
    for written, meant in (
        ("total_sale_30d_cnt", "it is called units_30d in products, snapshots."),
        ("p.total_sale_gmv_7d_amt", "it is called gmv_7d_usd in products, snapshots."),
        ("product_name", "it is called name in products."),
        ("product_commission_rate", "it is called commission in products."),
        ("sales_30d", "it is called units_30d in products, snapshots."),
        ("shop_id", "it is called seller_id in products."),
        ("country", "it is called region in products, snapshots."),
        ("unit_30d", "the nearest: units_30d (products, snapshots), "),
        ("revenue_30d", "the nearest: gmv_30d_usd (products, snapshots), "),
        ("price", "the nearest: price_usd (products, snapshots), "),
        ("p.GROWTH7D", "the nearest: growth_7d (products), "),
        ("path", "path is a column of categories; a view with an alias is called by it."),
        ("products.units_30d", "units_30d is a column of products, snapshots; a view with an alias is called by it."),
        ("category_name", "JOIN categories ON categories.id = products.category_l3_id"),
        ("seller_name", "not in this source. The nearest: seller_id tells sellers apart."),
        ("url", "https://www.tiktok.com/view/product/<product_id>"),
        ("xyzzy", "if it is meant as text, put it in single quotes."),
        ("`größe 1`", "if it is meant as text, put it in single quotes."),
    ):
        what, next_step = await said(store, f"SELECT {written} FROM products p")
        assert what.startswith("There is no column "), written
        assert written.rpartition(".")[2].strip("`") in what, written
        assert meant in next_step, written


async def test_a_column_of_another_view_is_told_its_view(store: Store) -> None:
    what, next_step = await said(store, "SELECT units_30d FROM searches")
    assert what == "There is no column units_30d in what it selects from."
    assert "units_30d is a column of products, snapshots" in next_step


async def test_all_columns_that_there_are_not_are_told_at_once(store: Store) -> None:
    what, next_step = await said(
        store, "SELECT product_name, p.gmv, xyzzy FROM products p WHERE category = 'product_name' ORDER BY gmv"
    )
    assert what == "There are no columns product_name, gmv, xyzzy, category in what it selects from."
    assert next_step.startswith("product_name: it is called name in products. gmv: the nearest: gmv_usd (products, ")
    assert " category: names are in categories: JOIN categories ON " in next_step
    assert next_step.count("FROM columns") == 1
    assert next_step.endswith(" lists them.")


async def test_what_hides_further_columns_leaves_the_first_one_told(store: Store) -> None:
    for sql in (
        "SELECT xyzzy, nonsense(units_7d) FROM products",
        "SELECT xyzzy AS xyzzy, plugh FROM products",
        "SELECT [xy zzy], plugh FROM products",
        "SELECT `xyzzy`, plugh FROM products",
        "SELECT xyzzy, load_extension('x') FROM products",
        "SELECT xyzzy, xyzzy, p.xyzzy FROM products p",
    ):
        what, _ = await said(store, sql)
        assert what.startswith("There is no column xy"), sql
    what, next_step = await said(store, f"SELECT {', '.join(f'xyzzy{number}' for number in range(300))} FROM products")
    assert what.endswith("xyzzy4, xyzzy5 in what it selects from.")
    assert len(next_step) < 500


async def test_a_wrong_view_is_told_those_there_are(store: Store) -> None:
    for written, near in (
        ("product", "the nearest is products. "),
        ("Snapshot", "the nearest is snapshots. "),
        ("main.category", "the nearest is categories. "),
        ("information_schema.tables", ""),
        ("orders_of_last_year", ""),
    ):
        what, next_step = await said(store, f"SELECT * FROM {written}")
        assert what == f"There is no view {written.rpartition('.')[2]}.", written
        assert next_step.startswith(f"{near}There are: {', '.join(COLUMNS)};"), written


async def test_words_of_other_databases_are_told_what_sqlite_has(store: Store) -> None:
    for sql, meant in (
        ("SELECT name FROM products WHERE name ILIKE '%oil%'", "LIKE ignores case"),
        ("SELECT TOP 5 name FROM products", "LIMIT n"),
        ("SELECT name FROM products FETCH FIRST 5 ROWS ONLY", "LIMIT n"),
        ("SHOW TABLES", "SELECT view, name, meaning FROM columns"),
        ("DESCRIBE products", "SELECT view, name, meaning FROM columns"),
        ("SELECT units_30d::float FROM products", "CAST(x AS REAL)"),
        ("SELECT EXTRACT(MONTH FROM data_day) FROM products", "yyyymmdd"),
        ("SELECT name FROM products WHERE data_day > now() - INTERVAL '7 days'", "yyyymmdd"),
        ("SELECT DATE_TRUNC('month', data_day) FROM products", "yyyymmdd"),
        ("SELECT LEFT(name, 3) FROM products", "substr("),
        ("SELECT GREATEST(units_7d, 5) FROM products", "max(a, b)"),
        ("SELECT STDDEV(units_7d) FROM products", "avg(x*x)"),
        ("SELECT NVL(name, '') FROM products", "coalesce"),
        ("SELECT REGEXP_LIKE(name, 'x') FROM products", "GLOB"),
        ("SELECT nonsense(name) FROM products", "use SQLite's functions"),
    ):
        _, next_step = await said(store, sql)
        assert meant in next_step, sql


async def test_slips_in_sqlite_s_own_dialect_are_told_too(store: Store) -> None:
    for sql, meant in (
        ("SELECT name FROM products LIMIT 10 OFFSET", "a number is needed"),
        ("SELECT (1", "close brackets"),
        ("SELECT 'it's' FROM products", "single quotes"),
        ("SELECT region FROM products p JOIN snapshots s ON p.product_id = s.product_id", "products.region"),
        ("SELECT region FROM products WHERE sum(units_7d) > 5", "HAVING"),
        ("SELECT name FROM products WHERE row_number() OVER () < 5", "subquery"),
        ("SELECT name FROM products WHERE units_7d > ?", "write the values into the statement"),
        ("SELECT name FROM products WHERE units_7d > :least", "write the values into the statement"),
        ("WITH products AS (SELECT * FROM products) SELECT * FROM products", "WITH a name that no view has"),
        ("SELECT 1 UNION SELECT 1, 2", "the same columns"),
        ("SELECT 1; SELECT 2", "one after the other"),
        ("SELECT name FROM products ORDR BY name", "SQLite's dialect"),
    ):
        _, next_step = await said(store, sql)
        assert meant in next_step, sql


def test_every_field_of_the_service_that_has_a_column_leads_to_it() -> None:
    for column in (*FIGURES, *TEXTS):
        next_step = worded("sql", f"no such column: {column.field}", "", 2).next_step
        name = "commission" if column.field == "product_commission_rate" else column.name
        if column.field == column.name:
            assert next_step.startswith(f"{name} is a column of "), column.field
        else:
            assert next_step.startswith(f"it is called {name} in "), column.field


def test_newer_sqlites_word_a_text_in_double_quotes_differently() -> None:
    error = worded("sql", 'no such column: "US" - should this be a string literal in single-quotes?', "", 2)
    assert error.what == "There is no column US in what it selects from."
    assert "single quotes" in error.next_step


def test_words_of_the_database_are_one_line_of_bounded_length() -> None:
    error = worded("sql", "something\n\x1b[31m new \u202e" + "x" * 5_000, "", 2)
    assert error.what.isprintable()
    assert len(error.what) < 250
    error = worded("sql", f"no such column: {'x' * 5_000}", "", 2)
    assert len(error.what) < 250
