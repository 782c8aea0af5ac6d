"""The one door: answers that survive, books that are kept up whatever fails, and what an answer says of its credits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from keyapi_mcp.app import App
from keyapi_mcp.credits import AskedElsewhere, Budget, Outcome
from keyapi_mcp.errors import LimitReached, StoreUnavailable, as_text
from keyapi_mcp.product import Page, Product
from keyapi_mcp.settings import read_settings
from keyapi_mcp.store import books, keeping
from keyapi_mcp.store.store import Store
from support.kept import NOW, Clock, Service, keep, open_app, open_store, product_id, row

pytestmark = pytest.mark.anyio

QUESTION = "region=US&product_sort_field=7&sort_type=1&page_num=1&page_size=10"


def page(*numbers: int, at: datetime = NOW) -> Page:
    return Page(tuple(Product(row(number)) for number in numbers), len(numbers), at, "r1")


async def states(store: Store) -> list[str]:
    rows = await store.database.run(
        lambda connection: connection.exec_driver_sql("SELECT state FROM ledger ORDER BY id").all()
    )
    assert await store.database.run(books.disagreements) == []
    return [found.state for found in rows]


async def kept_on(store: Store) -> dict[int, int]:
    return {day.day: day.kept for day in (await store.usage()).days}


class Failing:
    """Makes the store's file fail for as long as it is switched on."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.on = False
        run = store.database.run

        async def failing(operation: Callable[..., Any], **options: Any) -> Any:
            if self.on:
                raise StoreUnavailable(str(store.path), "the disk is full")
            return await run(operation, **options)

        monkeypatch.setattr(store.database, "run", failing)


# --- restarts ------------------------------------------------------------------------------------------------------


async def test_an_answer_survives_a_restart_and_costs_nothing_then() -> None:
    service = Service(row(1), row(2))
    for number in range(3):
        async with open_app(service) as app:
            answer = await app.call("search_products", {"region": "US"})
            source = "" if number == 0 else " (kept answer)"
            assert f"Credits: {1 - bool(number)} for this call{source}; 1 today, 199 left" in answer.text()
            assert [line[0] for line in answer.structured()["rows"]] == [product_id(1), product_id(2)]
    assert len(service.requests) == 1


async def test_in_memory_nothing_survives_and_every_answer_says_whose_limits_these_are(tmp_path: Path) -> None:
    service = Service(row(1))
    for _ in range(2):
        async with open_app(service, store="memory") as app:
            for source in ("", " (kept answer)"):
                answer = await app.call("search_products", {"region": "US"})
                assert (
                    f"for this call{source}; 1 today, 199 left within your limits of this process "
                    "(account balance not visible)." in answer.text()
                )
    assert len(service.requests) == 2
    assert not (tmp_path / "home").exists()


async def test_the_credits_line_tells_today_and_what_is_left_within_the_nearer_limit() -> None:
    service = Service(row(1))
    async with open_app(service, credits_per_day="off", credits_per_month="3") as app:
        answer = await app.call("search_products", {"region": "US"})
        assert answer.text().endswith(
            "1 for this call; 1 today, 2 left within your limits (account balance not visible)."
        )
        assert answer.structured()["credits"] == {"call": 1, "today": 1, "left": 2}
    async with open_app(service, credits_per_day="off", credits_per_month="off") as app:
        answer = await app.call("search_products", {"region": "US"})
        assert "0 for this call (kept answer); 1 today, no limit set (account" in answer.text()
        assert answer.structured()["credits"] == {"call": 0, "today": 1, "source": "kept answer"}


# --- several processes ---------------------------------------------------------------------------------------------


async def test_an_answer_that_another_process_got_meanwhile_is_not_paid_for_again() -> None:
    async with open_store() as one, open_store() as other:
        assert await other.fresh(QUESTION) is None
        # While the other one waits for its turn:
        await keep(one, row(1))
        budget = Budget(1)
        with pytest.raises(AskedElsewhere):
            await other.reserve(QUESTION, budget)
        assert budget.counted == 0
        assert not await other.asked_elsewhere(QUESTION)
        found = await other.fresh(QUESTION)
        assert found is not None
        assert found.products[0].product_id == product_id(1)
        assert await states(other) == ["paid"]


async def test_whoever_keeps_nothing_fresh_shares_nothing() -> None:
    async with open_store(fresh_s=0) as store:
        first = await store.reserve(QUESTION, Budget(None))
        await store.reserve(QUESTION, Budget(None))
        await first.settle_paid(page(1))
        await store.reserve(QUESTION, Budget(None))
        assert await states(store) == ["paid", "open", "open"]


async def test_totals_of_another_process_are_seen_within_seconds_and_a_new_day_at_once() -> None:
    clock = Clock(datetime(2026, 11, 23, 23, 59, 57, tzinfo=UTC))
    async with open_store(clock) as one, open_store(clock) as other:

        async def today() -> int:
            found = await one.totals()
            assert found is not None
            return found.today

        assert await today() == 0
        await keep(other, row(1))
        for seconds, counted in ((1.9, 0), (0.2, 1), (1.0, 0)):  # the last is over midnight
            clock.now += timedelta(seconds=seconds)
            assert await today() == counted
        found = await one.totals()
        assert found is not None
        assert (found.this_month, found.left_today) == (1, 200)


