"""The rows of the table: every fault over every transport, with nothing, a fresh and an older answer kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from keyapi_mcp.sandbox.faults import KINDS
from quality.faults.cases import CASES, Case
from quality.faults.cells import MEMORY_BYTES, Cell, Seen, first_line, measure, new_question, next_step, opened, wrong
from support.connections import Connection, Everywhere
from support.sandbox_server import RunningSandbox, running_sandbox
from support.workers import memory_from_here, peak_memory


@dataclass(frozen=True)
class Row:
    """fault, saw, step, error, requests, credits, older: of the table; cells: how many there are; wrong: what was not
    as it had to be, a line each."""

    fault: str
    saw: str
    step: str
    error: str
    requests: str
    credits: str
    older: str
    cells: int
    wrong: tuple[str, ...]
    slowest_s: float


def rows() -> Iterator[Row]:
    assert {case.kind for case in CASES} == KINDS, "a fault of the sandbox has no row"
    with opened() as (everywhere, cells), running_sandbox(products=10) as elsewhere:
        for case in CASES:
            yield _row(case, everywhere, cells, elsewhere)


def _row(case: Case, everywhere: Everywhere, cells: list[Cell], elsewhere: RunningSandbox) -> Row:
    if case.kind == "redirect":
        case = replace(case, details={"location": f"{elsewhere.url}/v1/tiktok/product/list/analytics?region=US"})
    question = new_question()
    by_connection = {id(cell.connection): cell for cell in cells}

    async def ask(connection: Connection) -> Seen:
        asked_before = by_connection[id(connection)].kept != "nothing"
        return await measure(connection, case, question, asked_before=asked_before)

    memory = [memory_from_here(cell.process) for cell in cells]
    seen = [found for _, found in everywhere.each(ask)]
    mistakes = [
        f"{cell.name}: {mistake}"
        for cell, found in zip(cells, seen, strict=True)
        for mistake in wrong(case, cell.kept, found)
    ]
    for cell, before in zip(cells, memory, strict=True):
        more = peak_memory(cell.process) - before
        if case.kind in ("huge", "gzip_bomb") and more > MEMORY_BYTES:
            mistakes.append(f"{cell.name}: {more:,} bytes more memory")
    if elsewhere.requests:
        mistakes.append("a redirect was followed")
    fresh = [found for cell, found in zip(cells, seen, strict=True) if cell.kept == "nothing"]
    if not same_words(fresh):
        mistakes.append("transports do not tell the same")
    (older,) = {_older(found) for cell, found in zip(cells, seen, strict=True) if cell.kept == "older"} or {""}
    return Row(
        case.name,
        *_told(case, fresh[0]),
        "yes" if fresh[0].told.is_error else "no",
        str(fresh[0].requests),
        spent(fresh[0]),
        older,
        len(cells),
        tuple(mistakes),
        max(found.seconds for found in seen),
    )


def same_words(seen: list[Seen]) -> bool:
    """Whether the same was said everywhere, but for what differs from call to call: ids and counts."""
    return len({(first_line(one.told), next_step(one.told).split(" Credits: ")[0]) for one in seen}) == 1


def spent(seen: Seen) -> str:
    return f"{seen.paid}" + (f" + 0–{seen.unknown}" if seen.unknown else "")


def _told(case: Case, seen: Seen) -> tuple[str, str]:
    """What the model saw, and its next step; of an answer, the line that speaks of the fault."""
    if seen.told.is_error:
        return first_line(seen.told), next_step(seen.told)
    rows = f"an answer of {case.rows} rows"
    line = next((line for line in seen.told.text.splitlines() if case.says and case.says in line), "")
    if line.startswith("Next: "):
        line = (
            line[line.index("Credits: ") :].split(";")[0] if "Credits: " in case.says else line.split(" Credits: ")[0]
        )
    return (f"{rows}: {line}" if line else rows), ""


def _older(seen: Seen) -> str:
    if seen.told.is_error:
        return "the same error"
    return "the older answer, marked stale" if "STALE, kept from" in seen.told.text else "answered anew"
