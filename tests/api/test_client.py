"""The client when all goes well, its pace and time limits, its books, and the key that nobody sees."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import httpx2 as httpx
import pytest
import stamina
from hypothesis import example, given
from hypothesis import strategies as st
from mcp import Client
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks

from keyapi_mcp import __version__, logs
from keyapi_mcp.api import limits
from keyapi_mcp.api.attempt import _retry_after
from keyapi_mcp.api.limits import Gate
from keyapi_mcp.app import App
from keyapi_mcp.credits import Outcome
from keyapi_mcp.errors import (
    InvalidSettings,
    KeyApiMcpError,
    MissingKey,
    RateLimited,
    ServiceFault,
    TimedOut,
    Unreachable,
    UnusableAnswer,
    as_text,
)
from keyapi_mcp.query import PARAMETERS
from keyapi_mcp.sandbox.app import create_app
from keyapi_mcp.sandbox.faults import Fault
from keyapi_mcp.settings import read_settings
from support.loopback import Exchange, envelope, loopback, never, right
from support.sandbox_server import RunningSandbox, running_sandbox
from support.service import KEY, KEY_PARTS, Books, client_for, query, settings_for

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox(products=200, token=KEY) as running:
        yield running


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries without their pauses; how many there may be is left to our own code."""
    monkeypatch.setattr(limits, "_SLOW_INTERVAL_S", 0.001)
    with stamina.set_testing(True, attempts=10):
        yield


# --- one request --------------------------------------------------------------------------------------------------


async def test_a_request_is_a_get_with_the_bearer_key_and_the_key_is_nowhere_else() -> None:
    async with loopback() as service, client_for(service.url) as client:
        await client.fetch(query(min_spu_avg_price=2.5))
    (exchange,) = service.exchanges
    assert exchange.head.startswith(b"GET /v1/tiktok/product/list/analytics?")
    assert exchange.headers["authorization"] == f"Bearer {KEY}"
    assert exchange.headers["user-agent"] == f"keyapi-mcp/{__version__}"
    assert exchange.headers["accept"] == "application/json"
    assert exchange.head.count(KEY.encode()) == 1
    assert not any(part in exchange.target for part in KEY_PARTS)


async def test_the_query_arrives_as_asked_with_paging_and_a_sort_always_there() -> None:
    async with loopback() as service, client_for(service.url) as client:
        await client.fetch(query(category_id="601450", min_product_commission_rate=0.15, min_total_sale_30d_cnt=1000))
    assert parse_qsl(urlsplit(service.exchanges[0].target).query) == [
        ("region", "US"),
        ("category_id", "601450"),
        ("min_total_sale_30d_cnt", "1000"),
        ("min_product_commission_rate", "0.15"),
        ("product_sort_field", "7"),
        ("sort_type", "1"),
        ("page_num", "1"),
        ("page_size", "10"),
    ]
    assert {name for name, _ in parse_qsl(urlsplit(service.exchanges[0].target).query)} < set(PARAMETERS)


async def test_commission_goes_out_as_percent_where_the_service_counts_so_and_the_books_know_the_same_question() -> (
    None
):
    async with loopback() as service:
        for unit in ("fraction", "percent"):
            async with client_for(service.url, books := Books(), commission_unit=unit) as client:
                await client.fetch(query(min_product_commission_rate=0.15))
            assert books.entries[0].key == query(min_product_commission_rate=0.15).key
    sent = [dict(parse_qsl(urlsplit(exchange.target).query)) for exchange in service.exchanges]
    assert [one["min_product_commission_rate"] for one in sent] == ["0.15", "15"]


async def test_a_page_has_the_rows_the_time_and_the_request_id(sandbox: RunningSandbox) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with client_for(sandbox.url, books := Books(), clock=lambda: now) as client:
        fetched = await client.fetch(query())
    page = fetched.page
    assert (page.rows, len(page.products), page.left_out, page.fetched_at) == (10, 10, 0, now)
    assert re.fullmatch(r"[0-9a-f-]{36}", page.request_id or "")
    assert [(entry.outcome, entry.request_id) for entry in books.entries] == [(Outcome.PAID, page.request_id)]
    assert fetched.maybe_spent == 0
    assert len(sandbox.requests) == 1


