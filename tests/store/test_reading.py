"""Reading a page back: the answer from the file is the very same as the one from memory, odd rows included."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from keyapi_mcp.app import App
from keyapi_mcp.credits import Budget
from keyapi_mcp.product import Page
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.sandbox.faults import Fault
from keyapi_mcp.store.store import Store
from support.kept import NOW, Clock, Service, keep, open_app, open_store, product_id, row
from support.sandbox_server import RunningSandbox, running_sandbox
from support.service import settings_for

pytestmark = pytest.mark.anyio

REGIONS = ("US", "GB", "TH", "VN", "JP", "ID", "MX", "DE")
QUESTION = "region=US&product_sort_field=7&sort_type=1&page_num=1&page_size=10"


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=300) as running:
        yield running


def both_forms(answer: Answer) -> tuple[str, str]:
    """As they are sent; numbers that are equal but written differently differ here."""
    return answer.text(), json.dumps(answer.structured(), ensure_ascii=False)


async def from_memory_and_from_the_file(
    sandbox: RunningSandbox, *questions: dict[str, Any], clock: Clock | None = None, **settings: Any
) -> list[tuple[Answer, Answer]]:
    """Each question's kept answer, in the process that paid for it and in one that was started later."""
    clock = clock or Clock()
    chosen = settings_for(sandbox.url, **settings)
    first = App(chosen, clock=clock)
    async with first.running():
        for question in questions:
            await first.call("search_products", question)
        requests = len(sandbox.requests)
        kept = [await first.call("search_products", question) for question in questions]
    later = App(chosen, clock=clock)
    async with later.running():
        read = [await later.call("search_products", question) for question in questions]
    assert len(sandbox.requests) == requests == len(questions)
    return list(zip(kept, read, strict=True))


@pytest.mark.parametrize("region", REGIONS)
async def test_an_answer_read_back_is_the_very_same(region: str, sandbox: RunningSandbox) -> None:
    questions = (
        {"region": region},
        {"region": region, "page_num": 2, "product_sort_field": 1, "sort_type": 0},
        {"region": region, "category_id": "601450", "page_size": 3},
    )
    for memory, file in await from_memory_and_from_the_file(sandbox, *questions):
        assert both_forms(file) == both_forms(memory)
        assert "(kept answer)" in file.text()
        assert file.text().startswith("SANDBOX (synthetic data)")


@pytest.mark.parametrize(
    "kind",
    [
        "control_characters",
        "bad_utf8",
        "quoted_numbers",
        "missing_fields",
        "wrong_types",
        "nulls",
        "percent_commission",
        "broken_row",
        "data_null",
    ],
)
async def test_odd_rows_are_read_back_as_they_were_read_at_first(kind: str, sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault(kind))
    ((memory, file),) = await from_memory_and_from_the_file(sandbox, {"region": "TH"})
    assert both_forms(file) == both_forms(memory)
    if kind == "broken_row":
        assert "Left out: 2 rows" in file.text()
    if kind == "percent_commission":
        assert "commission above 1 read as a percentage" in file.text()


async def test_a_commission_counted_in_percent_is_read_back_as_such(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("percent_commission"))
    ((memory, file),) = await from_memory_and_from_the_file(sandbox, {"region": "US"}, commission_unit="percent")
    assert both_forms(file) == both_forms(memory)
    commission = [line[file.structured()["columns"].index("commission")] for line in file.structured()["rows"]]
    assert any(commission)
    assert all(rate is None or 0 < rate <= 1 for rate in commission)


async def test_a_page_past_the_end_is_kept_as_what_it_is(sandbox: RunningSandbox) -> None:
    ((memory, file),) = await from_memory_and_from_the_file(sandbox, {"region": "JP", "page_num": 900})
    assert both_forms(file) == both_forms(memory)
    assert "the list ends before it" in file.text()
    assert file.structured()["rows"] == []


async def test_a_product_twice_on_a_page_is_read_back_twice() -> None:
    service = Service(row(1), row(2), row(1))
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        memory = await app.call("search_products", {"region": "US"})
    async with open_app(service) as app:
        file = await app.call("search_products", {"region": "US"})
    assert both_forms(file) == both_forms(memory)
    assert [line[0] for line in file.structured()["rows"]] == [product_id(number) for number in (1, 2, 1)]
    assert len(service.requests) == 1


