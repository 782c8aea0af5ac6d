"""Our client in a test: its settings, its books, and the client itself, closed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final
from unittest import mock

import anyio
import httpx2 as httpx
import stamina

from keyapi_mcp.api import limits
from keyapi_mcp.api.client import KeyApiClient
from keyapi_mcp.api.meter import Meter
from keyapi_mcp.clock import Clock, utc_now
from keyapi_mcp.credits import Budget, Outcome
from keyapi_mcp.product import Kept, Page
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.settings import Settings, read_settings
from keyapi_mcp.store.memory import MemoryPages

# No word of it occurs anywhere else (not in hexadecimal ids either); it has the characters that a key may have.
KEY: Final = "sk_live_Quokka.Numbat-zebra+Okapi/w=="
KEY_PARTS: Final = ("Quokka", "Numbat", "zebra", "Okapi")


def settings_for(url: str, **changes: Any) -> Settings:
    """Settings for a service at this address: a key, no spacing, time-outs that no test is to reach."""
    given = {
        "token": KEY,
        "base_url": url,
        "min_interval_s": 0,
        "connect_timeout_s": 10,
        "read_timeout_s": 10,
        "total_timeout_s": 20,
    }
    return read_settings(**given | changes)


@contextmanager
def without_waiting() -> Iterator[None]:
    """Retries without their pauses; how many there may be is left to our own code."""
    with mock.patch.object(limits, "_SLOW_INTERVAL_S", 0.001), stamina.set_testing(True, attempts=10):
        yield


def query(**arguments: Any) -> ProductQuery:
    return ProductQuery(**{"region": "US"} | arguments)


@dataclass(slots=True)
class Entry:
    """One attempt in the books. outcome: `None` while it is under way; at: when it was reserved, monotonic."""

    key: str
    at: float
    outcome: Outcome | None = None
    request_id: str | None = None


@dataclass(slots=True)
class Books:
    """A meter that writes down everything that it is told.

    refusals: raised by the next reservations, in this order (`None` = no refusal); pages: where answers are kept.
    """

    entries: list[Entry] = field(default_factory=list)
    refusals: list[Exception | None] = field(default_factory=list)
    pages: MemoryPages | None = None
    _changed: anyio.Event = field(default_factory=anyio.Event)

    async def reserve(self, key: str, budget: Budget) -> _Reservation:  # noqa: ARG002
        if self.refusals and (refusal := self.refusals.pop(0)) is not None:
            raise refusal
        entry = Entry(key, monotonic())
        self.entries.append(entry)
        return _Reservation(self, entry)

    @property
    def outcomes(self) -> list[Outcome | None]:
        return [entry.outcome for entry in self.entries]

    @property
    def paid(self) -> int:
        return self.outcomes.count(Outcome.PAID)

    @property
    def maybe_paid(self) -> int:
        return self.outcomes.count(Outcome.UNKNOWN)

    async def settled(self, attempts: int) -> None:
        """Wait until so many attempts are settled."""
        with anyio.fail_after(20):
            while sum(outcome is not None for outcome in self.outcomes) < attempts:
                await self._changed.wait()

    def change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


@dataclass(slots=True)
class _Reservation:
    books: Books
    entry: Entry

    async def settle(self, outcome: Outcome, request_id: str | None) -> None:
        # Books on a disk take their time, too.
        await anyio.lowlevel.checkpoint()
        assert self.entry.outcome is None, "settled twice"
        self.entry.outcome, self.entry.request_id = outcome, request_id
        self.books.change()

    async def settle_paid(self, page: Page) -> Kept:
        await self.settle(Outcome.PAID, page.request_id)
        if self.books.pages is not None:
            self.books.pages.put(self.entry.key, page)
        return Kept(page)


@dataclass(frozen=True, slots=True)
class KeptPages:
    """What a page reader asks of a store, over recent pages alone."""

    pages: MemoryPages

    async def fresh(self, key: str) -> Page | None:
        return self.pages.get(key)

    async def older(self, key: str) -> Page | None:
        return self.pages.get(key)

    async def asked_elsewhere(self, key: str) -> bool:  # noqa: ARG002
        return False


@asynccontextmanager
async def client_for(
    url: str,
    meter: Meter | None = None,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock = utc_now,
    **changes: Any,
) -> AsyncIterator[KeyApiClient]:
    """A client for the service at this address. changes: of its settings."""
    client = KeyApiClient(
        settings_for(url, **changes), Books() if meter is None else meter, transport=transport, clock=clock
    )
    try:
        yield client
    finally:
        await client.aclose()
