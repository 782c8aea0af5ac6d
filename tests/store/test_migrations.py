"""The schema's steps: append-only, equal to what the program reads and writes, and safe on every kind of file."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.schema import CreateIndex

from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.store import migrations
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.migrations import APPLICATION_ID, steps
from keyapi_mcp.store.opening import open_engine
from keyapi_mcp.store.schema import METADATA
from support.kept import Clock, open_app, open_store, product_id, row
from support.kept import Service as RowsService
from support.waiting import until

# A step that is in a release is never changed again; a further one is added below it.
RELEASED: Final = (
    "5a3ade4ff6bb732c2ca01a6df62e5547112d405eaae824a9191a022445052d59",
    "3c060356b8ab2803e3ea7e6ba27db6943562494f45599f137a3cac16230b3a33",
    "c1ce3d6fb70fef36a9580ea82ee065ceee0012b6db82586a4bae4dbe13150995",
)
OLDEST: Final = Path(__file__).parents[1] / "data" / "store_schema_1.sql"


def test_no_released_step_is_changed() -> None:
    digests = tuple(hashlib.sha256(step.encode()).hexdigest() for step in steps())
    assert digests[: len(RELEASED)] == RELEASED
    assert len(digests) == len(RELEASED), "write down the new step's digest above when it is released"


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = open_engine(None, 1)
    yield engine
    engine.dispose()


def test_the_steps_lead_to_the_tables_that_the_program_knows(engine: Engine) -> None:
    # The other way round: what SQLAlchemy makes of the tables in an empty database.
    wanted = create_engine("sqlite://")
    METADATA.create_all(wanted)
    assert described(engine) == described(wanted)
    wanted.dispose()


def described(engine: Engine) -> dict[str, Any]:
    """Every table's columns with type and nullability, and its key."""
    seen = inspect(engine)
    tables: dict[str, Any] = {}
    for name in seen.get_table_names():
        columns = [(one["name"], str(one["type"]), one["nullable"], one["default"]) for one in seen.get_columns(name)]
        tables[name] = (columns, seen.get_pk_constraint(name)["constrained_columns"])
    return tables