async def test_one_connection_serves_call_after_call() -> None:
    async with loopback() as service, client_for(service.url) as client:
        for number in range(1, 6):
            await client.fetch(query(page_num=number))
        assert (len(service.exchanges), service.connections) == (5, 1)
    assert service.closed == 1


async def test_one_connection_serves_every_client_of_the_process() -> None:
    async with loopback() as service:
        app = App(settings_for(service.url))
        async with app.running():
            # The server's own lifespan begins anew with each of these.
            for number in (1, 2, 3):
                async with Client(app.server) as client:
                    result = await client.call_tool("search_products", {"region": "US", "page_num": number})
                    assert not result.is_error
        assert (len(service.exchanges), service.connections) == (3, 1)


async def test_a_server_that_is_only_listed_opens_no_connection() -> None:
    async with loopback() as service:
        app = App(settings_for(service.url))
        async with app.running(), Client(app.server) as client:
            await client.list_tools()
        assert service.connections == 0


# --- without a key, and in sandbox mode ---------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "  "])
async def test_without_a_key_nothing_is_sent_and_the_error_tells_how_to_get_and_set_one(token: str | None) -> None:
    async with loopback() as service, client_for(service.url, books := Books(), token=token) as client:
        with pytest.raises(MissingKey) as caught:
            await client.fetch(query())
        assert service.connections == 0
    assert books.entries == []
    text = as_text(caught.value)
    assert text.startswith("No KeyAPI key is set")
    assert "Credits: none spent." in text
    for word in ("get a key", "set KEYAPI_TOKEN", "restart", "--sandbox"):
        assert word in text


async def test_a_key_file_without_a_key_is_said_and_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").touch()
    monkeypatch.setenv("KEYAPI_TOKEN_FILE", str(tmp_path / "key"))
    async with loopback() as service, client_for(service.url, books := Books(), token=None) as client:
        with pytest.raises(MissingKey) as caught:
            await client.fetch(query())
        assert service.connections == 0
    assert books.entries == []
    text = as_text(caught.value)
    assert "the file that KEYAPI_TOKEN_FILE names is empty" in text
    assert "put the key (sk_live_…) and nothing else into that file" in text
    assert "set KEYAPI_TOKEN " not in text


class Watched(httpx.ASGITransport):
    """The built-in sandbox, with a look at what reaches it."""

    def __init__(self) -> None:
        super().__init__(create_app(products=200))
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await super().handle_async_request(request)


