"""A bare HTTP server in the test's own event loop: it answers when it is told to, and shows requests as they came."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
from anyio.abc import AnyByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

PATIENCE_S: Final = 20.0
ROW: Final = {"product_id": "1729384501234567890", "product_name": "Lip oil", "region": "US"}


def envelope(rows: object = (ROW,), code: int = 0, message: str = "success", request_id: object = "req-1") -> bytes:
    """A body of the documented form."""
    data = list(rows) if isinstance(rows, tuple) else rows
    return json.dumps({"code": code, "message": message, "data": data, "requestId": request_id}).encode()


@dataclass(slots=True, eq=False)
class Exchange:
    """One request that came, and the way to answer it."""

    head: bytes
    stream: AnyByteStream

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if value}

    async def answer(self, body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer; the connection stays open."""
        fields = {"content-type": "application/json", "content-length": str(len(body))} | dict(headers or {})
        head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.stream.send(head.encode() + b"\r\n" + body)

    async def send(self, raw: bytes) -> None:
        await self.stream.send(raw)


async def right(exchange: Exchange) -> None:
    """The answer of a service that works."""
    await exchange.answer(envelope())


async def never(exchange: Exchange) -> None:
    """No answer, until the client has gone."""
    await exchange.stream.receive()


@dataclass(slots=True)
class Loopback:
    """port: where it listens on 127.0.0.1; connections: how many were opened, closed: how many the client left;
    exchanges: the requests, oldest first; most_at_once: the most that were being answered at the same time.
    """

    port: int
    connections: int = 0
    closed: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _changed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def until(self, condition: Callable[[Loopback], bool]) -> None:
        """Wait until the server has seen it. Raises TimeoutError when that takes too long."""
        with anyio.fail_after(PATIENCE_S):
            while not condition(self):
                await self._changed.wait()

    async def asked(self, requests: int) -> None:
        """Wait until so many requests have come."""
        await self.until(lambda server: len(server.exchanges) >= requests)

    def change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def serve(self, stream: AnyByteStream, reply: Callable[[Exchange], Awaitable[None]]) -> None:
        self.connections += 1
        self.change()
        # The client may go at any time: most tests here are about that.
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with stream:
                try:
                    while True:
                        exchange = Exchange(await _head(stream), stream)
                        self.exchanges.append(exchange)
                        self._at_once += 1
                        self.most_at_once = max(self.most_at_once, self._at_once)
                        self.change()
                        try:
                            await reply(exchange)
                        finally:
                            self._at_once -= 1
                finally:
                    self.closed += 1
                    self.change()


async def _head(stream: AnyByteStream) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive()
    return head


@asynccontextmanager
async def loopback(
    reply: Callable[[Exchange], Awaitable[None]] = right, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Loopback]:
    """Listen on a free port of 127.0.0.1 until the block ends; `reply` handles each request."""
    plain = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port: int = plain.extra(SocketAttribute.local_port)
    server = Loopback(port)
    listener: Any = TLSListener(plain, tls, standard_compatible=False) if tls else plain

    async def handle(stream: AnyByteStream) -> None:
        await server.serve(stream, reply)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        try:
            yield server
        finally:
            tasks.cancel_scope.cancel()
