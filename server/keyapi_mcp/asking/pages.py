"""Where a page comes from: the store if it is fresh there, else the service, asked once however many want it."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import anyio
from anyio.abc import TaskGroup

from keyapi_mcp.api.client import KeyApiClient
from keyapi_mcp.credits import AskedElsewhere, Budget
from keyapi_mcp.errors import (
    KeyApiMcpError,
    Offline,
    QuotaExhausted,
    RateLimited,
    ServiceError,
    ServiceFault,
    TimedOut,
    Unreachable,
    UnusableAnswer,
)
from keyapi_mcp.product import Page
from keyapi_mcp.query import ProductQuery

logger = logging.getLogger(__name__)

# How often to look whether another process has its answer; most take a second or two.
_LOOK_AGAIN_S: Final = 0.1


class Pages(Protocol):
    """What is asked of the store."""

    async def fresh(self, key: str) -> Page | None: ...

    async def older(self, key: str) -> Page | None: ...

    async def asked_elsewhere(self, key: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page, and what getting it cost this caller: of several who shared one request, only one has the cost.

    kept: it came from the store; paid: 0 or 1 credit; maybe_paid: failed attempts that may have cost one each;
    failure: why an older answer than wanted is given; offline: because asking is switched off; unasked: because the
    caller did not want to ask; not_kept: why this page is not in the store.
    """

    page: Page
    kept: bool = False
    paid: int = 0
    maybe_paid: int = 0
    failure: ServiceError | None = None
    offline: bool = False
    unasked: bool = False
    not_kept: str = ""

    @property
    def stale(self) -> bool:
        """Whether it is older than wanted."""
        return self.failure is not None or self.offline or self.unasked


@dataclass(slots=True, eq=False)
class _Flight:
    """One request under way and those who wait for it. sent: it has left, so its answer is worth waiting for."""

    key: str
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    landed: anyio.Event = field(default_factory=anyio.Event)
    waiting: int = 0
    sent: bool = False
    result: PageRead | None = None
    error: BaseException | None = None
    cost_taken: bool = False

    def take(self) -> PageRead:
        """The outcome for one of the callers; the first to take it gets the cost."""
        first, self.cost_taken = not self.cost_taken, True
        if self.error is not None:
            # A copy each: an exception object collects the traceback of everyone who raises it.
            error = copy.copy(self.error)
            if isinstance(error, KeyApiMcpError) and not first:
                error.maybe_spent = 0
            raise error from self.error
        if self.result is None:
            stopped = ServiceError("The server was stopped before the answer was there.", "start it, then call again.")
            stopped.maybe_spent = int(first and self.sent)
            raise stopped
        return self.result if first else replace(self.result, paid=0, maybe_paid=0)


