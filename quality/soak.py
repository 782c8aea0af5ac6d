"""Many sessions over HTTP and SSE for half an hour, dropped at random: nothing grows, and no session is left behind.

`make soak`, or `python -m quality.soak --seconds 1800 --sessions 64`. Linux only: it looks at /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2 as httpx
from benchmarks.web_client import Session
from mcp import Client
from mcp.client.sse import sse_client

from quality.own_home import own_home
from support.connections import environment_for, serving
from support.sandbox_server import running_sandbox

_MB: Final = 1024 * 1024
# Between two times of the same load; what a leak of one session a drop would exceed many times over.
MORE_MEMORY: Final = 24 * _MB
# Between no client before and no client after: the cache filled, and what the allocator keeps for the next load.
KEPT_MEMORY: Final = 32 * _MB
# Connections that are kept for a while, a process that answers SQL, threads that wait for work.
SPARE: Final = 6
# Sessions whose client has gone without a word are forgotten after half an hour otherwise.
_IDLE_S: Final = 10
_PATIENCE_S: Final = _IDLE_S + 30
# A visit takes some seconds; one that hangs is a finding, not the end of the run.
_LONGEST_VISIT_S: Final = 120
_SETTINGS: Final = {
    "log_level": "WARNING",
    "credits_per_day": "off",
    "credits_per_month": "off",
    "cache_rows": "100",
    "max_in_flight": "16",
    "session_idle_s": str(_IDLE_S),
}
_SQL: Final = {"sql": "SELECT name, price_usd FROM products ORDER BY gmv_30d_usd DESC LIMIT 5"}


@dataclass(frozen=True)
class Held:
    """What the server's process holds at a moment. sessions: over streamable HTTP; one over SSE is some tasks."""

    memory: int
    threads: int
    files: int
    sessions: int
    tasks: int


@dataclass
class Outcome:
    """calls: answered, by transport; dropped: sessions, by how; before, after: with no client; during: under load."""

    calls: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    during: list[Held] = field(default_factory=list)
    before: Held | None = None
    after: Held | None = None

    def judge(self) -> None:
        """Add what is not flat to what is wrong."""
        assert self.before is not None
        assert self.after is not None
        third = len(self.during) // 3
        middle, end = self.during[third : 2 * third], self.during[2 * third :]
        more = statistics.median(one.memory for one in end) - statistics.median(one.memory for one in middle)
        if more > MORE_MEMORY:
            self.wrong.append(f"memory grew by {more / _MB:.0f} MB under the same load")
        kept = self.after.memory - self.before.memory
        if kept > KEPT_MEMORY:
            self.wrong.append(f"{kept / _MB:.0f} MB more are held without a client than at the beginning")
        if self.after.sessions:
            self.wrong.append(f"{self.after.sessions} sessions are left behind")
        for name in ("threads", "files", "tasks"):
            if (now := getattr(self.after, name)) > (then := getattr(self.before, name)) + SPARE:
                self.wrong.append(f"{now} {name} at the end, {then} at the beginning")
        for transport in ("http", "sse"):
            if not self.calls[transport]:
                self.wrong.append(f"nothing was answered over {transport}")

    def in_words(self) -> str:
        assert self.before is not None
        assert self.after is not None
        peak = max(one.memory for one in self.during)
        return (
            f"{sum(self.calls.values()):,} calls answered {dict(self.calls)}, sessions dropped {dict(self.dropped)}\n"
            f"before: {_shown(self.before)}\nafter:  {_shown(self.after)}\nmost under load: {peak / _MB:.0f} MB, "
            f"{max(one.files for one in self.during)} files, {max(one.threads for one in self.during)} threads"
        )


def _shown(held: Held) -> str:
    return (
        f"{held.memory / _MB:.0f} MB, {held.threads} threads, {held.files} files, {held.sessions} sessions, "
        f"{held.tasks} tasks"
    )


async def soak(seconds: float, sessions: int) -> Outcome:
    """A real server under load for so long. What is wrong is in the outcome."""
    logging.getLogger("mcp.client.sse").disabled = True
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as home, running_sandbox(products=600) as sandbox:
        environment = environment_for(sandbox.url, **_SETTINGS, home=home)
        with (
            (Path(home) / "log").open("w") as log,
            serving(environment, log, module="quality.soaked") as (_, url),
        ):
            async with httpx.AsyncClient(base_url=url) as watch:
                for visit in (_http_visit, _sse_visit):
                    await visit(url, random.Random(0), outcome, polite=True)
                outcome.before = await _at_rest(watch)
                async with _watching(watch, outcome):
                    await _load(url, time.monotonic() + seconds, sessions, outcome)
                outcome.after = await _at_rest(watch)
    outcome.judge()
    return outcome


