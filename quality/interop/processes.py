"""The processes of a run: the synthetic service, the server under test, and the foreign program that asks it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import anyio
from mcp import Client

from quality.interop.environments import ROOT

# Beside the interpreter that runs this.
KEYAPI_MCP: Final = str(Path(sys.executable).parent / "keyapi-mcp")
# A fixed day and catalogue: the same products in every run.
DAY: Final = "2026-11-22"
PRODUCTS: Final = "600"
_LISTENS: Final = re.compile(r"listens on (http://\S+)/\w+$")
_STOP_SECONDS: Final = 30


def environment(**added: str) -> dict[str, str]:
    """The user's, without settings of this server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KEYAPI_")} | added


def settings(service: str, home: Path, **more: str) -> dict[str, str]:
    """What a server under test is told: the synthetic service, no spacing, no limit on credits, a store of its own."""
    free = {"MIN_INTERVAL_S": "0", "CREDITS_PER_DAY": "off", "CREDITS_PER_MONTH": "off", "HOME": str(home)}
    named = {f"KEYAPI_MCP_{name}": value for name, value in (free | more).items()}
    return {"KEYAPI_TOKEN": "sk_interop", "KEYAPI_API_BASE_URL": service, **named}


@dataclass
class Started:
    """process, and what it wrote on standard error so far."""

    process: subprocess.Popen[str]
    url: str = ""
    written: list[str] = field(default_factory=list)


@contextmanager
def service() -> Iterator[str]:
    """The synthetic service with its switches for faults; yields its address."""
    command = [sys.executable, "-m", "keyapi_mcp.sandbox", "--port", "0", "--faults", "--products", PRODUCTS]
    with _process([*command, "--date", DAY], environment(), stdout=subprocess.PIPE) as started:
        assert started.process.stdout is not None
        line = started.process.stdout.readline()
        if not line:
            raise RuntimeError("the synthetic service did not start")
        yield f"http://127.0.0.1:{json.loads(line)['port']}"


@contextmanager
def server(env: Mapping[str, str], *command: str) -> Iterator[Started]:
    """The server over HTTP (every route); `url` is its address without a path. command: by default the real one."""
    with _process(list(command or (KEYAPI_MCP, "serve", "--port", "0")), environment(**env)) as started:
        assert started.process.stderr is not None
        for line in started.process.stderr:
            started.written.append(line)
            if found := _LISTENS.search(line.strip()):
                started.url = found[1]
                break
        else:
            raise RuntimeError(f"the server did not start: {''.join(started.written)[-500:]}")
        # A pipe that nobody reads would stop the server once it is full.
        reader = threading.Thread(target=_keep, args=(started.process.stderr, started.written), daemon=True)
        reader.start()
        yield started
        started.process.terminate()
        reader.join(_STOP_SECONDS)


def _keep(pipe: IO[str], written: list[str]) -> None:
    written.extend(pipe)


@contextmanager
def _process(command: Sequence[str], env: dict[str, str], *, stdout: int = subprocess.DEVNULL) -> Iterator[Started]:
    with subprocess.Popen(
        command,
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE if stdout == subprocess.DEVNULL else subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield Started(process)
            process.terminate()
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()


def run(command: Sequence[str], *, seconds: float, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a foreign program to its end. One that hangs is killed; its exit code is then -9."""
    try:
        return subprocess.run(
            command,
            env=environment(**env),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        outputs = [
            part.decode(errors="replace") if isinstance(part, bytes) else part or ""
            for part in (late.stdout, late.stderr)
        ]
        return subprocess.CompletedProcess(command, -9, outputs[0], f"{outputs[1]}\nnot done after {seconds:g} s")


def offers_prompts(url: str) -> bool:
    """Whether the server at this address advertises prompts."""

    async def ask() -> bool:
        async with Client(f"{url}/mcp") as client:
            return client.server_capabilities.prompts is not None

    return anyio.run(ask)
