"""Every way in which the service can fail, over a socket: the error, its words, the requests made, and the books."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from keyapi_mcp.credits import Outcome
from keyapi_mcp.errors import (
    EndpointMissing,
    KeyRejected,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceError,
    ServiceFault,
    TimedOut,
    UnusableAnswer,
    as_text,
)
from keyapi_mcp.product import Page
from keyapi_mcp.sandbox.app import PATH
from keyapi_mcp.sandbox.faults import KINDS, Fault
from support.loopback import Exchange, envelope, loopback, right
from support.sandbox_server import RunningSandbox, running_sandbox
from support.service import KEY, KEY_PARTS, Books, client_for, query, without_waiting

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def broken() -> Iterator[RunningSandbox]:
    # It takes our key and no other: what is answered at all was asked with the right one.
    with running_sandbox(products=200, token=KEY) as running:
        yield running


@pytest.fixture
def sandbox(broken: RunningSandbox) -> Iterator[RunningSandbox]:
    broken.reset()
    yield broken
    broken.reset()


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with without_waiting():
        yield


async def ask(url: str, books: Books, **changes: Any) -> Page:
    async with client_for(url, books, **changes) as client:
        return (await client.fetch(query())).page


async def failing(url: str, books: Books, **changes: Any) -> ServiceError:
    """The error of one call."""
    with pytest.raises(ServiceError) as caught:
        await ask(url, books, **changes)
    return caught.value


# --- what ends in an error ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A fault that stays, and what becomes of it. maybe: credits that may be spent; changes: of the settings."""

    kind: str
    details: dict[str, Any]
    error: type[ServiceError]
    requests: int
    maybe: int
    what: str
    then: str
    changes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.kind, *(f"{name}={value}" for name, value in self.details.items())])


def refused(
    kind: str, details: dict[str, Any], error: type[ServiceError], what: str, then: str, requests: int = 1
) -> Case:
    """The service says no before it works: no credit."""
    return Case(kind, details, error, requests, 0, what, then)


def failed(
    kind: str,
    details: dict[str, Any],
    error: type[ServiceError],
    what: str,
    then: str = "try again in a few minutes",
    **changes: Any,
) -> Case:
    """Sent once; a credit may be spent; asking again by itself could spend another."""
    return Case(kind, details, error, 1, 1, what, then, changes)


def tried_thrice(kind: str, details: dict[str, Any], what: str) -> Case:
    return Case(kind, details, ServiceFault, 3, 3, what, "try again in a few minutes")


