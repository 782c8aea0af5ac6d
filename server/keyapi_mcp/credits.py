"""Credits: what an attempt cost, and what the client asks of whoever keeps the books.

Each attempt (a retry is one) is reserved before it is sent and settled after it, so that no credit is spent unseen.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Outcome(Enum):
    """What an attempt cost, as far as it can be known."""

    PAID = "answered with code 0: one credit"
    UNKNOWN = "failed after it was sent: 0 or 1 credit, the service does not say"
    FREE = "never sent, or refused with 400, 401, 402, 403, 404 or 429: no credit"


class Reservation(Protocol):
    """One attempt's place in the books."""

    async def settle(self, outcome: Outcome, request_id: str | None) -> None: ...


class Meter(Protocol):
    """Keeper of the books. `reserve` may refuse by raising; then nothing is sent."""

    async def reserve(self, key: str) -> Reservation: ...


class Ledger(Meter, Protocol):
    """Books that can be read, too."""

    @property
    def paid(self) -> int:
        """Credits spent for certain since the process started."""

    @property
    def maybe_paid(self) -> int:
        """Further attempts since then that may have cost a credit each."""