async def test_in_sandbox_mode_the_real_key_is_never_sent_and_the_network_not_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with loopback() as service, loopback() as proxy:
        monkeypatch.setenv("KEYAPI_TOKEN", KEY)
        monkeypatch.setenv("KEYAPI_API_BASE_URL", service.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        for changes in ({}, {"base_url": "https://api.keyapi.ai"}):
            settings = read_settings(sandbox=True, store="memory", **changes)
            app = App(settings, upstream=(upstream := Watched()))
            async with app.running():
                answer = await app.call("search_products", {"region": "US"})
            assert answer.text().startswith("SANDBOX (synthetic data)")
            (request,) = upstream.requests
            assert request.headers["authorization"] == "Bearer sk_sandbox"
            assert not any(part in f"{request.url} {request.headers.raw}" for part in KEY_PARTS)
        assert (service.connections, proxy.connections) == (0, 0)


# --- retries and waiting ------------------------------------------------------------------------------------------


async def test_retries_of_a_5xx_wait_longer_each_time_with_some_chance_in_it(sandbox: RunningSandbox) -> None:
    waits: list[float] = []

    def note(details: RetryDetails) -> None:
        waits.append(details.wait_for)

    before = get_on_retry_hooks()
    set_on_retry_hooks([note])
    try:
        sandbox.faults.push(Fault("status", status=503, times=2))
        begin = monotonic()
        async with client_for(sandbox.url) as client:
            await client.fetch(query())
        elapsed = monotonic() - begin
    finally:
        set_on_retry_hooks(before)
    assert len(sandbox.requests) == 3
    assert [0.3 < waits[0] < 0.8, 0.6 < waits[1] < 1.1] == [True, True]
    assert elapsed >= sum(waits) - 0.01


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_waited_for_and_then_the_answer_comes(form: str) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    header = "1" if form == "seconds" else format_datetime(now + timedelta(seconds=1), usegmt=True)
    times: list[float] = []

    async def limit_once(exchange: Exchange) -> None:
        times.append(monotonic())
        if len(times) == 1:
            await exchange.answer(envelope(None, code=429, message="slow"), 429, {"retry-after": header})
        else:
            await right(exchange)

    async with loopback(limit_once) as service, client_for(service.url, books := Books(), clock=lambda: now) as client:
        fetched = await client.fetch(query())
    assert len(times) == 2
    assert times[1] - times[0] >= 1
    assert books.outcomes == [Outcome.FREE, Outcome.PAID]
    assert fetched.maybe_spent == 0


async def test_a_longer_wait_than_there_is_time_for_is_refused_at_once_also_for_the_calls_after(
    sandbox: RunningSandbox,
) -> None:
    sandbox.faults.push(Fault("status", status=429, retry_after="3600"))
    books = Books()
    async with client_for(sandbox.url, books) as client:
        with anyio.fail_after(10), pytest.raises(RateLimited) as first:
            await client.fetch(query())
        with anyio.fail_after(10), pytest.raises(RateLimited) as second:
            await client.fetch(query(page_num=2))
    assert first.value.next_step == "call again in 3600 s."
    assert "Nothing was sent" in second.value.what
    assert re.fullmatch(r"call again in (3600|359\d) s\.", second.value.next_step)
    assert as_text(second.value).split("\n")[1] == "Credits: none spent."
    assert len(sandbox.requests) == 1
    assert books.outcomes == [Outcome.FREE]


async def test_after_a_429_requests_start_less_often(monkeypatch: pytest.MonkeyPatch, sandbox: RunningSandbox) -> None:
    monkeypatch.setattr(limits, "_SLOW_INTERVAL_S", 0.2)
    sandbox.faults.push(Fault("status", status=429, retry_after="0"))
    books = Books()
    async with client_for(sandbox.url, books) as client:
        await client.fetch(query())
        async with anyio.create_task_group() as tasks:
            for number in (2, 3):
                tasks.start_soon(client.fetch, query(page_num=number))
    starts = [entry.at for entry in books.entries]
    assert len(starts) == 4
    assert all(later - earlier >= 0.199 for earlier, later in pairwise(starts[1:]))


class Time:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_while_after_a_429_the_pace_is_the_usual_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_SLOW_INTERVAL_S", 3600)
    time = Time()
    gate = Gate(4, 0, time)
    gate.hold_back(10)
    with pytest.raises(RateLimited) as caught:
        async with gate.admitted(time.now + 9):
            pass
    assert caught.value.retry_after == 10
    time.now += 10
    async with gate.admitted(time.now + 9):
        pass
    with anyio.move_on_after(0.05) as slow:
        async with gate.admitted(time.now + 9):
            pass
    assert slow.cancelled_caught
    time.now += 60
    with anyio.fail_after(10):
        for _ in range(3):
            async with gate.admitted(time.now + 9):
                pass


async def test_a_429_also_holds_back_those_who_wait_for_their_turn_already() -> None:
    gate = Gate(4, 0.3)
    starts: list[float] = []

    async def start() -> None:
        async with gate.admitted(monotonic() + 10):
            starts.append(monotonic())

    await start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(start)
        tasks.start_soon(start)
        await anyio.lowlevel.checkpoint()
        assert len(starts) == 1
        held = monotonic()
        gate.hold_back(0.5)
        limited = gate._slow_until
    assert limited > held
    assert min(starts[1:]) - held >= 0.5
    assert starts[2] - starts[1] >= 0.3 - 0.001


# A header comes from outside: whatever it holds, the call goes on.
@example("Sun, 06 Nov 99999999999999999999 08:49:37 GMT")
@example("Sun, 06 Nov 1994 08:49:37 +999999999999999999999999")
@given(st.text(max_size=60) | st.from_regex(r"Sun, [0-9]{1,9} Nov [0-9]{1,25} 08:49:37 ([+-][0-9]{1,25}|GMT)"))
def test_any_retry_after_whatever_is_a_bounded_wait_or_none(value: str) -> None:
    seconds = _retry_after(value, datetime(2026, 11, 23, tzinfo=UTC))
    assert seconds is None or 0 <= seconds <= 86_400


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("nan", None),
        ("inf", 86_400),
        ("-5", 0),
        ("1.5", 1.5),
        ("99999999", 86_400),
        ("Mon, 23 Nov 2026 00:00:07 GMT", 7),
        ("Mon, 23 Nov 2026 00:00:07", 7),
        ("Mon, 23 Nov 2026 02:00:07 +0200", 7),
        ("Sun, 22 Nov 2026 23:59:00 GMT", 0),
    ],
)
def test_retry_after_is_read_in_its_odd_forms(value: str | None, expected: float | None) -> None:
    assert _retry_after(value, datetime(2026, 11, 23, tzinfo=UTC)) == expected


