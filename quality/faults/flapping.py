"""A service of which every second request breaks: nothing is lost, nothing is paid twice, and it recovers by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import anyio
import anyio.from_thread

from keyapi_mcp.sandbox.faults import Fault
from quality.faults.cases import SETTINGS
from quality.faults.cells import TRANSPORTS, counted, first_line, next_step
from quality.faults.matrix import Row
from support.connections import Connection, Everywhere, Told, connected
from support.sandbox_server import running_sandbox

QUESTIONS: Final = 300
_AT_ONCE: Final = 8


@dataclass(frozen=True)
class _Outcome:
    """answered: of the first 300 calls; failed: what one of the others said; requests, paid, unknown: after all is
    answered; more: requests made by asking everything once more; bad: what must not be."""

    answered: int
    failed: Told | None
    requests: int
    paid: int
    unknown: int
    more: int
    bad: tuple[str, ...]


def rows() -> Iterator[Row]:
    begin = time.monotonic()
    with anyio.from_thread.start_blocking_portal() as portal, ExitStack() as stack:
        connections = []
        for transport in TRANSPORTS:
            sandbox = stack.enter_context(running_sandbox(products=300))
            manager = connected(transport, "auto", sandbox, **SETTINGS, max_in_flight="16")
            connections.append(stack.enter_context(portal.wrap_async_context_manager(manager)))
        outcomes = [outcome for _, outcome in Everywhere(portal, connections).each(_run)]
    mistakes = []
    half = QUESTIONS // 2
    for transport, found in zip(TRANSPORTS, outcomes, strict=True):
        mistakes += [f"{transport}: {one}" for one in found.bad]
        wanted = (half, QUESTIONS + half, QUESTIONS, half, 0)
        if (found.answered, found.requests, found.paid, found.unknown, found.more) != wanted:
            mistakes.append(f"{transport}: {found}, not {wanted}")
    failed = outcomes[0].failed
    yield Row(
        f"{QUESTIONS} questions, every second request reset; then the service recovers",
        f"{half} answers, {half} times: {first_line(failed) if failed else ''} "
        f"Asked again, all {QUESTIONS} are answered; asked once more, no request is made.",
        next_step(failed) if failed else "",
        "half",
        str(outcomes[0].requests),
        f"{outcomes[0].paid} + 0–{outcomes[0].unknown}",
        "",
        len(outcomes),
        tuple(mistakes),
        time.monotonic() - begin,
    )


async def _run(connection: Connection) -> _Outcome:
    questions = [{"region": "US", "max_total_views_cnt": 2 * 10**12 + number} for number in range(QUESTIONS)]
    connection.sandbox.faults.push(*[Fault("reset", after=1) for _ in range(QUESTIONS // 2)])
    first = await _all(connection, questions)
    failed = [question for question, told in zip(questions, first, strict=True) if told.is_error]
    bad = [f"lost: {told.text[:100]}" for told in first if not told.is_error and not told.structured]
    bad += ["faults are left"] * len(connection.sandbox.faults)
    again = await _all(connection, failed)
    bad += [f"not recovered: {told.text[:100]}" for told in again if told.is_error]
    requests = len(connection.sandbox.requests)
    paid, unknown = await counted(connection)
    await _all(connection, questions)
    return _Outcome(
        QUESTIONS - len(failed),
        next((told for told in first if told.is_error), None),
        requests,
        paid,
        unknown,
        len(connection.sandbox.requests) - requests,
        tuple(bad),
    )


async def _all(connection: Connection, questions: list[dict[str, Any]]) -> list[Told]:
    """Several at once, answers in the order of the questions."""
    told: dict[int, Told] = {}
    waiting = iter(enumerate(questions))

    async def ask() -> None:
        for number, question in waiting:
            told[number] = await connection.call(question)

    async with anyio.create_task_group() as tasks:
        for _ in range(_AT_ONCE):
            tasks.start_soon(ask)
    return [told[number] for number in range(len(questions))]
