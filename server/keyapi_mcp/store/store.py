"""Everything that was seen and paid for, behind one door: recent pages in memory, the rest in the file, the books."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import anyio.to_thread

from keyapi_mcp.clock import Clock, utc_day_number
from keyapi_mcp.credits import AskedElsewhere, Budget, Outcome, Totals, Usage
from keyapi_mcp.errors import StoreUnavailable
from keyapi_mcp.product import Kept, Page
from keyapi_mcp.settings import Settings
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.location import store_path
from keyapi_mcp.store.memory import CLOCK_TOLERANCE_S, MemoryPages
from keyapi_mcp.store.watch_list import WatchList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from keyapi_mcp.research.derived import Rules
    from keyapi_mcp.research.history import Seen
    from keyapi_mcp.research.turnover import RecipeRun
    from keyapi_mcp.store.books import Limits
    from keyapi_mcp.store.category_counts import CategoryCounts
    from keyapi_mcp.store.keeping import Shown
    from keyapi_mcp.store.lookup import Found
    from keyapi_mcp.store.renewal import Renewal
    from keyapi_mcp.store.sql import Reader, Rows

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Other processes spend, too; so old may the totals be that a kept answer shows.
_TOTALS_AGE_S: Final = 2.0
_USAGE_DAYS: Final = 14


class Store:
    """The store of one server process. Nothing is opened before the first question; close it at the end."""

    def __init__(self, settings: Settings, clock: Clock, rules: Rules) -> None:
        self.path = store_path(settings)
        if settings.accepted_loss:
            from keyapi_mcp.store import rescue

            rescue.accept(self.path, settings.accepted_loss)
        self.database = Database(self.path, self._renewal, mends=True)
        self.watch_list = WatchList(self.database, self._write, clock, settings.service_commission_unit, rules)
        self._rules = rules
        self._settings = settings
        self._clock = clock
        self._recent = MemoryPages(settings.cache_rows, settings.fresh_s, clock)
        # `None` until something is kept.
        self._synthetic: bool | None = None
        self._totals: tuple[datetime, Totals] | None = None
        self._reader: Reader | None = None
        self._reader_of: object = None
        # What is written with the next thing that is: answers without a request, by day, and how attempts ended whose
        # end could not be written.
        self._kept: Counter[int] = Counter()
        self._late: dict[int, tuple[Outcome, str | None]] = {}

    async def aclose(self) -> None:
        """Write what is still to be written, then close the file."""
        if self._reader is not None:
            await self._reader.aclose()
        await anyio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        if (self._kept or self._late) and self.database.opened:
            write, _ = self._with_what_waits(lambda _connection: None)
            with contextlib.suppress(StoreUnavailable):
                self.database.run_now(write)
        self.database.close()

    # --- pages --------------------------------------------------------------------------------------------------

    async def fresh(self, key: str) -> Page | None:
        """The kept answer to this query, if it is not older than the freshness time."""
        page = self._recent.get(key)
        if page is None and self._settings.fresh_s:
            page = await self._from_file(key, self._while_fresh())
            if page is not None:
                self._recent.put(key, page)
        if page is not None:
            self._kept[utc_day_number(self._clock())] += 1
        return page

    async def older(self, key: str) -> Page | None:
        """The newest kept answer to this query, however old."""
        return self._recent.get(key) or await self._from_file(key, None)

    def _while_fresh(self) -> tuple[float, float]:
        """Between when an answer has to have been fetched to be fresh now, in Unix seconds."""
        now = self._clock().timestamp()
        return now - self._settings.fresh_s, now + CLOCK_TOLERANCE_S

    async def _from_file(self, key: str, fetched: tuple[float, float] | None) -> Page | None:
        from keyapi_mcp.store import reading

        unit = self._settings.service_commission_unit
        try:
            return await self.database.run(
                lambda connection: reading.latest_page(connection, key, unit, fetched), writes=False
            )
        except StoreUnavailable as error:
            logger.warning("%s", error.what)
            return None

    async def product(self, product_id: str, region: str | None) -> Found:
        """What is kept of one product, history included. Raises StoreUnavailable."""
        from keyapi_mcp.store import lookup

        unit = self._settings.service_commission_unit
        return await self.database.run(
            lambda connection: lookup.product(connection, product_id, region, unit), writes=False
        )

    async def states(self, product_ids: Sequence[str]) -> dict[str, tuple[Seen, ...]]:
        """The last states of products, by id, one for each region that has it. Raises StoreUnavailable."""
        from keyapi_mcp.store import lookup

        unit = self._settings.service_commission_unit
        return await self.database.run(lambda connection: lookup.states(connection, product_ids, unit), writes=False)

    async def category_counts(self, ids: Sequence[str], region: str | None) -> CategoryCounts:
        """How many kept products are in these categories, in the region or in all. Raises StoreUnavailable."""
        from keyapi_mcp.store import category_counts

        return await self.database.run(lambda connection: category_counts.count(connection, ids, region), writes=False)

    async def product_ids(self, digits: str, region: str | None, most: int) -> tuple[list[str], int]:
        """Kept ids that begin so, best sellers first, and how many there are. Raises StoreUnavailable."""
        from keyapi_mcp.store import product_ids

        return await self.database.run(
            lambda connection: product_ids.beginning_with(connection, digits, region, most), writes=False
        )

    async def synthetic(self) -> bool:
        """Whether what is kept here came from a sandbox, this program's own or one at the base URL."""
        from keyapi_mcp.store import reading

        if self._settings.sandbox:
            return True
        if self._synthetic is None:
            try:
                self._synthetic = await self.database.run(reading.holds_synthetic, writes=False)
            except StoreUnavailable as error:
                logger.warning("%s", error.what)
        return bool(self._synthetic)

    async def note_run(self, recipe: str, returned: Sequence[str], pages: int, run: RecipeRun) -> None:
        """Remember what a recipe returned from so many pages, as far as it can be written: no answer waits for more."""
        from keyapi_mcp.store import finds

        try:
            await self._write(lambda connection: finds.note(connection, recipe, returned, pages, run))
        except StoreUnavailable as error:
            logger.warning("%s", error.what)

    # --- the books ----------------------------------------------------------------------------------------------

    async def reserve(self, key: str, budget: Budget) -> Reservation:
        """Book a credit for an attempt.

        Raises LimitReached, AskedElsewhere, LedgerLost, or StoreUnavailable when it cannot be written. Nothing is sent.
        """
        from keyapi_mcp.store import books, reading, rescue

        now = self._clock()
        until = now + timedelta(seconds=self._settings.total_timeout_s)
        share = self._settings.fresh_s > 0
        unit, fetched = self._settings.service_commission_unit, self._while_fresh()

        def book(connection: Connection) -> tuple[int, Totals]:
            rescue.refuse_if_lost(self.path)
            # Another process may have got the answer since it was looked for.
            if share and reading.latest_page(connection, key, unit, fetched) is not None:
                raise AskedElsewhere
            return books.reserve(connection, key, self._limits(), now, until, share=share)

        budget.take()
        try:
            number, totals = await self._write(book)
        except BaseException:
            budget.give_back()
            raise
        self._note(totals)
        return Reservation(self, key, number, budget)

    async def asked_elsewhere(self, key: str) -> bool:
        """Whether another process is asking this question right now."""
        from keyapi_mcp.store import books

        now = self._clock()
        return await self.database.run(lambda connection: books.under_way(connection, key, now), writes=False)

    async def totals(self) -> Totals | None:
        """What counts against the limits; `None` when the file cannot be read."""
        from keyapi_mcp.store import books

        now = self._clock()
        if not self._totals_are_new(now):
            try:
                self._note(
                    await self.database.run(
                        lambda connection: books.totals(connection, self._limits(), now), writes=False
                    )
                )
            except StoreUnavailable as error:
                logger.warning("%s", error.what)
                return None
        return self._totals[1] if self._totals else None

    async def select(self, sql: str, rows: int, characters: int, longest_text: int) -> Rows:
        """Answer one SELECT over the views, see `Reader`. Raises InvalidQuery, with the way on, or StoreUnavailable."""
        from keyapi_mcp.store import rescue
        from keyapi_mcp.store.sql import Reader

        # The file has to be there and up to date before anybody else opens it.
        await self.database.run(lambda _connection: None, writes=False)
        if self._reader is None or self._reader_of != self.database.identity:
            # Its processes would go on reading a file that was set aside.
            old, self._reader = self._reader, Reader(self.path, self.database.copy)
            self._reader_of = self.database.identity
            if old is not None:
                await old.aclose()
        try:
            return await self._reader.select(sql, rows, characters, longest_text)
        except StoreUnavailable as error:
            if error.why == "it is damaged":
                await self.database.run(rescue.look, writes=False)
            raise

    def _totals_are_new(self, now: datetime) -> bool:
        if self._totals is None:
            return False
        noted = self._totals[0]
        return 0 <= (now - noted).total_seconds() < _TOTALS_AGE_S and utc_day_number(now) == utc_day_number(noted)

    async def usage(self) -> Usage:
        """What was spent and saved lately, and what there is. Raises StoreUnavailable."""
        from keyapi_mcp.store import books, upkeep

        now = self._clock()
        since = utc_day_number(now - timedelta(days=_USAGE_DAYS - 1))

        def look(connection: Connection) -> Usage:
            found = upkeep.contents(connection)
            return Usage(
                totals=books.totals(connection, self._limits(), now),
                days=tuple(books.by_day(connection, since)),
                products=found.products,
                snapshots=found.snapshots,
                searches=found.searches,
                first_day=found.first_day,
                last_day=found.last_day,
                size=upkeep.size(self.path) if self.path is not None else None,
            )

        # What cannot be written can often be read.
        with contextlib.suppress(StoreUnavailable):
            await self._write(lambda _connection: None)
        return await self.database.run(look, writes=False)

    def _renewal(self) -> Renewal:
        # A server which is only listed does not pay for the imports.
        from keyapi_mcp.store.renewal import Renewal

        return Renewal(self._settings.service_commission_unit, self._rules)

    async def _write(self, operation: Callable[[Connection], T], prepare: Callable[[], None] | None = None) -> T:
        """Run it in one transaction with what waits to be written."""
        write, restore = self._with_what_waits(operation)
        try:
            return await self.database.run(write, prepare=prepare)
        except Exception:
            restore()
            raise

    def _with_what_waits(
        self, operation: Callable[[Connection], T]
    ) -> tuple[Callable[[Connection], T], Callable[[], None]]:
        """The operation with what waits, and what makes that wait again if it could not be written."""
        from keyapi_mcp.store import books

        kept, self._kept = self._kept, Counter()
        late, self._late = self._late, {}
        now = self._clock()

        def write(connection: Connection) -> T:
            for number, (outcome, request_id) in late.items():
                books.settle(connection, number, outcome, request_id, self._limits(), now)
            books.add_kept(connection, kept)
            return operation(connection)

        def restore() -> None:
            self._kept.update(kept)
            self._late = late | self._late

        return write, restore

    async def settle(self, number: int, outcome: Outcome, request_id: str | None) -> None:
        """Write down how an attempt without an answer ended."""
        from keyapi_mcp.store import books

        now = self._clock()
        try:
            self._note(
                await self._write(
                    lambda connection: books.settle(connection, number, outcome, request_id, self._limits(), now)
                )
            )
        except StoreUnavailable as error:
            # Until it can be written it stays open in the books, and so counted.
            self._late[number] = (outcome, request_id)
            logger.warning("%s", error.what)

    async def settle_paid(self, number: int, key: str, page: Page) -> Kept:
        """Write down that an attempt was paid for and keep its answer, in one transaction."""
        from keyapi_mcp.store import books, keeping

        now = self._clock()
        shown: list[Shown] = []
        rules = self._rules

        def write(connection: Connection) -> tuple[int, Totals]:
            behind = keeping.keep(connection, key, page, shown, rules)
            return behind, books.settle(connection, number, Outcome.PAID, page.request_id, self._limits(), now)

        not_kept = ""
        try:
            behind, totals = await self._write(
                write, prepare=lambda: shown.extend(map(keeping.Shown.of, page.products))
            )
            self._note(totals)
            if behind:
                page = replace(page, unrefreshed=behind)
        except StoreUnavailable as error:
            logger.warning("%s", error.what)
            not_kept = error.why
            self._late[number] = (Outcome.PAID, page.request_id)
        except Exception:
            # A defect of ours. The answer is paid for, and whoever asked for it gets it.
            logger.exception("a page could not be kept")
            not_kept = "a defect of this program; its log has the details"
            await self.settle(number, Outcome.PAID, page.request_id)
        self._recent.put(key, page)
        return Kept(page, not_kept)

    def _limits(self) -> Limits:
        from keyapi_mcp.store.books import Limits

        return Limits(self._settings.credits_per_day, self._settings.credits_per_month)

    def _note(self, totals: Totals) -> None:
        self._totals = (self._clock(), totals)


@dataclass(slots=True)
class Reservation:
    """One attempt's place in the books."""

    store: Store
    key: str
    number: int
    budget: Budget

    async def settle(self, outcome: Outcome, request_id: str | None) -> None:
        if outcome is Outcome.FREE:
            self.budget.give_back()
        await self.store.settle(self.number, outcome, request_id)

    async def settle_paid(self, page: Page) -> Kept:
        return await self.store.settle_paid(self.number, self.key, page)
