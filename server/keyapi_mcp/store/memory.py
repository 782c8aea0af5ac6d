"""Recent pages in memory: bounded, gone with the process."""

from __future__ import annotations

from typing import Final

from cachetools import TLRUCache

from keyapi_mcp.clock import Clock, utc_now
from keyapi_mcp.product import Page

# A page from a clock that was ahead, and was put right since, would never expire; clocks differ by less than this.
CLOCK_TOLERANCE_S: Final = 300.0


class MemoryPages:
    """The least used pages go first once `max_rows` rows are held; a page expires `fresh_s` after its fetch."""

    def __init__(self, max_rows: int, fresh_s: float, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._pages: TLRUCache[str, Page] = TLRUCache(
            maxsize=max_rows,
            ttu=lambda _key, page, _now: page.fetched_at.timestamp() + fresh_s,
            timer=lambda: clock().timestamp(),
            getsizeof=lambda page: max(1, page.rows),
        )

    def get(self, key: str) -> Page | None:
        page: Page | None = self._pages.get(key)
        if page is not None and page.fetched_at.timestamp() > self._clock().timestamp() + CLOCK_TOLERANCE_S:
            return None
        return page

    def put(self, key: str, page: Page) -> None:
        if max(1, page.rows) <= self._pages.maxsize:
            self._pages[key] = page
