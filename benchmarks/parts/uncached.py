"""(b) One call that needs a request: beside a raw HTTP call for the same page, and bare tools that hand it on.

The raw call is the HTTP library that both servers use, one shared client with keep-alive, the body read, not parsed.
What a server adds to it is its own work: protocol, parsing, computing, writing. Each call asks for another page, and
this server keeps nothing (KEYAPI_MCP_FRESH_S=0), so that every call is a request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

import httpx2 as httpx

from benchmarks import processes
from benchmarks.asking import ProcessorTime, one_by_one
from benchmarks.effort import Effort
from benchmarks.pipe_client import connected
from benchmarks.questions import HEADERS, questions, url, warm
from benchmarks.report import BARE, LEAN, OURS, Figure, Part, at_most
from benchmarks.rounds import Rounds

_RAW: Final = "raw HTTP call"


def measure(effort: Effort) -> Part:
    asked = questions(40)
    settings = {"FRESH_S": "0", "MAX_IN_FLIGHT": "32"}
    with (
        processes.sandbox() as upstream,
        connected(processes.OURS, processes.ours(upstream, **settings)) as ours,
        connected(processes.RAW_JSON, processes.bare(upstream)) as bare,
        connected(processes.RAW_JSON, processes.bare(upstream, text_only=True)) as lean,
        asyncio.Runner() as runner,
    ):
        warm(upstream, asked)
        http = runner.run(_open())
        servers = {OURS: ours, BARE: bare, LEAN: lean}
        sides: dict[str, Callable[[], float]] = {
            _RAW: lambda: runner.run(_raw_calls(http, upstream, asked, effort.calls)),
            **{name: one_by_one(client, asked, effort.calls) for name, client in servers.items()},
        }
        Rounds().take(sides, 3)  # warm-up
        time_used = ProcessorTime({name: client.pid for name, client in servers.items()})
        rounds = Rounds().take(sides, effort.call_rounds)
        cpu = time_used.per_call(effort.call_rounds * effort.calls)
        runner.run(http.aclose())
    base = rounds.median(_RAW)
    added = {name: rounds.median(name) - base for name in servers}
    ratios = {name: rounds.ratio_of_added(OURS, name, _RAW) for name in servers}
    return Part(
        "One uncached call, ms",
        ("", "call", "added to the raw call", "added: this server by it", "processor time of the server"),
        [
            (_RAW, f"{base:.2f}", "", "", ""),
            *(
                (name, f"{rounds.median(name):.2f}", f"{added[name]:.2f}", f"{ratios[name]:.2f}", cpu[name])
                for name in servers
            ),
        ],
        (f"{effort.call_rounds} rounds of {effort.calls} calls of each; a round counts with its median.",),
        [
            Figure(
                "time added to a raw HTTP call, nothing kept",
                f"{added[OURS]:.2f} ms",
                f"{added[peer]:.2f} ms ({peer})",
                *(at_most(ratios[peer], 0.6) if peer is BARE else (f"{ratios[peer]:.2f}",)),
            )
            for peer in (BARE, LEAN)
        ],
    )


async def _open() -> httpx.AsyncClient:
    return httpx.AsyncClient(headers=HEADERS, trust_env=False)


async def _raw_calls(http: httpx.AsyncClient, upstream: str, asked: list[dict[str, Any]], calls: int) -> float:
    taken = []
    for number in range(calls):
        address = url(upstream, asked[number % len(asked)])
        started = time.perf_counter()
        response = await http.get(address)
        taken.append(time.perf_counter() - started)
        response.raise_for_status()
    return median(taken) * 1000
