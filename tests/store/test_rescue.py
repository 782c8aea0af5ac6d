"""A damaged file is set aside and its ledger carried over; what is not known is not spent. Real files, real damage."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from keyapi_mcp.errors import LedgerLost, StoreUnavailable, as_text
from keyapi_mcp.store import begun, books, opening, rescue, upkeep
from keyapi_mcp.store.database import Database
from support import store_process
from support.command import keyapi_mcp
from support.kept import Service, keep, open_app, open_store, product_id, row

pytestmark = pytest.mark.anyio

PAGE: Final = 4096
CREDITS: Final = 12
NO_LIMITS: Final = books.Limits(None, None)
TEN: Final = [row(number) for number in range(10)]
Damage = Callable[[Path], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keyapi.sqlite"


async def fill(credits: int = CREDITS, products: int = 15) -> None:
    async with open_store() as store:
        for page in range(credits):
            rows = [row(page * products + number, desc_detail="long " * 40) for number in range(products)]
            await keep(store, *rows, page_num=page + 1)


def contents(path: Path) -> bytes:
    return path.read_bytes()


def is_there(path: Path) -> bool:
    return path.exists()


def make(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)


def root(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return int(page)


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def overwrite_all(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def remove(path: Path) -> None:
    path.unlink()


def cut_to(path: Path, length: int) -> None:
    os.truncate(path, length)


def page_of(*tables: str) -> Damage:
    """Zeroes the first page of each of these tables."""

    def damage(path: Path) -> None:
        for page in [root(path, table) for table in tables]:
            overwrite(path, (page - 1) * PAGE, bytes(PAGE))

    return damage


def header(path: Path) -> None:
    overwrite(path, 0, b"\xa5" * 60)


def whole_header(path: Path) -> None:
    overwrite(path, 0, b"\0" * 100)


def beginning(path: Path) -> None:
    overwrite(path, 0, b"\xa5" * 20_000)


def page_size(path: Path) -> None:
    """What SQLite takes for no database at all, although it begins as one."""
    overwrite(path, 16, b"\0\3")


def first_page(path: Path) -> None:
    overwrite(path, 100, bytes(PAGE - 100))


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 + 100)


def middle(path: Path) -> None:
    """Every second page from the half on, beyond the schema's own: whatever is asked, some of it is hit."""
    for page in range(path.stat().st_size // PAGE // 2, path.stat().st_size // PAGE, 2):
        overwrite(path, page * PAGE, bytes(PAGE))


async def test_no_file_is_set_aside_without_damage(path: Path) -> None:
    await fill()
    async with open_store() as store:
        with pytest.raises(ZeroDivisionError):
            await store.database.run(lambda _connection: 1 // 0)
        assert rescue.last(path) is None
    assert {file.name for file in path.parent.iterdir()} == {path.name, "keyapi.begun"}


@pytest.mark.parametrize(
    "damage",
    [header, whole_header, page_of("products"), page_of("searches"), page_of("ledger"), page_of("credit_days"), middle],
    ids=["header", "whole header", "products", "searches", "ledger", "sums", "middle"],
)
async def test_the_ledger_is_carried_over_and_everything_goes_on(damage: Damage, path: Path) -> None:
    await fill()
    damage(path)
    damaged = contents(path)
    service = Service(*TEN)
    async with open_app(service) as app:
        # Whatever is damaged, one of these comes upon it; none of them fails.
        await app.call("get_usage", {})
        await app.call("search_products", {"region": "US", "page_num": 1})
        answer = await app.call("search_products", {"region": "GB"})
        assert [line[0] for line in answer.structured()["rows"]] == [product_id(number) for number in range(10)]
        usage = await app.call("get_usage", {})
    found = rescue.last(path)
    assert found is not None
    assert found.whole
    assert found.in_words() in usage.text()
    assert found.in_words() in usage.structured()["notes"]
    assert usage.structured()["facts"]["today"] == CREDITS + len(service.requests)
    # What was damaged is kept as it was.
    aside = path.with_name(found.aside)
    assert aside.stat().st_size == len(damaged)
    if damage in (header, whole_header):
        assert contents(aside) == damaged
    async with open_store() as store:
        assert await store.database.run(upkeep.faults) == []


async def test_the_watch_list_is_carried_over(path: Path) -> None:
    await fill()
    async with open_app(Service(*TEN)) as app:
        watched = {"action": "add", "product_ids": [product_id(1), product_id(999)], "note": "for spring"}
        await app.call("watch_products", watched)
    page_of("products")(path)
    async with open_app(Service(*TEN)) as app:
        await app.call("get_usage", {})
        await app.call("search_products", {"region": "US", "page_num": 1})
        answer = await app.call("get_changes", {"scope": "watch"})
    assert rescue.last(path) is not None
    assert answer.facts["never_seen"] == 1  # figures are gone, but the search above has shown one of the two
    assert "for spring" in answer.text()


@pytest.mark.parametrize(
    "damage", [page_of("ledger", "credit_days"), first_page, cut], ids=["ledger and sums", "first page", "cut"]
)
async def test_while_it_is_not_known_what_was_spent_nothing_is(damage: Damage, path: Path) -> None:
    await fill()
    if damage is cut:
        # The books are at the end of the file.
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for table in ("ledger", "credit_days"):
                connection.execute(f"CREATE TABLE moved AS SELECT * FROM {table}")
                columns = connection.execute(f"SELECT sql FROM sqlite_master WHERE name = '{table}'").fetchone()[0]
                connection.execute(f"DROP TABLE {table}")
                connection.execute(columns)
                connection.execute(f"INSERT INTO {table} SELECT * FROM moved")
                connection.execute("DROP TABLE moved")
    damage(path)
    service = Service(*TEN)
    async with open_app(service) as app:
        for _ in range(2):
            with pytest.raises(LedgerLost) as refused:
                await app.call("search_products", {"region": "GB"})
        text = as_text(refused.value)
        assert "Nothing was sent." in text
        assert "Credits: none spent." in text
        assert "`keyapi-mcp store check --accept-lost-ledger`" in text
        assert "keyapi.damaged-" in text
        # What costs nothing goes on, over the new and empty store.
        usage = await app.call("get_usage", {})
        assert "`keyapi-mcp store check --accept-lost-ledger`" in usage.text()
        assert usage.structured()["facts"]["products"] == 0
        rows = (await app.call("query_products", {"sql": "SELECT count(*) FROM products"})).structured()["rows"]
        assert rows == [[0]]
    assert service.requests == []
    # Another start changes nothing; accepting does.
    async with open_app(service) as app:
        with pytest.raises(LedgerLost):
            await app.call("search_products", {"region": "GB"})
        rescue.confirm(path)
        await app.call("search_products", {"region": "GB"})
    assert len(service.requests) == 1


async def test_the_loss_of_a_file_is_accepted_by_its_name_once_and_for_no_other(path: Path) -> None:
    await fill()
    page_of("ledger", "credit_days")(path)
    async with open_store() as store:
        await store.database.run(rescue.look, writes=False)
    found = rescue.last(path)
    assert found is not None
    async with open_app(service := Service(*TEN), accepted_loss="keyapi.damaged-20260101T000000Z.sqlite") as app:
        with pytest.raises(LedgerLost, match="Nothing was sent"):
            await app.call("search_products", {"region": "GB"})
    assert service.requests == []
    async with open_app(service, accepted_loss=f" {found.aside}") as app:
        assert "damaged" not in (await app.call("get_usage", {})).text()
        await app.call("search_products", {"region": "GB"})
    assert len(service.requests) == 1
    # What is lost after that was not meant.
    page_of("ledger", "credit_days")(path)
    async with open_app(service, accepted_loss=found.aside) as app:
        with pytest.raises(LedgerLost):
            await app.call("search_products", {"region": "US"})
    assert len(service.requests) == 1


async def test_in_a_bundle_the_way_to_accept_it_is_a_setting_of_the_host(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYAPI_BUNDLE", "1")
    await fill()
    page_of("ledger", "credit_days")(path)
    async with open_app(Service(*TEN)) as app:
        with pytest.raises(LedgerLost) as refused:
            await app.call("search_products", {"region": "GB"})
        usage = (await app.call("get_usage", {})).text()
    found = rescue.last(path)
    assert found is not None
    for text in (as_text(refused.value), usage):
        assert f'enter {found.aside} as "Accepted loss" in this extension\'s settings' in text
        assert "keyapi-mcp store" not in text


@pytest.mark.skipif(os.name != "posix", reason="rights of another kind")
async def test_what_a_rescue_puts_beside_the_file_is_the_user_s_alone(path: Path) -> None:
    await fill()
    page_of("ledger", "credit_days")(path)
    before = os.umask(0)
    try:
        rescue.rescue(path, 1)
    finally:
        os.umask(before)
    rights = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert {"keyapi.rescue.json", "keyapi.rescue.lock", "keyapi.sqlite"} < rights.keys()
    assert set(rights.values()) == {0o600}


@pytest.mark.parametrize("length", [0, 16, 60])
async def test_an_emptied_file_is_no_new_one(length: int, path: Path) -> None:
    await fill()
    cut_to(path, length)
    async with open_app(service := Service(*TEN)) as app:
        with pytest.raises(LedgerLost):
            await app.call("search_products", {"region": "GB"})
        usage = await app.call("get_usage", {})
    found = rescue.last(path)
    assert found is not None
    assert not found.whole
    assert found.in_words() in usage.text()
    assert service.requests == []
    assert len(contents(path.with_name(found.aside))) == length


async def test_what_the_log_still_holds_of_an_emptied_file_is_carried_over(path: Path) -> None:
    async with open_app(Service(*TEN)) as app:
        await app.call("search_products", {"region": "US"})
        # As a kill leaves it: nothing was written back into the file yet.
        log = contents(Path(f"{path}-wal"))
    cut_to(path, 0)
    overwrite_all(Path(f"{path}-wal"), log)
    async with open_app(service := Service(*TEN)) as app:
        answer = await app.call("search_products", {"region": "GB"})
    assert "2 today" in answer.text()
    assert len(service.requests) == 1
    found = rescue.last(path)
    assert found is not None
    assert (found.whole, found.credits) == (True, 1)


async def test_a_file_that_is_emptied_while_it_is_open_is_no_new_one(path: Path) -> None:
    await fill()
    async with open_app(service := Service(*TEN)) as app:
        await app.call("get_usage", {})
        cut_to(path, 0)
        for _ in range(2):
            with pytest.raises(LedgerLost):
                await app.call("search_products", {"region": "GB"})
    assert service.requests == []


async def test_a_file_that_somebody_has_removed_is_begun_anew(path: Path) -> None:
    await fill()
    remove(path)
    # Another process is just making it.
    begun.forget(path)
    overwrite_all(path, b"")
    async with open_app(service := Service(*TEN)) as app:
        assert "1 today" in (await app.call("search_products", {"region": "GB"})).text()
    remove(path)
    async with open_app(service) as app:
        assert "1 today" in (await app.call("search_products", {"region": "GB"})).text()
    assert rescue.last(path) is None
    cut_to(path, 0)
    async with open_app(service) as app:
        with pytest.raises(LedgerLost):
            await app.call("search_products", {"region": "GB"})


async def test_a_ledger_of_which_pages_are_gone_is_completed_from_the_sums_of_its_days(path: Path) -> None:
    await fill(products=1)
    async with open_store(credits_per_day="off") as store:
        for number in range(400):
            await keep(store, row(number), page_num=1000 + number)
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("SELECT * FROM credit_days").fetchall()
        (attempts,) = connection.execute("SELECT count(*) FROM ledger").fetchone()
    # A leaf in the midst: what is before and behind it can be read.
    page = contents(path)[(root(path, "ledger") - 1) * PAGE :][:PAGE]
    assert page[0] == 5, "the table has grown beyond one page"
    cell = int.from_bytes(page[16:18])
    overwrite(path, (int.from_bytes(page[cell : cell + 4]) - 1) * PAGE, bytes(PAGE))
    async with open_store() as store:
        await store.database.run(rescue.look, writes=False)
        assert await store.database.run(upkeep.faults) == []
        totals = await store.totals()
        assert totals is not None
        assert totals.today == attempts
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM credit_days").fetchall() == before
        (lost,) = connection.execute("SELECT count(*) FROM ledger WHERE key = '(lost)'").fetchone()
        (kept,) = connection.execute("SELECT count(DISTINCT key) FROM ledger WHERE key != '(lost)'").fetchone()
    assert 0 < lost < attempts / 2
    assert kept + lost == attempts


async def test_damage_while_it_is_open_is_mended_and_an_attempt_under_way_is_settled_in_the_new_file(
    path: Path,
) -> None:
    await fill()

    class Destroying(Service):
        def __call__(self, request: Any) -> Any:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            page_of("products", "listings", "searches", "snapshots")(path)
            with closing(sqlite3.connect(path)) as connection:
                # The others have to see that their copies of pages are out of date.
                connection.execute("UPDATE credit_days SET kept = kept + 1")
                connection.commit()
            return super().__call__(request)

    service = Destroying(*TEN)
    async with open_app(service) as app:
        answer = await app.call("search_products", {"region": "GB"})
        assert "Credits: 1 for this call" in answer.text()
        assert rescue.last(path) is not None
        again = await app.call("search_products", {"region": "GB"})
        assert "(kept answer)" in again.text()
        usage = (await app.call("get_usage", {})).structured()
    assert usage["facts"]["today"] == CREDITS + 1
    assert usage["credits"].get("today_unknown", 0) == 0
    assert usage["facts"]["products"] == 10


async def test_a_statement_that_comes_upon_damage_has_it_mended(path: Path) -> None:
    await fill()
    async with open_app(Service(*TEN)) as app:
        count = {"sql": "SELECT count(*) FROM products WHERE name > ''"}
        assert (await app.call("query_products", count)).structured()["rows"] == [[CREDITS * 15]]
        page_of("products")(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE credit_days SET kept = kept + 1")
            connection.commit()
        with pytest.raises(StoreUnavailable, match="it is damaged"):
            await app.call("query_products", count)
        assert (await app.call("query_products", count)).structured()["rows"] == [[0]]
    assert rescue.last(path) is not None


@pytest.mark.parametrize("content", [b"not a database\n" * 900, bytes(20_000), b"SQLite format 2\0" + bytes(4096)])
async def test_what_may_be_somebody_elses_is_refused_untouched(content: bytes, path: Path) -> None:
    make(path, content)
    async with open_app(service := Service(*TEN)) as app:
        with pytest.raises(StoreUnavailable, match="no store of this program"):
            await app.call("search_products", {"region": "US"})
    assert contents(path) == content
    assert rescue.last(path) is None
    assert service.requests == []


@pytest.mark.parametrize(
    "damage", [header, whole_header, beginning, page_size, first_page], ids=["header", "100", "20,000", "size", "page"]
)
async def test_who_only_looks_says_what_the_next_call_will_do(damage: Damage, path: Path) -> None:
    await fill()
    damage(path)
    database = Database(path)
    try:
        with pytest.raises(StoreUnavailable) as looked:
            database.run_now(rescue.look, writes=False)
    finally:
        database.close()
    assert looked.value.why == "it is damaged"
    assert looked.value.next_step.startswith("a server's next call sets it aside and carries its credit ledger over")
    assert rescue.last(path) is None
    async with open_app(Service(*TEN)) as app:
        await app.call("get_usage", {})
    assert rescue.last(path) is not None


async def test_a_lock_or_a_full_disk_is_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill()
    for text, code in (("database is locked", 5), ("disk I/O error", 10), ("database or disk is full", 13)):
        other = sqlite3.OperationalError(text)
        other.sqlite_errorcode = code
        assert not rescue.suspected(other)
    # Even where an error speaks of damage, the file decides.
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    assert rescue.suspected(error)
    rescue.rescue(path, 1)
    assert rescue.last(path) is None
    assert not list(path.parent.glob("*damaged*"))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", ["before anything is moved", "between the two"])
async def test_a_rescue_that_was_killed_is_carried_on_by_the_next(
    moment: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise Killed

    await fill()
    page_of("ledger", "credit_days")(path)
    with monkeypatch.context() as patched:
        if moment == "between the two":
            places = iter([lambda _path: None, kill])
            patched.setattr(rescue, "_place", lambda path: next(places)(path))
        else:
            patched.setattr(rescue, "_write_down", kill)
        with pytest.raises(Killed):
            rescue.rescue(path, 1)
    assert is_there(path) is (moment != "between the two")
    async with open_app(service := Service(*TEN)) as app:
        with pytest.raises(LedgerLost):
            await app.call("search_products", {"region": "GB"})
    assert service.requests == []
    assert len(list(path.parent.glob("*damaged*.sqlite"))) == 1


HOLD: Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_open(path: Path) -> Iterator[None]:
    """By another process, so that the log is not written into the file; it is killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"open\n"
            yield
        finally:
            holder.kill()


def in_log(path: Path) -> set[int]:
    """The pages of which a newer state is in the file's log."""
    log = contents(Path(f"{path}-wal"))
    return {int.from_bytes(log[at : at + 4]) for at in range(32, len(log) - 24, 24 + PAGE)}


def damage_beside_log(path: Path) -> None:
    """Every page of the second half that is read from the file itself, beyond the schema's own."""
    newer = in_log(path)
    pages = path.stat().st_size // PAGE
    for page in range(pages // 2, pages):
        if page + 1 not in newer:
            overwrite(path, page * PAGE, bytes(PAGE))


@pytest.mark.skipif(os.name != "posix", reason="what somebody has open cannot be renamed there")
async def test_the_log_of_a_file_whose_rescue_was_killed_is_not_taken_for_that_of_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def kill_after(self: Path, target: Path) -> None:
        rename(self, target)
        raise Killed

    await fill(CREDITS)
    with held_open(path):
        async with open_store() as store:
            await keep(store, row(1), page_num=CREDITS + 1)
        damage_beside_log(path)
        log = contents(Path(f"{path}-wal"))
        monkeypatch.setattr(Path, "rename", kill_after)
        with pytest.raises(Killed):
            rescue.rescue(path, 1)
        monkeypatch.setattr(Path, "rename", rename)
    assert not is_there(path)
    assert contents(Path(f"{path}-wal")) == log
    service = Service(*TEN)
    async with open_app(service) as app:
        answer = await app.call("search_products", {"region": "GB"})
        assert answer.spending.totals is not None
        assert answer.spending.totals.today == CREDITS + 2
        store = app._running_services().store
        assert await store.database.run(upkeep.faults) == []
    found = rescue.last(path)
    assert found is not None
    # Together they can still be read.
    assert contents(path.with_name(f"{found.aside}-wal")) == log


@pytest.mark.parametrize("mends", [True, False])
async def test_who_comes_while_a_damaged_file_is_replaced_waits_and_makes_no_new_one(
    mends: bool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill()
    page_of("products")(path)
    between, comes, go_on = threading.Event(), threading.Event(), threading.Event()
    place, finish = rescue._place, rescue.finish

    def held_up(path: Path) -> None:
        if not path.exists() and threading.current_thread() is rescuer:
            between.set()
            assert go_on.wait(30)
        place(path)

    def finishing(path: Path, busy_s: float) -> None:
        comes.set()
        finish(path, busy_s)

    def open_and_count() -> int:
        database = Database(path, mends=mends)
        try:
            totals = database.run_now(lambda connection: books.totals(connection, NO_LIMITS, store_process.NOW))
            return totals.today
        finally:
            database.close()

    monkeypatch.setattr(rescue, "_place", held_up)
    monkeypatch.setattr(rescue, "finish", finishing)
    rescuer = threading.Thread(target=rescue.rescue, args=(path, 10))
    rescuer.start()
    assert between.wait(30)
    with ThreadPoolExecutor(1) as pool:
        counted = pool.submit(open_and_count)
        assert comes.wait(30)
        assert not is_there(path)
        go_on.set()
        assert counted.result(30) == CREDITS
    rescuer.join(30)
    assert rescue.last(path) is not None


async def test_what_is_written_while_a_damaged_file_is_replaced_is_in_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill()
    page_of("products")(path)
    engine = opening.open_engine

    def overtaken(where: Path | None, busy_s: float) -> Any:
        opened = engine(where, busy_s)
        if where == path:
            monkeypatch.setattr(opening, "open_engine", engine)
            opened.connect().close()
            # Another process, between opening and the first look at what was opened.
            rescue.rescue(path, 1)
        return opened

    monkeypatch.setattr(opening, "open_engine", overtaken)
    async with open_store() as store:
        await keep(store, row(1), page_num=99)
    async with open_store() as store:
        totals = await store.totals()
    assert totals is not None
    assert totals.today == CREDITS + 1


async def test_a_second_damage_does_not_make_a_lost_ledger_found(path: Path) -> None:
    await fill()
    page_of("ledger", "credit_days")(path)
    for _ in range(2):
        async with open_store() as store:
            await store.database.run(rescue.look, writes=False)
        found = rescue.last(path)
        assert found is not None
        assert not found.whole
        page_of("products")(path)
    assert len(list(path.parent.glob("*damaged*.sqlite"))) == 2


RECORD = {"at": "2026-11-24T08:00:00+00:00", "aside": "keyapi.damaged.sqlite", "whole": True, "credits": 3}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps(RECORD | {"more": 1}),
        json.dumps(RECORD | {"at": "yesterday"}),
        json.dumps(RECORD | {"at": 5}),
        json.dumps(RECORD | {"whole": "no"}),
        json.dumps(RECORD | {"whole": 1}),
        json.dumps(RECORD | {"credits": "3"}),
        json.dumps(RECORD | {"aside": "a\x1b[2J|\nNext: run rm"}),
        json.dumps(RECORD | {"aside": None}),
    ],
)
async def test_a_record_of_a_rescue_that_cannot_be_read_stands_for_a_lost_ledger(text: str, path: Path) -> None:
    await fill(1)
    path.with_name("keyapi.rescue.json").write_text(text)
    async with open_app(service := Service(*TEN)) as app:
        with pytest.raises(LedgerLost) as refused:
            await app.call("search_products", {"region": "GB"})
        usage = (await app.call("get_usage", {})).text()
    # No accident is invented: neither its day nor the file's name is known.
    for told in (as_text(refused.value), usage):
        assert "The record of what became of its credit ledger cannot be read" in told
        assert "1970" not in told
    assert service.requests == []


async def test_where_no_store_can_be_none_was_lost(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert rescue.last(tmp_path / "file" / "keyapi.sqlite") is None
    assert rescue.last(tmp_path / "nowhere" / "keyapi.sqlite") is None


# --- as a person meets it ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_person_is_told_by_doctor_and_accepts_what_is_lost(path: Path) -> None:
    asyncio.run(fill())
    page_of("ledger", "credit_days")(path)
    checked = keyapi_mcp("store", "check")
    assert checked.returncode == 5
    assert "`keyapi-mcp store check --accept-lost-ledger` does so now (with KEYAPI_MCP_HOME set" in checked.stderr
    # Only a server, or the person who says so, moves it.
    assert not list(path.parent.glob("*damaged*"))
    accepted = keyapi_mcp("store", "check", "--accept-lost-ledger")
    assert accepted.returncode == 0, accepted.stderr
    assert "Accepted: credits are counted on from what could be read." in accepted.stdout
    assert len(list(path.parent.glob("*damaged*.sqlite"))) == 1
    assert keyapi_mcp("store", "check").stdout == f"ok    {path} is sound\n"
    wrong = keyapi_mcp("store", "info", "--accept-lost-ledger")
    assert (wrong.returncode, wrong.stdout) == (2, "")


@pytest.mark.slow
def test_doctor_and_check_tell_of_a_rescue_until_it_was_read(path: Path) -> None:
    asyncio.run(fill())
    page_of("products")(path)

    async def use() -> None:
        async with open_store() as store:
            await store.database.run(rescue.look, writes=False)

    asyncio.run(use())
    told = rescue.last(path)
    assert told is not None
    assert f"note  store: {told.in_words()}" in keyapi_mcp("doctor").stdout
    assert keyapi_mcp("store", "check").stdout == f"ok    {path} is sound\nnote  {told.in_words()}\n"
    assert "damaged" not in keyapi_mcp("doctor").stdout


@pytest.mark.slow
def test_many_processes_that_meet_the_damage_at_once_set_it_aside_once_and_lose_no_credit(tmp_path: Path) -> None:
    path = tmp_path / "keyapi.sqlite"
    command = [sys.executable, str(store_process.__file__), "crowd"]

    def crowd(action: str, many: int, each: int) -> list[str]:
        arguments = [*command, action, str(tmp_path), str(many), str(each)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=50, check=False)
        return done.stdout.split("\n")[:-1]

    assert crowd("write", 1, 30) == ["30"]
    page_of("products", "listings")(path)
    assert crowd("write", 8, 10) == ["10"] * 8
    assert len(list(tmp_path.glob("*damaged*.sqlite"))) == 1
    found = json.loads(path.with_name("keyapi.rescue.json").read_text())
    assert found["whole"]
    database = Database(path)
    try:
        totals = database.run_now(lambda connection: books.totals(connection, NO_LIMITS, store_process.NOW))
        assert (totals.today, database.run_now(upkeep.faults)) == (30 + 80, [])
    finally:
        database.close()
