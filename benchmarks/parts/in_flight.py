"""(d) 32 calls in flight over one pipe, as agents that ask in parallel make them; nothing kept, no spacing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any, Final

import httpx2 as httpx

from benchmarks import processes
from benchmarks.asking import ProcessorTime, at_once
from benchmarks.effort import Effort
from benchmarks.pipe_client import connected
from benchmarks.questions import HEADERS, questions, url, warm
from benchmarks.report import BARE, LEAN, OURS, Figure, Part, at_least
from benchmarks.rounds import Rounds

IN_FLIGHT: Final = 32
_RAW: Final = "raw HTTP calls"


def measure(effort: Effort) -> Part:
    # More questions than calls in flight: two that are the same at once would be one request here.
    asked = questions(4 * IN_FLIGHT)
    settings = {"FRESH_S": "0", "MAX_IN_FLIGHT": str(IN_FLIGHT)}
    with (
        processes.sandbox() as upstream,
        connected(processes.OURS, processes.ours(upstream, **settings)) as ours,
        connected(processes.RAW_JSON, processes.bare(upstream)) as bare,
        connected(processes.RAW_JSON, processes.bare(upstream, text_only=True)) as lean,
    ):
        warm(upstream, asked)
        servers = {OURS: ours, BARE: bare, LEAN: lean}
        sides: dict[str, Callable[[], float]] = {
            _RAW: lambda: asyncio.run(_raw_calls(upstream, asked, effort.flood_calls)),
            **{name: at_once(client, asked, effort.flood_calls, IN_FLIGHT) for name, client in servers.items()},
        }
        Rounds().take(sides, 1)  # warm-up
        time_used = ProcessorTime({name: client.pid for name, client in servers.items()})
        rounds = Rounds().take(sides, effort.flood_rounds)
        cpu = time_used.per_call(effort.flood_calls * effort.flood_rounds)
    return Part(
        f"{IN_FLIGHT} calls in flight, nothing kept",
        ("", "calls/s", "this server by it", "processor time of the server, ms a call"),
        [(name, f"{rounds.median(name):.0f}", f"{rounds.ratio(OURS, name):.2f}", cpu.get(name, "")) for name in sides],
        (
            f"{effort.flood_rounds} rounds of {effort.flood_calls} calls of each. The raw calls show what the sandbox "
            "and a client can give on this machine.",
        ),
        [
            Figure(
                f"calls/s, {IN_FLIGHT} in flight, nothing kept",
                f"{rounds.median(OURS):.0f}",
                f"{rounds.median(peer):.0f} ({peer})",
                *(at_least(ratio, 0.9) if peer is BARE else (f"{ratio:.2f}",)),
            )
            for peer in (BARE, LEAN)
            for ratio in [rounds.ratio(OURS, peer)]
        ],
    )


async def _raw_calls(upstream: str, asked: list[dict[str, Any]], calls: int) -> float:
    addresses = iter([url(upstream, question) for question in islice(cycle(asked), calls)])
    async with httpx.AsyncClient(headers=HEADERS, trust_env=False) as client:

        async def worker() -> None:
            for address in addresses:
                (await client.get(address)).raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        return calls / (time.perf_counter() - started)
