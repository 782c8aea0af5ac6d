"""The way to the service: names, connections, TLS and proxies, for real servers on every transport."""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio.from_thread

from quality.faults.cases import SETTINGS
from quality.faults.cells import TRANSPORTS, asked, first_line, new_question, next_step
from quality.faults.matrix import Row, same_words, spent
from support.certificate import own_certificate
from support.connections import KEY, Everywhere, connected
from support.loopback import Exchange, Loopback, loopback
from support.sandbox_server import RunningSandbox, running_sandbox

# Names that are promised never to exist.
_NOWHERE = "https://api.keyapi.invalid"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Way:
    """A service's address, variables of the server's process, and what has to come of asking.

    judged: what is wrong with what the other end saw, a line each.
    """

    name: str
    url: str
    says: str
    variables: dict[str, str] = field(default_factory=dict)
    error: bool = True
    requests: int = 0
    judged: Callable[[], list[str]] = list


def rows() -> Iterator[Row]:
    with anyio.from_thread.start_blocking_portal() as portal, ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox(products=300))
        proxy = stack.enter_context(portal.wrap_async_context_manager(_listening()))
        other = stack.enter_context(portal.wrap_async_context_manager(_listening()))
        unsigned = stack.enter_context(portal.wrap_async_context_manager(_with_own_certificate()))
        closed = stack.enter_context(socket.socket())
        # Bound but not listening: nobody else can get the port meanwhile.
        closed.bind(("127.0.0.1", 0))
        through = dict.fromkeys(_PROXIES, proxy.url)
        past = dict.fromkeys(_PROXIES, other.url)
        for way in (
            Way("name not resolved", _NOWHERE, "its name cannot be resolved"),
            Way("connection refused", f"http://127.0.0.1:{closed.getsockname()[1]}", "the connection was refused"),
            Way(
                "certificate not trusted",
                f"https://localhost:{unsigned.port}",
                "its TLS certificate cannot be verified",
                judged=lambda: ["a request was sent"] * len(unsigned.exchanges),
            ),
            Way(
                "a proxy for the service refuses",
                _NOWHERE,
                "the proxy refused",
                through,
                judged=lambda: _tunnels_only(proxy),
            ),
            Way(
                "a proxy is set, the service is on this machine",
                sandbox.url,
                "Credits: 1 for this call",
                past,
                error=False,
                requests=1,
                judged=lambda: ["the proxy was asked"] * other.connections,
            ),
        ):
            yield _row(way, RunningSandbox(way.url, sandbox.app))


def _row(way: Way, sandbox: RunningSandbox) -> Row:
    with anyio.from_thread.start_blocking_portal() as portal, ExitStack() as stack:
        everywhere = Everywhere(
            portal,
            [
                stack.enter_context(
                    portal.wrap_async_context_manager(
                        connected(transport, "auto", sandbox, *way.variables.items(), **SETTINGS, home=_home(stack))
                    )
                )
                for transport in TRANSPORTS
            ],
        )
        question = new_question()
        # One after the other, because they share the service.
        seen = [portal.call(asked, connection, question) for connection in everywhere.connections]
    mistakes = way.judged()
    for transport, one in zip(TRANSPORTS, seen, strict=True):
        wanted = (way.error, way.requests, int(not way.error), 0)
        if (one.told.is_error, one.requests, one.paid, one.unknown) != wanted:
            mistakes.append(f"{transport}: {one}, not {wanted}")
        if way.says not in one.told.text:
            mistakes.append(f"{transport}: does not say {way.says!r}: {one.told.text}")
        if one.seconds > 20:
            mistakes.append(f"{transport}: took {one.seconds:.1f} s")
    if not same_words(seen):
        mistakes.append("transports do not tell the same")
    saw = first_line(seen[0].told) if way.error else f"an answer of 10 rows: {way.says}"
    return Row(
        way.name,
        saw,
        next_step(seen[0].told) if way.error else "",
        "yes" if way.error else "no",
        str(seen[0].requests),
        spent(seen[0]),
        "",
        len(seen),
        tuple(mistakes),
        max(one.seconds for one in seen),
    )


def _home(stack: ExitStack) -> str:
    return stack.enter_context(tempfile.TemporaryDirectory())


def _tunnels_only(proxy: Loopback) -> list[str]:
    """A proxy is asked for a tunnel to the service, and sees neither the question nor the key."""
    heads = [exchange.head for exchange in proxy.exchanges]
    wrong = [f"not asked for a tunnel: {head!r}" for head in heads if not head.startswith(b"CONNECT api.keyapi.")]
    wrong += ["the proxy saw the key"] * any(KEY.encode() in head for head in heads)
    return wrong if heads else ["the proxy was not asked"]


@asynccontextmanager
async def _listening() -> AsyncIterator[Loopback]:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(b"", 403)

    async with loopback(refuse) as server:
        yield server


@asynccontextmanager
async def _with_own_certificate() -> AsyncIterator[Loopback]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.pem"
        path.write_bytes(own_certificate())
        tls.load_cert_chain(path)
    async with loopback(tls=tls) as server:
        yield server
