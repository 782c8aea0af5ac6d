"""Sharing requests and keeping answers: who asks, who pays, what is kept, and what becomes of a cancelled caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from keyapi_mcp.app import App
from keyapi_mcp.arguments import read_arguments
from keyapi_mcp.asking.pages import PageRead, PageReader
from keyapi_mcp.clock import Clock, utc_now
from keyapi_mcp.credits import Outcome
from keyapi_mcp.errors import MissingKey, QuotaExhausted, ServiceError, ServiceFault, as_text
from keyapi_mcp.product import Page
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.sandbox.faults import Fault
from keyapi_mcp.store.memory import MemoryPages
from support.loopback import Exchange, envelope, loopback, never, right
from support.sandbox_server import RunningSandbox, running_sandbox
from support.service import Books, KeptPages, client_for, query, settings_for, without_waiting

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=300) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with without_waiting():
        yield


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def on(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass(slots=True)
class Reading:
    """A reader with its books, and the ways in which tests use it."""

    reader: PageReader
    books: Books
    store: MemoryPages
    reads: list[PageRead] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def read(self, asked: ProductQuery) -> None:
        """Read, and note what came of it."""
        try:
            self.reads.append(await self.reader.read(asked))
        except Exception as error:
            self.errors.append(error)

    async def read_all(self, *asked: ProductQuery) -> None:
        """Read at the same time."""
        async with anyio.create_task_group() as tasks:
            for one in asked:
                tasks.start_soon(self.read, one)

    @property
    def costs(self) -> list[tuple[int, int]]:
        """What was reported as paid and as maybe paid, the most first."""
        told = [(read.paid, read.maybe_paid) for read in self.reads]
        return sorted(told + [(0, getattr(error, "maybe_spent", 0)) for error in self.errors], reverse=True)


@asynccontextmanager
async def reading(
    url: str, *, clock: Clock = utc_now, fresh_s: float = 3600, max_rows: int = 1000, **changes: Any
) -> AsyncIterator[Reading]:
    store = MemoryPages(max_rows, fresh_s, clock)
    books = Books(pages=store)
    # Its end waits for what is still under way.
    with anyio.fail_after(25):
        async with client_for(url, books, clock=clock, **changes) as client, anyio.create_task_group() as tasks:
            yield Reading(PageReader(client, KeptPages(store), tasks, total_s=20), books, store)


# --- sharing ------------------------------------------------------------------------------------------------------


async def test_a_hundred_identical_reads_at_once_are_one_request_and_one_of_them_pays(sandbox: RunningSandbox) -> None:
    async with reading(sandbox.url) as run:
        await run.read_all(*[query()] * 100)
    assert len(sandbox.requests) == 1
    assert run.costs == [(1, 0)] + [(0, 0)] * 99
    assert len({id(read.page) for read in run.reads}) == 1
    assert not any(read.kept for read in run.reads)
    assert run.books.outcomes == [Outcome.PAID]


async def test_the_same_question_in_another_spelling_is_the_same_request(sandbox: RunningSandbox) -> None:
    spellings: list[dict[str, Any]] = [
        {"region": "US", "category_id": "601450", "min_product_commission_rate": 0.1, "min_first_crawl_dt": 20260101},
        {"min_first_crawl_dt": "2026-01-01", "region": "us", "category_id": "Beauty & Personal Care"}
        | {"min_product_commission_rate": "10%"},
        {"region": " Us", "category_id": 601450, "min_product_commission_rate": "0.10", "page_num": "1"}
        | {"min_first_crawl_dt": "20260101", "page_size": 10.0, "max_review_count": None},
        {"region": "US", "category_id": "beauty & personal care", "min_product_commission_rate": 0.1}
        | {"min_first_crawl_dt": 20260101, "product_sort_field": 7, "sort_type": "1"},
    ]
    async with reading(sandbox.url) as run:
        await run.read_all(*[read_arguments(spelling).query for spelling in spellings])
        await run.read(read_arguments(spellings[1]).query)
    assert len(sandbox.requests) == 1
    assert run.costs == [(1, 0)] + [(0, 0)] * 4
    assert run.reads[-1].kept


@pytest.mark.parametrize(
    "other",
    [
        {"region": "GB"},
        {"page_num": 2},
        {"page_size": 9},
        {"sort_type": 0},
        {"product_sort_field": 1},
        {"min_review_count": 0},
        {"free_shipping": 0},
        {"sales_trend_flag": 0},
    ],
    ids=str,
)
async def test_another_question_is_another_request(other: dict[str, Any], sandbox: RunningSandbox) -> None:
    async with reading(sandbox.url) as run:
        await run.read_all(query(), query(**other))
        await run.read_all(query(), query(**other))
    assert len(sandbox.requests) == 2
    assert run.costs == [(1, 0), (1, 0), (0, 0), (0, 0)]


async def test_a_caller_who_comes_while_the_request_is_under_way_shares_it() -> None:
    finish = anyio.Event()

    async def held(exchange: Exchange) -> None:
        await finish.wait()
        await right(exchange)

    async with loopback(held) as service, reading(service.url) as run, anyio.create_task_group() as tasks:
        tasks.start_soon(run.read, query())
        await service.asked(1)
        tasks.start_soon(run.read, query())
        await anyio.wait_all_tasks_blocked()
        finish.set()
    assert len(service.exchanges) == 1
    assert run.costs == [(1, 0), (0, 0)]


async def test_failed_attempts_before_a_success_are_reported_once_as_maybe(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=500))
    async with reading(sandbox.url) as run:
        await run.read_all(*[query()] * 5)
    assert len(sandbox.requests) == 2
    assert run.costs == [(1, 1)] + [(0, 0)] * 4
    assert (run.books.paid, run.books.maybe_paid) == (1, 1)


async def test_a_caller_s_own_group_may_end_while_the_reader_goes_on(sandbox: RunningSandbox) -> None:
    async with reading(sandbox.url) as run:
        for number in (1, 2, 3):
            async with anyio.create_task_group() as call:
                call.start_soon(run.read, query(page_num=number))
    assert [read.paid for read in run.reads] == [1, 1, 1]


# --- keeping ------------------------------------------------------------------------------------------------------


async def test_a_kept_answer_costs_nothing_and_says_from_when_it_is_until_its_time_is_over(
    sandbox: RunningSandbox,
) -> None:
    clock = Hands()
    async with reading(sandbox.url, clock=clock, fresh_s=3600) as run:
        await run.read(query())
        clock.on(seconds=3599)
        await run.read(query())
        clock.on(seconds=1)
        await run.read(query())
        clock.on(seconds=3599)
        await run.read(query())
    assert [(read.kept, read.paid) for read in run.reads] == [(False, 1), (True, 0), (False, 1), (True, 0)]
    assert [read.page.fetched_at for read in run.reads] == [NOON, NOON] + [NOON + timedelta(hours=1)] * 2
    assert len(sandbox.requests) == 2


async def test_reading_a_kept_answer_does_not_make_it_last_longer(sandbox: RunningSandbox) -> None:
    clock = Hands()
    async with reading(sandbox.url, clock=clock, fresh_s=100) as run:
        for _ in range(4):
            await run.read(query())
            clock.on(seconds=40)
    assert [read.kept for read in run.reads] == [False, True, True, False]


async def test_with_a_freshness_of_zero_nothing_is_kept_but_requests_are_still_shared(sandbox: RunningSandbox) -> None:
    async with reading(sandbox.url, clock=Hands(), fresh_s=0) as run:
        await run.read_all(query(), query())
        await run.read(query())
    assert len(sandbox.requests) == 2
    assert run.costs == [(1, 0), (1, 0), (0, 0)]
    assert not any(read.kept for read in run.reads)


async def test_an_empty_page_is_kept_too(sandbox: RunningSandbox) -> None:
    beyond = query(page_num=1000)
    async with reading(sandbox.url) as run:
        await run.read(beyond)
        await run.read(beyond)
    assert [(read.page.rows, read.kept) for read in run.reads] == [(0, False), (0, True)]
    assert len(sandbox.requests) == 1


async def test_the_page_used_longest_ago_goes_once_the_rows_are_too_many(sandbox: RunningSandbox) -> None:
    async with reading(sandbox.url, max_rows=25) as run:
        for number in (1, 2, 1, 3):
            await run.read(query(page_num=number))
        kept = [run.store.get(query(page_num=number).key) is not None for number in (1, 2, 3)]
        await run.read(query(page_num=2))
    assert kept == [True, False, True]
    assert [read.kept for read in run.reads] == [False, False, True, False, False]


async def test_the_store_never_holds_more_rows_than_it_may(sandbox: RunningSandbox) -> None:
    async with reading(sandbox.url, max_rows=25) as run:
        for number in range(1, 9):
            await run.read(query(page_num=number, page_size=7))
            kept = [run.store.get(query(page_num=earlier, page_size=7).key) for earlier in range(1, 9)]
            assert sum(page.rows for page in kept if page) <= 25
    assert sum(page is not None for page in kept) == 3


@pytest.mark.parametrize("max_rows", [0, 5])
async def test_a_page_with_more_rows_than_may_be_kept_is_answered_and_not_kept(
    max_rows: int, sandbox: RunningSandbox
) -> None:
    async with reading(sandbox.url, max_rows=max_rows) as run:
        await run.read(query())
        await run.read(query())
    assert [(read.page.rows, read.kept, read.paid) for read in run.reads] == [(10, False, 1)] * 2


def test_even_empty_pages_take_up_room() -> None:
    pages = MemoryPages(3, 3600, Hands())
    for number in range(50):
        pages.put(str(number), Page((), 0, NOON))
    assert [number for number in range(50) if pages.get(str(number))] == [47, 48, 49]


# --- failing ------------------------------------------------------------------------------------------------------


async def test_an_error_reaches_all_callers_one_has_its_cost_and_it_is_not_kept(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=503, times=3))
    async with reading(sandbox.url) as run:
        await run.read_all(*[query()] * 7)
        assert len(sandbox.requests) == 3
        assert [type(error) for error in run.errors] == [ServiceFault] * 7
        assert run.costs == [(0, 3)] + [(0, 0)] * 6
        assert run.books.maybe_paid == 3
        for error in run.errors:
            assert isinstance(error, ServiceFault)
            spent = "Credits: 0–3 spent" if error.maybe_spent else "Credits: none spent."
            assert as_text(error).split("\n")[1].startswith(spent)
        assert len({(error.what, error.next_step, error.request_id) for error in run.errors}) == 1  # type: ignore[attr-defined]
        await run.read(query())
    assert (run.reads[0].paid, run.reads[0].kept) == (1, False)
    assert len(sandbox.requests) == 4


async def test_each_caller_gets_an_error_of_its_own(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=402))
    async with reading(sandbox.url) as run:
        await run.read_all(query(), query())
    assert [type(error) for error in run.errors] == [QuotaExhausted] * 2
    assert run.errors[0] is not run.errors[1]
    assert len(sandbox.requests) == 1


async def test_a_missing_key_is_told_to_each_caller(sandbox: RunningSandbox) -> None:
    async with reading(sandbox.url, token=None) as run:
        await run.read_all(query(), query())
    assert [type(error) for error in run.errors] == [MissingKey] * 2
    assert all("--sandbox" in as_text(error) for error in run.errors if isinstance(error, MissingKey))
    assert sandbox.requests == []


async def test_a_defect_of_ours_reaches_the_callers_with_the_place_where_it_happened(sandbox: RunningSandbox) -> None:
    async with reading(sandbox.url) as run:
        run.books.refusals.append(ZeroDivisionError("in the meter"))
        await run.read_all(query(), query())
        assert [repr(error) for error in run.errors] == ["ZeroDivisionError('in the meter')"] * 2
        for error in run.errors:
            cause = error.__cause__
            assert cause is not None
            places = []
            step = cause.__traceback__
            while step is not None:
                places.append(step.tb_frame.f_code.co_name)
                step = step.tb_next
            assert places[-1] == "reserve"
        await run.read(query())
    assert run.reads[0].paid == 1


# --- cancelling ---------------------------------------------------------------------------------------------------


async def test_a_request_not_yet_sent_is_dropped_with_its_last_caller() -> None:
    finish = anyio.Event()

    async def held(exchange: Exchange) -> None:
        await finish.wait()
        await right(exchange)

    async with loopback(held) as service, reading(service.url, max_in_flight=1) as run:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.read, query(page_num=1))
            await service.asked(1)
            async with anyio.create_task_group() as impatient:
                impatient.start_soon(run.read, query(page_num=2))
                impatient.start_soon(run.read, query(page_num=2))
                await anyio.wait_all_tasks_blocked()
                impatient.cancel_scope.cancel()
            finish.set()
        await run.read(query(page_num=3))
        assert [entry.key for entry in run.books.entries] == [query(page_num=number).key for number in (1, 3)]
        assert len(service.exchanges) == 2
        # And it can be asked for again.
        await run.read(query(page_num=2))
    assert len(service.exchanges) == 3
    assert run.costs == [(1, 0)] * 3


async def test_who_asks_again_the_moment_after_a_request_was_dropped_begins_anew() -> None:
    finish = anyio.Event()

    async def held(exchange: Exchange) -> None:
        await finish.wait()
        await right(exchange)

    async with loopback(held) as service, reading(service.url, max_in_flight=1) as run:
        scope = anyio.CancelScope()

        async def change_of_mind() -> None:
            with scope:
                await run.reader.read(query(page_num=2))
            await run.read(query(page_num=2))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.read, query(page_num=1))
            await service.asked(1)
            tasks.start_soon(change_of_mind)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            await anyio.wait_all_tasks_blocked()
            finish.set()
    assert scope.cancelled_caught
    assert run.errors == []
    assert run.costs == [(1, 0), (1, 0)]
    assert len(service.exchanges) == 2


async def test_a_request_that_is_still_connecting_is_dropped_with_its_last_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with loopback(never) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with reading("https://api.keyapi.invalid") as run:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run.read, query())
                await proxy.asked(1)
                tasks.cancel_scope.cancel()
            await proxy.until(lambda server: server.closed == 1)
            await run.books.settled(1)
        assert run.books.outcomes == [Outcome.FREE]
        assert len(proxy.exchanges) == 1


async def test_a_request_already_sent_is_let_finish_and_its_answer_kept() -> None:
    finish = anyio.Event()

    async def held(exchange: Exchange) -> None:
        await finish.wait()
        await right(exchange)

    async with loopback(held) as service, reading(service.url) as run:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.read, query())
            await service.asked(1)
            tasks.cancel_scope.cancel()
        assert run.books.outcomes == [None]
        finish.set()
        await run.books.settled(1)
        await anyio.wait_all_tasks_blocked()
        await run.read(query())
    assert [(read.kept, read.paid) for read in run.reads] == [(True, 0)]
    assert len(service.exchanges) == 1
    assert run.books.outcomes == [Outcome.PAID]


async def test_who_comes_after_the_only_caller_left_shares_the_request_under_way_and_reports_its_cost() -> None:
    finish = anyio.Event()

    async def held(exchange: Exchange) -> None:
        await finish.wait()
        await right(exchange)

    async with loopback(held) as service, reading(service.url) as run:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.read, query())
            await service.asked(1)
            tasks.cancel_scope.cancel()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.read, query())
            await anyio.wait_all_tasks_blocked()
            finish.set()
    assert [(read.kept, read.paid) for read in run.reads] == [(False, 1)]
    assert len(service.exchanges) == 1


@pytest.mark.parametrize("sent", [False, True], ids=["waiting for its turn", "under way"])
async def test_one_cancelled_caller_of_several_does_not_disturb_the_others(sent: bool) -> None:
    finish = anyio.Event()

    async def held(exchange: Exchange) -> None:
        await finish.wait()
        await right(exchange)

    shared = query(page_num=2)
    async with (
        loopback(held) as service,
        reading(service.url, max_in_flight=2 if sent else 1) as run,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(run.read, query(page_num=1))
        await service.asked(1)
        async with anyio.create_task_group() as impatient:
            impatient.start_soon(run.read, shared)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(run.read, shared)
            tasks.start_soon(run.read, shared)
            await anyio.wait_all_tasks_blocked()
            assert len(service.exchanges) == 1 + sent
            impatient.cancel_scope.cancel()
        finish.set()
    assert len(service.exchanges) == 2
    assert len(run.reads) == 3
    assert run.costs == [(1, 0), (1, 0), (0, 0)]


async def test_a_failed_request_is_not_sent_again_for_nobody() -> None:
    finish = anyio.Event()

    async def fail(exchange: Exchange) -> None:
        await finish.wait()
        await exchange.answer(envelope(None, code=500), 500)

    async with loopback(fail) as service, reading(service.url) as run:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.read, query())
            await service.asked(1)
            tasks.cancel_scope.cancel()
        finish.set()
        await run.books.settled(1)
        await anyio.wait_all_tasks_blocked()
        assert len(service.exchanges) == 1
        assert run.books.outcomes == [Outcome.UNKNOWN]
        # Who comes after that begins anew, retries and all.
        await run.read(query())
    assert len(service.exchanges) == 4
    assert run.costs == [(0, 3)]


async def test_a_caller_cancelled_between_two_attempts_ends_them() -> None:
    async def limit(exchange: Exchange) -> None:
        await exchange.answer(envelope(None, code=429), 429, {"retry-after": "15"})

    # The end of `run` waits for what is under way: a second attempt would come after 15 s.
    with anyio.fail_after(10):
        async with loopback(limit) as service, reading(service.url) as run, anyio.create_task_group() as tasks:
            tasks.start_soon(run.read, query())
            await run.books.settled(1)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert len(service.exchanges) == 1
    assert run.costs == []


@pytest.mark.slow
async def test_a_cancelled_caller_of_a_slow_service_leaves_it_its_whole_time_and_no_more() -> None:
    async with loopback(never) as service, reading(service.url, total_timeout_s=0.3) as run:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.read, query())
            await service.asked(1)
            tasks.cancel_scope.cancel()
        assert run.books.outcomes == [None]
        await run.books.settled(1)
        assert run.books.outcomes == [Outcome.UNKNOWN]
        await service.until(lambda server: server.closed == 1)
    assert len(service.exchanges) == 1


# --- stopping -----------------------------------------------------------------------------------------------------


async def test_a_server_that_stops_with_a_read_under_way_tells_its_callers_in_words() -> None:
    async with loopback(never) as service:
        app = App(settings_for(service.url))
        errors: list[ServiceError] = []

        async def call() -> None:
            with pytest.raises(ServiceError) as caught:
                await app.call("search_products", {"region": "US"})
            errors.append(caught.value)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as callers, app.running():
                callers.start_soon(call)
                callers.start_soon(call)
                await service.asked(1)
            await service.until(lambda server: server.closed == 1)
    assert [error.what for error in errors] == ["The server was stopped before the answer was there."] * 2
    assert sorted(error.maybe_spent for error in errors) == [0, 1]
    assert len(service.exchanges) == 1


async def test_a_server_that_stops_with_a_request_waiting_for_its_turn_has_spent_nothing() -> None:
    async with loopback() as service:
        app = App(settings_for(service.url, min_interval_s=60, total_timeout_s=30))
        errors: list[ServiceError] = []

        async def call(number: int) -> None:
            with pytest.raises(ServiceError) as caught:
                await app.call("search_products", {"region": "US", "page_num": number})
            errors.append(caught.value)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as callers, app.running():
                await app.call("search_products", {"region": "US"})
                callers.start_soon(call, 2)
                await anyio.wait_all_tasks_blocked()
    assert [error.maybe_spent for error in errors] == [0]
    assert len(service.exchanges) == 1


async def test_the_books_of_a_server_that_stops_have_what_was_under_way() -> None:
    books = Books()
    async with loopback(never) as service, client_for(service.url, books) as client:
        async with anyio.create_task_group() as tasks:
            reader = PageReader(client, KeptPages(MemoryPages(100, 3600)), tasks, total_s=20)
            async with anyio.create_task_group() as callers:
                callers.start_soon(reader.read, query())
                await service.asked(1)
                tasks.cancel_scope.cancel()
                callers.cancel_scope.cancel()
        assert books.outcomes == [Outcome.UNKNOWN]