NO_EMPTY = "This is not an empty result."
QUOTA = "quota is used up"
TOP_UP = "top up"
CASES = [
    refused("status", {"status": 400}, RequestRejected, "refused the parameters (400)", "fewer or other filters"),
    refused("status", {"status": 401}, KeyRejected, "refused the KeyAPI key (401)", "check KEYAPI_TOKEN"),
    refused("status", {"status": 402}, QuotaExhausted, QUOTA, TOP_UP),
    refused("status", {"status": 403}, KeyRejected, "refused the KeyAPI key (403)", "check KEYAPI_TOKEN"),
    refused("status", {"status": 404}, EndpointMissing, "no such endpoint", "check KEYAPI_API_BASE_URL"),
    failed("status", {"status": 405}, ServiceFault, "failed (405)"),
    failed("status", {"status": 418}, ServiceFault, "failed (418)"),
    failed("status", {"status": 202}, ServiceFault, "failed (202)"),
    refused("status", {"status": 429}, RateLimited, "limits how often", "call again in a minute", requests=3),
    refused("status", {"status": 429, "retry_after": "600"}, RateLimited, "(429)", "call again in 600 s"),
    refused("status", {"status": 429, "retry_date_in": 86_400 * 9}, RateLimited, "(429)", "call again in 86400 s"),
    refused("status", {"status": 429, "retry_after": "soon"}, RateLimited, "(429)", "in a minute", requests=3),
    refused("status", {"status": 429, "retry_after": "0"}, RateLimited, "(429)", "in a minute", requests=3),
    refused("status", {"status": 429, "retry_date_in": -60}, RateLimited, "(429)", "in a minute", requests=3),
    tried_thrice("status", {"status": 500}, "failed (500)"),
    tried_thrice("status", {"status": 502}, "failed (502)"),
    tried_thrice("status", {"status": 503}, "failed (503)"),
    tried_thrice("status", {"status": 503, "retry_after": "600"}, "failed (503)"),
    tried_thrice("status", {"status": 504}, "failed (504)"),
    failed("status", {"status": 501}, ServiceFault, "failed (501)"),
    refused("quota_500", {}, QuotaExhausted, QUOTA, TOP_UP),
    refused("status", {"status": 503, "message": "Usage limit exceeded"}, QuotaExhausted, QUOTA, TOP_UP),
    refused("code_in_200", {"code": 400}, RequestRejected, "refused the parameters (400)", "filters"),
    refused("code_in_200", {"code": 401}, KeyRejected, "refused the KeyAPI key (401)", "check KEYAPI_TOKEN"),
    refused("code_in_200", {"code": 402}, QuotaExhausted, QUOTA, TOP_UP),
    refused("code_in_200", {"code": 403}, KeyRejected, "refused the KeyAPI key (403)", "check KEYAPI_TOKEN"),
    refused("code_in_200", {"code": 404}, EndpointMissing, "no such endpoint", "check KEYAPI_API_BASE_URL"),
    refused("code_in_200", {"code": 429}, RateLimited, "(429)", "in a minute", requests=3),
    refused("code_in_200", {"code": 9, "message": "no quota left"}, QuotaExhausted, QUOTA, TOP_UP),
    tried_thrice("code_in_200", {"code": 500}, "failed (500)"),
    failed("code_in_200", {"code": 10001}, ServiceFault, "failed (10001)"),
    failed("code_in_200", {"code": -1}, ServiceFault, "failed (-1)"),
    failed("redirect", {}, ServiceFault, "not followed", "check KEYAPI_API_BASE_URL"),
    tried_thrice("html", {}, "failed (502)"),
    tried_thrice("html", {"status": 504}, "failed (504)"),
    refused("html", {"status": 403}, KeyRejected, "(403)", "check KEYAPI_TOKEN"),
    refused("html", {"status": 404}, EndpointMissing, "no such endpoint", "check KEYAPI_API_BASE_URL"),
    failed("html_200", {}, UnusableAnswer, "not its documented JSON"),
    failed("empty", {}, UnusableAnswer, "not its documented JSON"),
    failed("not_json", {}, UnusableAnswer, "not its documented JSON"),
    failed("not_an_object", {}, UnusableAnswer, "not its documented JSON"),
    failed("deep", {}, UnusableAnswer, "not its documented JSON"),
    failed("data_object", {}, UnusableAnswer, "no list of products"),
    failed("data_text", {}, UnusableAnswer, "no list of products"),
    failed("all_rows_broken", {}, UnusableAnswer, "None of the 2 rows"),
    failed("cut", {}, UnusableAnswer, NO_EMPTY, "call again in a minute"),
    failed("reset", {}, UnusableAnswer, NO_EMPTY, "call again in a minute"),
    failed("hang", {}, TimedOut, NO_EMPTY, "KEYAPI_MCP_READ_TIMEOUT_S", read_timeout_s=0.1),
    failed("hang", {}, TimedOut, "within 0.2 s. " + NO_EMPTY, "call again in a minute", total_timeout_s=0.2),
    failed("drip", {}, TimedOut, "within 0.3 s. " + NO_EMPTY, "call again in a minute", total_timeout_s=0.3),
    failed("drip", {}, TimedOut, "within 1 s. " + NO_EMPTY, "call again in a minute", total_timeout_s=0.9997),
    failed("delay", {"seconds": 30}, TimedOut, NO_EMPTY, "call again in a minute", read_timeout_s=0.1),
    failed(
        "huge",
        {"size": 4 * MIB},
        UnusableAnswer,
        "larger than 1,048,576 bytes",
        "smaller page_size",
        max_body_bytes=MIB,
    ),
    failed(
        "gzip_bomb",
        {"size": 4 * MIB},
        UnusableAnswer,
        "larger than 1,048,576 bytes",
        "smaller page_size",
        max_body_bytes=MIB,
    ),
]
# After these the connection cannot be used any more.
BREAKING = {"hang", "delay", "drip", "cut", "reset", "huge", "gzip_bomb"}
# The faults whose bodies can be read and have an id.
WITH_ID = {"status", "quota_500", "code_in_200", "data_object", "data_text", "all_rows_broken"}


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_fault_ends_in_its_error_with_the_requests_and_credits_it_may_cost(
    case: Case, sandbox: RunningSandbox
) -> None:
    books = Books()
    sandbox.faults.push(Fault(case.kind, times=None, **case.details))
    # Waiting for what cannot help would take longer than this.
    with anyio.fail_after(10):
        error = await failing(sandbox.url, books, **case.changes)
    assert type(error) is case.error
    assert case.what in error.what
    assert case.then in error.next_step
    assert len(sandbox.requests) == case.requests
    assert [request["path"] for request in sandbox.requests] == [PATH] * case.requests
    assert error.maybe_spent == books.maybe_paid == case.maybe
    assert len(books.entries) == case.requests
    assert books.paid == 0
    assert None not in books.outcomes
    # The text: what happened, whether a credit was spent, what to do next, and the id where there is one.
    lines = as_text(error).split("\n")
    assert lines[0] == error.what
    assert lines[1].startswith(f"Credits: 0–{case.maybe} spent" if case.maybe else "Credits: none spent.")
    assert lines[2] == f"Next: {error.next_step}"
    assert lines[3:] == [f"Request id for the service's support: {error.request_id}"] * (case.kind in WITH_ID)
    assert not any(part in as_text(error) for part in (*KEY_PARTS, "http://", "https://", "html", "Traceback"))


