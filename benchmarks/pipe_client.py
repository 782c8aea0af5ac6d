"""JSON-RPC over a child's pipes and nothing more: an SDK's client would cost more than the calls that are measured.

Every server gets the same client. A call lasts from before its line is written until its answer is decoded: nobody can
use it earlier, or even know which request it answers.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.processes import LONGEST_S, ServerGone, child

PROTOCOL: Final = "2025-11-25"
_CLIENT: Final = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}


def request(identifier: int, method: str, params: dict[str, Any]) -> bytes:
    """A request as one compact message, without a line end."""
    document = {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}
    return json.dumps(document, separators=(",", ":")).encode()


def call(identifier: int, tool: str, arguments: dict[str, Any]) -> bytes:
    """A tools/call request."""
    return request(identifier, "tools/call", {"name": tool, "arguments": arguments})


INITIALIZE: Final = request(0, "initialize", _CLIENT)
INITIALIZED: Final = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
LIST: Final = request(1, "tools/list", {})


def result_of(message: dict[str, Any]) -> dict[str, Any]:
    """An answer's result. Raises RuntimeError for a failure: a wrong answer must not count as a fast one."""
    result = message.get("result")
    if not isinstance(result, dict) or result.get("isError"):
        raise RuntimeError(f"a request failed: {str(message)[:500]}")
    return result


@dataclass(slots=True)
class PipeClient:
    """The client of one stdio server."""

    process: subprocess.Popen[bytes]
    _read: bytearray = field(default_factory=bytearray)
    _scanned: int = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, message: bytes) -> None:
        assert self.process.stdin is not None
        view = memoryview(message + b"\n")
        while view:
            view = view[self.process.stdin.write(view) :]

    def answer(self) -> dict[str, Any]:
        """The result in the next answer; notifications are passed over."""
        while True:
            message = json.loads(self._line())
            if "method" not in message:
                return result_of(message)

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while (end := self._read.find(b"\n", self._scanned)) < 0:
            self._scanned = len(self._read)
            chunk = os.read(descriptor, 1 << 20)
            if not chunk:
                raise ServerGone(f"it ended before it answered: {self.process.args!r}")
            self._read += chunk
        line = bytes(memoryview(self._read)[:end])
        del self._read[: end + 1]
        self._scanned = 0
        return line

    def ask(self, message: bytes) -> dict[str, Any]:
        """One request and its result."""
        self.send(message)
        return self.answer()

    def timed(self, message: bytes) -> float:
        """Seconds that one request took."""
        started = time.perf_counter()
        self.ask(message)
        return time.perf_counter() - started

    def flood(self, messages: Iterable[bytes], in_flight: int) -> float:
        """Seconds for all messages, so many of them unanswered at any time."""
        waiting = iter(messages)
        under_way = 0
        started = time.perf_counter()
        while True:
            while under_way < in_flight and (message := next(waiting, None)) is not None:
                self.send(message)
                under_way += 1
            if not under_way:
                return time.perf_counter() - started
            self.answer()
            under_way -= 1


@contextmanager
def connected(
    arguments: tuple[str, ...], env: dict[str, str], *, handshake: bool = True, longest_s: float = LONGEST_S
) -> Iterator[PipeClient]:
    """A server as a child process, and its client."""
    with child(arguments, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, longest_s=longest_s) as process:
        client = PipeClient(process)
        if handshake:
            client.ask(INITIALIZE)
            client.send(INITIALIZED)
        yield client
