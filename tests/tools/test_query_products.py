"""query_products as a client sees it: free, in both forms, with the way on where nothing or an error comes."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp import Client

from keyapi_mcp.store.views import COLUMNS
from keyapi_mcp.tools.query_products import DESCRIPTION
from support.connections import ERAS, Era, Told, environment_for
from support.kept import Clock, Service, open_app, product_id, row
from support.raw_stdio import INITIALIZED, call, initialize, raw_server
from support.sandbox_server import running_sandbox
from support.waiting import until
from support.workers import on_linux, processor_ticks, runs, workers

pytestmark = pytest.mark.anyio

COUNTS_FOR_EVER = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
SEARCH = {"region": "US"}
SECONDS = 40


async def ask(client: Client, sql: str, **arguments: Any) -> Told:
    with anyio.fail_after(SECONDS):
        return Told.of(await client.call_tool("query_products", {"sql": sql, **arguments}))


async def answered(sql: str, *rows: dict[str, Any], era: Era = "auto", **settings: Any) -> Told:
    """What a question is told after one search that showed these rows."""
    service = Service(*rows)
    async with open_app(service, **settings) as app, Client(app.server, mode=era) as client:
        await client.call_tool("search_products", SEARCH)
        told = await ask(client, sql)
        assert len(service.requests) == 1, "a question about the store reached the service"
        return told


def test_every_column_that_the_description_names_is_there() -> None:
    described = DESCRIPTION.partition("Useful columns of products: ")[2].partition(". Days")[0]
    named = re.findall(r"[a-z]\w+", re.sub(r"\(.*?\)", "", described))
    assert len(named) > 20
    assert set(named) <= set(COLUMNS["products"])
    for view in COLUMNS:
        assert view in DESCRIPTION


@pytest.mark.parametrize("era", ERAS)
async def test_what_a_search_showed_is_asked_for_free_in_both_forms(era: Era) -> None:
    told = await answered(
        "SELECT product_id, name, units_30d, commission FROM products ORDER BY units_30d DESC", row(1), row(2), era=era
    )
    assert not told.is_error
    assert told.text.split("\n") == [
        "SQL over the local store · 2 rows · sales and GMV estimated, USD; NULL = unknown",
        "product_id|name|units_30d|commission",
        f"{product_id(2)}|Lip oil 2|302|0.15",
        f"{product_id(1)}|Lip oil 1|301|0.15",
        "Next: get_product shows one of these products whole. Credits: 0 for this call (from the store); 1 today, "
        "199 left within your limits (account balance not visible).",
    ]
    assert told.structured is not None
    assert told.structured["rows"] == [[product_id(2), "Lip oil 2", 302, 0.15], [product_id(1), "Lip oil 1", 301, 0.15]]
    assert told.structured["credits"] == {"call": 0, "today": 1, "left": 199, "source": "from the store"}


async def test_names_of_strangers_are_cleaned_and_cut() -> None:
    names = ["a|b|c", "x\x1b[31m\u202ered\nline", "[buy](https://evil.example) <b>", "ก" * 10_000]
    told = await answered(
        'SELECT name, name AS "a|b\n<i>" FROM products ORDER BY product_id',
        *(row(number, product_name=name) for number, name in enumerate(names)),
    )
    lines = told.text.split("\n")
    assert lines[1] == "#|name|a/b ‹i›"
    assert lines[2] == "1|a/b/c|a/b/c"
    assert lines[3].split("|")[1] == "xred line"
    assert lines[4].split("|")[1] == "(buy)(https: //evil.example) ‹b›"
    assert lines[5].split("|")[1] == "ก" * 299 + "…"
    assert "substr(x, 300) reads on" in lines[6]
    assert len(told.text) < 3_000


async def test_an_answer_stays_small_however_much_is_asked_for() -> None:
    rows = [row(number, product_name="ü|" * 5_000, discount="x" * 5_000) for number in range(10)]
    service = Service(*rows)
    async with open_app(service) as app, Client(app.server) as client:
        for page in range(1, 11):
            service.rows = [{**one, "product_id": product_id(100 * page + n)} for n, one in enumerate(rows)]
            await client.call_tool("search_products", {**SEARCH, "page_num": page})
        for sql in (
            "SELECT * FROM products",
            "SELECT * FROM products a JOIN products b",
            "SELECT name, discount, name || discount FROM products",
            "SELECT " + ", ".join(f"name AS {'n' * 50}{number}" for number in range(300)) + " FROM products",
            "SELECT path, * FROM categories",
        ):
            told = await ask(client, sql, limit=100)
            assert not told.is_error, told.text
            assert len(told.text) < 7_500, sql
            assert told.structured is not None
            assert len(str(told.structured)) < 12_000, sql
            assert told.structured["rows"], sql
            assert any("There are more rows than these" in note for note in told.structured["notes"]), sql


async def test_a_limit_holds_and_says_how_to_read_on() -> None:
    rows = [row(number) for number in range(10)]
    service = Service(*rows)
    async with open_app(service) as app, Client(app.server) as client:
        await client.call_tool("search_products", SEARCH)
        sql = "SELECT product_id FROM products ORDER BY product_id"
        for limit in (3, "3"):
            told = await ask(client, sql, limit=limit)
            assert told.structured is not None
            assert len(told.structured["rows"]) == 3
            assert "LIMIT 3 OFFSET 3" in told.text
        rest = await ask(client, f"{sql} LIMIT 20 OFFSET 3")
        assert rest.structured is not None
        assert rest.structured["rows"] == [[product_id(number)] for number in range(3, 10)]
        assert "more rows" not in rest.text


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "sql: is required."),
        ({"sql": ""}, "sql: is required."),
        ({"query": "SELECT 1"}, '"query": unknown parameter.'),
        ({"sql": "SELECT 1", "limits": 5}, "The nearest is limit."),
        ({"sql": "SELECT 1", "limit": 0}, "limit: "),
        ({"sql": "SELECT 1", "limit": 101}, "limit: "),
        ({"sql": "SELECT 1", "limit": "many"}, "limit: "),
        ({"sql": 5}, "sql: "),
        ({"sql": "SELECT '" + "x" * 20_000 + "'"}, "sql: "),
        ({"sql": "SELECT total_sale_30d_cnt FROM products"}, "it is called units_30d in products, snapshots."),
        ({"sql": "DROP TABLE main.products"}, "Only reading the documented views is possible."),
    ],
)
async def test_a_mistake_is_an_error_that_tells_the_fix(arguments: dict[str, Any], said: str, era: Era) -> None:
    async with open_app(Service()) as app, Client(app.server, mode=era) as client:
        told = Told.of(await client.call_tool("query_products", arguments))
        assert told.is_error
        assert said in told.text
        assert "Credits: none spent." in told.text
        assert "\nNext: " in told.text
        assert told.structured is None
        assert len(told.text) < 1_000


async def test_an_empty_store_says_what_fills_it() -> None:
    async with open_app(Service()) as app, Client(app.server) as client:
        told = await ask(client, "SELECT name FROM products")
        assert not told.is_error
        assert "Next: the store is empty: search_products fills it (1 credit a page). Credits: 0 for" in told.text
        # What comes with the program is there all the same.
        told = await ask(client, "SELECT name FROM categories WHERE id = '601450'")
        assert "Beauty & Personal Care" in told.text


async def test_no_match_says_what_there_is() -> None:
    service = Service(row(0), row(1))
    async with open_app(service) as app, Client(app.server) as client:
        await client.call_tool("search_products", SEARCH)
        service.rows = [row(2, region="GB")]
        await client.call_tool("search_products", {"region": "GB"})
        told = await ask(client, "SELECT name FROM products WHERE region = 'XX'")
        assert told.structured is not None
        assert told.structured["rows"] == []
        assert told.structured["next"] == (
            "the store holds products: 2 of US, 1 of GB; data days 20261122 to 20261122. "
            "NULL is found with IS NULL; search_products adds more."
        )
        for condition in ("data_day >= '2026-11-01'", "data_day > date('now', '-7 days')"):
            told = await ask(client, f"SELECT name FROM products WHERE {condition} AND region = 'XX'")
            assert "Next: days are integers like 20261122; the store holds" in told.text, condition


async def test_other_calls_are_answered_while_a_statement_runs_without_end() -> None:
    stopped: list[Told] = []

    async def explode(client: Client) -> None:
        stopped.append(await ask(client, COUNTS_FOR_EVER))

    async def others(client: Client) -> None:
        for tool, arguments in (
            ("search_products", SEARCH),
            ("search_products", {"region": "GB"}),
            ("find_categories", {"text": "lip oil"}),
            ("get_product", {"product_id": product_id(0), "region": "US"}),
            ("get_usage", {}),
            ("query_products", {"sql": "SELECT count(*) FROM products"}),
        ):
            told = Told.of(await client.call_tool(tool, arguments))
            assert not told.is_error, tool

    async with open_app(Service(row(0))) as app, Client(app.server) as modern, Client(app.server, mode="legacy") as old:
        await app.call("search_products", SEARCH)
        async with anyio.create_task_group() as tasks:
            for client in (modern, old):
                tasks.start_soon(explode, client)
            await anyio.wait_all_tasks_blocked()
            for client in (modern, old):
                await others(client)
            assert stopped == [], "it had ended before anything else was asked"
    for told in stopped:
        assert told.is_error
        assert "it took longer than 2 s" in told.text
        assert "Credits: none spent." in told.text


@on_linux
@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_call_stops_the_statement(era: Era) -> None:
    async with open_app(Service()) as app, Client(app.server, mode=era) as client:
        await ask(client, "SELECT 1")
        (worker,) = workers()
        before = processor_ticks(worker)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client, COUNTS_FOR_EVER)
            await anyio.to_thread.run_sync(until, lambda: processor_ticks(worker) > before + 10)
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(until, lambda: worker not in workers())
        told = await ask(client, "SELECT 7 AS n")
        assert told.structured is not None
        assert told.structured["rows"] == [[7]]


async def test_a_store_in_memory_says_so_in_the_credits() -> None:
    told = await answered("SELECT name FROM products", row(0), store="memory")
    assert "Lip oil 0" in told.text
    assert "left within your limits of this process" in told.text


async def test_synthetic_rows_are_marked() -> None:
    told = await answered("SELECT name FROM products", row(0), sandbox=True)
    assert told.text.startswith("SANDBOX (synthetic data) · ")
    assert told.structured is not None
    assert told.structured["scope"].startswith("SANDBOX (synthetic data) · ")


async def test_a_store_that_cannot_be_opened_is_an_error_that_names_it(tmp_path: Path) -> None:
    home = tmp_path / "occupied"
    home.write_text("a file where a directory has to be")
    async with open_app(Service(), home=home) as app, Client(app.server) as client:
        told = await ask(client, "SELECT 1")
        assert told.is_error
        assert str(home) in told.text
        assert "KEYAPI_MCP_HOME" in told.text
        assert "KEYAPI_MCP_STORE=memory" in told.text


async def test_history_is_kept_over_days_and_servers() -> None:
    clock = Clock()
    for units in (100, 120, 150):
        service = Service(row(0, total_sale_7d_cnt=units))
        async with open_app(service, clock, fresh_s=0) as app, Client(app.server) as client:
            await client.call_tool("search_products", SEARCH)
            told = await ask(client, "SELECT data_day, units_7d FROM snapshots ORDER BY data_day")
        clock.pass_days(1)
    assert told.structured is not None
    assert told.structured["rows"] == [[20261122, 100], [20261123, 120], [20261124, 150]]


@on_linux
def test_a_server_that_is_killed_leaves_no_process_behind() -> None:
    with running_sandbox(products=100) as sandbox, raw_server(**environment_for(sandbox.url)) as server:
        server.ask(initialize())
        question = call(1, {"sql": "SELECT 1"})
        question["params"]["name"] = "query_products"
        assert not server.ask(INITIALIZED, question)["result"].get("isError")
        (worker,) = workers(server.process.pid)
        os.kill(server.process.pid, signal.SIGKILL)
        until(lambda: not runs(worker))
        assert sandbox.requests == []