class Escaping(Service):
    """Everything beyond ASCII as an escape: JSON can say half a pair so, although no text can be one."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, content=json.dumps({"code": 0, "message": "", "data": self.rows, "requestId": "r"}))


@pytest.mark.parametrize("name", ["half \ud83d of a pair", "กระเป๋า ผ้า", "Kem chống nắng", "リップ オイル", "a|b\nc"])
async def test_a_name_in_any_script_is_read_back(name: str) -> None:
    service = Escaping(row(1, product_name=name))
    async with open_app(service) as app:
        await app.call("search_products", {"region": "US"})
        memory = await app.call("search_products", {"region": "US"})
    async with open_app(service) as app:
        assert both_forms(await app.call("search_products", {"region": "US"})) == both_forms(memory)


async def test_an_answer_keeps_its_mark_whoever_reads_it(sandbox: RunningSandbox) -> None:
    # A source that is behind is known by the answer of the day before.
    clock = Clock()
    question = {"region": "US"}
    (first,) = await from_memory_and_from_the_file(sandbox, question, clock=clock)
    assert "data of about 2026-11-22 (T+1)" in first[1].text()
    clock.pass_days(1)
    sandbox.requests.clear()
    ((memory, file),) = await from_memory_and_from_the_file(sandbox, question, clock=clock)
    assert both_forms(file) == both_forms(memory)
    assert "data of about 2026-11-22 (T+1, source not refreshed yet)" in file.text()


async def test_the_figures_read_back_are_those_of_the_day_of_the_answer() -> None:
    clock = Clock()
    async with open_store(clock) as store:
        await keep(store, row(1), page_num=1)
        clock.pass_days(1)
        await keep(store, row(1, total_sale_7d_cnt=999, product_name="Renamed"), at=clock.now, page_num=2)
    async with open_store(clock) as store:
        old, new = [await store.older(QUESTION.replace("page_num=1", f"page_num={page}")) for page in (1, 2)]
    assert old is not None
    assert new is not None
    assert [page.products[0].units(7) for page in (old, new)] == [71, 999]
    assert [page.fetched_at for page in (old, new)] == [NOW, clock.now]


# --- which one is the latest ---------------------------------------------------------------------------------------


async def test_an_answer_is_fresh_for_as_long_as_in_memory() -> None:
    clock = Clock()
    async with open_store(clock) as store:
        await keep(store, row(1))
    for seconds, fresh in ((21_599, True), (1, False)):
        clock.now += timedelta(seconds=seconds)
        async with open_store(clock, fresh_s=21_600) as store:
            assert (await store.fresh(QUESTION) is not None) is fresh
            assert await store.older(QUESTION) is not None


async def test_with_a_freshness_of_zero_nothing_is_fresh_but_all_of_it_is_older() -> None:
    async with open_store(fresh_s=0) as store:
        await keep(store, row(1))
        assert await store.fresh(QUESTION) is None
        assert await store.older(QUESTION) is not None


async def test_an_answer_from_a_clock_that_was_ahead_is_not_fresh_for_years() -> None:
    clock = Clock()
    clock.pass_days(1000)
    async with open_store(clock) as ahead:
        await keep(ahead, row(1), at=clock.now)
        clock.pass_days(-1000)
        assert await ahead.fresh(QUESTION) is None
    async with open_store(clock) as store:
        assert await store.fresh(QUESTION) is None
        await keep(store, row(2), at=clock.now)
    async with open_store(clock) as store:
        for page in (await store.fresh(QUESTION), await store.older(QUESTION)):
            assert page is not None
            assert page.products[0].product_id == product_id(2)


async def test_a_question_that_was_never_asked_has_no_answer() -> None:
    async with open_store() as store:
        await keep(store, row(1))
        assert await store.older("region=US&page_num=2") is None
        assert await store.fresh("region=US&page_num=2") is None


async def test_an_answer_whose_rows_are_not_all_there_is_none() -> None:
    async with open_store() as store:
        await keep(store, row(1), row(2))
        path = store.path
    assert isinstance(path, Path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM snapshots WHERE product_id = ?", (product_id(2),))
    async with open_store() as store:
        assert await store.older(QUESTION) is None
        # It may be asked again, then.
        reservation = await store.reserve(QUESTION, Budget(1))
        await reservation.settle_paid(Page((), 0, NOW))
        assert await later(store) == 0


async def later(store: Store) -> int | None:
    page = await store.older(QUESTION)
    return None if page is None else page.rows
