"""What each way in which a request ends counts in the ledger, over a real socket; a retry is an attempt of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from keyapi_mcp.api import limits as gate
from keyapi_mcp.credits import Budget
from keyapi_mcp.errors import KeyApiMcpError, LimitReached, ServiceError
from keyapi_mcp.sandbox.faults import Fault
from keyapi_mcp.store import books
from keyapi_mcp.store.store import Store
from support.kept import open_store
from support.sandbox_server import RunningSandbox, running_sandbox
from support.service import client_for, query

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=60) as running:
        yield running


FAILING: list[tuple[str, dict[str, Any], list[str]]] = [
    *[("status", {"status": status}, ["free"]) for status in (400, 401, 402, 403, 404)],
    ("status", {"status": 429, "retry_after": "60"}, ["free"]),
    ("status", {"status": 429, "retry_after": "0"}, ["free"] * 3),
    ("quota_500", {}, ["free"]),
    ("code_in_200", {"code": 402}, ["free"]),
    ("code_in_200", {"code": 500}, ["unknown"] * 3),
    ("status", {"status": 500}, ["unknown"] * 3),
    ("status", {"status": 418}, ["unknown"]),
    ("html", {}, ["unknown"] * 3),
    ("hang", {}, ["unknown"]),
    *[(kind, {}, ["unknown"]) for kind in ("reset", "cut", "html_200", "empty", "not_json", "data_text", "huge")],
]


@pytest.mark.parametrize(("kind", "details", "states"), FAILING, ids=str)
async def test_each_way_of_failing_counts_as_it_should(
    kind: str, details: dict[str, Any], states: list[str], served: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_SLOW_INTERVAL_S", 0.001)
    served.reset()
    served.faults.push(Fault(kind, times=None, **details))
    with pytest.raises(ServiceError) as failed:
        await ask(served.url)
    counted = sum(state == "unknown" for state in states)
    assert failed.value.maybe_spent == counted
    async with open_store(base_url=served.url) as store:
        assert [state for state, *_ in await entries(store)] == states
        found = await store.totals()
        assert found is not None
        assert (found.today, found.today_unknown) == (counted, counted)
    assert len(served.requests) == len(states)
    served.reset()


async def ask(url: str, **settings: Any) -> None:
    hurried = {"read_timeout_s": 1, "max_body_bytes": 2_000_000}
    with stamina.set_testing(True, attempts=10):
        async with open_store(base_url=url) as store, client_for(url, store, **hurried | settings) as client:
            await client.fetch(query())


async def entries(store: Store) -> list[tuple[str, str | None]]:
    rows = await store.database.run(
        lambda connection: connection.exec_driver_sql("SELECT state, request_id FROM ledger ORDER BY id").all()
    )
    assert await store.database.run(books.disagreements) == []
    return [(found.state, found.request_id) for found in rows]


async def test_an_answer_after_two_failures_is_three_attempts_each_with_its_request_id(served: RunningSandbox) -> None:
    served.reset()
    served.faults.push(Fault("status", status=503, times=2))
    await ask(served.url)
    async with open_store(base_url=served.url) as store:
        (first, one), (second, two), (third, three) = await entries(store)
    assert [first, second, third] == ["unknown", "unknown", "paid"]
    ids = {one, two, three}
    assert len(ids) == 3
    assert all(found is not None and len(found) == 36 for found in ids)


async def test_what_was_never_sent_counts_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with pytest.raises(KeyApiMcpError) as failed:
        await ask(url)
    assert failed.value.maybe_spent == 0
    async with open_store(base_url=url) as store:
        assert await entries(store) == [("free", None)] * 3


async def test_a_retry_that_no_limit_allows_is_not_made_and_the_failure_is_what_is_told(
    served: RunningSandbox,
) -> None:
    served.reset()
    served.faults.push(Fault("status", status=503, times=None))
    with stamina.set_testing(True, attempts=10):
        async with (
            open_store(base_url=served.url, credits_per_day=1) as store,
            client_for(served.url, store) as client,
        ):
            with pytest.raises(ServiceError, match=r"\(503\)") as failed:
                await client.fetch(query())
            assert failed.value.maybe_spent == 1
            with pytest.raises(LimitReached):
                await client.fetch(query())
    assert len(served.requests) == 1


@pytest.mark.parametrize(("most", "requests"), [(1, 1), (2, 2), (3, 3), (None, 3)])
async def test_retries_count_against_the_call_s_own_limit(
    most: int | None, requests: int, served: RunningSandbox
) -> None:
    served.reset()
    served.faults.push(Fault("status", status=503, times=None))
    with stamina.set_testing(True, attempts=10):
        async with open_store(base_url=served.url) as store, client_for(served.url, store) as client:
            with pytest.raises(ServiceError, match=r"\(503\)") as failed:
                await client.fetch(query(), budget=Budget(most))
    assert failed.value.maybe_spent == requests == len(served.requests)