# --- kept answers are counted --------------------------------------------------------------------------------------


async def test_answers_without_a_request_are_counted_on_their_days_and_written_at_the_end_at_the_latest() -> None:
    clock = Clock()
    async with open_store(clock) as store:
        await keep(store, row(1))
        for _ in range(3):
            await store.fresh(QUESTION)
        clock.pass_days(0.9)  # over midnight
        await store.fresh(QUESTION)
    async with open_store(clock) as store:
        assert await kept_on(store) == {20261123: 3}
        clock.pass_days(-0.8)
        await store.fresh(QUESTION)
    async with open_store(clock) as store:
        assert await kept_on(store) == {20261123: 4}


async def test_a_count_that_could_not_be_written_is_not_lost_and_not_doubled() -> None:
    async with open_store(credits_per_day=1) as store:
        await keep(store, row(1))
        await store.fresh(QUESTION)
        for _ in range(3):
            with pytest.raises(LimitReached):
                await store.reserve("region=GB&page_num=1", Budget(None))
        await store.fresh(QUESTION)
        assert await kept_on(store) == {20261123: 2}
        assert await kept_on(store) == {20261123: 2}


# --- what cannot be written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.FREE])
async def test_an_end_that_could_not_be_written_counts_until_it_can(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store() as store:
        reservation = await store.reserve(QUESTION, Budget(None))
        failing = Failing(store, monkeypatch)
        failing.on = True
        await reservation.settle(outcome, "r")
        failing.on = False
        assert await states(store) == ["open"]
        # The same question can be asked again: the first attempt's end is known, if not written.
        await store.reserve(QUESTION, Budget(None))
        assert await states(store) == [outcome.name.lower(), "open"]


async def test_a_paid_answer_that_could_not_be_kept_is_given_and_its_credit_written_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_store() as store:
        reservation = await store.reserve(QUESTION, Budget(None))
        failing = Failing(store, monkeypatch)
        failing.on = True
        kept = await reservation.settle_paid(page(1))
        assert (kept.not_kept, len(kept.page.products)) == ("the disk is full", 1)
        # This process has it, even so.
        assert await store.fresh(QUESTION) is kept.page
        failing.on = False
    async with open_store() as store:
        assert await states(store) == ["paid"]
        assert await store.older(QUESTION) is None


async def test_a_defect_in_keeping_costs_neither_the_answer_nor_the_books(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(keeping, "keep", broken)
    async with open_app(Service(row(1))) as app:
        answer = await app.call("search_products", {"region": "US"})
        assert [line[0] for line in answer.structured()["rows"]] == [product_id(1)]
        note = "This answer could not be kept in the store: a defect of this program; its log has the details."
        assert note in answer.text()
        assert note in answer.structured()["notes"]
        assert "Credits: 1 for this call; 1 today, 199 left" in answer.text()
    assert "a page could not be kept" in caplog.text
    async with open_store() as store:
        assert await states(store) == ["paid"]


async def test_callers_who_shared_a_refusal_each_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(row(1))
    async with open_app(service) as app:
        assert app._services is not None
        failing = Failing(app._services.store, monkeypatch)
        failing.on = True
        errors: list[StoreUnavailable] = []

        async def ask() -> None:
            with pytest.raises(StoreUnavailable) as refused:
                await app.call("search_products", {"region": "US"})
            errors.append(refused.value)

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
    assert service.requests == []
    assert len({id(error) for error in errors}) == 3
    for error in errors:
        assert "cannot be used: the disk is full" in as_text(error)
        assert "Credits: none spent." in as_text(error)


async def test_callers_who_share_an_answer_all_read_that_it_was_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise StoreUnavailable("the file", "the disk is full")

    monkeypatch.setattr(keeping, "keep", full)
    service = Service(row(1))
    async with open_app(service) as app:
        texts: list[str] = []

        async def ask() -> None:
            texts.append((await app.call("search_products", {"region": "US"})).text())

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
    assert len(service.requests) == 1
    assert all("This answer could not be kept in the store: the disk is full." in text for text in texts)
    assert sorted("Credits: 1 for this call;" in text for text in texts) == [False, False, True]
    assert sum("(shared with an identical call)" in text for text in texts) == 2


async def test_what_was_spent_can_be_read_while_another_process_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyapi_mcp.store.database._BUSY_S", 0.1)
    async with open_store() as store:
        await keep(store, row(1))
        await store.fresh(QUESTION)
        assert store.path is not None
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            usage = await store.usage()
            assert (usage.totals.today, usage.products) == (1, 1)
        # What could not be added then is added now.
        assert await kept_on(store) == {20261123: 1}


async def test_without_a_single_question_nothing_is_opened_at_the_end_either(tmp_path: Path) -> None:
    async with open_store():
        pass
    async with App(read_settings(token="sk_live_kept")).running():
        pass
    assert not (tmp_path / "home").exists()
