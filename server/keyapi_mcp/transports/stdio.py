"""MCP over standard input and output: one client, one line a message."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import anyio
import mcp_types as types
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage

from keyapi_mcp.transports import pipes

logger = logging.getLogger(__name__)

_VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
_MODERN: Final = "2026-07-28"
_LONGEST_LINE: Final = 4 * 1024 * 1024
_PARSE_ERROR, _INVALID_REQUEST = -32700, -32600
# How long answers may still take once the client has closed its end: enough for `printf … | keyapi-mcp`.
_LAST_ANSWERS_S: Final = 1.0


async def serve_stdio(server: Server[Any]) -> int:
    """Serve until the client closes its end (0) or a signal comes (128 + its number, as shells expect)."""
    code = 0
    with pipes.private_descriptors() as (wire_in, wire_out):
        writer = pipes.Writer(wire_out)
        try:
            async with anyio.create_task_group() as tasks:

                def stop(number: int) -> None:
                    nonlocal code
                    code = 128 + number
                    tasks.cancel_scope.cancel()

                _on_signals(stop)
                async with pipes.reader(wire_in) as chunks:
                    await _serve(server, chunks, writer)
                tasks.cancel_scope.cancel()
        except* (BrokenPipeError, ConnectionResetError):
            logger.info("the client closed its end")
        finally:
            writer.close()
    return code


def _on_signals(stop: Callable[[int], None]) -> None:
    """Unwind on SIGTERM and SIGINT; without this SIGTERM skips all clean-up and SIGINT hangs (python-sdk #3551)."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop, int(number))
        except NotImplementedError:  # Windows
            signal.signal(number, lambda received, _frame: loop.call_soon_threadsafe(stop, received))


async def _serve(server: Server[Any], chunks: AsyncIterator[bytes], writer: pipes.Writer) -> None:
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage | Exception](16)
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage](16)
    unanswered = _Unanswered()
    async with anyio.create_task_group() as tasks:

        async def receive() -> None:
            await _receive(server, chunks, to_server, writer, unanswered)
            # A client that has closed its end and reads nothing would hold up the end of the process for ever.
            tasks.cancel_scope.deadline = anyio.current_time() + _LAST_ANSWERS_S

        tasks.start_soon(receive)
        tasks.start_soon(_send, from_server, writer, unanswered)
        await server.run(from_client, to_client, server.create_initialization_options())


class _Unanswered:
    """The requests under way, so that the end of input does not cut off their answers."""

    def __init__(self) -> None:
        self._ids: set[object] = set()
        self._none = anyio.Event()

    def received(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message, types.JSONRPCRequest):
            self._ids.add(message.id)
        elif isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
            identifier = (message.params or {}).get("requestId")
            if _is_id(identifier):
                self._ids.discard(identifier)

    def sent(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
            self._ids.discard(message.id)
            if not self._ids:
                self._none.set()

    async def wait(self) -> None:
        if self._ids:
            self._none = anyio.Event()
            with anyio.move_on_after(_LAST_ANSWERS_S):
                await self._none.wait()


async def _send(messages: ObjectReceiveStream[SessionMessage], writer: pipes.Writer, unanswered: _Unanswered) -> None:
    async with messages:
        async for item in messages:
            line = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            await writer.write(line.encode() + b"\n")
            unanswered.sent(item.message)


async def _receive(
    server: Server[Any],
    chunks: AsyncIterator[bytes],
    messages: ObjectSendStream[SessionMessage | Exception],
    writer: pipes.Writer,
    unanswered: _Unanswered,
) -> None:
    opened = False
    async with messages:
        async for line in lines(chunks):
            if line is None:
                await writer.write(_error(_INVALID_REQUEST, f"a line is longer than {_LONGEST_LINE} bytes"))
                continue
            try:
                message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                # The SDK leaves these without an answer, and the client waiting.
                await writer.write(_refusal(line))
                continue
            if not opened and isinstance(message, types.JSONRPCRequest):
                if _is_probe(message):
                    # A client may ask what the server speaks and then still choose the older handshake. The SDK
                    # would take the question for the choice and refuse the handshake (copilot-cli #4525).
                    await writer.write(_discovery(server, message))
                    continue
                opened = True
            unanswered.received(message)
            try:
                await messages.send(SessionMessage(message))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return
        await unanswered.wait()


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes | None]:
    """Whole lines without their ends (LF or CRLF), empty ones left out; `None` for one that is too long."""
    pending = b""
    skipping = False
    async for chunk in chunks:
        *whole, pending = (pending + chunk).split(b"\n")
        for line in whole:
            if skipping:
                skipping = False
                yield None
            elif len(line) > _LONGEST_LINE:
                yield None
            elif stripped := line.strip():
                yield stripped
        if len(pending) > _LONGEST_LINE:
            pending, skipping = b"", True
    if pending.strip() and not skipping:
        yield pending.strip()


def _is_probe(message: types.JSONRPCRequest) -> bool:
    meta = (message.params or {}).get("_meta") or {}
    return message.method == "server/discover" and isinstance(meta, dict) and meta.get(_VERSION_KEY) == _MODERN


def _discovery(server: Server[Any], message: types.JSONRPCRequest) -> bytes:
    """What the SDK itself answers to `server/discover`."""
    result: dict[str, Any] = types.DiscoverResult(
        supported_versions=[_MODERN],
        capabilities=server.get_capabilities(protocol_version=_MODERN),
        instructions=server.instructions,
    ).model_dump(by_alias=True, mode="json", exclude_none=True)
    for name, value in (("resultType", "complete"), ("ttlMs", 0), ("cacheScope", "private")):
        result.setdefault(name, value)
    result["_meta"] = {**(result.get("_meta") or {}), "io.modelcontextprotocol/serverInfo": server.server_info_stamp}
    return json.dumps({"jsonrpc": "2.0", "id": message.id, "result": result}, ensure_ascii=False).encode() + b"\n"


def _refusal(line: bytes) -> bytes:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return _error(_PARSE_ERROR, "a line is not JSON")
    if isinstance(document, list):
        return _error(_INVALID_REQUEST, "batches are not part of the protocol; send one message a line")
    identifier = document.get("id") if isinstance(document, dict) else None
    return _error(_INVALID_REQUEST, "a line is no JSON-RPC message", identifier)


def _error(code: int, message: str, identifier: object = None) -> bytes:
    known = identifier if _is_id(identifier) else None
    return json.dumps({"jsonrpc": "2.0", "id": known, "error": {"code": code, "message": message}}).encode() + b"\n"


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