# --- how many, how often ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 3])
async def test_no_more_than_so_many_requests_are_under_way_at_once(most: int) -> None:
    turn = anyio.Semaphore(0)

    async def when_told(exchange: Exchange) -> None:
        await turn.acquire()
        await right(exchange)

    async with loopback(when_told) as service, client_for(service.url, max_in_flight=most) as client:
        async with anyio.create_task_group() as tasks:
            for number in range(1, 11):
                tasks.start_soon(client.fetch, query(page_num=number))
            for answered in range(10):
                await service.asked(min(10, answered + most))
                turn.release()
        assert len(service.exchanges) == 10
        assert service.most_at_once == most
        assert service.connections <= most


async def test_starts_are_spaced_by_at_least_the_interval() -> None:
    async with (
        loopback() as service,
        client_for(service.url, books := Books(), min_interval_s=0.1) as client,
        anyio.create_task_group() as tasks,
    ):
        for number in range(1, 6):
            tasks.start_soon(client.fetch, query(page_num=number))
    starts = [entry.at for entry in books.entries]
    assert len(starts) == len(service.exchanges) == 5
    assert all(later - earlier >= 0.05 for earlier, later in pairwise(starts))  # a busy machine is late for one
    assert starts[-1] - starts[0] >= 0.099 * (len(starts) - 1) - 0.05


async def test_a_retry_keeps_the_interval_too(no_waiting: None, sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=429, retry_after="0"), Fault("status", status=500))
    async with client_for(sandbox.url, books := Books(), min_interval_s=0.1) as client:
        await client.fetch(query())
    starts = [entry.at for entry in books.entries]
    assert len(starts) == len(sandbox.requests) == 3
    assert all(later - earlier >= 0.05 for earlier, later in pairwise(starts))  # a busy machine is late for one
    assert starts[-1] - starts[0] >= 0.099 * (len(starts) - 1) - 0.05


# --- time limits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["total_timeout_s", "read_timeout_s", "connect_timeout_s"])
async def test_no_time_limit_can_be_set_to_what_clients_do_not_wait_for(name: str) -> None:
    assert getattr(read_settings(), name) < 45
    with pytest.raises(InvalidSettings):
        read_settings(**{name: 45})


async def test_a_call_that_waits_for_its_turn_until_the_end_was_never_sent_and_costs_nothing() -> None:
    async with (
        loopback() as service,
        client_for(service.url, books := Books(), min_interval_s=60, total_timeout_s=0.2) as client,
    ):
        await client.fetch(query(page_num=1))
        with pytest.raises(Unreachable, match=r"waited 0\.2 s for its turn or a connection and was not sent") as caught:
            await client.fetch(query(page_num=2))
    assert as_text(caught.value).split("\n")[1:] == ["Credits: none spent.", "Next: call again in a minute."]
    assert len(service.exchanges) == 1
    assert books.outcomes == [Outcome.PAID]


