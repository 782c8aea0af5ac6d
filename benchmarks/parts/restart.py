"""A question whose answer is in the store, asked of a server that was started anew: read from the file, no request."""

from __future__ import annotations

from statistics import median
from typing import Final

from benchmarks import processes
from benchmarks.asking import one_by_one
from benchmarks.effort import Effort
from benchmarks.pipe_client import connected
from benchmarks.questions import questions, warm
from benchmarks.report import Figure, Part

_UNDER_MS: Final = 2.0


def measure(effort: Effort) -> Part:
    asked = questions(effort.restart_questions)
    with processes.sandbox() as upstream:
        warm(upstream, asked)
        settings = processes.ours(upstream, MAX_IN_FLIGHT="32")
        with connected(processes.OURS, settings) as before:
            for question in asked:
                one_by_one(before, [question], 1)()
        with connected(processes.OURS, settings) as after:
            # The first opens the file, which is not what is measured.
            taken = [one_by_one(after, [question], 1)() for question in asked]
    cost = median(taken[1:])
    return Part(
        "A kept answer after a restart, ms",
        ("", "median", "most", "the first, which opens the store"),
        [("this server", f"{cost:.2f}", f"{max(taken[1:]):.2f}", f"{taken[0]:.0f}")],
        (f"{len(asked)} different questions, each asked once.",),
        [Figure("a kept answer after a restart", f"{cost:.2f} ms", "", "", f"< {_UNDER_MS:g} ms", cost < _UNDER_MS)],
    )