@pytest.mark.parametrize("case", [case for case in CASES if case.kind in BREAKING], ids=str)
async def test_the_next_call_after_a_fault_works_on_the_same_client(case: Case, sandbox: RunningSandbox) -> None:
    sandbox.faults.push(Fault(case.kind, times=case.requests, **case.details))
    books = Books()
    async with client_for(sandbox.url, books, **case.changes) as client:
        with pytest.raises(case.error):
            await client.fetch(query())
        # Drops go on for the time of the whole call only; the second call is a good one.
        fetched = await client.fetch(query(page_num=2))
    assert fetched.page.rows == 10
    assert (fetched.maybe_spent, books.paid, books.maybe_paid) == (0, 1, case.maybe)
    assert len(sandbox.requests) == case.requests + 1


def test_every_kind_of_fault_is_met_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    # Hostile texts ("attacks") are texts like others to the client.
    assert {kind for kind in KINDS if f'"{kind}"' not in source} == set()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_the_other_server_hears_nothing(status: int) -> None:
    async with loopback() as elsewhere:

        async def redirect(exchange: Exchange) -> None:
            await exchange.answer(b"", status, {"location": f"{elsewhere.url}{exchange.target}"})

        async with loopback(redirect) as service:
            error = await failing(service.url, books := Books())
            assert len(service.exchanges) == 1
        assert elsewhere.connections == 0
    assert isinstance(error, ServiceFault)
    assert (error.status, books.outcomes) == (status, [Outcome.UNKNOWN])
    assert f"redirected the request ({status})" in error.what


@pytest.mark.parametrize("data", [(), None], ids=["no rows", "null"])
@pytest.mark.parametrize("message", ["quota exceeded", "Insufficient balance", "usage limit reached"])
async def test_a_success_without_rows_that_speaks_of_quota_is_no_empty_page(data: object, message: str) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(envelope(data, message=message))

    async with loopback(refuse) as service:
        error = await failing(service.url, books := Books())
        assert len(service.exchanges) == 1
    assert isinstance(error, QuotaExhausted)
    assert (error.request_id, books.outcomes) == ("req-1", [Outcome.FREE])