async def test_a_500_whose_time_ends_before_the_retry_stays_the_error_with_its_credit(sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=500, times=None))
    async with client_for(sandbox.url, books := Books(), total_timeout_s=0.25) as client:
        with pytest.raises(ServiceFault) as caught:
            await client.fetch(query())
    assert (caught.value.maybe_spent, books.outcomes) == (1, [Outcome.UNKNOWN])
    assert len(sandbox.requests) == 1


async def test_time_that_ends_in_a_second_attempt_counts_both(no_waiting: None, sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault("status", status=502), Fault("hang"))
    async with client_for(sandbox.url, books := Books(), total_timeout_s=0.5) as client:
        with pytest.raises(TimedOut, match=r"within 0\.5 s") as caught:
            await client.fetch(query())
    assert (caught.value.maybe_spent, books.maybe_paid) == (2, 2)
    assert len(sandbox.requests) == 2


# --- the books ----------------------------------------------------------------------------------------------------


async def test_each_attempt_is_reserved_before_it_is_sent_under_the_query_s_key() -> None:
    books = Books()

    async def look(exchange: Exchange) -> None:
        assert books.outcomes == [None]
        await right(exchange)

    async with loopback(look) as service, client_for(service.url, books) as client:
        await client.fetch(query(page_num=3))
    assert [entry.key for entry in books.entries] == [query(page_num=3).key]


async def test_when_the_meter_refuses_nothing_is_sent() -> None:
    refusal = KeyApiMcpError("The budget is used up.", "raise it.")
    async with loopback() as service, client_for(service.url, books := Books(refusals=[refusal])) as client:
        with pytest.raises(KeyApiMcpError, match="budget") as caught:
            await client.fetch(query())
        assert service.connections == 0
    assert (caught.value.maybe_spent, books.entries) == (0, [])


async def test_when_the_meter_refuses_a_retry_the_attempt_before_still_counts(
    no_waiting: None, sandbox: RunningSandbox
) -> None:
    sandbox.faults.push(Fault("status", status=500))
    books = Books(refusals=[None, KeyApiMcpError("The budget is used up.", "raise it.")])
    async with client_for(sandbox.url, books) as client:
        with pytest.raises(KeyApiMcpError, match="budget") as caught:
            await client.fetch(query())
    assert len(sandbox.requests) == 1
    assert (caught.value.maybe_spent, books.outcomes) == (1, [Outcome.UNKNOWN])


async def test_a_request_cancelled_under_way_is_in_the_books_as_maybe_paid() -> None:
    async with loopback(never) as service, client_for(service.url, books := Books()) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.fetch, query())
            await service.asked(1)
            tasks.cancel_scope.cancel()
        assert books.outcomes == [Outcome.UNKNOWN]
        await service.until(lambda server: server.closed == 1)


async def test_a_call_cancelled_while_it_waits_for_its_turn_leaves_no_trace() -> None:
    finish = anyio.Event()

    async def held(exchange: Exchange) -> None:
        await finish.wait()
        await right(exchange)

    async with loopback(held) as service, client_for(service.url, books := Books(), max_in_flight=1) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.fetch, query(page_num=1))
            await service.asked(1)
            async with anyio.create_task_group() as waiting:
                waiting.start_soon(client.fetch, query(page_num=2))
                await anyio.wait_all_tasks_blocked()
                waiting.cancel_scope.cancel()
            finish.set()
        await client.fetch(query(page_num=3))
    assert [entry.key for entry in books.entries] == [query(page_num=number).key for number in (1, 3)]
    assert len(service.exchanges) == 2


async def test_a_client_can_be_closed_twice_and_before_it_was_used() -> None:
    async with loopback() as service, client_for(service.url) as client:
        await client.aclose()
        await client.fetch(query())
        await client.aclose()
        await client.aclose()
        await service.until(lambda server: server.closed == 1)


