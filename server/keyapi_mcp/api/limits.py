"""When a request may start: at most so many at once, spaced, and held back after the service asked for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from aiolimiter import AsyncLimiter

from keyapi_mcp.errors import RateLimited

# After a 429 requests start at most this often for a while: the service's real limit is not published.
_SLOW_INTERVAL_S: Final = 1.1
_SLOW_FOR_S: Final = 60.0


class Gate:
    """Admits requests. Not bound to a call: one per process, shared by all."""

    def __init__(
        self, max_in_flight: int, min_interval_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._places = anyio.Semaphore(max_in_flight, fast_acquire=True)
        self._spacing = AsyncLimiter(1, min_interval_s) if min_interval_s else None
        self._slow_spacing = AsyncLimiter(1, max(_SLOW_INTERVAL_S, min_interval_s))
        self._monotonic = monotonic
        self._closed_until = 0.0
        self._slow_until = 0.0

    def hold_back(self, seconds: float) -> None:
        """Let nothing start for so many seconds, and less often than usual for a while after."""
        now = self._monotonic()
        self._closed_until = max(self._closed_until, now + seconds)
        self._slow_until = max(self._slow_until, self._closed_until + _SLOW_FOR_S)

    @asynccontextmanager
    async def admitted(self, deadline: float) -> AsyncIterator[None]:
        """Wait for a turn; the body runs inside it.

        Raises RateLimited at once if the service's own waiting time reaches beyond `deadline` (monotonic seconds).
        """
        async with self._places:
            while True:
                await self._reopened(deadline)
                if self._monotonic() < self._slow_until:
                    await self._slow_spacing.acquire()
                if self._spacing is not None:
                    await self._spacing.acquire()
                # A 429 can have come while this one waited for its turn.
                if self._monotonic() >= self._closed_until:
                    break
            yield

    async def _reopened(self, deadline: float) -> None:
        while (wait := self._closed_until - self._monotonic()) > 0:
            if self._monotonic() + wait > deadline:
                raise RateLimited(
                    "The service asked to wait (429), longer than this call may take. Nothing was sent.",
                    f"call again in {wait:.0f} s.",
                    retry_after=wait,
                )
            await anyio.sleep(wait)