async def test_a_page_with_rows_is_one_whatever_its_message_speaks_of() -> None:
    async def warn(exchange: Exchange) -> None:
        await exchange.answer(envelope(message="success; your quota is nearly used up"))

    async with loopback(warn) as service:
        page = await ask(service.url, books := Books())
    assert (page.rows, books.outcomes) == (1, [Outcome.PAID])


# --- what the service says of a failure ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_the_service_s_own_words_are_quoted_cleaned_short_and_without_the_key(status: int) -> None:
    message = f"bad *thing* <b>{KEY}</b>\n\x1b[31m Bearer {KEY} \u202e and sk_live_other1 " + "long " * 100
    body = envelope(None, code=400 if status == 400 else 500, message=message)

    async def say(exchange: Exchange) -> None:
        await exchange.answer(body, status)

    async with loopback(say) as service:
        error = await failing(service.url, Books())
    assert ': "bad thing b (key) /b 31m' in error.what
    assert not any(part in error.what for part in (*KEY_PARTS, "other1", "\n", "\x1b", "<", "*", "\u202e"))
    assert len(error.what) < 300


@pytest.mark.parametrize(
    ("body_id", "header_id", "expected"),
    [
        ("5c2f-1", "", "5c2f-1"),
        ("5c2f\u0007 <b>1</b>\n", "", "5c2fb1b"),
        (None, "edge-7", "edge-7"),
        (None, "edge 7;\t*", "edge7"),
        (77, "", None),
        (None, "", None),
    ],
)
async def test_an_error_carries_the_service_s_request_id_cleaned(
    body_id: object, header_id: str, expected: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def say(exchange: Exchange) -> None:
        headers = {"x-request-id": header_id} if header_id else {}
        await exchange.answer(envelope(None, code=400, message="no", request_id=body_id), 400, headers)

    async with loopback(say) as service:
        error = await failing(service.url, books := Books())
    assert error.request_id == expected
    assert books.entries[0].request_id == expected
    if expected:
        assert f"Request id for the service's support: {expected}" in as_text(error)
        assert any(f"request id {expected}" in record.getMessage() for record in caplog.records)
    else:
        assert "Request id" not in as_text(error)


@pytest.mark.parametrize(
    ("status", "error"), [(401, KeyRejected), (402, QuotaExhausted), (404, EndpointMissing), (400, RequestRejected)]
)
async def test_a_status_says_what_it_is_even_when_its_body_breaks_off(status: int, error: type[ServiceError]) -> None:
    async def break_off(exchange: Exchange) -> None:
        await exchange.send(f"HTTP/1.1 {status} No\r\ncontent-length: 500\r\n\r\n{{".encode())
        await exchange.stream.aclose()

    async with loopback(break_off) as service:
        found = await failing(service.url, books := Books())
        assert len(service.exchanges) == 1
    assert type(found) is error
    assert (found.maybe_spent, books.outcomes) == (0, [Outcome.FREE])


async def test_a_failure_s_body_is_not_read_beyond_what_a_sentence_needs() -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 402 No\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await exchange.send(b"400\r\n" + b" " * 1024 + b"\r\n")

    async with loopback(endless) as service:
        assert isinstance(await failing(service.url, Books()), QuotaExhausted)
        await service.until(lambda server: server.closed == 1)


# --- too large ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_an_endless_body_is_dropped_with_little_memory_used(packed: bool) -> None:
    size = 128 * MIB
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    # The bomb is made beforehand, in pieces: what is measured is our side alone.
    packer = zlib.compressobj(1, wbits=31)
    bomb = b"".join(packer.compress(b" " * MIB) for _ in range(size // MIB)) + packer.flush()
    body = bomb if packed else b" " * MIB
    sent = 0

    async def flood(exchange: Exchange) -> None:
        nonlocal sent
        encoding = b"content-encoding: gzip\r\n" if packed else b""
        await exchange.send(head + encoding + b"content-length: %d\r\n\r\n" % (len(body) if packed else size))
        for _ in range(1 if packed else size // MIB):
            await exchange.send(body)
            sent += len(body)

    async with loopback(flood) as service, client_for(service.url, Books(), max_body_bytes=2 * MIB) as client:
        tracemalloc.start()
        try:
            with pytest.raises(UnusableAnswer, match="larger than 2,097,152 bytes"):
                await client.fetch(query())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await service.until(lambda server: server.closed == 1)
    assert peak < 12 * MIB
    # What was sent beyond the limit lay in the buffers of the two sockets.
    assert packed or sent < 64 * MIB


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_the_limit_is_on_the_unpacked_bytes_to_the_byte(packed: bool) -> None:
    body = envelope().ljust(4096)

    async def say(exchange: Exchange) -> None:
        await exchange.answer(
            gzip.compress(body) if packed else body, 200, {"content-encoding": "gzip"} if packed else {}
        )

    async with loopback(say) as service:
        assert (await ask(service.url, Books(), max_body_bytes=4096)).rows == 1
        error = await failing(service.url, Books(), max_body_bytes=4095)
    assert "larger than 4,095 bytes" in error.what


# --- what is read in spite of its oddities ------------------------------------------------------------------------


async def read_with(fault: str, sandbox: RunningSandbox) -> tuple[Page, Page]:
    """The same page, as it is and with a fault in it."""
    books = Books()
    async with client_for(sandbox.url, books) as client:
        good = await client.fetch(query())
        sandbox.faults.push(Fault(fault))
        odd = await client.fetch(query())
    assert len(sandbox.requests) == 2
    assert (good.maybe_spent, odd.maybe_spent) == (0, 0)
    assert books.outcomes == [Outcome.PAID, Outcome.PAID]
    return good.page, odd.page


@pytest.mark.parametrize("kind", ["control_characters", "bad_utf8"])
async def test_damaged_text_costs_its_own_characters_and_nothing_else(kind: str, sandbox: RunningSandbox) -> None:
    good, odd = await read_with(kind, sandbox)
    assert (odd.rows, odd.left_out) == (10, 0)
    for one, other in zip(good.products, odd.products, strict=True):
        assert other.name is not None
        assert one.name is not None
        assert other.name.endswith(one.name)
        assert {**other.raw, "product_name": ""} == {**one.raw, "product_name": ""}


async def test_null_data_is_an_empty_page_that_was_paid_for(sandbox: RunningSandbox) -> None:
    _, odd = await read_with("data_null", sandbox)
    assert (odd.rows, odd.products, odd.left_out) == (0, (), 0)


async def test_a_late_answer_is_an_answer(sandbox: RunningSandbox) -> None:
    good, odd = await read_with("delay", sandbox)
    assert [product.raw for product in odd.products] == [product.raw for product in good.products]


async def test_nulls_are_absent_and_never_zero(sandbox: RunningSandbox) -> None:
    _, odd = await read_with("nulls", sandbox)
    assert (odd.rows, odd.left_out) == (10, 0)
    for product in odd.products:
        assert (product.units(7), product.gmv(30), product.price, product.commission, product.name) == (None,) * 5


async def test_numbers_in_quotes_are_the_same_numbers(sandbox: RunningSandbox) -> None:
    good, odd = await read_with("quoted_numbers", sandbox)
    for one, other in zip(good.products, odd.products, strict=True):
        for field_name in one.raw:
            assert other.number(field_name) == one.number(field_name) or isinstance(one.raw[field_name], str)


async def test_a_field_of_a_wrong_type_is_absent_and_the_page_stands(sandbox: RunningSandbox) -> None:
    good, odd = await read_with("wrong_types", sandbox)
    assert (odd.rows, odd.left_out) == (10, 0)
    for one, other in zip(good.products, odd.products, strict=True):
        for field_name in one.raw:
            assert other.number(field_name) in (None, one.number(field_name))


async def test_missing_fields_are_absent_and_the_page_stands(sandbox: RunningSandbox) -> None:
    good, odd = await read_with("missing_fields", sandbox)
    assert (odd.rows, odd.left_out) == (10, 0)
    for one, other in zip(good.products, odd.products, strict=True):
        assert other.product_id == one.product_id
        assert other.number("total_sale_cnt") == one.number("total_sale_cnt") or "total_sale_cnt" not in other.raw


async def test_a_broken_row_is_left_out_and_counted_and_the_others_kept_in_order(sandbox: RunningSandbox) -> None:
    good, odd = await read_with("broken_row", sandbox)
    ids = [product.product_id for product in good.products]
    assert (odd.rows, odd.left_out) == (10, 2)
    assert [product.product_id for product in odd.products] == [ids[0], *ids[2:3], *ids[4:]]


async def test_a_commission_told_as_a_percentage_is_read_as_one(sandbox: RunningSandbox) -> None:
    good, odd = await read_with("percent_commission", sandbox)
    read = 0
    for one, other in zip(good.products, odd.products, strict=True):
        # 1 % looks like a fraction of 1: only what is above can be told apart.
        if one.commission is not None and one.commission > 0.01:
            assert other.commission == pytest.approx(one.commission)
            assert other.commission_read_as_percent
            read += 1
    assert read


async def test_all_fields_of_a_row_are_kept(sandbox: RunningSandbox) -> None:
    page = await ask(sandbox.url, Books())
    assert page.synthetic
    assert [len(product.raw) for product in page.products] == [100] * 10


async def test_the_documented_example_is_read_over_the_wire() -> None:
    example = (Path(__file__).parents[1] / "data" / "response_example.json").read_bytes()

    async def say(exchange: Exchange) -> None:
        await exchange.answer(example)

    async with loopback(say) as service:
        page = await ask(service.url, books := Books())
    assert page.products[0].raw == json.loads(example)["data"][0]
    assert page.products[0].delisted
    assert not page.synthetic
    assert (page.request_id, books.entries[0].request_id) == (json.loads(example)["requestId"],) * 2


# --- a failure and then success -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("details", "maybe"),
    [
        ([{"status": 500}], 1),
        ([{"status": 502}, {"status": 504}], 2),
        ([{"status": 429, "retry_after": "0"}], 0),
        ([{"status": 429}, {"status": 503}], 1),
    ],
)
async def test_after_failures_a_success_is_one_paid_and_the_failures_maybe(
    details: list[dict[str, Any]], maybe: int, sandbox: RunningSandbox
) -> None:
    books = Books()
    sandbox.faults.push(*(Fault("status", **one) for one in details))
    async with client_for(sandbox.url, books) as client:
        fetched = await client.fetch(query())
    assert fetched.page.rows == 10
    assert len(sandbox.requests) == len(books.entries) == len(details) + 1
    assert fetched.maybe_spent == books.maybe_paid == maybe
    assert (books.outcomes[-1], books.paid) == (Outcome.PAID, 1)


@pytest.mark.parametrize(("fault", "maybe"), [("cut", 2), ("hang", 2), ("quota_500", 1)])
async def test_what_comes_after_a_500_and_is_not_retried_counts_both_attempts(
    fault: str, maybe: int, sandbox: RunningSandbox
) -> None:
    books = Books()
    sandbox.faults.push(Fault("status", status=500), Fault(fault))
    error = await failing(sandbox.url, books, read_timeout_s=0.2)
    assert len(sandbox.requests) == 2
    assert error.maybe_spent == books.maybe_paid == maybe


async def test_a_kept_connection_that_the_service_closed_meanwhile_is_not_used_again() -> None:
    async def once(exchange: Exchange) -> None:
        await right(exchange)
        await exchange.stream.aclose()

    async with loopback(once) as service, client_for(service.url, books := Books()) as client:
        for number in (1, 2, 3):
            await client.fetch(query(page_num=number))
            await service.until(lambda server, left=number: server.closed == left)  # type: ignore[misc]
        assert service.connections == 3
    assert books.outcomes == [Outcome.PAID] * 3
