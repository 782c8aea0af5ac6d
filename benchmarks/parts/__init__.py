"""One file a subject, each with `measure(effort) -> Part`; PARTS is what a run goes through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.effort import Effort
from benchmarks.parts import (
    cached,
    in_flight,
    memory,
    restart,
    scanning,
    sizes,
    startup,
    statistics,
    storing,
    uncached,
    web,
)
from benchmarks.report import Part

PARTS: Final[dict[str, Callable[[Effort], Part]]] = {
    "startup": startup.measure,
    "uncached": uncached.measure,
    "cached": cached.measure,
    "restart": restart.measure,
    "storing": storing.measure,
    "in_flight": in_flight.measure,
    "scanning": scanning.measure,
    "statistics": statistics.measure,
    "sizes": sizes.measure,
    "memory": memory.measure,
    "web": web.measure,
}
