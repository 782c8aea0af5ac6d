"""The way to the service: proxies, names, TLS and connections that fail before anything was sent."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
import stamina

from keyapi_mcp.api import limits
from keyapi_mcp.api.attempt import Departure
from keyapi_mcp.credits import Outcome
from keyapi_mcp.errors import SetupError, TimedOut, Unreachable, as_text
from support.certificate import own_certificate
from support.loopback import Exchange, envelope, loopback, never
from support.sandbox_server import RunningSandbox, running_sandbox
from support.service import KEY, KEY_PARTS, Books, client_for, query

pytestmark = pytest.mark.anyio
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
# The name resolves nowhere, so that what is not caught here cannot get out.
FAR = "https://api.keyapi.invalid"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(products=100, token=KEY) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "_SLOW_INTERVAL_S", 0.001)
    with stamina.set_testing(True, attempts=10):
        yield


async def unreachable(url: str, books: Books, **changes: Any) -> Unreachable:
    """The error of one call, which has cost nothing, as told and as booked."""
    async with client_for(url, books, **changes) as client:
        with pytest.raises(Unreachable) as caught:
            await client.fetch(query())
    error = caught.value
    assert error.maybe_spent == 0
    assert set(books.outcomes) == {Outcome.FREE}
    text = as_text(error)
    assert text.split("\n")[1] == "Credits: none spent."
    assert not any(part in text for part in (*KEY_PARTS, "page_size", "127.0.0.1", "invalid"))
    return error


# --- proxies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("spelling", [str.upper, str.lower])
async def test_this_machine_is_never_asked_through_a_proxy(
    host: str, spelling: Any, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.reset()
    async with loopback() as proxy:
        for name in PROXIES:
            monkeypatch.setenv(spelling(name), proxy.url)
        async with client_for(sandbox.url.replace("127.0.0.1", host)) as client:
            assert (await client.fetch(query())).page.rows == 10
        assert proxy.connections == 0
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
async def test_the_service_is_asked_through_the_proxy_that_never_sees_the_key(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(b"", 403)

    async with loopback(refuse) as proxy:
        monkeypatch.setenv(name, proxy.url)
        error = await unreachable(FAR, books := Books())
    assert error.what == "The service could not be reached: the proxy refused. Nothing was sent."
    assert "proxy" in error.next_step
    # Before anything is sent it may be tried again.
    assert len(proxy.exchanges) == len(books.entries) == 3
    for exchange in proxy.exchanges:
        assert exchange.head.startswith(b"CONNECT api.keyapi.invalid:443 HTTP/1.1\r\n")
        assert not any(part.encode() in exchange.head for part in (*KEY_PARTS, "page_size"))


async def test_a_proxy_that_hangs_up_or_stays_silent_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang_up(exchange: Exchange) -> None:
        await exchange.stream.aclose()

    for reply, reason in ((hang_up, "no connection could be made"), (never, "no connection within the time-out")):
        async with loopback(reply) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            error = await unreachable(FAR, Books(), read_timeout_s=0.1, connect_timeout_s=0.1)
        assert reason in error.what
        assert len(proxy.exchanges) == 3


async def test_a_tunnel_without_tls_at_its_end_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wrong_end(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await exchange.stream.receive()
        await exchange.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with loopback(wrong_end) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = await unreachable(FAR, Books())
    assert "TLS failed" in error.what


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "ftp://user:Quagga@proxy.invalid"),
        ("ALL_PROXY", "socks5://user:Quagga@proxy.invalid"),
        ("HTTPS_PROXY", "http://user:Quagga@proxy.invalid:port"),
        ("SSL_CERT_FILE", "no-such-Quagga.pem"),
    ],
)
async def test_a_proxy_or_certificate_setting_that_cannot_be_used_is_said_in_words(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(name, value)
    async with client_for(FAR, books := Books()) as client:
        with pytest.raises(SetupError) as caught:
            await client.fetch(query())
    text = as_text(caught.value)
    assert "cannot be used" in text
    assert name in text
    assert "Credits: none spent." in text
    # A proxy's address may hold a password.
    assert "Quagga" not in text + repr(caught.value) + repr(caught.value.__cause__) + caplog.text
    assert books.entries == []


# --- names, connections, TLS --------------------------------------------------------------------------------------


async def test_a_name_that_cannot_be_resolved_is_said_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = await unreachable(FAR, books := Books())
    assert "its name cannot be resolved" in error.what
    assert "doctor" in error.next_step
    assert len(books.entries) == 3
    assert {host if isinstance(host, str) else host.decode() for host in asked} == {"api.keyapi.invalid"}


async def test_a_closed_port_refuses_the_connection_and_costs_nothing() -> None:
    with socket.socket() as taken:
        # Bound but not listening: nobody else can get the port meanwhile.
        taken.bind(("127.0.0.1", 0))
        error = await unreachable(f"http://127.0.0.1:{taken.getsockname()[1]}", books := Books())
    assert "the connection was refused" in error.what
    assert len(books.entries) == 3


async def test_a_service_that_comes_back_while_it_is_tried_again_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback() as service:
        connect, tries = asyncio.get_running_loop().create_connection, 0

        async def unreliable(*arguments: Any, **options: Any) -> Any:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise ConnectionRefusedError
            return await connect(*arguments, **options)

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", unreliable)
        async with client_for(service.url, books := Books()) as client:
            fetched = await client.fetch(query())
    assert (tries, len(service.exchanges), fetched.maybe_spent) == (3, 1, 0)
    assert books.outcomes == [Outcome.FREE, Outcome.FREE, Outcome.PAID]


async def test_https_at_a_plain_port_fails_in_tls_and_sends_nothing() -> None:
    async def plain(stream: anyio.abc.SocketStream) -> None:
        hello = await stream.receive()
        assert not any(part.encode() in hello for part in KEY_PARTS)
        with suppress(anyio.BrokenResourceError):
            await stream.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            await stream.aclose()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, plain)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        error = await unreachable(f"https://127.0.0.1:{port}", books := Books())
        tasks.cancel_scope.cancel()
    assert "TLS failed" in error.what
    assert len(books.entries) == 3


async def test_a_certificate_that_cannot_be_verified_gets_no_request(tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    file = tmp_path / "own.pem"
    file.write_bytes(own_certificate())
    tls.load_cert_chain(file)
    async with loopback(tls=tls) as service:
        error = await unreachable(f"https://localhost:{service.port}", Books())
        assert service.exchanges == []
    assert "its TLS certificate cannot be verified" in error.what


async def test_a_handshake_that_stalls_ends_with_the_connect_time_out() -> None:
    async with loopback(never) as service:
        error = await unreachable(f"https://127.0.0.1:{service.port}", books := Books(), connect_timeout_s=0.1)
        assert (service.connections, service.exchanges) == (3, [])
    assert "no connection within the time-out" in error.what
    assert len(books.entries) == 3


async def test_a_whole_time_that_ends_while_connecting_has_sent_nothing_and_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with loopback(never) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = await unreachable(FAR, books := Books(), total_timeout_s=0.2)
        assert len(proxy.exchanges) == 1
    assert "waited 0.2 s for its turn or a connection and was not sent" in error.what
    assert len(books.entries) == 1


async def test_a_call_cancelled_while_connecting_has_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback(never) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with client_for(FAR, books := Books()) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.fetch, query())
            await proxy.asked(1)
            tasks.cancel_scope.cancel()
        assert books.outcomes == [Outcome.FREE]
        await proxy.until(lambda server: server.closed == 1)


async def test_a_call_cancelled_at_the_last_moment_does_not_leave() -> None:
    """Its cancellation has been asked for but not yet been delivered when the connection is ready."""
    left: list[bool] = []
    departure = Departure(lambda: left.append(True))
    ready = ("http11.send_request_headers.started", {"request": SimpleNamespace(method=b"GET")})
    with anyio.CancelScope() as scope:
        scope.cancel()
        await departure.trace(*ready)
    assert scope.cancelled_caught
    assert (left, departure.left) == ([], False)
    await departure.trace(*ready)
    assert (left, departure.left) == ([True], True)


async def test_once_the_request_has_left_a_time_out_may_have_cost_a_credit() -> None:
    """The border to the tests above: the same silence, one step later."""

    async def begin(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(envelope()))
        await exchange.stream.receive()

    for reply in (never, begin):
        async with (
            loopback(reply) as service,
            client_for(service.url, books := Books(), read_timeout_s=0.1) as client,
        ):
            with pytest.raises(TimedOut) as caught:
                await client.fetch(query())
        assert caught.value.maybe_spent == 1
        assert books.outcomes == [Outcome.UNKNOWN]
        assert len(service.exchanges) == 1
