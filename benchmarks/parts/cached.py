"""(c) The same question again: answered from memory, beside an SDK tool whose whole answer is a constant.

Compared is the tool that gives this server's own answer, text and structured content, as a finished object: the same
bytes for the client, so that the difference is what this server does for a kept answer. The text-only constant stands
beside.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import processes
from benchmarks.asking import one_by_one
from benchmarks.effort import Effort
from benchmarks.pipe_client import call, connected
from benchmarks.report import Figure, Part, at_most
from benchmarks.rounds import Rounds

_OURS, _CONSTANT, _TEXT = "this server", "constant, same answer", "constant, its text only"
_UNDER_MS: Final = 1.0


def measure(effort: Effort) -> Part:
    asked = [{"region": "US", "page_num": 1}]
    with (
        tempfile.TemporaryDirectory() as folder,
        processes.sandbox() as upstream,
        connected(processes.OURS, processes.ours(upstream)) as ours,
    ):
        ours.ask(call(1, "search_products", asked[0]))
        kept = ours.ask(call(2, "search_products", asked[0]))
        file = Path(folder, "result.json")
        file.write_text(json.dumps(kept), encoding="utf-8")
        with connected(processes.CONSTANT, processes.environment(BENCH_CONSTANT=str(file))) as constant:
            calls = 4 * effort.calls
            sides: dict[str, Callable[[], float]] = {
                _OURS: one_by_one(ours, asked, calls),
                _CONSTANT: one_by_one(constant, asked, calls, "constant"),
                _TEXT: one_by_one(constant, asked, calls, "constant_text"),
            }
            Rounds().take(sides, 4)  # warm-up
            rounds = Rounds().take(sides, effort.call_rounds)
    ratio = rounds.ratio(_OURS, _CONSTANT)
    mine = rounds.median(_OURS)
    return Part(
        "A cached call, ms",
        ("", "call", "this server by it"),
        [(name, f"{rounds.median(name):.3f}", f"{rounds.ratio(_OURS, name):.2f}") for name in sides],
        (f"{effort.call_rounds} rounds of {calls} calls of each.",),
        [
            Figure(
                "a cached call",
                f"{mine:.2f} ms",
                f"{rounds.median(_CONSTANT):.2f} ms (SDK tool with the same answer as a constant)",
                *at_most(ratio, 1.25),
            ),
            Figure("a cached call, absolute", f"{mine:.2f} ms", "", "", f"< {_UNDER_MS:g} ms", mine < _UNDER_MS),
        ],
    )
