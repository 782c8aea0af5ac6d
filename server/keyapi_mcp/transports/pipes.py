"""Standard input and output as async byte streams, with nothing but the protocol on the wire.

While open, descriptor 0 is the null device and descriptor 1 is standard error, so that a stray print or a child
process cannot tear a message; both are put back at the end. Where the descriptors are pipes, reading and writing
happen on the event loop itself; a hop to a worker thread for each message, as in the SDK's own transport, costs a
quarter of a cached call. Elsewhere (terminals, files, Windows) a thread reads, and writes block or use one.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import anyio
import anyio.to_thread

_CHUNK: Final = 65_536


@contextmanager
def private_descriptors() -> Iterator[tuple[int, int]]:
    """Private duplicates of descriptors 0 and 1, diverting the public ones meanwhile."""
    sys.stdout.flush()
    wire_in, wire_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(null, 0)
        os.dup2(2, 1)
        yield wire_in, wire_out
    finally:
        sys.stdout.flush()
        os.dup2(wire_in, 0)
        os.dup2(wire_out, 1)
        os.close(null)
        # The duplicates stay open: a reader thread may still be blocked on one, and a recycled number would be worse.


def _is_pipe(descriptor: int) -> bool:
    """Whether it can be driven by the event loop without changing a descriptor that others share."""
    if sys.platform == "win32":
        return False
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


@asynccontextmanager
async def reader(descriptor: int) -> AsyncIterator[AsyncIterator[bytes]]:
    """Chunks of bytes as they come; the iteration ends at end of file."""
    if not _is_pipe(descriptor):
        yield _from_thread(descriptor)
        return
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader(limit=4 * _CHUNK)
    pipe = os.fdopen(os.dup(descriptor), "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
    try:
        yield _from_stream(stream)
    finally:
        transport.close()
        with suppress(OSError):
            os.set_blocking(descriptor, True)


async def _from_stream(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await stream.read(_CHUNK):
        yield chunk


async def _from_thread(descriptor: int) -> AsyncIterator[bytes]:
    """A thread of its own reads: it cannot be cancelled, so it must not hold up the end of the process."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = os.read(descriptor, _CHUNK)
            except OSError:
                chunk = b""
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while chunk := await chunks.get():
        yield chunk


class Writer:
    """Writes whole messages in order. Raises BrokenPipeError once nobody reads any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # A pipe that is full is waited for; nobody else may put bytes of theirs in between.
        self._turn = anyio.Lock(fast_acquire=True)
        # If standard error is the same pipe, making it non-blocking would break the logging.
        self._on_loop = _is_pipe(descriptor) and not os.path.sameopenfile(descriptor, 2)
        if self._on_loop:
            os.set_blocking(descriptor, False)

    async def write(self, data: bytes) -> None:
        async with self._turn:
            if self._on_loop:
                await self._write_on_loop(data)
            else:
                await anyio.to_thread.run_sync(self._write_blocking, data)

    async def _write_on_loop(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                # The client does not read: wait for it, without holding up anything else.
                await anyio.wait_writable(self._descriptor)

    def _write_blocking(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def close(self) -> None:
        if self._on_loop:
            with suppress(OSError):
                os.set_blocking(self._descriptor, True)
