"""The processes that are measured: the sandbox, this server and its peers, each a real child of this one.

All get the same environment: the user's, without settings of this package and without the switch that keeps Python from
writing bytecode (nobody's server compiles itself at each start). None outlives its time: a timer kills what hangs, and
whoever waits for it then sees the end of its output.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parent.parent
LONGEST_S: Final = 240.0
OURS: Final = ("-m", "keyapi_mcp")
RAW_JSON: Final = ("-m", "benchmarks.peers.raw_json")
CONSTANT: Final = ("-m", "benchmarks.peers.constant")


class ServerGone(RuntimeError):
    """A process ended, or was ended because it hung, before it had answered."""


def environment(**added: str) -> dict[str, str]:
    """The environment of every process."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("KEYAPI_") and name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    }
    return kept | added


@cache
def home() -> str:
    """Where this server keeps its stores while it is measured; gone at the end. Each sandbox has a file of its own."""
    folder = tempfile.mkdtemp(prefix="keyapi-mcp-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def ours(upstream: str, **settings: str) -> dict[str, str]:
    """This server's environment: a key, the sandbox as the service, no spacing or spending limit, else as given.

    Names of settings stand without their prefix, for example `FRESH_S="0"`.
    """
    free = {"MIN_INTERVAL_S": "0", "CREDITS_PER_DAY": "off", "CREDITS_PER_MONTH": "off", "HOME": home()}
    named = {f"KEYAPI_MCP_{name}": value for name, value in (free | settings).items()}
    return environment(KEYAPI_TOKEN="sk_bench", KEYAPI_API_BASE_URL=upstream, **named)


def bare(upstream: str, *, text_only: bool = False) -> dict[str, str]:
    """The bare tool's environment."""
    return environment(BENCH_UPSTREAM=upstream, **({"BENCH_TEXT_ONLY": "1"} if text_only else {}))


@contextmanager
def child(
    arguments: tuple[str, ...],
    env: dict[str, str],
    *,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | None = subprocess.DEVNULL,
    stderr: int | None = subprocess.DEVNULL,
    longest_s: float = LONGEST_S,
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process; terminated at the end of the block, killed if that is too late."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=ROOT, bufsize=0
    )
    timer = threading.Timer(longest_s, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        # The end of its input is the regular end of a stdio server; the others take the signal.
        if process.stdin is not None:
            process.stdin.close()
        else:
            process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def sandbox(*options: str) -> Iterator[str]:
    """The synthetic service on a free port; yields its address. options: further ones of its command line."""
    arguments = ("-m", "keyapi_mcp.sandbox", "--port", "0", *options)
    with child(arguments, environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise ServerGone("the sandbox did not start; by hand: python -m keyapi_mcp.sandbox")
        yield f"http://127.0.0.1:{json.loads(line)['port']}"


@contextmanager
def our_web_server(env: dict[str, str]) -> Iterator[tuple[int, int]]:
    """This server over streamable HTTP; yields its port and process id."""
    with child((*OURS, "serve", "--port", "0"), env, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        said = b""
        while not (found := re.search(rb"listens on http://[^:]+:(\d+)/", said)):
            line = process.stderr.readline()
            if not line:
                raise ServerGone(f"the HTTP server did not start: {said.decode(errors='replace')}")
            said += line
        _drain(process.stderr)
        yield int(found[1]), process.pid


@contextmanager
def bare_web_server(arguments: tuple[str, ...], env: dict[str, str]) -> Iterator[tuple[int, int]]:
    """A bare tool over streamable HTTP; yields its port and process id."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with child((*arguments, str(port)), env) as process:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                # It says nowhere that it listens.
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ServerGone("the bare HTTP server did not start") from None
                time.sleep(0.05)
        yield port, process.pid


def _drain(stream: IO[bytes]) -> None:
    """Read on in a thread, so that a server that logs is not held up."""
    threading.Thread(target=lambda: [None for _ in iter(lambda: stream.read(65_536), b"")], daemon=True).start()


def memory_mb(pid: int) -> float | None:
    """Resident memory of a process in MB; `None` where there is no /proc (anything but Linux)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else None


def cpu_s(pid: int) -> float | None:
    """Processor time that a process has used so far, in seconds; `None` where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
