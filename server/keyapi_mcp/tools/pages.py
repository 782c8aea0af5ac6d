"""Where a page comes from: the store if it is fresh there, else the service, asked once however many want it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from keyapi_mcp.api.client import KeyApiClient
from keyapi_mcp.errors import KeyApiMcpError, ServiceError
from keyapi_mcp.product import Page
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.store import PageStore


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page, and what getting it cost this caller: of several who shared one request, only one has the cost.

    kept: it came from the store; paid: 0 or 1 credit; maybe_paid: failed attempts that may have cost one each.
    """

    page: Page
    kept: bool = False
    paid: int = 0
    maybe_paid: int = 0


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
        return self.result if first else PageRead(self.result.page)


class PageReader:
    """Joins store and client. Requests run in `tasks`, not in the caller, so that they outlive a cancelled one."""

    def __init__(self, client: KeyApiClient, store: PageStore, tasks: TaskGroup) -> None:
        self._client = client
        self._store = store
        self._tasks = tasks
        self._flights: dict[str, _Flight] = {}

    async def read(self, query: ProductQuery) -> PageRead:
        """The page for this query. Raises what `KeyApiClient.fetch` raises.

        When the last caller is cancelled, a request that was not sent is dropped; one that was is let finish within
        its time-out and its answer kept, because its credit may be spent.
        """
        key = query.key
        if (page := await self._store.fresh(key)) is not None:
            return PageRead(page, kept=True)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(key)
            self._tasks.start_soon(self._fly, query, flight)
        flight.waiting += 1
        try:
            await flight.landed.wait()
        finally:
            flight.waiting -= 1
            self._drop_if_unwanted(flight)
        return flight.take()

    def _drop_if_unwanted(self, flight: _Flight) -> None:
        if not flight.waiting and not flight.sent and not flight.landed.is_set():
            self._forget(flight)
            flight.scope.cancel()

    def _forget(self, flight: _Flight) -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    async def _fly(self, query: ProductQuery, flight: _Flight) -> None:
        def on_flight(under_way: bool) -> None:
            flight.sent = under_way
            # Sending a failed request again is for those who wait; nobody else needs the answer.
            self._drop_if_unwanted(flight)

        try:
            with flight.scope:
                fetched = await self._client.fetch(query, on_flight)
                await self._store.keep(flight.key, fetched.page)
                flight.result = PageRead(fetched.page, paid=1, maybe_paid=fetched.maybe_spent)
        except Exception as error:  # handed to every caller, whatever it is
            flight.error = error
        finally:
            self._forget(flight)
            flight.landed.set()
