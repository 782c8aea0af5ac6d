"""Pages and books in memory: bounded, gone with the process."""

from __future__ import annotations

from dataclasses import dataclass

from cachetools import TLRUCache

from keyapi_mcp.clock import Clock, utc_now
from keyapi_mcp.credits import Outcome
from keyapi_mcp.product import Page


class MemoryPages:
    """The least used pages go first once `max_rows` rows are held; a page expires `fresh_s` after its fetch."""

    def __init__(self, max_rows: int, fresh_s: float, clock: Clock = utc_now) -> None:
        self._pages: TLRUCache[str, Page] = TLRUCache(
            maxsize=max_rows,
            ttu=lambda _key, page, _now: page.fetched_at.timestamp() + fresh_s,
            timer=lambda: clock().timestamp(),
            getsizeof=lambda page: max(1, page.rows),
        )

    async def fresh(self, key: str) -> Page | None:
        page: Page | None = self._pages.get(key)
        return page

    async def keep(self, key: str, page: Page) -> None:
        if max(1, page.rows) <= self._pages.maxsize:
            self._pages[key] = page


@dataclass(slots=True)
class MemoryLedger:
    """Counts since the process started."""

    paid: int = 0
    maybe_paid: int = 0

    async def reserve(self, key: str) -> MemoryReservation:  # noqa: ARG002
        return MemoryReservation(self)


@dataclass(slots=True)
class MemoryReservation:
    ledger: MemoryLedger

    async def settle(self, outcome: Outcome, request_id: str | None) -> None:  # noqa: ARG002
        if outcome is Outcome.PAID:
            self.ledger.paid += 1
        elif outcome is Outcome.UNKNOWN:
            self.ledger.maybe_paid += 1
