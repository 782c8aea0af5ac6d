"""What the client asks of whoever keeps the books and the answers."""

from __future__ import annotations

from typing import Protocol

from keyapi_mcp.credits import Budget, Outcome
from keyapi_mcp.product import Kept, Page


class Reservation(Protocol):
    """One attempt's place in the books."""

    async def settle(self, outcome: Outcome, request_id: str | None) -> None:
        """Write down how an attempt without an answer ended."""

    async def settle_paid(self, page: Page) -> Kept:
        """Write down that it was paid for and keep its answer: both or neither, so that nobody pays in between."""


class Meter(Protocol):
    """Keeper of the books. `reserve` may refuse by raising; then nothing is sent."""

    async def reserve(self, key: str, budget: Budget) -> Reservation: ...
