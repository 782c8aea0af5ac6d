"""One cell of the matrix: a fault, a transport, and what was kept before; asked, measured and judged."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import anyio.from_thread

from keyapi_mcp.sandbox.faults import Fault
from quality.faults.cases import SETTINGS, Case
from support.connections import Connection, Everywhere, Told, Way, connected
from support.sandbox_server import running_sandbox

# Nothing kept; the answer kept and fresh; the answer kept, older than wanted.
Kept = Literal["nothing", "fresh", "older"]
KEPT: Final[tuple[Kept, ...]] = ("nothing", "fresh", "older")
TRANSPORTS: Final[tuple[Way, ...]] = ("stdio", "http", "sse")
# A body that has to be dropped may not cost a server more than this.
MEMORY_BYTES: Final = 64 * 1024 * 1024

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Seen:
    """Of one call: what the model was told, requests at the service, credits in the ledger, seconds."""

    told: Told
    requests: int
    paid: int
    unknown: int
    seconds: float


@dataclass(frozen=True)
class Cell:
    transport: Way
    kept: Kept
    connection: Connection
    process: int

    @property
    def name(self) -> str:
        return f"{self.transport}, {self.kept} kept"


@contextmanager
def opened() -> Iterator[tuple[Everywhere, list[Cell]]]:
    """A server with a sandbox of its own for each transport and each state of its store."""
    with anyio.from_thread.start_blocking_portal() as portal, ExitStack() as stack:
        cells = []
        for transport, kept in itertools.product(TRANSPORTS, KEPT):
            sandbox = stack.enter_context(running_sandbox(products=300))
            settings = SETTINGS | ({} if kept == "fresh" else {"fresh_s": "0"})
            manager = connected(transport, "auto", sandbox, **settings)
            connection = stack.enter_context(portal.wrap_async_context_manager(manager))
            cells.append(Cell(transport, kept, connection, _process_for(sandbox.url)))
        yield Everywhere(portal, [cell.connection for cell in cells]), cells


def new_question() -> dict[str, Any]:
    """One that was not asked before and that every product fits."""
    return {"region": "US", "max_total_views_cnt": 10**12 + next(_numbers)}


async def measure(connection: Connection, case: Case, question: dict[str, Any], *, asked_before: bool) -> Seen:
    """What comes of the question, with this fault for its requests."""
    if asked_before:
        await connection.call(question)
    return await asked(connection, question, Fault(case.kind, times=case.times, **case.details))


async def asked(connection: Connection, question: dict[str, Any], *faults: Fault) -> Seen:
    before = await counted(connection)
    requests = len(connection.sandbox.requests)
    connection.sandbox.faults.push(*faults)
    begin = time.monotonic()
    told = await connection.call(question)
    seconds = time.monotonic() - begin
    connection.sandbox.reset_faults()
    after = await counted(connection)
    paid, unknown = (now - then for now, then in zip(after, before, strict=True))
    return Seen(told, len(connection.sandbox.requests) - requests, paid, unknown, seconds)


async def counted(connection: Connection) -> tuple[int, int]:
    """Credits in the ledger: paid, possibly paid."""
    usage = (await connection.call({}, "get_usage")).structured
    assert usage is not None
    unknown = usage["credits"].get("today_unknown", 0)
    return usage["facts"]["today"] - unknown, unknown


def expected(case: Case, kept: Kept) -> Case:
    """What has to come of it in a cell."""
    if kept == "fresh":
        says = "Credits: 0 for this call (kept answer)"
        return replace(case, error=False, requests=0, unknown=0, rows=10, says=says, seconds=20)
    if kept == "older" and case.error and case.stands_in:
        return replace(case, error=False, rows=10, says="STALE, kept from")
    return case


def wrong(case: Case, kept: Kept, seen: Seen) -> list[str]:
    """What is not as it has to be."""
    wanted = expected(case, kept)
    answered_anew = not wanted.error and kept != "fresh" and not (case.error and case.stands_in)
    told = seen.told
    found = []
    if told.is_error is not wanted.error:
        found.append(f"isError is {told.is_error}: {told.text[:200]}")
    if wanted.says not in told.text:
        found.append(f"does not say {wanted.says!r}: {told.text[:200]}")
    if kept == "older" and case.error and case.stands_in and case.says not in told.text:
        found.append(f"does not say why it is stale: {told.text[-400:]}")
    if seen.requests != wanted.requests:
        found.append(f"{seen.requests} requests, not {wanted.requests}")
    if (seen.paid, seen.unknown) != (int(answered_anew), wanted.unknown):
        found.append(f"{seen.paid} paid and {seen.unknown} unknown, not {int(answered_anew)} and {wanted.unknown}")
    if seen.seconds > wanted.seconds:
        found.append(f"took {seen.seconds:.1f} s, more than {wanted.seconds} s")
    if told.is_error:
        if "Next: " not in told.text:
            found.append("tells no next step")
    elif told.structured is None or len(told.structured["rows"]) != wanted.rows:
        found.append(f"not {wanted.rows} rows in the structured form")
    return found


def first_line(told: Told) -> str:
    return told.text.split("\n", 1)[0]


def next_step(told: Told) -> str:
    found = re.search(r"^Next: (.*)$", told.text, re.MULTILINE)
    return found.group(1) if found else ""


def _process_for(url: str) -> int:
    """The process whose environment names this service. Linux only: it looks at /proc."""
    wanted = f"KEYAPI_API_BASE_URL={url}".encode()
    for process in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in process.read_bytes().split(b"\0"):
                return int(process.parent.name)
        except OSError:
            continue
    raise AssertionError(f"no server's process for {url}: its memory cannot be measured")
