"""(a) From the start of the process to its answers to `initialize` and `tools/list`: what a client waits for.

Beside the bare raw JSON tool stands one that does not even have an HTTP client, the least that the SDK starts with.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks import processes
from benchmarks.effort import Effort
from benchmarks.pipe_client import INITIALIZE, INITIALIZED, LIST, connected
from benchmarks.report import BARE, OURS, Figure, Part, at_most
from benchmarks.rounds import Rounds, orders

_NOWHERE = "http://127.0.0.1:9"
_EMPTY_RESULT = '{"content":[{"type":"text","text":"nothing"}]}'


def measure(effort: Effort) -> Part:
    with tempfile.TemporaryDirectory() as folder:
        constant = Path(folder, "result.json")
        constant.write_text(_EMPTY_RESULT, encoding="utf-8")
        sides = {
            OURS: (processes.OURS, processes.ours(_NOWHERE)),
            BARE: (processes.RAW_JSON, processes.bare(_NOWHERE)),
            "bare constant tool": (processes.CONSTANT, processes.environment(BENCH_CONSTANT=str(constant))),
        }
        for side in sides.values():
            _start(*side)  # the first start writes the bytecode
        opened, listed = Rounds(), Rounds()
        for names in orders(list(sides), effort.startup_rounds):
            for name in names:
                to_initialize, to_list = _start(*sides[name])
                opened.values.setdefault(name, []).append(to_initialize)
                listed.values.setdefault(name, []).append(to_list)
    peer = BARE
    return Part(
        "Start: from the start of the process, ms",
        ("", "initialize", "tools/list", "by this: initialize", "by this: tools/list"),
        [
            (
                name,
                f"{opened.median(name):.0f}",
                f"{listed.median(name):.0f}",
                f"{opened.ratio(OURS, name):.2f}",
                f"{listed.ratio(OURS, name):.2f}",
            )
            for name in sides
        ],
        (f"{effort.startup_rounds} starts of each, in turns, bytecode written.",),
        [
            Figure(
                f"process start to `{what}`",
                f"{rounds.median(OURS):.0f} ms",
                f"{rounds.median(peer):.0f} ms ({BARE})",
                *at_most(rounds.ratio(OURS, peer), 1.05),
            )
            for what, rounds in (("initialize", opened), ("tools/list", listed))
        ],
    )


def _start(arguments: tuple[str, ...], env: dict[str, str]) -> tuple[float, float]:
    """Milliseconds to the answers to initialize and to tools/list."""
    started = time.perf_counter()
    with connected(arguments, env, handshake=False) as client:
        client.ask(INITIALIZE)
        to_initialize = time.perf_counter() - started
        client.send(INITIALIZED)
        client.ask(LIST)
        to_list = time.perf_counter() - started
    return to_initialize * 1000, to_list * 1000
