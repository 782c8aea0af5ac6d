"""(g) Streamable HTTP with 64 sessions, each a client that asks one question after another.

Nothing is kept and every question under way differs, so that each call is a request to the sandbox on both sides. The
bare tools are served by the SDK's own `run("streamable-http")`. This server's figure with kept answers stands beside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from benchmarks import processes
from benchmarks.asking import ProcessorTime
from benchmarks.effort import Effort
from benchmarks.questions import questions, warm
from benchmarks.report import BARE, LEAN, OURS, Figure, Part, at_least
from benchmarks.rounds import Rounds
from benchmarks.web_client import Session

SESSIONS: Final = 64
_LONGEST_S: Final = 60
_KEPT: Final = "this server, answers kept"


def measure(effort: Effort) -> Part:
    asked = questions(2 * SESSIONS)
    uncached = {"FRESH_S": "0", "MAX_IN_FLIGHT": "32"}
    with (
        processes.sandbox() as upstream,
        processes.our_web_server(processes.ours(upstream, **uncached)) as (our_port, our_pid),
        processes.our_web_server(processes.ours(upstream, CACHE_ROWS="2000")) as (kept_port, kept_pid),
        processes.bare_web_server(processes.RAW_JSON, processes.bare(upstream)) as (bare_port, bare_pid),
        processes.bare_web_server(processes.RAW_JSON, processes.bare(upstream, text_only=True)) as (
            lean_port,
            lean_pid,
        ),
        asyncio.Runner() as runner,
    ):
        warm(upstream, asked)
        ports = {OURS: our_port, _KEPT: kept_port, BARE: bare_port, LEAN: lean_port}
        pids = {OURS: our_pid, _KEPT: kept_pid, BARE: bare_pid, LEAN: lean_pid}
        crowds = {name: _Crowd(runner, port, asked) for name, port in ports.items()}
        sides: dict[str, Callable[[], float]] = {
            name: partial(crowd.rate, effort.web_calls_each) for name, crowd in crowds.items()
        }
        Rounds().take({name: partial(crowd.rate, 1) for name, crowd in crowds.items()}, 1)  # warm-up
        time_used = ProcessorTime(pids)
        rounds = Rounds().take(sides, effort.web_rounds)
        calls = SESSIONS * effort.web_calls_each
        cpu = time_used.per_call(calls * effort.web_rounds)
        for crowd in crowds.values():
            crowd.close()
    return Part(
        f"Streamable HTTP, {SESSIONS} sessions",
        ("", "calls/s", "this server, nothing kept, by it", "failed", "processor time of the server, ms a call"),
        [
            (name, f"{rounds.median(name):.0f}", f"{rounds.ratio(OURS, name):.2f}", str(crowds[name].failed), cpu[name])
            for name in ports
        ],
        (f"{effort.web_rounds} rounds of {calls} calls of each, by a raw client.",),
        [
            Figure(
                f"HTTP calls/s, {SESSIONS} sessions, {how}",
                f"{rounds.median(mine):.0f}",
                f"{rounds.median(peer):.0f} ({peer})",
                *(at_least(ratio, 2) if (mine, peer) == (OURS, BARE) else (f"{ratio:.2f}",)),
            )
            for mine, peer, how in (
                (OURS, BARE, "nothing kept"),
                (OURS, LEAN, "nothing kept"),
                (_KEPT, BARE, "answers kept here"),
            )
            for ratio in [rounds.ratio(mine, peer)]
        ],
    )


class _Crowd:
    """All sessions of one server."""

    def __init__(self, runner: asyncio.Runner, port: int, asked: list[dict[str, Any]]) -> None:
        self.failed = 0
        self._runner = runner
        self._asked = asked
        self._turn = 0
        self._sessions = runner.run(self._open(port))

    def rate(self, calls_each: int) -> float:
        """Calls a second over all sessions; failed ones are not calls."""
        return self._runner.run(self._rate(calls_each))

    def close(self) -> None:
        async def close() -> None:
            for session in self._sessions:
                session.close()

        self._runner.run(close())

    async def _open(self, port: int) -> list[Session]:
        async with asyncio.timeout(_LONGEST_S):
            return list(await asyncio.gather(*(Session.open(port) for _ in range(SESSIONS))))

    async def _rate(self, calls_each: int) -> float:
        done = 0

        async def ask(number: int, session: Session) -> None:
            nonlocal done
            for turn in range(self._turn, self._turn + calls_each):
                question = self._asked[(number + SESSIONS * turn) % len(self._asked)]
                try:
                    await session.call(question)
                    done += 1
                except (RuntimeError, OSError, EOFError):
                    self.failed += 1

        async with asyncio.timeout(_LONGEST_S):
            await asyncio.gather(*(session.reconnect() for session in self._sessions))
            started = time.perf_counter()
            await asyncio.gather(*(ask(number, session) for number, session in enumerate(self._sessions)))
        if not done:
            raise RuntimeError("not one call over HTTP was answered")
        self._turn += calls_each
        return done / (time.perf_counter() - started)
