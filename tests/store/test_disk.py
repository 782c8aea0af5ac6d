"""A disk that is full, a place that cannot be written, a file that somebody else holds: nothing that is paid for is
lost to the person who asked, and nothing is spent that cannot be written down."""

from __future__ import annotations

import os
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from keyapi_mcp.app import App
from keyapi_mcp.errors import StoreUnavailable, as_text
from keyapi_mcp.store import books, upkeep
from keyapi_mcp.store.store import Store
from support.kept import Service, open_app, open_store, product_id, row
from support.raw_stdio import INITIALIZED, call, initialize, raw_server
from support.sandbox_server import running_sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def store_of(app: App) -> Store:
    assert app._services is not None
    return app._services.store


def size_of_log(app: App) -> int:
    """Of the companion file to which everything is written first."""
    return Path(f"{store_of(app).path}-wal").stat().st_size


async def refused(app: App, service: Service, *, page_num: int) -> str:
    """The error of a question that needs a request; nothing is sent for it."""
    before = len(service.requests)
    with pytest.raises(StoreUnavailable) as error:
        await app.call("search_products", {"region": "US", "page_num": page_num})
    assert len(service.requests) == before
    text = as_text(error.value)
    if "another process" in text:
        assert text.endswith("Next: end the other process, or try again.")
    else:
        assert "KEYAPI_MCP_HOME" in text
        assert "KEYAPI_MCP_STORE=memory" in text
    assert "Credits: none spent." in text
    assert "database is locked" not in text
    where = store_of(app).path
    assert f"The store at {where} cannot be used: " in text
    return text


class Interrupting(Service):
    """Does something to the store while the answer is under way: the credit is reserved and spent by then."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        super().__init__(*rows)
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = super().__call__(request)
        self.meanwhile()
        return answer


async def given_but_not_kept(app: App, service: Service, why: str, *, page_num: int) -> None:
    """A question whose answer is paid for comes, and says that it is not in the store."""
    answer = await app.call("search_products", {"region": "US", "page_num": page_num})
    assert [line[0] for line in answer.structured()["rows"]] == [product_id(number) for number in range(10)]
    assert f"This answer could not be kept in the store: {why}." in answer.text()
    assert f"This answer could not be kept in the store: {why}." in answer.structured()["notes"]
    assert "Credits: 1 for this call" in answer.text()
    # It is in memory, so that at least this process does not pay for it again.
    again = await app.call("search_products", {"region": "US", "page_num": page_num})
    assert "Credits: 0 for this call (kept answer)" in again.text()


async def in_order(requests: int) -> None:
    """Afterwards the file is sound, and every request is in the books."""
    async with open_store() as store:
        assert await store.database.run(upkeep.faults) == []
        totals = await store.totals()
        assert totals is not None
        assert totals.today == requests


TEN = [row(number) for number in range(10)]


# --- a full disk ---------------------------------------------------------------------------------------------------


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """For this process. What the system says of a write beyond it is much like what it says of a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_with_no_room_for_the_page_the_answer_is_given_and_the_credit_counted() -> None:
    service = Service(*TEN)
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        # Room for the reservation, not for ten products.
        with no_file_larger_than(size_of_log(app) + 40_000):
            service.rows = [row(number, total_sale_cnt=5) for number in range(10)]
            await given_but_not_kept(app, service, "the disk reports an error", page_num=2)
        async with open_store() as other:
            totals = await other.totals()
            assert totals is not None
            assert (totals.today, totals.today_unknown) == (2, 1)
        # With room again, its end is written with the next thing that is.
        await app.call("search_products", {"region": "US", "page_num": 3})
        async with open_store() as other:
            totals = await other.totals()
            assert totals is not None
            assert (totals.today, totals.today_unknown) == (3, 0)
    await in_order(3)
    assert len(service.requests) == 3


async def test_with_no_room_for_the_reservation_nothing_is_sent_and_what_is_kept_is_still_read() -> None:
    service = Service(*TEN)
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        with no_file_larger_than(size_of_log(app)):
            assert "the disk reports an error" in await refused(app, service, page_num=2)
            async with open_app(service) as other:
                kept = await other.call("search_products", {"region": "US"})
                assert "Credits: 0 for this call (kept answer); 1 today" in kept.text()
        await app.call("search_products", {"region": "US", "page_num": 2})
    await in_order(2)


async def test_with_no_room_for_a_file_at_all_nothing_is_sent() -> None:
    service = Service(*TEN)
    async with open_app(service) as app:
        with no_file_larger_than(1000):
            await refused(app, service, page_num=1)
        # And nothing half-made stands in the way afterwards.
        await app.call("search_products", {"region": "US"})
    await in_order(1)


async def limit_pages(store: Store, more: int) -> None:
    def limit(connection: Any) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + more}")

    await store.database.run(limit, writes=False)


async def test_a_database_that_says_full_is_a_full_disk_in_words() -> None:
    long = [one | {"desc_detail": random.Random(number).randbytes(4_000).hex()} for number, one in enumerate(TEN)]
    service = Service(*long)
    async with open_app(service) as app:
        await store_of(app).totals()
        await limit_pages(store_of(app), 0)
        await given_but_not_kept(app, service, "the disk is full", page_num=1)
        await limit_pages(store_of(app), 10_000)
        await app.call("search_products", {"region": "US", "page_num": 2})
    await in_order(2)