async def _load(url: str, end: float, sessions: int, outcome: Outcome) -> None:
    async def one(number: int) -> None:
        draw = random.Random(number)
        visit = (_http_visit, _sse_visit)[number % 2]
        while time.monotonic() < end:
            try:
                with anyio.fail_after(_LONGEST_VISIT_S):
                    await visit(url, draw, outcome, polite=False)
            except Exception as error:
                outcome.wrong.append(f"{visit.__name__}: {error!r}")
                await anyio.sleep(1)

    async with anyio.create_task_group() as tasks:
        for number in range(sessions):
            tasks.start_soon(one, number)


async def _http_visit(url: str, draw: random.Random, outcome: Outcome, *, polite: bool) -> None:
    session = await Session.open(int(url.rpartition(":")[2]))
    try:
        for _ in range(draw.randint(2, 12)):
            await session.call(_question(draw))
            outcome.calls["http"] += 1
            await anyio.sleep(draw.uniform(0, 1))
        if not polite and draw.random() < 0.5:
            await _leave_during(lambda: session.call(_question(draw)), draw)
            outcome.dropped["http, during a call"] += 1
        else:
            outcome.dropped["http, between calls"] += 1
    finally:
        # Without a word: the session's end is for the server to find out.
        session.close()


async def _sse_visit(url: str, draw: random.Random, outcome: Outcome, *, polite: bool) -> None:
    leaving = False
    try:
        async with Client(sse_client(f"{url}/sse"), mode="legacy") as client:
            await _sse_calls(client, draw, outcome)
            leaving = not polite and draw.random() < 0.5
            outcome.dropped[f"sse, {'during a call' if leaving else 'between calls'}"] += 1
            if leaving:
                await _leave_during(lambda: client.call_tool("search_products", _question(draw)), draw)
    except ExceptionGroup as group:
        # The SDK's client stumbles over an answer that comes while it leaves.
        if not leaving or group.split(anyio.BrokenResourceError)[1] is not None:
            raise


async def _sse_calls(client: Client, draw: random.Random, outcome: Outcome) -> None:
    for _ in range(draw.randint(2, 12)):
        tool, arguments = draw.choice(
            [("search_products", _question(draw))] * 3 + [("query_products", _SQL), ("get_usage", {})]
        )
        result = await client.call_tool(tool, arguments)
        if result.is_error:
            raise RuntimeError(str(result.content))
        outcome.calls["sse"] += 1
        await anyio.sleep(draw.uniform(0, 1))


async def _leave_during(call: Callable[[], Coroutine[Any, Any, Any]], draw: random.Random) -> None:
    task = asyncio.ensure_future(call())
    await anyio.sleep(draw.uniform(0, 0.01))
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _question(draw: random.Random) -> dict[str, Any]:
    """Most of them were asked before; some are new."""
    region = draw.choice(("US", "GB", "TH", "VN", "ID"))
    if draw.random() < 0.05:
        return {"region": region, "max_total_views_cnt": 10**9 + draw.randrange(10**9)}
    return {"region": region, "page_num": draw.randint(1, 4)}


@asynccontextmanager
async def _watching(watch: httpx.AsyncClient, outcome: Outcome) -> AsyncIterator[None]:
    async def look() -> None:
        while True:
            outcome.during.append(await _held(watch))
            await anyio.sleep(0.5)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        yield
        tasks.cancel_scope.cancel()


async def _at_rest(watch: httpx.AsyncClient) -> Held:
    """What is held once all sessions are forgotten, or when that takes too long; without garbage."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        if not (await _held(watch)).sessions or time.monotonic() > end:
            return await _held(watch, "?collect")
        await anyio.sleep(0.2)


async def _held(watch: httpx.AsyncClient, how: str = "") -> Held:
    told = (await watch.get(f"/_soak{how}", timeout=30)).json()
    process = Path(f"/proc/{told['process']}")
    pages = int((process / "statm").read_text().split()[1])
    return Held(
        pages * os.sysconf("SC_PAGE_SIZE"),
        len(list((process / "task").iterdir())),
        len(list((process / "fd").iterdir())),
        told["sessions"],
        told["tasks"],
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--sessions", type=int, default=64)
    options = parser.parse_args()
    if sys.platform != "linux":
        print("quality.soak: looks at /proc, which only Linux has")
        return 2
    with own_home():
        outcome = asyncio.run(soak(options.seconds, options.sessions))
    print(outcome.in_words())
    for mistake in outcome.wrong[:20]:
        print(f"WRONG  {mistake}")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
