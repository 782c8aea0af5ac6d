"""Credits: what an attempt cost, what was spent, and within which limits.

Each attempt (a retry is one) is reserved before it is sent and settled after it, so that no credit is spent unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from keyapi_mcp.errors import LimitReached


class Outcome(Enum):
    """What an attempt cost, as far as it can be known."""

    PAID = "answered with code 0: one credit"
    UNKNOWN = "failed after it was sent: 0 or 1 credit, the service does not say"
    FREE = "never sent, or refused with 400, 401, 402, 403, 404 or 429: no credit"


class AskedElsewhere(Exception):
    """Another process is asking the same question; its answer will be in the store.

    maybe_spent: earlier attempts of this one that may have been billed.
    """

    maybe_spent: int = 0


@dataclass(slots=True)
class Budget:
    """What one call may spend, in credits; `most` is `None` where there is no limit."""

    most: int | None
    counted: int = 0

    def take(self) -> None:
        """Count one more. Raises LimitReached."""
        if self.most is not None and self.counted >= self.most:
            refusal = LimitReached(
                f"This would cost 1 credit, but none is left of this call's limit of {self.most:,}. Nothing was sent.",
                "KEYAPI_MCP_CREDITS_PER_CALL raises the limit (off lifts it). "
                "query_products answers from what was seen so far for free.",
            )
            refusal.own_limit = True
            raise refusal
        self.counted += 1

    def give_back(self) -> None:
        self.counted -= 1


@dataclass(frozen=True, slots=True)
class Totals:
    """What counts against the limits (UTC), in credits. today_unknown: those of today that may not have been billed;
    left_…: within the limits, `None` without one. The account's own balance cannot be seen."""

    today: int
    today_unknown: int
    this_month: int
    left_today: int | None
    left_this_month: int | None

    @property
    def left(self) -> int | None:
        """What may still be spent today."""
        limits = [left for left in (self.left_today, self.left_this_month) if left is not None]
        return min(limits) if limits else None


@dataclass(frozen=True, slots=True)
class DaySpent:
    """One day's credits: paid for certain, possibly paid, and questions answered without a request."""

    day: int
    paid: int
    unknown: int
    kept: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent and saved lately (days: newest first), and what the store holds.

    first_day, last_day: data days as yyyymmdd, `None` in an empty store; size: bytes on disk, `None` in memory.
    """

    totals: Totals
    days: tuple[DaySpent, ...]
    products: int
    snapshots: int
    searches: int
    first_day: int | None
    last_day: int | None
    size: int | None
