"""The server as a real process, spoken to line by line: nothing of the SDK is between the test and the wire."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

SECONDS: Final = 30
MODERN: Final = "2026-07-28"
META: Final = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
}
PROBE: Final = {"jsonrpc": "2.0", "id": "probe", "method": "server/discover", "params": {"_meta": META}}
INITIALIZED: Final = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def initialize(version: str = "2025-11-25") -> dict[str, Any]:
    client = {"name": "raw", "version": "1"}
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
    return {"jsonrpc": "2.0", "id": "initialize", "method": "initialize", "params": params}


def call(identifier: object, arguments: dict[str, Any], tool: str = "search_products") -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": identifier, "method": "tools/call", "params": params}


class RawServer:
    """out: every line that came on standard output so far; err: likewise of standard error."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.out: list[bytes] = []
        self.err: list[bytes] = []
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        assert process.stdin is not None
        self._stdin = process.stdin
        self._threads = [
            threading.Thread(target=self._read, args=(process.stdout, self.out, self._lines), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, self.err, None), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, pipe: Any, kept: list[bytes], lines: queue.Queue[bytes | None] | None) -> None:
        for line in pipe:
            kept.append(line)
            if lines is not None:
                lines.put(line)
        if lines is not None:
            lines.put(None)

    def write(self, *messages: object) -> None:
        """Each on a line of its own; bytes as they are."""
        for message in messages:
            self._stdin.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
        self._stdin.flush()

    def read(self) -> dict[str, Any]:
        """The next message. Raises AssertionError when none comes."""
        try:
            line = self._lines.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"no answer; on standard error: {self.errors()}") from None
        assert line is not None, f"the server ended; on standard error: {self.errors()}"
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    def ask(self, *messages: object) -> dict[str, Any]:
        self.write(*messages)
        return self.read()

    def errors(self) -> str:
        return b"".join(self.err).decode("utf-8", "replace")

    def hang_up(self) -> None:
        self._stdin.close()

    def wait(self) -> int:
        """The exit code, once everything that was written is here."""
        code = self.process.wait(SECONDS)
        for thread in self._threads:
            thread.join(SECONDS)
        return code


@contextmanager
def raw_server(*arguments: str, command: Sequence[str] = (), **environment: str) -> Iterator[RawServer]:
    """command: another way to start it than the module of this interpreter."""
    with subprocess.Popen(
        [*(command or (sys.executable, "-m", "keyapi_mcp")), *arguments],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield RawServer(process)
        finally:
            process.kill()