# --- the key ------------------------------------------------------------------------------------------------------


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """All that is logged at the most talkative setting, and all that is written; a function that gives it."""
    root = logging.getLogger()
    kept = (root.level, list(root.handlers), {name: logging.getLogger(name).level for name in logs._TALKATIVE})
    logs.configure("DEBUG")
    root.addHandler(caplog.handler)
    caplog.handler.setLevel(logging.DEBUG)

    def written() -> str:
        records = "\n".join(f"{record.__dict__} {record.getMessage()}" for record in caplog.records)
        captured = capsys.readouterr()
        return records + captured.out + captured.err

    try:
        yield written
    finally:
        logging.captureWarnings(False)
        root.setLevel(kept[0])
        root.handlers[:] = kept[1]
        for name, level in kept[2].items():
            logging.getLogger(name).setLevel(level)


FAILURES = [
    Fault("status", status=400),
    Fault("status", status=401, message=f"key {KEY} is invalid, Bearer {KEY}"),
    Fault("status", status=500, message=KEY),
    Fault("code_in_200", code=403, message=f"{KEY}"),
    Fault("redirect"),
    Fault("html"),
    Fault("html_200"),
    Fault("not_json"),
    Fault("cut"),
    Fault("reset"),
    Fault("hang"),
    Fault("huge"),
]


async def test_the_key_is_in_no_error_log_or_output_whatever_happens(
    everything: Any, no_waiting: None, sandbox: RunningSandbox
) -> None:
    seen = []
    async with client_for(sandbox.url, read_timeout_s=0.2, max_body_bytes=200_000) as client:
        seen.append(repr(await client.fetch(query())))
        assert "Product(" in seen[0]
        for fault in FAILURES:
            sandbox.faults.push(Fault(fault.kind, times=3, **_details(fault)))
            with pytest.raises(KeyApiMcpError) as caught:
                await client.fetch(query())
            sandbox.faults.clear()
            error: BaseException | None = caught.value
            seen.append(as_text(caught.value))
            while error is not None:
                seen.append(f"{error!r} {error} {getattr(error, '__notes__', '')} {vars(error)}")
                error = error.__cause__ or error.__context__
        seen += [repr(client), str(client), repr(client._settings), repr(client._http)]
    async with client_for("https://127.0.0.1:" + sandbox.url.rpartition(":")[2]) as client:
        with pytest.raises(Unreachable) as unreachable:
            await client.fetch(query())
        seen.append(repr(unreachable.value))
    logged = everything()
    # It was on, and spoke.
    assert "page of 10 rows" in logged
    assert "request failed after" in logged
    assert not [part for part in KEY_PARTS for text in (*seen, logged) if part in text]
    # What was asked for is not shown either: it stands in the address.
    assert "page_size=" not in logged


def _details(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in ("status", "message", "code")}


async def test_the_http_library_s_own_debug_log_hides_the_key_too(everything: Any, sandbox: RunningSandbox) -> None:
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    async with client_for(sandbox.url) as client:
        await client.fetch(query())
    logged = everything()
    assert "send_request_headers.started" in logged
    assert not [part for part in KEY_PARTS if part in logged]


async def test_the_http_library_says_nothing_of_requests_in_our_logs(everything: Any, sandbox: RunningSandbox) -> None:
    async with client_for(sandbox.url) as client:
        await client.fetch(query())
    logged = everything()
    assert "httpx2" not in logged
    assert "httpcore2" not in logged


async def test_a_page_that_comes_too_late_to_be_used_is_still_in_the_books() -> None:
    """The time ends while the answer's last byte is awaited: what is told and what is booked agree."""

    async def almost(exchange: Exchange) -> None:
        body = envelope()
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body[:-1])
        with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
            await exchange.stream.receive()

    async with loopback(almost) as service, client_for(service.url, books := Books(), total_timeout_s=0.2) as client:
        with pytest.raises((TimedOut, UnusableAnswer)) as caught:
            await client.fetch(query())
    assert caught.value.maybe_spent == books.maybe_paid == 1
