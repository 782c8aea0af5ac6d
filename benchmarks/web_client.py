"""Streamable HTTP by hand: one kept connection a session, requests written and answers read as bytes.

An HTTP library, or an SDK's client, would be busier than the servers that are measured. It reads what the servers here
send: a length or chunks, JSON or an event stream for each request; the answer is decoded, as by the client for pipes.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.pipe_client import INITIALIZE, INITIALIZED, PROTOCOL, call, result_of

_LIMIT: Final = 4 * 1024 * 1024


class Refused(RuntimeError):
    """The server answered with a status that is no success."""


@dataclass(slots=True)
class Session:
    """One MCP session."""

    port: int
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    _session_id: str = ""
    _calls: int = 0

    @classmethod
    async def open(cls, port: int) -> Session:
        """Connect and shake hands."""
        session = cls(port, *await _connect(port))
        head, body = await session._post(INITIALIZE)
        result_of(_message(body))
        session._session_id = _header(head, "mcp-session-id")
        await session._post(INITIALIZED)
        return session

    async def reconnect(self) -> None:
        """Take a new connection: servers close one that was idle for some seconds."""
        self.close()
        self._reader, self._writer = await _connect(self.port)

    async def call(self, question: dict[str, Any]) -> dict[str, Any]:
        """Call the tool; its result. Raises RuntimeError for a failure that the server tells."""
        self._calls += 1
        _, body = await self._post(call(self._calls, "search_products", question))
        return result_of(_message(body))

    def close(self) -> None:
        self._writer.close()

    async def _post(self, message: bytes) -> tuple[str, bytes]:
        lines = [
            "POST /mcp HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
            f"Content-Length: {len(message)}",
        ]
        if self._session_id:
            lines += [f"Mcp-Session-Id: {self._session_id}", f"MCP-Protocol-Version: {PROTOCOL}"]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + message)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        if head.lower().find("transfer-encoding: chunked") >= 0:
            body = await self._chunks()
        else:
            body = await self._reader.readexactly(int(_header(head, "content-length") or 0))
        if not head.startswith(("HTTP/1.1 200", "HTTP/1.1 202")):
            raise Refused(f"{head.splitlines()[0]}: {body[:300].decode(errors='replace')}")
        return head, body

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readexactly(2)
        return b"".join(parts)


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, limit=_LIMIT)


def _header(head: str, name: str) -> str:
    for line in head.split("\r\n"):
        given, _, value = line.partition(":")
        if given.lower() == name:
            return value.strip()
    return ""


def _message(body: bytes) -> dict[str, Any]:
    """The answer: the body itself, or in an event stream the event that is one (an empty event comes first)."""
    lines = [body] if body.startswith(b"{") else [line[5:] for line in body.splitlines() if line.startswith(b"data:")]
    for line in lines:
        if line.strip():
            message: dict[str, Any] = json.loads(line)
            if "method" not in message:
                return message
    raise RuntimeError(f"no answer in {body[:300]!r}")