# --- a place that cannot be written --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("a file/home", "not a directory"),
        pytest.param(
            "/proc/keyapi-mcp",
            "no such file or directory",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc"),
        ),
    ],
)
async def test_a_home_that_cannot_be_made_is_named_and_nothing_is_sent(place: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    service = Service(*TEN)
    async with open_app(service, home=tmp_path / place) as app:
        for page_num in (1, 1, 2):
            assert f"cannot be used: {why}." in await refused(app, service, page_num=page_num)
    async with open_app(service, home=tmp_path / place, store="memory") as app:
        answer = await app.call("search_products", {"region": "US"})
        assert "1 today, 199 left within your limits of this process" in answer.text()


@pytest.fixture(params=["file", "directory", "both, for an administrator"])
def locked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Takes the right to write away, as far as that means anything for whoever runs this."""

    def lock(path: Path) -> None:
        if request.param.startswith("both"):
            monkeypatch.setattr("keyapi_mcp.store.opening.os.access", lambda *_: False)
            return
        target, rights = (path, 0o400) if request.param == "file" else (path.parent, 0o500)
        target.chmod(rights)
        request.addfinalizer(lambda: target.chmod(0o700))
        if os.access(target, os.W_OK):
            pytest.skip("whoever runs this may write everything")

    return lock


async def test_what_may_only_be_read_gives_what_it_has_and_takes_no_reservation(
    locked: Callable[[Path], None],
) -> None:
    service = Service(*TEN)
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        path = store_of(app).path
        assert path is not None
    before = path.read_bytes()
    locked(path)
    async with open_app(service) as app:
        kept = await app.call("search_products", {"region": "US"})
        assert "Credits: 0 for this call (kept answer); 1 today" in kept.text()
        assert "it cannot be written" in await refused(app, service, page_num=2)
        assert (await app.call("get_usage", {})).structured()["facts"]["products"] == 10
    # Nothing was put beside it that would be in the way when it may be written again.
    assert {file.name for file in path.parent.iterdir()} == {path.name, "keyapi.begun"}
    assert path.read_bytes() == before


async def test_what_may_only_be_read_and_was_not_closed_well_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(*TEN)
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        monkeypatch.setattr("keyapi_mcp.store.opening.os.access", lambda *_: False)
        async with open_app(service) as other:
            assert "it cannot be written" in await refused(other, service, page_num=1)


async def read_only(store: Store, *, on: bool) -> None:
    await store.database.run(
        lambda connection: connection.exec_driver_sql(f"PRAGMA query_only = {int(on)}"), writes=False
    )


async def test_a_file_that_turns_read_only_takes_no_reservation() -> None:
    service = Service(*TEN)
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        await read_only(store_of(app), on=True)
        assert "it cannot be written" in await refused(app, service, page_num=2)
        # What it has it gives.
        assert (await store_of(app).product(product_id(1), "US")).seen
        await read_only(store_of(app), on=False)
        await app.call("search_products", {"region": "US", "page_num": 2})
    await in_order(2)


def test_a_client_reads_of_it_as_an_error_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = str(tmp_path / "file" / "home")
    with running_sandbox(products=60) as sandbox:
        environment = {"KEYAPI_TOKEN": "sk_live_disk", "KEYAPI_API_BASE_URL": sandbox.url, "KEYAPI_MCP_HOME": home}
        with raw_server(**environment) as server:
            server.ask(initialize())
            server.write(INITIALIZED)
            result = server.ask(call(1, {"region": "US"}))["result"]
        assert sandbox.requests == []
    assert result["isError"]
    (content,) = result["content"]
    assert content["text"].startswith(f"The store at {home}/other-127-0-0-1-")
    assert "cannot be used: not a directory." in content["text"]
    assert "KEYAPI_MCP_STORE=memory" in content["text"]
    assert "Traceback" not in server.errors()


# --- a file that is held by another process ------------------------------------------------------------------------


@contextmanager
def held(path: Path | None) -> Iterator[None]:
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def test_a_lock_that_lasts_is_told_in_words_and_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyapi_mcp.store.database._BUSY_S", 0.2)
    service = Service(*TEN)
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        with held(store_of(app).path):
            assert "another process has kept it locked" in await refused(app, service, page_num=2)
            # Reading is not held up.
            async with open_app(service) as other:
                assert "(kept answer)" in (await other.call("search_products", {"region": "US"})).text()
        await app.call("search_products", {"region": "US", "page_num": 2})
    await in_order(2)


async def test_an_answer_that_comes_while_the_file_is_held_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyapi_mcp.store.database._BUSY_S", 0.2)
    service = Interrupting(*TEN)
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        path = store_of(app).path
        assert path is not None
        other = sqlite3.connect(path, isolation_level=None)
        service.meanwhile = lambda: other.execute("BEGIN IMMEDIATE")
        await given_but_not_kept(app, service, "another process has kept it locked for 0 s", page_num=2)
        other.close()
    # At the end the credit of that answer is written down as paid.
    async with open_store() as store:
        totals = await store.totals()
        assert totals is not None
        assert (totals.today, totals.today_unknown) == (2, 0)
        assert await store.database.run(books.disagreements) == []
    await in_order(2)
