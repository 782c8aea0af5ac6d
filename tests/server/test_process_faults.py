"""Faults of the processes: clients that are killed, hang up, do not read or change their mind, and clocks that jump."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.from_thread
import pytest

from keyapi_mcp.errors import LimitReached
from keyapi_mcp.sandbox.faults import Fault
from keyapi_mcp.settings import read_settings
from keyapi_mcp.store import upkeep
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.location import store_path
from support.connections import environment_for, serving
from support.kept import Clock, Service, open_app, row
from support.loopback import Exchange, Loopback, loopback, right
from support.raw_stdio import INITIALIZED, RawServer, call, initialize, raw_server
from support.sandbox_server import RunningSandbox, running_sandbox
from support.waiting import until
from support.workers import memory_from_here, peak_memory, runs

pytestmark = pytest.mark.slow

CALLS: Final = 1_000
on_linux: Final = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
ENDLESS: Final = {"credits_per_day": "off", "credits_per_month": "off", "max_in_flight": "64"}


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(products=300) as running:
        yield running


def question(number: int) -> dict[str, Any]:
    return {"region": "US", "max_total_views_cnt": 10**12 + number}


def ledger(service: RunningSandbox | Loopback) -> dict[str, int]:
    """How many attempts are in each state. The file is sound."""
    path = store_path(read_settings(base_url=service.url))
    assert path is not None
    database = Database(path)
    try:
        assert database.run_now(upkeep.faults) == []
    finally:
        database.close()
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM ledger GROUP BY state").fetchall())


def opened(server: RawServer) -> None:
    server.ask(initialize())
    server.write(INITIALIZED)


def cancel(identifier: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": identifier}}


# --- the client goes -----------------------------------------------------------------------------------------------


@on_linux
def test_a_client_killed_in_the_midst_of_a_call_leaves_no_server_and_no_credit_uncounted(
    sandbox: RunningSandbox,
) -> None:
    sandbox.faults.push(Fault("hang", times=None))
    lines = "".join(json.dumps(message) + "\n" for message in (initialize(), INITIALIZED, call(1, question(1))))
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'keyapi_mcp'], stdin=subprocess.PIPE, "
        "stdout=subprocess.PIPE)\n"
        f"child.stdin.write({lines.encode()!r}); child.stdin.flush()\n"
        "print(child.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | environment_for(sandbox.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as client:
        assert client.stdout is not None
        server = int(client.stdout.readline())
        until(lambda: sandbox.requests)
        client.kill()
    until(lambda: not runs(server))
    assert ledger(sandbox) == {"unknown": 1}


def test_standard_input_closed_in_the_midst_of_calls_ends_the_server_with_all_credits_counted(
    sandbox: RunningSandbox,
) -> None:
    with raw_server(**environment_for(sandbox.url, **ENDLESS)) as server:
        opened(server)
        server.ask(call("kept", question(0)))
        sandbox.faults.push(Fault("hang", times=None))
        server.write(*[call(number, question(number)) for number in range(1, 11)])
        until(lambda: len(sandbox.requests) == 11)
        server.hang_up()
        assert server.wait() == 0
        assert "Traceback" not in server.errors()
    assert ledger(sandbox) == {"paid": 1, "unknown": 10}


# --- the client does not read --------------------------------------------------------------------------------------


def unread_server(sandbox: RunningSandbox) -> subprocess.Popen[bytes]:
    """A server whose client writes and does not read."""
    return subprocess.Popen(
        [sys.executable, "-m", "keyapi_mcp"],
        env=os.environ | environment_for(sandbox.url, **ENDLESS, log_level="WARNING"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def ask_much(process: subprocess.Popen[bytes], calls: int) -> None:
    """Far more answers than a pipe holds."""
    assert process.stdin is not None
    for message in (initialize(), INITIALIZED, *(call(number, question(number % 50)) for number in range(calls))):
        process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()


def test_answers_that_nobody_reads_wait_and_all_come_when_somebody_does(sandbox: RunningSandbox) -> None:
    with unread_server(sandbox) as process:
        try:
            ask_much(process, 200)
            until(lambda: len(sandbox.requests) == 50)
            assert process.poll() is None
            assert process.stdout is not None
            identifiers = [json.loads(process.stdout.readline())["id"] for _ in range(201)]
            assert sorted(identifiers[1:]) == list(range(200))
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert ledger(sandbox) == {"paid": 50}


@pytest.mark.parametrize("leaves", ["hangs up", "closes both"])
def test_a_client_that_never_read_and_leaves_does_not_keep_the_server(leaves: str, sandbox: RunningSandbox) -> None:
    with unread_server(sandbox) as process:
        try:
            ask_much(process, 200)
            until(lambda: len(sandbox.requests) == 50)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            if leaves == "closes both":
                process.stdout.close()
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert ledger(sandbox) == {"paid": 50}


# --- the client changes its mind -----------------------------------------------------------------------------------


@contextmanager
def waiting_service() -> Iterator[tuple[Loopback, Callable[[], None]]]:
    """One that answers nothing before it is told to go on."""
    with anyio.from_thread.start_blocking_portal() as portal:
        told = portal.call(anyio.Event)

        async def wait(exchange: Exchange) -> None:
            await told.wait()
            await right(exchange)

        with portal.wrap_async_context_manager(loopback(wait)) as service:
            yield service, lambda: portal.call(told.set)


def answers(server: RawServer, last: object) -> dict[object, dict[str, Any]]:
    """What is answered, by id, up to this one."""
    found = {}
    while last not in found:
        answer = server.read()
        found[answer["id"]] = answer
    return found


def calls(numbers: range) -> list[dict[str, Any]]:
    return [call(number, question(number)) for number in numbers]


@on_linux
def test_a_thousand_calls_cancelled_before_they_are_sent_never_are() -> None:
    with (
        waiting_service() as (service, go_on),
        raw_server(**environment_for(service.url, **ENDLESS | {"max_in_flight": "2"}, log_level="WARNING")) as server,
    ):
        opened(server)
        # Those that are under way take both places.
        server.write(*[call(f"sent {number}", question(CALLS + number)) for number in (1, 2)])
        until(lambda: len(service.exchanges) == 2)
        memory = memory_from_here(server.process.pid)
        for begin in range(0, CALLS, 200):
            numbers = range(begin, begin + 200)
            server.write(*calls(numbers), *map(cancel, numbers))
        # Whatever was written before has been read by now.
        server.write({"jsonrpc": "2.0", "id": "ping", "method": "ping"})
        assert set(answers(server, "ping")) == {"ping"}
        go_on()
        # What still waited would have its turn before this one.
        server.write(call("last", question(CALLS + 3)))
        answered = answers(server, "last")
        assert set(answered) == {"sent 1", "sent 2", "last"}
        assert not any(answer["result"]["isError"] for answer in answered.values())
        assert len(service.exchanges) == 3
        assert peak_memory(server.process.pid) - memory < 64 * 1024 * 1024
        server.hang_up()
        assert server.wait() == 0
        assert "Traceback" not in server.errors()
    assert ledger(service) == {"paid": 3}


@on_linux
def test_a_thousand_calls_cancelled_after_they_were_sent_are_all_counted(sandbox: RunningSandbox) -> None:
    settings = ENDLESS | {"max_in_flight": "256", "read_timeout_s": "1"}
    with raw_server(**environment_for(sandbox.url, **settings, log_level="WARNING")) as server:
        opened(server)
        server.ask(call("first", question(CALLS)))
        memory = memory_from_here(server.process.pid)
        sandbox.faults.push(Fault("hang", times=None))
        for begin in range(0, CALLS, 200):
            numbers = range(begin, begin + 200)
            server.write(*calls(numbers))
            until(lambda sent=1 + numbers.stop: len(sandbox.requests) == sent)  # type: ignore[misc]
            server.write(*map(cancel, numbers))
            # What was sent is waited for up to its time-out, because its answer may have been paid for.
            until(lambda: ledger(sandbox).get("open", 0) == 0, seconds=40)
        sandbox.reset_faults()
        begun = time.monotonic()
        server.write(call("last", question(CALLS)))
        text = answers(server, "last")["last"]["result"]["content"][0]["text"]
        assert "Credits: 0 for this call (kept answer)" in text
        assert time.monotonic() - begun < 10
        assert peak_memory(server.process.pid) - memory < 64 * 1024 * 1024
        server.hang_up()
        assert server.wait() == 0
        assert "Traceback" not in server.errors()
    assert len(sandbox.requests) == CALLS + 1
    assert ledger(sandbox) == {"paid": 1, "unknown": CALLS}


def test_clients_over_http_that_leave_during_their_calls_lose_no_credit(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """The request goes on without them, and its answer is kept for whoever asks next."""
    import socket

    sandbox.faults.push(Fault("delay", times=None, seconds=1))
    with (
        (tmp_path / "log").open("w") as log,
        serving(environment_for(sandbox.url, **ENDLESS), log) as (_, url),
    ):
        port = int(url.rpartition(":")[2])
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        }
        for number in range(20):
            message = call(number, question(number))
            message["params"]["_meta"] = meta
            body = json.dumps(message).encode()
            head = (
                f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
                "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n"
                f"Mcp-Method: tools/call\r\nMcp-Name: search_products\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            before = len(sandbox.requests)
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(head.encode() + body)
                until(lambda before=before: len(sandbox.requests) > before)  # type: ignore[misc]
        until(lambda: ledger(sandbox) == {"paid": 20})
    assert len(sandbox.requests) == 20


# --- the clock -----------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_whatever_the_clock_does_every_request_is_counted_and_every_call_is_answered() -> None:
    clock, service = Clock(), Service(*[row(number) for number in range(10)])
    paid = 0
    async with open_app(service, clock, credits_per_day="off", credits_per_month="off") as app:
        for jump in (0, 1, -1, 400, -400, -3650, 3650, 0.01, -0.01, 0):
            clock.pass_days(jump)
            # One that was asked before, whose answer may be from the future now, and one that is new.
            for arguments in ({"region": "US"}, {"region": "GB", "max_total_views_cnt": 10**9 + paid}):
                before = len(service.requests)
                answer = await app.call("search_products", arguments)
                assert len(answer.structured()["rows"]) == 10
                assert answer.structured()["credits"]["call"] == len(service.requests) - before
                paid += answer.structured()["credits"]["call"]
            for tool, more in (("get_usage", {}), ("query_products", {"sql": "SELECT count(*) FROM products"})):
                await app.call(tool, more)
        assert paid == len(service.requests)
        store = app._services.store if app._services else None
        assert store is not None
        assert await store.database.run(upkeep.faults) == []
        used = (await app.call("get_usage", {})).structured()["facts"]["today"]
    # The day's limit does not come back because the clock goes forth and back.
    limits: dict[str, Any] = {"credits_per_day": used + 2, "credits_per_month": "off"}
    async with open_app(service, clock, **limits) as app:

        async def ask(number: int) -> None:
            await app.call("search_products", question(number))

        for number in (1, 2):
            await ask(number)
        with pytest.raises(LimitReached):
            await ask(3)
        clock.pass_days(2)
        await ask(3)
        clock.pass_days(-2)
        with pytest.raises(LimitReached):
            await ask(4)
        assert (await app.call("get_usage", {})).structured()["facts"]["today"] == used + 2
    assert len(service.requests) == paid + 3
