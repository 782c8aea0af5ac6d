"""SQL over the store, asked of processes of their own: see `sql_worker.py` for what those may do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from keyapi_mcp.errors import ANOTHER_PROCESS, StoreUnavailable
from keyapi_mcp.store import sql_worker
from keyapi_mcp.store.database import reason
from keyapi_mcp.store.sql_hints import worded
from keyapi_mcp.store.views import tables, views

SECONDS: Final = 2.0
# A single function call inside SQLite cannot be interrupted; then the process is.
_GRACE_S: Final = 1.0
# Takes a twentieth of a second; a machine may be busy.
_START_S: Final = 10.0
# Further questions wait for their turn, so that a crowd of heavy ones takes neither all processors nor all memory.
_AT_ONCE: Final = 3
# More than one only while several questions are asked at the same time.
_KEPT_WAITING: Final = 1
_HEAP_BYTES: Final = 64 * 1024 * 1024
_LONGEST_ANSWER: Final = 4 * 1024 * 1024
# What an interpreter may need to find its own parts; nothing else of the environment, least of all the key.
_ENVIRONMENT: Final = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
_GONE: Final = (
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    ConnectionError,
)


@dataclass(frozen=True, slots=True)
class Rows:
    """dropped: columns left out at the end; more: there are further rows; cut: the number of characters, not of rows,
    was the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool = False
    cut: bool = False
    dropped: int = 0


class _Worker:
    """One process."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)

    @classmethod
    async def start(cls, uri: str | None, database: bytes) -> _Worker:
        """Raises one of _GONE or StoreUnavailable (with an empty `where`) when it does not come up."""
        worker = cls(
            await anyio.open_process(
                [sys.executable, "-I", "-S", "-X", "utf8", str(sql_worker.__file__)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
        )
        try:
            setup = {
                "uri": uri,
                "size": len(database),
                "views": views(),
                "tables": tables(),
                "heap_bytes": _HEAP_BYTES,
            }
            await worker._send(json.dumps(setup).encode() + b"\n" + database)
            ready = await worker.receive()
            if "error" in ready:
                raise StoreUnavailable("", _why(ready))
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def take(self, question: dict[str, Any]) -> bool:
        """Hand over a question. Returns False when the process is gone, so that nothing has begun."""
        try:
            await self._send(json.dumps(question).encode() + b"\n")
            await self.receive()
        except _GONE:
            return False
        return True

    async def _send(self, data: bytes) -> None:
        await self._stdin.send(data)

    async def receive(self) -> dict[str, Any]:
        """The next line. Raises one of _GONE."""
        document: dict[str, Any] = json.loads(await self._answers.receive_until(b"\n", _LONGEST_ANSWER))
        return document

    async def kill(self) -> None:
        with anyio.CancelScope(shield=True):
            if self._process.returncode is None:
                self._process.kill()
            await self._process.aclose()


class Reader:
    """Answers statements, some at a time; a process that does not end in time, or whose caller left, is killed.

    path: the file; copy: gives the store as the bytes of one, where it is in memory (`path` is `None` then).
    """

    def __init__(self, path: Path | None, copy: Callable[[], Awaitable[bytes]]) -> None:
        self._path = path
        self._copy = copy
        self._places = anyio.Semaphore(_AT_ONCE)
        self._waiting: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._closed = False

    async def select(self, sql: str, rows: int, characters: int, longest_text: int) -> Rows:
        """Run one SELECT. Raises InvalidQuery for what is wrong with it or takes too much, with the way on.

        rows, characters: of the answer; a text's characters beyond `longest_text` are not counted and may be missing
        (up to twice as many come, so that it can be seen that there were more).
        """
        question = {
            "sql": sql,
            "rows": rows,
            "characters": characters,
            "longest_text": longest_text,
            "seconds": SECONDS,
        }
        async with self._places:
            answer = await self._ask(question)
        if "error" not in answer:
            return Rows(
                tuple(answer["columns"]),
                tuple(tuple(row) for row in answer["rows"]),
                answer["more"],
                answer["cut"],
                answer["dropped"],
            )
        if answer["kind"] in ("busy", "file"):
            raise StoreUnavailable(str(self._path or "memory"), _why(answer))
        raise worded(answer["kind"], answer["error"], sql, SECONDS, answer.get("others", ()))

    async def aclose(self) -> None:
        """End every process, whatever it is at."""
        self._closed = True
        self._waiting.clear()
        while self._all:
            await self._end(next(iter(self._all)))

    async def _end(self, worker: _Worker) -> None:
        self._all.discard(worker)
        await worker.kill()

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        # One that waits may have been killed meanwhile: then the question is for another.
        while self._waiting:
            worker = self._waiting.pop()
            if (answer := await self._answer(worker, question)) is not None:
                return answer
        answer = await self._answer(await self._start(), question)
        if answer is None:
            raise StoreUnavailable(str(self._path or "memory"), "the process that reads it does not stay")
        return answer

    async def _answer(self, worker: _Worker, question: dict[str, Any]) -> dict[str, Any] | None:
        """What it says to the question, `None` if it was gone before; afterwards it waits for the next, or is gone."""
        whole = False
        try:
            with anyio.fail_after(_START_S):
                if not await worker.take(question):
                    return None
            with anyio.fail_after(SECONDS + _GRACE_S):
                answer = await worker.receive()
            whole = True
        except TimeoutError:
            return {"error": "", "kind": "time"}
        except _GONE:
            return {"error": "", "kind": "memory"}
        else:
            return answer
        finally:
            if whole and self._path is not None and len(self._waiting) < _KEPT_WAITING and not self._closed:
                self._waiting.append(worker)
            else:
                # A statement whose caller left must not answer the next question; a copy is for one question.
                await self._end(worker)

    async def _start(self) -> _Worker:
        where = str(self._path or "memory")
        if self._closed:
            raise StoreUnavailable(where, "the server is being stopped")
        try:
            with anyio.fail_after(_START_S):
                if self._path is not None:
                    worker = await _Worker.start(self._path.absolute().as_uri() + "?mode=ro", b"")
                else:
                    worker = await _Worker.start(None, await self._copy())
        except StoreUnavailable as error:
            raise StoreUnavailable(error.where or where, error.why) from None
        except (*_GONE, OSError):  # a TimeoutError is an OSError
            raise StoreUnavailable(where, "the process that reads it does not start") from None
        self._all.add(worker)
        return worker


def _why(failure: dict[str, Any]) -> str:
    if failure["kind"] == "busy":
        return f"{ANOTHER_PROCESS} keeps it locked"
    return reason(Exception(failure["error"]))