class PageReader:
    """Joins store and client. Requests run in `tasks`, not in the caller, so that they outlive a cancelled one."""

    def __init__(
        self, client: KeyApiClient, store: Pages, tasks: TaskGroup, *, total_s: float, offline: bool = False
    ) -> None:
        """total_s: seconds that a read may take; offline: answer from the store only, whatever the age."""
        self._client = client
        self._store = store
        self._tasks = tasks
        self._total_s = total_s
        self._offline = offline
        self._flights: dict[str, _Flight] = {}

    async def read(self, query: ProductQuery, budget: Budget | None = None, *, stand_in: bool = True) -> PageRead:
        """The page for this query: kept and fresh, else from the service; when that fails, an older one that is kept,
        if one may stand in.

        Raises what `KeyApiClient.fetch` raises where nothing older is kept, and Offline. When the last caller is
        cancelled, a request that was not sent is dropped; one that was is let finish within its time-out and its
        answer kept, because its credit may be spent.
        """
        key = query.key
        if (page := await self._store.fresh(key)) is not None:
            return PageRead(page, kept=True)
        if self._offline:
            return await self._offline_answer(key)
        try:
            return await self._ask(query, budget)
        except (QuotaExhausted, RateLimited, ServiceFault, Unreachable, TimedOut, UnusableAnswer) as error:
            older = await self._store.older(key) if stand_in else None
            if older is None:
                raise
            logger.info("an older answer is given, because of %s", type(error).__name__)
            return PageRead(older, kept=True, maybe_paid=error.maybe_spent, failure=error)

    async def kept(self, query: ProductQuery, *, however_old: bool = False) -> PageRead | None:
        """The page from the store alone, for nothing: if it is fresh, or however old it is."""
        if (page := await self._store.fresh(query.key)) is not None:
            return PageRead(page, kept=True)
        if however_old and (page := await self._store.older(query.key)) is not None:
            return PageRead(page, kept=True, unasked=True)
        return None

    def give_up(self, query: ProductQuery) -> None:
        """End a read that one caller waits for and whose request is not under way; the read raises a ServiceError."""
        flight = self._flights.get(query.key)
        if flight is not None and flight.waiting == 1 and not flight.sent:
            self._forget(flight)
            flight.scope.cancel()

    async def _offline_answer(self, key: str) -> PageRead:
        page = await self._store.older(key)
        if page is None:
            raise Offline(
                "This question's answer is not in the store, and KEYAPI_MCP_OFFLINE forbids asking the service.",
                "query_products reads everything that is in the store; unset KEYAPI_MCP_OFFLINE to ask the service.",
            )
        return PageRead(page, kept=True, offline=True)

    async def _ask(self, query: ProductQuery, budget: Budget | None) -> PageRead:
        """In the flight that is under way; where the limit of whoever began that one ended it, in another."""
        end = time.monotonic() + self._total_s
        maybe_paid = 0
        while True:
            flight = self._flights.get(query.key)
            joined = flight is not None
            if flight is None:
                flight = _Flight(query.key)
                if self._tasks.cancel_scope.cancel_called:  # the server stops, and begins nothing
                    return flight.take()
                self._flights[query.key] = flight
                self._tasks.start_soon(self._fly, query, budget, end, flight)
            await self._land(flight)
            try:
                read = flight.take()
            except KeyApiMcpError as error:
                if not (joined and error.own_limit and time.monotonic() < end):
                    error.maybe_spent += maybe_paid
                    raise
                maybe_paid += error.maybe_spent
            else:
                return replace(read, maybe_paid=read.maybe_paid + maybe_paid) if maybe_paid else read

    async def _land(self, flight: _Flight) -> None:
        flight.waiting += 1
        try:
            await flight.landed.wait()
        finally:
            flight.waiting -= 1
            self._drop_if_unwanted(flight)

    def _drop_if_unwanted(self, flight: _Flight) -> None:
        if not flight.waiting and not flight.sent and not flight.landed.is_set():
            self._forget(flight)
            flight.scope.cancel()

    def _forget(self, flight: _Flight) -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    async def _fly(self, query: ProductQuery, budget: Budget | None, end: float, flight: _Flight) -> None:
        def on_flight(under_way: bool) -> None:
            flight.sent = under_way
            # Sending a failed request again is for those who wait; nobody else needs the answer.
            self._drop_if_unwanted(flight)

        try:
            with flight.scope:
                flight.result = await self._fetch(query, budget, end, on_flight)
        except Exception as error:  # handed to every caller, whatever it is
            flight.error = error
        finally:
            self._forget(flight)
            flight.landed.set()

    async def _fetch(
        self, query: ProductQuery, budget: Budget | None, end: float, on_flight: Callable[[bool], None]
    ) -> PageRead:
        """From the service; or, where another process is asking the same right now, what that one gets."""
        maybe_paid = 0
        try:
            while True:
                try:
                    fetched = await self._client.fetch(
                        query, on_flight, budget=budget, seconds=max(0.1, end - time.monotonic())
                    )
                except AskedElsewhere as other:
                    maybe_paid += other.maybe_spent
                else:
                    return PageRead(
                        fetched.page, paid=1, maybe_paid=fetched.maybe_spent + maybe_paid, not_kept=fetched.not_kept
                    )
                await self._until_answered(query.key, end)
                if (page := await self._store.fresh(query.key)) is not None:
                    return PageRead(page, kept=True, maybe_paid=maybe_paid)
        except KeyApiMcpError as error:
            error.maybe_spent += maybe_paid
            raise

    async def _until_answered(self, key: str, end: float) -> None:
        """Wait until no other process is asking this question. Raises Unreachable when that takes too long."""
        while await self._store.asked_elsewhere(key):
            if time.monotonic() > end:
                raise Unreachable(
                    f"Another keyapi-mcp process has been asking this question for {self._total_s:g} s without an "
                    "answer. Nothing was sent.",
                    "call again in a minute.",
                )
            await anyio.sleep(_LOOK_AGAIN_S)
