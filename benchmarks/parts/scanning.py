"""A scan of 50 pages against a service that takes 300 ms: its time against what spacing and concurrency allow.

Allowed is the first page alone (a list may end there, and more would be paid for in vain), then the others, either as
close together as the spacing lets them start or as many at once as may be in flight, whichever takes longer. No page
is known before: each scan is of a market of its own. The server has answered once, so that its file is open.
"""

from __future__ import annotations

from math import ceil
from statistics import median
from time import perf_counter
from typing import Final

import httpx2 as httpx

from benchmarks import processes
from benchmarks.effort import Effort
from benchmarks.pipe_client import PipeClient, call, connected
from benchmarks.questions import HEADERS, PATH, REGIONS, warm
from benchmarks.report import Figure, Part
from keyapi_mcp.settings import Settings

_OTHER, *_MARKETS = REGIONS
_PAGES: Final = 50
# So many that every market has all pages.
_CATALOGUE: Final = 10_000
_LATENCY_S: Final = 0.3
_AT_LEAST: Final = 0.9
_AT_ONCE: Final = int(Settings.model_fields["max_in_flight"].default)
_SPACING_S: Final = float(Settings.model_fields["min_interval_s"].default)


def measure(effort: Effort) -> Part:
    markets = iter(_MARKETS)
    rows, figures = [], []
    for spacing_s, rounds in ((_SPACING_S, 1), (0.0, effort.scan_rounds)):
        allowed = _allowed_s(spacing_s)
        taken = _scans([next(markets) for _ in range(rounds)], spacing_s)
        share = median(allowed / seconds for seconds in taken)
        settings = f"{_AT_ONCE} at once, {f'{spacing_s:g} s apart' if spacing_s else 'no spacing'}"
        rows.append((settings, f"{allowed:.2f}", f"{median(taken):.2f}", f"{share:.1%}", f"{rounds}"))
        figures.append(
            Figure(
                f"a scan of {_PAGES} pages, service {_LATENCY_S * 1000:g} ms, {settings}",
                f"{median(taken):.2f} s",
                f"{allowed:.2f} s (what the settings allow)",
                f"{share:.1%}",
                f"≥ {_AT_LEAST:.0%}",
                share >= _AT_LEAST,
            )
        )
    return Part(
        f"A scan of {_PAGES} pages, s",
        ("", "allowed", "taken", "allowed by taken", "scans"),
        rows,
        ("Allowed: the first page alone, then the others by spacing or places, whichever takes longer.",),
        figures,
    )


def _allowed_s(spacing_s: float) -> float:
    others = _PAGES - 1
    spaced = (others - 1) * spacing_s + _LATENCY_S
    in_places = ceil(others / _AT_ONCE) * _LATENCY_S
    return max(_LATENCY_S, spacing_s) + max(spaced, in_places)


def _scans(markets: list[str], spacing_s: float) -> list[float]:
    """Seconds of a scan of each of these."""
    with processes.sandbox("--faults", "--products", f"{_CATALOGUE}") as upstream:
        for market in markets:
            warm(upstream, ({"region": market, "page_num": page, "page_size": 10} for page in range(1, _PAGES + 1)))
        settings = processes.ours(
            upstream, CREDITS_PER_CALL="off", MAX_IN_FLIGHT=f"{_AT_ONCE}", MIN_INTERVAL_S=f"{spacing_s:g}"
        )
        with connected(processes.OURS, settings) as client:
            _scan(client, _OTHER, 1)
            delay = {"kind": "delay", "times": None, "seconds": _LATENCY_S, "path": PATH}
            httpx.post(f"{upstream}/_sandbox/faults", json=delay, headers=HEADERS, trust_env=False).raise_for_status()
            return [_scan(client, market, _PAGES) for market in markets]


def _scan(client: PipeClient, market: str, pages: int) -> float:
    started = perf_counter()
    answer = client.ask(call(2, "scan_products", {"region": market, "pages": pages}))
    taken = perf_counter() - started
    if answer["structuredContent"]["credits"]["call"] != pages:
        raise RuntimeError(f"not {pages} requests: {answer['structuredContent']['scope']}")
    return taken
