"""(f) Memory over 2,000 calls: does it grow with use?

Settings are the default but for the spacing, and the questions differ, so that the cache of rows fills: its 1,000 rows
are 100 pages. At the first look, after 500 calls (250 in a quick run), pages have long been dropped for newer ones;
what came on top after that would be a leak.
"""

from __future__ import annotations

from itertools import count, cycle, islice
from typing import Any, Final

from benchmarks import processes
from benchmarks.effort import Effort
from benchmarks.pipe_client import PipeClient, call, connected
from benchmarks.questions import questions, warm
from benchmarks.report import BARE, OURS, Figure, Part

_FLAT: Final = 1.05
# The default of KEYAPI_MCP_MAX_IN_FLIGHT; enough to have several pages in hand at a time.
_IN_FLIGHT: Final = 4


def measure(effort: Effort) -> Part:
    asked = questions(500)
    with (
        processes.sandbox() as upstream,
        connected(processes.OURS, processes.ours(upstream)) as ours,
        connected(processes.RAW_JSON, processes.bare(upstream)) as bare,
    ):
        warm(upstream, asked)
        looks = {name: _looks(client, asked, effort) for name, client in ((OURS, ours), (BARE, bare))}
    return Part(
        "Memory (resident), MB",
        (
            "",
            "at the start",
            f"after {effort.memory_warm} calls",
            f"after {effort.memory_calls:,} calls",
            "last by first look",
        ),
        [(name, *(f"{mb:.1f}" for mb in seen), f"{seen[2] / seen[1]:.3f}") for name, seen in looks.items() if seen],
        ("500 questions in turn; this server's cache of 1,000 rows is full from the 100th call on.",)
        if all(looks.values())
        else ("Not measured: there is no /proc here.",),
        _figures(effort, looks[OURS], looks[BARE]),
    )


def _figures(effort: Effort, mine: list[float], theirs: list[float]) -> list[Figure]:
    if not mine or not theirs:
        return []
    return [
        Figure(
            f"memory, {effort.memory_warm} to {effort.memory_calls:,} calls",
            f"{mine[1]:.0f} → {mine[2]:.0f} MB",
            f"{theirs[1]:.0f} → {theirs[2]:.0f} MB ({BARE}; keeps nothing)",
            f"{mine[2] / mine[1]:.2f} of itself",
            "flat (growth < 5 %)",
            mine[2] / mine[1] < _FLAT,
        )
    ]


def _looks(client: PipeClient, asked: list[dict[str, Any]], effort: Effort) -> list[float]:
    """Memory at the start, after the warm-up and at the end; empty where it cannot be seen."""
    identifiers, turn = count(1), cycle(asked)
    seen = [processes.memory_mb(client.pid)]
    for calls in (effort.memory_warm, effort.memory_calls - effort.memory_warm):
        client.flood(
            (call(next(identifiers), "search_products", question) for question in islice(turn, calls)), _IN_FLIGHT
        )
        seen.append(processes.memory_mb(client.pid))
    return [mb for mb in seen if mb is not None]
