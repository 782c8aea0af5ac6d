"""Clients that are not ours, each in its own environment, over every transport and in each era that it speaks."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from quality.interop import processes
from quality.interop.environments import CACHE, HERE, locked_version, node, python, version_of
from quality.interop.judge import Check, Row, said

LEGACY: Final = "2025-11-25"
MODERN: Final = "2026-07-28"
TRANSPORTS: Final = {"stdio": "", "SSE": "/sse", "streamable HTTP": "/mcp"}
_SECONDS: Final = 120
_CHECKS: Final = (
    "initialise",
    "list tools",
    "call",
    "19-digit ids",
    "refusal",
    "progress",
    "cancel",
    "resources",
    "resource template",
    "completion",
)
_PROMPT_CHECKS: Final = ("prompts", "prompt completion")
# One request at a time, so that a cancelled call that kept its place would be noticed; nothing from the memory.
_SETTINGS: Final = {"MAX_IN_FLIGHT": "1", "FRESH_S": "0"}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A client. command: how its script is started, once its environment is there; more: what the script is told.

    sse_eras: SSE belongs to the older era, and not every client speaks the newer one over it.
    """

    name: str
    eras: tuple[str, ...]
    command: Callable[[], list[str]]
    more: dict[str, str] = field(default_factory=dict)
    sse_eras: tuple[str, ...] = (LEGACY,)

    def eras_over(self, transport: str) -> tuple[str, ...]:
        return self.sse_eras if transport == "SSE" else self.eras


def _script(environment: str, file: str) -> Callable[[], list[str]]:
    # Without the folder that the user's own PYTHONPATH may name: the environment is the lock file's alone.
    return lambda: [python(environment), "-E", str(HERE / "clients" / file)]


def _typescript() -> list[str]:
    program = node()
    # Node looks for packages beside the script.
    return [program, str(shutil.copy(HERE / "node" / "client.mjs", CACHE / "node"))]


_BOTH: Final = (LEGACY, MODERN)


def typescript_rows() -> Iterator[Row]:
    first, second = version_of("@modelcontextprotocol/sdk"), version_of("@modelcontextprotocol/client")
    yield from _rows(
        Foreign(f"TypeScript SDK {first}", (LEGACY,), _typescript, {"sdk": "1"}),
        Foreign(f"TypeScript SDK {second}", _BOTH, _typescript, {"sdk": "2"}, sse_eras=_BOTH),
    )


def python_rows() -> Iterator[Row]:
    first, second = locked_version("mcp-1.30", "mcp"), locked_version("fastmcp", "fastmcp")
    yield from _rows(
        Foreign(f"Python SDK {first}", (LEGACY,), _script("mcp-1.30", "python_sdk.py")),
        Foreign(f"FastMCP {second}", _BOTH, _script("fastmcp", "fastmcp_client.py")),
    )


def _rows(*clients: Foreign) -> Iterator[Row]:
    # The environments first: building one may fail, and takes longer than anything else.
    commands = [client.command() for client in clients]
    with processes.service() as service, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        env = processes.settings(service, Path(home), **_SETTINGS)
        with processes.server(env) as served:
            prompts = processes.offers_prompts(served.url)
            for client, command in zip(clients, commands, strict=True):
                for transport, path in TRANSPORTS.items():
                    for era in client.eras_over(transport):
                        plan = {
                            "transport": {"SSE": "sse", "streamable HTTP": "http"}.get(transport, transport),
                            "era": era,
                            "url": served.url + path,
                            "command": [processes.KEYAPI_MCP],
                            "env": env,
                            "service": service,
                            **client.more,
                        }
                        yield _row(client.name, transport, era, command, plan, prompts=prompts)


def _row(name: str, transport: str, era: str, command: list[str], plan: dict[str, Any], *, prompts: bool) -> Row:
    done = processes.run([*command, json.dumps(plan)], seconds=_SECONDS)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    expected = (*_CHECKS, *(_PROMPT_CHECKS if prompts else ()))
    checks = said(expected, lines)
    if done.returncode or len(lines) < len(expected):
        checks = [*checks, _ended(done.returncode, done.stderr)]
    return Row(name, transport, era, tuple(checks), "" if prompts else "prompts not offered")


def _ended(code: int, errors: str) -> Check:
    told = errors.strip().splitlines()
    return Check("end", False, f"exit code {code}: {told[-1] if told else 'nothing on standard error'}")
