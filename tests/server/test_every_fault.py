"""What a client sees of every failure of the service: the words, `isError`, requests made, time taken, nothing leaked.

Every fault of the sandbox over every transport in both eras. No failure may look like "no products".
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from keyapi_mcp.sandbox.faults import KINDS, Fault
from support.connections import KEY, Connection, Everywhere, Told, everywhere

NONE_SPENT = "Credits: none spent."
ONE_UNKNOWN = "Credits: 0–1 spent"
THREE_UNKNOWN = "Credits: 0–3 spent"
NOT_EMPTY = "This is not an empty result."


@dataclass(frozen=True)
class Failing:
    """A fault for every request of the call, and what has to come of it.

    said: parts of the text; requests: how many reach the service; seconds: the most that the call may take, far above
    what it does, but below what a wrong wait would.
    """

    kind: str
    said: tuple[str, ...]
    requests: int = 1
    seconds: float = 8
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.kind, *map(str, self.details.values())])


FAILURES = (
    Failing("status", ("refused the parameters (400)", NONE_SPENT), details={"status": 400}),
    Failing("status", ("refused the KeyAPI key (401)", "KEYAPI_TOKEN", NONE_SPENT), details={"status": 401}),
    Failing("status", ("quota is used up", "says nothing about products", NONE_SPENT), details={"status": 402}),
    Failing("status", ("refused the KeyAPI key (403)", NONE_SPENT), details={"status": 403}),
    Failing("status", ("no such endpoint", "KEYAPI_API_BASE_URL", NONE_SPENT), details={"status": 404}),
    Failing("status", ("(500)", NOT_EMPTY, THREE_UNKNOWN), requests=3, seconds=16, details={"status": 500}),
    Failing("status", ("(503)", NOT_EMPTY, THREE_UNKNOWN), requests=3, seconds=16, details={"status": 503}),
    Failing("status", ("(418)", NOT_EMPTY, ONE_UNKNOWN), details={"status": 418}),
    Failing("html", ("(502)", NOT_EMPTY, THREE_UNKNOWN), requests=3, seconds=16),
    Failing("quota_500", ("quota is used up", NONE_SPENT)),
    Failing("code_in_200", ("(500)", NOT_EMPTY, THREE_UNKNOWN), requests=3, seconds=16, details={"code": 500}),
    Failing("code_in_200", ("quota is used up", NONE_SPENT), details={"code": 402}),
    Failing("code_in_200", ("refused the KeyAPI key (401)", NONE_SPENT), details={"code": 401}),
    Failing("redirect", ("redirected the request (302)", "not followed")),
    Failing("html_200", ("not its documented JSON", ONE_UNKNOWN)),
    Failing("empty", ("not its documented JSON", ONE_UNKNOWN)),
    Failing("not_json", ("not its documented JSON", ONE_UNKNOWN)),
    Failing("not_an_object", ("not its documented JSON", ONE_UNKNOWN)),
    Failing("deep", ("not its documented JSON", ONE_UNKNOWN)),
    Failing("data_object", ("no list of products", ONE_UNKNOWN)),
    Failing("data_text", ("no list of products", ONE_UNKNOWN)),
    Failing("all_rows_broken", ("None of the 2 rows", ONE_UNKNOWN)),
    Failing("hang", ("no complete answer in time", NOT_EMPTY, ONE_UNKNOWN)),
    Failing("delay", ("no complete answer in time", NOT_EMPTY, ONE_UNKNOWN), details={"seconds": 20}),
    # Each byte comes in time, all of them never would.
    Failing("drip", ("no complete answer within 6 s", NOT_EMPTY, ONE_UNKNOWN), seconds=16),
    Failing("cut", ("connection broke", NOT_EMPTY, ONE_UNKNOWN)),
    Failing("reset", ("connection broke", NOT_EMPTY, ONE_UNKNOWN)),
    Failing("huge", ("larger than 2,000,000 bytes", ONE_UNKNOWN)),
    Failing("gzip_bomb", ("larger than 2,000,000 bytes", ONE_UNKNOWN), details={"size": 8_000_000}),
)

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def limited_servers() -> Iterator[Everywhere]:
    """Of their own: a server that was told to wait waits for all."""
    with everywhere(total_timeout_s="5") as opened:
        yield opened


def new_question() -> dict[str, Any]:
    """One that was not asked before and that every product fits."""
    return {"region": "US", "max_total_views_cnt": 10**12 + next(_numbers)}


@pytest.mark.parametrize("failing", FAILURES, ids=str)
def test_a_failure_is_told_as_what_it_is(failing: Failing, hurried_servers: Everywhere) -> None:
    asked = new_question()

    async def ask(connection: Connection) -> tuple[Told, float]:
        connection.sandbox.faults.push(Fault(failing.kind, times=None, **failing.details))
        begin = time.monotonic()
        told = await connection.call(asked)
        taken = time.monotonic() - begin
        connection.sandbox.reset_faults()
        return told, taken

    for connection, (told, taken) in hurried_servers.each(ask):
        assert told.is_error, connection.name
        for part in failing.said:
            assert part in told.text, connection.name
        assert "Next: " in told.text
        assert told.structured is None
        assert len(connection.sandbox.requests) == failing.requests, connection.name
        assert taken < failing.seconds, connection.name
        assert_clean(told, connection)


def assert_clean(told: Told, connection: Connection) -> None:
    """No key, no address of the service, no stack, no body of the service."""
    for leaked in (KEY, connection.sandbox.url, "/v1/tiktok", "Traceback", 'File "', "<html", "httpx"):
        assert leaked not in told.text, connection.name
    assert len(told.text) < 700


@dataclass(frozen=True)
class Spoilt:
    """A fault that can be lived with: the answer comes, with these parts in its text and so many rows."""

    kind: str
    said: tuple[str, ...] = ()
    rows: int = 10


SPOILT = (
    Spoilt("control_characters"),
    Spoilt("bad_utf8"),
    Spoilt("quoted_numbers"),
    Spoilt("missing_fields"),
    Spoilt("wrong_types"),
    Spoilt("nulls"),
    Spoilt("percent_commission", ("commission above 1 read as a percentage: row",)),
    Spoilt("attacks"),
    Spoilt("broken_row", ("Left out: 2 rows of the answer could not be read.",), rows=8),
    Spoilt("data_null", ("no product matches",), rows=0),
)


@pytest.mark.parametrize("spoilt", SPOILT, ids=lambda spoilt: spoilt.kind)
def test_what_can_be_read_is_answered(spoilt: Spoilt, hurried_servers: Everywhere) -> None:
    asked = new_question()

    async def ask(connection: Connection) -> Told:
        connection.sandbox.faults.push(Fault(spoilt.kind))
        return await connection.call(asked)

    for connection, told in hurried_servers.each(ask):
        assert not told.is_error, (connection.name, told.text)
        assert told.structured is not None
        assert len(told.structured["rows"]) == spoilt.rows, connection.name
        for part in spoilt.said:
            assert part in told.text, connection.name
            assert any(part in text for text in (*told.structured.get("notes", ()), told.structured["next"]))
        widths = {line.count("|") for line in told.text.splitlines() if "|" in line}
        assert len(widths) <= 1, "a cell was broken out of"
        assert told.text.isprintable() or set(told.text) - {c for c in told.text if c.isprintable()} == {"\n"}
        assert "nan" not in told.text.lower().split("|")
        assert len(connection.sandbox.requests) == 1, connection.name


def test_a_limit_is_waited_for_while_there_is_time_and_respected_after(limited_servers: Everywhere) -> None:
    async def short(connection: Connection) -> tuple[Told, float]:
        connection.sandbox.faults.push(Fault("status", status=429, retry_after="1"))
        begin = time.monotonic()
        return await connection.call({"region": "US"}), time.monotonic() - begin

    for connection, (told, taken) in limited_servers.each(short):
        assert not told.is_error, (connection.name, told.text)
        assert "Credits: 1 for this call" in told.text
        assert taken >= 1
        assert len(connection.sandbox.requests) == 2, connection.name

    async def long(connection: Connection) -> tuple[Told, float]:
        connection.sandbox.faults.push(Fault("status", status=429, retry_date_in=60))
        begin = time.monotonic()
        return await connection.call({"region": "GB"}), time.monotonic() - begin

    for connection, (told, taken) in limited_servers.each(long):
        assert told.is_error
        assert "(429)" in told.text, connection.name
        assert re.search(r"call again in (5\d|60) s", told.text), connection.name
        assert NONE_SPENT in told.text, connection.name
        assert len(connection.sandbox.requests) == 1, connection.name
        assert taken < 3, connection.name
        assert_clean(told, connection)

    for connection, told in limited_servers.each(lambda one: one.call({"region": "MX"})):
        assert told.is_error
        assert "Nothing was sent." in told.text, connection.name
        assert connection.sandbox.requests == [], connection.name

    for connection, told in limited_servers.each(lambda one: one.call({"region": "US"})):
        assert "Credits: 0 for this call (kept answer)" in told.text, connection.name


def test_a_failure_that_passes_is_retried_and_its_possible_cost_is_told(hurried_servers: Everywhere) -> None:
    asked = new_question()

    async def ask(connection: Connection) -> Told:
        connection.sandbox.faults.push(Fault("status", status=502))
        return await connection.call(asked)

    for connection, told in hurried_servers.each(ask):
        assert not told.is_error, (connection.name, told.text)
        assert "Credits: 1 + 0–1 (unknown) for this call" in told.text, connection.name
        assert told.structured is not None
        assert told.structured["credits"]["call_unknown"] == 1
        assert len(connection.sandbox.requests) == 2, connection.name


def test_the_service_request_id_is_there_to_quote(hurried_servers: Everywhere) -> None:
    asked = new_question()

    async def ask(connection: Connection) -> Told:
        connection.sandbox.faults.push(Fault("status", status=400))
        return await connection.call(asked)

    for connection, told in hurried_servers.each(ask):
        line = told.text.splitlines()[-1]
        assert line.startswith("Request id for the service's support: "), connection.name
        assert len(line.rsplit(" ", 1)[1]) == 36


def test_every_fault_of_the_sandbox_is_among_these_cases() -> None:
    assert {failing.kind for failing in FAILURES} | {spoilt.kind for spoilt in SPOILT} == KINDS
