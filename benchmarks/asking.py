"""Batches of calls, as the parts measure them, and what a call cost the server in processor time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, cycle, islice
from statistics import median
from typing import Any

from benchmarks import processes
from benchmarks.pipe_client import PipeClient, call


def one_by_one(
    client: PipeClient, asked: list[dict[str, Any]], calls: int, tool: str = "search_products"
) -> Callable[[], float]:
    """A measurement: the median of so many calls one after another, in ms, reading on through the questions."""
    identifiers, turn = count(2), cycle(asked)

    def batch() -> float:
        messages = [call(next(identifiers), tool, question) for question in islice(turn, calls)]
        return median([client.timed(message) for message in messages]) * 1000

    return batch


def at_once(client: PipeClient, asked: list[dict[str, Any]], calls: int, in_flight: int) -> Callable[[], float]:
    """A measurement: calls a second over so many calls, with so many of them in flight."""
    identifiers, turn = count(2), cycle(asked)

    def batch() -> float:
        messages = [call(next(identifiers), "search_products", question) for question in islice(turn, calls)]
        return calls / client.flood(messages, in_flight)

    return batch


class ProcessorTime:
    """What calls cost servers in processor time since this was made; empty where it cannot be seen."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._before = {name: (pid, processes.cpu_s(pid)) for name, pid in pids.items()}

    def per_call(self, calls: int) -> dict[str, str]:
        """Milliseconds a call by server, after so many calls of each."""
        after = {name: (before, processes.cpu_s(pid)) for name, (pid, before) in self._before.items()}
        return {
            name: "" if before is None or now is None else f"{(now - before) / calls * 1000:.2f}"
            for name, (before, now) in after.items()
        }
