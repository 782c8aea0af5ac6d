"""Reading many pages of one question: how many requests, within which budget, and what a short list, a shift, a
failure, the time's end or a cancelled caller make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2 as httpx
import pytest
import stamina

from keyapi_mcp.api import limits
from keyapi_mcp.api.client import KeyApiClient
from keyapi_mcp.asking.pages import PageReader
from keyapi_mcp.asking.scanning import Scanned, scan
from keyapi_mcp.credits import Budget
from keyapi_mcp.errors import (
    EndpointMissing,
    KeyApiMcpError,
    KeyRejected,
    LimitReached,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceFault,
    TimedOut,
    UnusableAnswer,
)
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.settings import read_settings
from keyapi_mcp.store.store import Store
from support.kept import Clock, product_id, row
from support.pages import Listing, rows
from support.service import query

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "_SLOW_INTERVAL_S", 0.001)
    with stamina.set_testing(True, attempts=10):
        yield


@dataclass
class Scanning:
    """A reader over a listing and a store. told: the progress of all scans."""

    listing: Listing
    reader: PageReader
    store: Store
    clock: Clock
    told: list[tuple[int, int]] = field(default_factory=list)

    async def scan(
        self, pages: int = 5, most: int | None = None, *, ask: bool = True, at_once: int = 4, seconds: float = 20
    ) -> Scanned:
        async def progress(done: int, of: int) -> None:
            self.told.append((done, of))

        self.listing.asked.clear()
        most = pages if most is None else most
        found = await scan(
            self.reader, query(), pages, Budget(most), ask=ask, at_once=at_once, progress=progress, seconds=seconds
        )
        assert found.paid + found.maybe_paid <= most
        return found

    async def counted(self) -> int:
        """Credits in the books: paid and possibly paid."""
        return (await self.store.usage()).totals.today


@asynccontextmanager
async def scanning(listing: Listing, **settings: Any) -> AsyncIterator[Scanning]:
    clock = Clock()
    chosen = read_settings(**{"token": "sk_live_scan", "min_interval_s": 0} | settings)
    store = Store(chosen, clock, Rules())
    client = KeyApiClient(chosen, store, transport=httpx.MockTransport(listing), clock=clock)
    try:
        # Its end waits for what is still under way.
        with anyio.fail_after(25):
            async with anyio.create_task_group() as tasks:
                reader = PageReader(client, store, tasks, total_s=20)
                yield Scanning(listing, reader, store, clock)
                listing.release()
    finally:
        await client.aclose()
        await store.aclose()


# --- how many requests ----------------------------------------------------------------------------------------------


async def test_each_page_is_asked_for_once_the_first_one_alone_and_the_products_are_in_order() -> None:
    async with scanning(Listing(rows(80))) as run:
        found = await run.scan(5)
        assert sorted(run.listing.asked) == [1, 2, 3, 4, 5]
        assert run.listing.asked[0] == 1
        assert [product.product_id for product in found.products()] == [product_id(number) for number in range(50)]
        assert (found.paid, found.maybe_paid, found.missing, found.ended) == (5, 0, [], False)
        assert await run.counted() == 5


async def test_never_more_requests_than_allowed_are_under_way_and_not_fewer_than_that() -> None:
    listing = Listing(rows(500), held=set(range(2, 51)))
    async with scanning(listing, max_in_flight=3) as run, anyio.create_task_group() as tasks:
        tasks.start_soon(run.scan, 50, 50)
        await listing.requests(1 + 3)
        assert listing.most_at_once == 3
        listing.release()
        await listing.requests(50)
    assert listing.most_at_once == 3


async def test_fresh_pages_are_free_and_only_what_is_missing_is_asked_for() -> None:
    async with scanning(Listing(rows(80))) as run:
        await run.reader.read(query().at_page(2))
        await run.reader.read(query().at_page(4))
        found = await run.scan(5)
        assert sorted(run.listing.asked) == [1, 3, 5]
        assert (found.paid, found.missing) == (3, [])
        again = await run.scan(5)
        assert run.listing.asked == []
        assert (again.paid, again.missing) == (0, [])
        assert len(again.products()) == 50
        more = await run.scan(7)
        assert (sorted(run.listing.asked), more.paid) == ([6, 7], 2)


async def test_a_first_page_that_is_short_is_the_only_request() -> None:
    async with scanning(Listing(rows(7))) as run:
        found = await run.scan(50)
        assert run.listing.asked == [1]
        assert (found.last, found.ended, found.missing, found.paid) == (1, True, [], 1)
        assert run.told == [(1, 1)]


async def test_an_empty_list_is_one_request_and_complete() -> None:
    async with scanning(Listing([])) as run:
        found = await run.scan()
        assert (run.listing.asked, found.missing, found.products(), found.paid) == ([1], [], [], 1)


async def test_a_list_that_ends_on_a_full_page_ends_with_the_empty_one_after_it() -> None:
    async with scanning(Listing(rows(20)), max_in_flight=1) as run:
        found = await run.scan(50, at_once=1)
        assert run.listing.asked == [1, 2, 3]
        assert (found.ended, list(found.sampled), len(found.products())) == (True, [1, 2, 3], 20)


async def test_what_has_not_left_when_the_list_ends_does_not_leave() -> None:
    # Four readers, of which the gate lets one at a time leave.
    async with scanning(Listing(rows(17)), max_in_flight=1) as run:
        found = await run.scan(50, at_once=4)
        assert run.listing.asked == [1, 2]
        assert (found.paid, found.maybe_paid, found.ended) == (2, 0, True)
        assert await run.counted() == 2


async def test_pages_beyond_the_end_that_were_asked_for_at_the_same_time_are_told_as_paid_but_are_no_sample() -> None:
    listing = Listing(rows(12), held={2, 3, 4, 5})
    async with scanning(listing) as run, anyio.create_task_group() as tasks:
        results: list[Scanned] = []

        async def one() -> None:
            results.append(await run.scan(10))

        tasks.start_soon(one)
        await listing.requests(5)
        listing.release()
    (found,) = results
    assert sorted(listing.asked) == [1, 2, 3, 4, 5]
    assert (list(found.sampled), found.paid, found.missing) == ([1, 2], 5, [])


async def test_a_product_that_a_shift_brings_twice_counts_once_where_it_came_first() -> None:
    class Shifting(Listing):
        def _answer(self, number: int) -> httpx.Response:
            # A new best seller pushes everything down once the first page was read.
            if number == 2 and len(self.rows) == 30:
                self.rows = [row(99), *self.rows]
            return super()._answer(number)

    async with scanning(Shifting(rows(30)), max_in_flight=1) as run:
        found = await run.scan(3, at_once=1)
    ids = [product.product_id for product in found.products()]
    assert len(ids) == len(set(ids)) == 29
    assert ids == [product_id(number) for number in range(29)]


async def test_a_product_on_two_pages_of_different_days_has_the_newer_figures_in_the_earlier_place() -> None:
    listing = Listing(rows(20))
    async with scanning(listing, fresh_s=3 * 24 * 3600) as run:
        await run.reader.read(query().at_page(1))
        run.clock.pass_days(1)
        listing.rows = [row(50), *rows(9), row(3, total_sale_30d_cnt=77), *rows(20)[10:18]]
        found = await run.scan(2)
    third = found.products()[3]
    assert third.product_id == product_id(3)
    assert third.units(30) == 77


# --- the budget -----------------------------------------------------------------------------------------------------


async def test_the_budget_caps_spending_and_the_next_scan_reads_on_where_it_ended() -> None:
    async with scanning(Listing(rows(80))) as run:
        first = await run.scan(5, most=2)
        assert sorted(run.listing.asked) == [1, 2]
        assert (first.paid, first.out_of_credits, first.missing, first.failure) == (2, True, [3, 4, 5], None)
        second = await run.scan(5, most=2)
        assert sorted(run.listing.asked) == [3, 4]
        assert (second.paid, second.missing) == (2, [5])
        third = await run.scan(5, most=2)
        assert (run.listing.asked, third.missing, third.out_of_credits) == ([5], [], False)
        assert await run.counted() == 5


async def test_kept_pages_after_the_budgets_end_are_taken_too() -> None:
    async with scanning(Listing(rows(80))) as run:
        await run.reader.read(query().at_page(5))
        found = await run.scan(5, most=1)
        assert (run.listing.asked, list(found.reads), found.missing) == ([1], [5, 1], [2, 3, 4])


async def test_without_asking_nothing_is_sent_and_old_pages_are_given_as_such() -> None:
    async with scanning(Listing(rows(80)), fresh_s=60) as run:
        await run.reader.read(query().at_page(1))
        run.clock.pass_days(3)
        await run.reader.read(query().at_page(3))
        found = await run.scan(4, ask=False)
        assert run.listing.asked == []
        assert {number: read.stale for number, read in found.sampled.items()} == {1: True, 3: False}
        assert (found.missing, found.paid, found.failure) == ([2, 4], 0, None)


async def test_a_limit_of_the_day_is_a_failure_that_says_so_and_what_was_paid_for_is_returned() -> None:
    async with scanning(Listing(rows(80)), credits_per_day=3) as run:
        found = await run.scan(5)
        assert len(run.listing.asked) == 3
        assert isinstance(found.failure, LimitReached)
        assert "KEYAPI_MCP_CREDITS_PER_DAY" in f"{found.failure.what} {found.failure.next_step}"
        assert (found.paid, len(found.missing), found.out_of_credits) == (3, 2, False)


async def test_a_retry_counts_against_the_budget() -> None:
    class Stumbling(Listing):
        def _answer(self, number: int) -> httpx.Response:
            return httpx.Response(500) if self.asked == [1, 2] else super()._answer(number)

    async with scanning(Stumbling(rows(80)), max_in_flight=1) as run:
        found = await run.scan(3, at_once=1)
        assert run.listing.asked == [1, 2, 2]
        assert (found.paid, found.maybe_paid, found.missing, found.out_of_credits) == (2, 1, [3], True)
        assert await run.counted() == 3


# --- failures -------------------------------------------------------------------------------------------------------

FAILURES: tuple[tuple[httpx.Response | Exception, type[KeyApiMcpError]], ...] = (
    (httpx.Response(400, json={"code": 400, "message": "page_size max is 10"}), RequestRejected),
    (httpx.Response(401, json={"code": 401, "message": "apiKey is null"}), KeyRejected),
    (httpx.Response(402, json={"code": 402, "message": "apiKey quota is not enough"}), QuotaExhausted),
    (httpx.Response(404), EndpointMissing),
    (httpx.Response(429, headers={"retry-after": "3000"}), RateLimited),
    (httpx.Response(500), ServiceFault),
    (httpx.Response(302, headers={"location": "/elsewhere"}), ServiceFault),
    (httpx.Response(200, content=b"<html>"), UnusableAnswer),
    (httpx.Response(200, json={"code": 500, "message": "x", "data": None}), ServiceFault),
    (httpx.ReadTimeout("slow"), TimedOut),
)


@pytest.mark.parametrize(("failure", "kind"), FAILURES, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_failure_half_way_ends_the_asking_and_returns_what_was_paid_for(
    failure: httpx.Response | Exception, kind: type[KeyApiMcpError]
) -> None:
    async with scanning(Listing(rows(200), failing=dict.fromkeys(range(4, 21), failure)), max_in_flight=1) as run:
        found = await run.scan(20)
        # While one waits before it is sent again, those that were asked for at the same time have their turn.
        assert set(run.listing.asked) <= {1, 2, 3, 4, 5, 6, 7}
        if len(run.listing.asked) == len(set(run.listing.asked)):
            assert run.listing.asked == [1, 2, 3, 4]
        assert type(found.failure) is kind
        assert (list(found.sampled), found.paid) == ([1, 2, 3], 3)
        assert found.missing == list(range(4, 21))
        # What the books count is what is told.
        assert await run.counted() == found.paid + found.maybe_paid
        run.listing.failing.clear()
        run.clock.pass_days(0.01)
        if kind is not RateLimited:  # which holds the client back
            again = await run.scan(6)
            assert (sorted(run.listing.asked), again.paid, again.missing) == ([4, 5, 6], 3, [])


async def test_failures_at_the_same_time_are_all_counted_and_nothing_more_is_sent() -> None:
    failing: dict[int, httpx.Response | Exception] = {number: httpx.Response(501) for number in (2, 3, 4, 5)}
    listing = Listing(rows(200), failing=failing, held={2, 3, 4, 5})
    results: list[Scanned] = []
    async with scanning(listing) as run, anyio.create_task_group() as tasks:

        async def one() -> None:
            results.append(await run.scan(20))

        tasks.start_soon(one)
        await listing.requests(5)
        listing.release()
    (found,) = results
    assert sorted(listing.asked) == [1, 2, 3, 4, 5]
    assert (found.paid, found.maybe_paid) == (1, 4)


async def test_old_pages_stand_in_for_those_that_a_failure_keeps_away() -> None:
    async with scanning(Listing(rows(80)), fresh_s=60, max_in_flight=1) as run:
        await run.scan(3)
        run.clock.pass_days(2)
        run.listing.failing = {2: httpx.Response(402)}
        found = await run.scan(4)
        assert run.listing.asked == [1, 2]
        assert isinstance(found.failure, QuotaExhausted)
        assert {number: read.stale for number, read in found.sampled.items()} == {1: False, 2: True, 3: True}
        assert (found.missing, found.paid) == ([4], 1)


# --- time and cancellation ------------------------------------------------------------------------------------------


async def test_at_the_times_end_there_is_what_was_read_and_the_next_scan_pays_only_for_the_rest() -> None:
    listing = Listing(rows(80), held={3, 4, 5, 6})
    async with scanning(listing) as run:
        found = await run.scan(6, seconds=1)
        assert found.out_of_time
        assert list(found.sampled) == [1, 2]
        # The four under way may yet be billed.
        assert (found.paid, found.maybe_paid, found.missing) == (2, 4, [3, 4, 5, 6])
        assert sorted(listing.asked) == [1, 2, 3, 4, 5, 6]
        listing.release()
        again = await run.scan(8)
        assert sorted(again.sampled) == list(range(1, 9))
        assert sorted(set(listing.asked)) == [7, 8]
        assert await run.counted() == 8


async def test_nothing_leaves_after_the_caller_was_cancelled_and_what_had_left_is_kept() -> None:
    listing = Listing(rows(500), held=set(range(2, 51)))
    async with scanning(listing) as run:
        with anyio.CancelScope() as caller:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run.scan, 50, 50)
                await listing.requests(5)
                caller.cancel()
        listing.release()
        # Answers that had left come to the store, one by one; then a new scan finds them there.
        found = await run.scan(5)
        assert (listing.asked, found.paid, found.missing) == ([], 0, [])
        assert await run.counted() == 5


async def test_progress_rises_by_page_to_its_total() -> None:
    async with scanning(Listing(rows(200))) as run:
        await run.scan(8)
        assert run.told == [(number, 8) for number in range(1, 9)]
        run.told.clear()
        await run.scan(9)
        assert run.told == [(8, 9), (9, 9)]
