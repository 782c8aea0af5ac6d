"""`keyapi-mcp store`: what is kept, whether it is sound, and making it smaller, as a person runs it."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keyapi_mcp.clock import utc_now
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.store.migrations import steps
from support.command import keyapi_mcp
from support.kept import Clock, keep, open_store, row
from support.raw_stdio import INITIALIZED, call, initialize, raw_server

pytestmark = pytest.mark.slow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keyapi.sqlite"


def fill(*days_ago: int, rows: int = 10, texts: int = 0) -> None:
    """A page of that many days ago each, of products of its own; texts: bytes of each row that cannot be packed."""

    async def pages() -> None:
        clock = Clock()
        async with open_store(clock) as store:
            for page, days in enumerate(days_ago):
                clock.now = utc_now() - timedelta(days=days)
                products = [
                    row(page * rows + place, desc_detail=random.Random(place).randbytes(texts // 2).hex())
                    for place in range(rows)
                ]
                await keep(store, *products, at=clock.now, page_num=page + 1)

    asyncio.run(pages())


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def count(path: Path, *tables: str) -> list[int]:
    with opened(path) as connection:
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


def ledger(path: Path) -> list[Any]:
    with opened(path) as connection:
        return [*connection.execute("SELECT * FROM ledger"), *connection.execute("SELECT * FROM credit_days")]


# --- looking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [("info",), ("check",), ("vacuum",), ("prune", "--older-than", "1d", "--yes")])
def test_where_nothing_is_kept_nothing_is_made(action: tuple[str, ...], path: Path) -> None:
    done = keyapi_mcp("store", *action)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}: nothing is kept yet.\n", "")
    assert not path.parent.exists()


def test_a_place_where_nothing_could_be_kept_is_refused_not_called_empty(path: Path) -> None:
    path.parent.write_text("a file in the directory's place")
    for action in ("info", "check"):
        done = keyapi_mcp("store", action)
        assert (done.returncode, done.stdout) == (5, "")
        why = f"{path.parent} is no directory that can be written"
        assert done.stderr.startswith(f"keyapi-mcp: The store at {path} cannot be used: {why}.\n")


def test_info_tells_where_it_is_how_large_and_what_is_in_it(path: Path) -> None:
    fill(3, 1)
    done = keyapi_mcp("store", "info")
    first, last = (f"{utc_now() - timedelta(days=days + 1):%Y-%m-%d}" for days in (3, 1))
    assert done.stdout.splitlines() == [
        f"{path}: {path.stat().st_size:,} bytes",
        "products 20 · snapshots 20 · searches 2",
        f"data days {first} to {last} · attempts in the credit ledger 2 · watched 0",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_the_store_is_that_of_the_service_which_the_settings_name(path: Path) -> None:
    fill(1)
    sandbox = keyapi_mcp("store", "info", "--sandbox")
    assert sandbox.stdout == f"{path.with_name('sandbox.sqlite')}: nothing is kept yet.\n"
    memory = keyapi_mcp("store", "info", KEYAPI_MCP_STORE="memory")
    assert memory.stdout == "KEYAPI_MCP_STORE=memory: nothing is kept beyond a server's process.\n"


# --- checking ------------------------------------------------------------------------------------------------------


def test_a_sound_file_is_said_to_be_so(path: Path) -> None:
    fill(1)
    done = keyapi_mcp("store", "check")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ok    {path} is sound\n", "")


@pytest.mark.parametrize(
    "table", ["products", "snapshots", "listings", "searches", "ledger", "sqlite_autoindex_products_1"]
)
def test_a_damaged_page_is_found_and_said_in_words(table: str, path: Path) -> None:
    fill(3, 2, 1)
    with opened(path) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    damaged = bytearray(path.read_bytes())
    place = (root - 1) * 4096
    damaged[place : place + 100] = bytes(255 - byte for byte in damaged[place : place + 100])
    path.write_bytes(damaged)
    done = keyapi_mcp("store", "check")
    assert "ok" not in done.stdout.split()
    assert done.returncode == (1 if f"FAIL  {path}: " in done.stdout else 5)
    assert done.returncode == 1 or "it is damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_beginning_is_said_in_words(path: Path) -> None:
    fill(1)
    damaged = bytearray(path.read_bytes())
    damaged[:16] = b"\0" * 16
    path.write_bytes(damaged)
    for action in ("check", "info", "vacuum"):
        done = keyapi_mcp("store", action)
        assert done.returncode == 5
        assert f"keyapi-mcp: The store at {path} cannot be used: it is damaged.\n" in done.stderr
        assert "Next: a server's next call sets it aside and carries its credit ledger over" in done.stderr
    assert path.read_bytes() == damaged


def test_check_computes_anew_what_older_rules_have_computed_with_progress(path: Path) -> None:
    fill(1)
    with opened(path) as connection:
        connection.execute("UPDATE products SET rules_version = 0, growth_7d = 77")
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(products)")]
        others = ", ".join(name for name in columns if name != "product_id")
        connection.execute(
            "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 120) "
            f"INSERT INTO products (product_id, {others}) SELECT product_id || k, {others} FROM products, n"
        )
    done = keyapi_mcp("store", "info")
    assert "1,210 products are computed by other rules" in done.stdout
    done = keyapi_mcp("store", "check")
    assert (done.returncode, done.stdout) == (0, f"ok    {path} is sound\n")
    assert done.stderr.splitlines() == [f"computed anew: {some} of 1,210" for some in ("500", "1,000", "1,210")]
    with opened(path) as connection:
        assert connection.execute("SELECT DISTINCT rules_version FROM products").fetchall() == [(Rules().stamp,)]
        assert connection.execute("SELECT count(*) FROM products WHERE growth_7d = 77").fetchone() == (0,)
    assert "older rules" not in keyapi_mcp("store", "info").stdout


# --- making it smaller ---------------------------------------------------------------------------------------------


def test_prune_says_what_it_would_remove_and_removes_it_only_when_told_to(path: Path) -> None:
    fill(200, 190, 1)
    before = ledger(path)
    day = f"{utc_now() - timedelta(days=181):%Y-%m-%d}"
    said = f"Before {day}: 20 snapshots, 2 searches and 20 products whose last sight is older, watched ones included. "
    said += "The credit ledger and the watch list are kept.\n"
    done = keyapi_mcp("store", "prune", "--older-than", "180d")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == said + "Nothing was removed. --yes removes them.\n"
    assert count(path, "products", "snapshots", "searches", "listings") == [30, 30, 3, 30]
    done = keyapi_mcp("store", "prune", "--older-than", "180", "--yes")
    assert done.returncode == 0
    assert done.stdout == said + "Removed. `keyapi-mcp store vacuum` gives the space back to the disk.\n"
    assert done.stderr.splitlines() == [f"removed: {done} of 42" for done in (20, 22, 42)]
    assert count(path, "products", "snapshots", "searches", "listings") == [10, 10, 1, 10]
    assert ledger(path) == before
    assert keyapi_mcp("store", "check").returncode == 0
    done = keyapi_mcp("store", "prune", "--older-than", "180d", "--yes")
    assert done.stdout == said.replace("20 snapshots, 2 searches and 20", "0 snapshots, 0 searches and 0")


def test_vacuum_gives_the_space_back(path: Path) -> None:
    fill(200, 1, texts=20_000)
    keyapi_mcp("store", "prune", "--older-than", "100d", "--yes")
    before = path.stat().st_size
    done = keyapi_mcp("store", "vacuum")
    after = path.stat().st_size
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path}: {before:,} bytes before, {after:,} after\n"
    assert after < before - 100_000
    assert count(path, "products", "snapshots") == [10, 10]


@pytest.mark.parametrize("days", ["0", "-5d", "soon", "1w"])
def test_an_age_that_is_none_is_wrong_usage(days: str, path: Path) -> None:
    fill(1)
    done = keyapi_mcp("store", "prune", f"--older-than={days}", "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--older-than" in done.stderr
    assert count(path, "products") == [10]


def test_prune_without_an_age_is_wrong_usage(path: Path) -> None:
    fill(1)
    done = keyapi_mcp("store", "prune", "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "say how old, for example --older-than 180d" in done.stderr
    assert count(path, "products") == [10]


def test_an_age_beyond_the_calendar_removes_nothing(path: Path) -> None:
    fill(1)
    done = keyapi_mcp("store", "prune", "--older-than", "99999999999d", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Before 0001-01-01: 0 snapshots, 0 searches and 0 products")


# --- beside others -------------------------------------------------------------------------------------------------


def test_a_server_goes_on_while_the_file_is_looked_after(tmp_path: Path) -> None:
    path = tmp_path / "home" / "sandbox.sqlite"
    with raw_server("--sandbox") as server:
        server.ask(initialize())
        server.write(INITIALIZED)
        server.ask(call(1, {"region": "US"}))
        for action in (("check",), ("prune", "--older-than", "1d", "--yes"), ("vacuum",), ("info",)):
            done = keyapi_mcp("store", *action, "--sandbox")
            assert done.returncode == 0, done.stderr
        result = server.ask(call(2, {"region": "US", "page_num": 2}))["result"]
        assert not result["isError"]
        assert "could not be kept" not in result["content"][0]["text"]
    assert count(path, "searches", "ledger") == [2, 2]


@pytest.mark.parametrize(
    "action",
    [("info",), ("check",), ("vacuum",), ("prune", "--older-than", "1d", "--yes")],
    ids=lambda action: action[0],
)
@pytest.mark.parametrize("whose", ["another program", "a newer one"])
def test_a_file_that_is_not_ours_is_refused_untouched(whose: str, action: tuple[str, ...], path: Path) -> None:
    if whose == "a newer one":
        fill(200)
        with opened(path) as connection:
            connection.execute(f"PRAGMA user_version = {len(steps()) + 1}")
    else:
        path.parent.mkdir()
        with opened(path) as connection:
            connection.execute("CREATE TABLE notes (text)")
            connection.execute("INSERT INTO notes VALUES ('mine')")
    before = path.read_bytes()
    done = keyapi_mcp("store", *action)
    assert (done.returncode, done.stdout) == (5, "")
    assert re.search("it belongs to another program|a newer keyapi-mcp has written it", done.stderr)
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_used_has_one_exit_code_whichever_command_needs_it(path: Path) -> None:
    path.parent.mkdir()
    with opened(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    for command in (("store", "info"), ("store", "check"), ("call", "get_usage")):
        done = keyapi_mcp(*command)
        assert (done.returncode, done.stdout) == (5, "")
        assert f"The store at {path} cannot be used: it belongs to another program." in done.stderr
    looked = keyapi_mcp("doctor")
    assert looked.returncode == 1
    assert f"FAIL  store: The store at {path} cannot be used" in looked.stdout