def test_the_steps_make_the_indexes_that_the_program_knows(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        written = {row.sql for row in rows}
    indexes = [index for table in METADATA.tables.values() for index in table.indexes]
    assert written == {str(CreateIndex(index).compile(engine)) for index in indexes}


# --- opening files of every kind -----------------------------------------------------------------------------------


def contents(path: Path) -> bytes:
    """Of the file and everything beside it."""
    return b"".join(file.name.encode() + file.read_bytes() for file in sorted(path.parent.iterdir()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder / "keyapi.sqlite"


def refusal(path: Path) -> str:
    """Why the file is refused. It is the same after as before, and nothing is put beside it."""
    before = contents(path)
    database = Database(path)
    with pytest.raises(StoreUnavailable) as refused:
        database.run_now(lambda connection: connection.exec_driver_sql("SELECT 1").scalar_one())
    database.close()
    assert contents(path) == before
    assert str(path) in refused.value.what
    assert "KEYAPI_MCP_HOME" in refused.value.next_step
    assert "KEYAPI_MCP_STORE=memory" in refused.value.next_step
    return refused.value.why


def make(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_file_that_a_newer_program_has_written_is_refused_untouched(path: Path) -> None:
    database = Database(path)
    database.run_now(lambda _connection: None)
    database.close()
    make(path, f"PRAGMA user_version = {len(steps()) + 1}")
    assert refusal(path) == (
        f"a newer keyapi-mcp has written it (schema {len(steps()) + 1}, this one knows {len(steps())}); "
        "it was not touched"
    )


_KILLED_WHILE_WRITING = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
for statement in sys.argv[2:]:
    connection.execute(statement)
os.kill(os.getpid(), 9)
"""


def test_a_newer_program_s_file_is_refused_untouched_even_when_that_has_died_in_the_midst(path: Path) -> None:
    database = Database(path)
    database.run_now(lambda _connection: None)
    database.close()
    # The new number is in the log beside the file only.
    version = f"PRAGMA user_version = {len(steps()) + 1}"
    subprocess.run([sys.executable, "-c", _KILLED_WHILE_WRITING, str(path), version], timeout=20, check=False)
    log = path.with_name(path.name + "-wal")
    assert log.stat().st_size > 0
    file, written = path.read_bytes(), log.read_bytes()
    database = Database(path)
    with pytest.raises(StoreUnavailable, match="a newer keyapi-mcp"):
        database.run_now(lambda _connection: None)
    database.close()
    assert (path.read_bytes(), log.read_bytes()) == (file, written)


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE notes (text)", "INSERT INTO notes VALUES ('mine')"),
        ("PRAGMA application_id = 252006674", "CREATE TABLE notes (text)"),
        ("PRAGMA user_version = 1",),
        ("PRAGMA application_id = 1196444487", "PRAGMA user_version = 1"),
    ],
    ids=["a table", "an id of its own", "a version", "both"],
)
def test_another_program_s_database_is_refused_untouched(path: Path, mode: str, statements: tuple[str, ...]) -> None:
    make(path, f"PRAGMA journal_mode = {mode}", *statements)
    assert refusal(path) == "it belongs to another program"


@pytest.mark.parametrize("text", [b"not a database\n", b"{}", b"SQLite format 2\0" + bytes(4096), bytes(4096)])
def test_a_file_that_is_no_database_is_refused_untouched(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    assert refusal(path) == "it is no store of this program"


def test_a_directory_in_the_file_s_place_is_refused_in_words(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreUnavailable) as refused:
        Database(path).run_now(lambda _connection: None)
    assert refused.value.why == "is a directory"


@pytest.mark.parametrize("mode", [None, "DELETE", "WAL"])
def test_an_empty_file_and_an_empty_database_become_a_store(path: Path, mode: str | None) -> None:
    # What a process leaves that was killed while it made the file.
    if mode is None:
        path.touch()
    else:
        make(path, f"PRAGMA journal_mode = {mode}", "VACUUM")
    assert versions(path) == (APPLICATION_ID, len(steps()))


def versions(path: Path) -> tuple[int, int]:
    """Once the file has been opened."""
    database = Database(path)
    seen = database.run_now(
        lambda connection: tuple(
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("application_id", "user_version")
        )
    )
    database.close()
    application, version = seen
    return application, version


def test_steps_are_applied_all_or_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = steps()
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "steps", lambda: (*first, "CREATE TABLE later (a);\nCREATE TABLE ledger (b);\n"))
        with pytest.raises(StoreUnavailable):
            versions(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    # Nothing of it stands in the way of the right ones.
    assert versions(path) == (APPLICATION_ID, len(first))


def test_a_further_step_is_applied_once_to_a_file_with_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_oldest(path)
    more = (*steps(), "ALTER TABLE searches ADD COLUMN tag TEXT;\nCREATE TABLE tags (name TEXT);\n")
    monkeypatch.setattr(migrations, "steps", lambda: more)
    assert versions(path) == (APPLICATION_ID, len(more))
    assert versions(path) == (APPLICATION_ID, len(more))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*), count(tag) FROM searches").fetchone() == (2, 0)


# --- from the oldest schema ----------------------------------------------------------------------------------------


def load_oldest(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLDEST.read_text("utf-8"))


@pytest.mark.anyio
async def test_judgements_that_the_first_release_did_not_have_are_computed_from_what_is_stored(path: Path) -> None:
    load_oldest(path)
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT count(*), count(previous_day) FROM products"
        count, seen_before = connection.execute(query).fetchone()
    assert count > seen_before > 0
    async with open_store() as store:
        await store.totals()  # opens the file; the rest happens while nothing is asked

        def judged() -> bool:
            with closing(sqlite3.connect(path)) as connection:
                query = "SELECT count(stage), count(previous_stage), count(severity) FROM products"
                return bool(connection.execute(query).fetchone() == (count, seen_before, seen_before))

        until(judged)


@pytest.mark.anyio
async def test_a_store_of_the_first_release_opens_and_everything_in_it_is_there(path: Path) -> None:
    load_oldest(path)
    clock = Clock()
    clock.pass_days(1)
    service = RowsService(row(5))
    async with open_app(service, clock) as app:
        answer = await app.call("search_products", {"region": "US", "page_num": 2})
        assert service.requests == []
        content = answer.structured()
        assert [line[0] for line in content["rows"]] == [product_id(1)]
        assert content["rows"][0][content["columns"].index("units_7d")] == 99
        assert content["credits"] == {"call": 0, "today": 2, "today_unknown": 1, "left": 198, "source": "kept answer"}
    async with open_store(clock) as store:
        usage = await store.usage()
        assert (usage.products, usage.snapshots, usage.searches) == (2, 3, 2)
        assert [(day.day, day.paid, day.unknown, day.kept) for day in usage.days] == [
            (20261124, 1, 1, 2),
            (20261123, 1, 0, 0),
        ]
        (seen,) = (await store.product(product_id(2), "US")).seen
        assert (seen.product.name, seen.product.units(7)) == ("Kem chống nắng", None)


def test_a_file_that_another_process_is_making_is_looked_at_as_of_one_moment(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for statement in ("PRAGMA journal_mode = WAL", "CREATE TABLE t (a)", "DROP TABLE t"):
            other.execute(statement)
        connect = sqlite3.connect

        class Interrupted(sqlite3.Connection):
            """The other process has made it as soon as the first thing is known."""

            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                cursor = super().execute(sql, *values)
                if sql == "PRAGMA application_id":
                    for statement in ("BEGIN", *steps()[0].split(";\n"), "PRAGMA user_version = 1"):
                        other.execute(statement)
                    other.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    other.execute("COMMIT")
                return cursor

        with monkeypatch.context() as patched:
            patched.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, factory=Interrupted, **named))
            migrations.look_before_opening(path)
    assert versions(path) == (APPLICATION_ID, len(steps()))


# --- several at once -----------------------------------------------------------------------------------------------

_OPEN = """
import sys
from pathlib import Path
from keyapi_mcp.store.database import Database

sys.stdin.readline()
database = Database(Path(sys.argv[1]))
try:
    print(database.run_now(lambda connection: connection.exec_driver_sql("PRAGMA user_version").scalar_one()))
finally:
    database.close()
"""


def test_several_processes_that_open_a_new_file_at_once_all_find_it_made(path: Path) -> None:
    for number in range(2):
        file = path.with_name(f"{number}.sqlite")
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", _OPEN, str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        told = [process.communicate("\n", timeout=30) for process in processes]
        assert told == [(f"{len(steps())}\n", "")] * 4
