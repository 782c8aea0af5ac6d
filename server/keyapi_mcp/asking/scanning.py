"""Reading many pages of one question, within a budget and a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from keyapi_mcp.asking.pages import PageRead, PageReader
from keyapi_mcp.credits import Budget
from keyapi_mcp.errors import KeyApiMcpError, LimitReached
from keyapi_mcp.product import Page, Product
from keyapi_mcp.query import ProductQuery

# Told how many pages of how many are read.
PagesRead = Callable[[int, int], Awaitable[None]]


@dataclass(slots=True)
class Scanned:
    """What a scan has read. Money in credits.

    last: the last page of the sample: as many as were wanted, or where the list is known to end (`ended`); reads: by
    page number; out_of_time, out_of_credits: why pages are missing, if any are; failure: what a page could not be had
    for, or why an older one is given; failed: what attempts without an answer may have cost.
    """

    last: int
    reads: dict[int, PageRead] = field(default_factory=dict)
    ended: bool = False
    out_of_time: bool = False
    out_of_credits: bool = False
    failure: KeyApiMcpError | None = None
    failed: int = 0

    @property
    def missing(self) -> list[int]:
        return [number for number in range(1, self.last + 1) if number not in self.reads]

    @property
    def sampled(self) -> dict[int, PageRead]:
        """The pages of the sample, in order: empty ones, asked for beyond the end of the list, are none of it."""
        return {
            number: read for number, read in sorted(self.reads.items()) if number <= self.last or read.page.products
        }

    def products(self) -> list[Product]:
        """Each once, where it came first, as the newest of its pages has it: a daily refresh can shift pages."""
        found: dict[str, tuple[Page, Product]] = {}
        for read in self.sampled.values():
            for product in read.page.products:
                known = found.get(product.product_id)
                if known is None or known[0].data_day < read.page.data_day:
                    found[product.product_id] = read.page, product
        return [product for _, product in found.values()]

    @property
    def paid(self) -> int:
        return sum(read.paid for read in self.reads.values())

    @property
    def maybe_paid(self) -> int:
        return self.failed + sum(read.maybe_paid for read in self.reads.values())


async def scan(
    reader: PageReader,
    query: ProductQuery,
    pages: int,
    budget: Budget,
    *,
    ask: bool,
    at_once: int,
    progress: PagesRead,
    seconds: float,
) -> Scanned:
    """Read up to so many pages, several at once, until the first short one, a failure, or the budget's or time's end.

    Pages that are kept and fresh come first, for nothing. With `ask` false, or where the service cannot give them,
    older ones that are kept do. Raises nothing of a page: what was read is returned, with the failure. Calling again
    continues, because pages that were read are kept: only what is missing is asked for.
    """
    run = _Run(reader, query, budget, progress, Scanned(pages))
    with anyio.move_on_after(seconds) as scope:
        await run.take_kept(however_old=False)
        if ask:
            await run.ask(at_once)
        if not ask or run.found.failure is not None:
            await run.take_kept(however_old=True)
    found = run.found
    found.out_of_time = scope.cancelled_caught
    if found.out_of_time or run.given_up:
        # What was under way may have been, or still be, paid for; its answer is then kept.
        found.failed += max(0, budget.counted - found.paid - found.maybe_paid)
    return found


@dataclass(slots=True)
class _Run:
    """A scan under way. asked: the pages that are being read; given_up: those that are not wanted any more; told: the
    last progress."""

    reader: PageReader
    query: ProductQuery
    budget: Budget
    progress: PagesRead
    found: Scanned
    asked: set[int] = field(default_factory=set)
    given_up: set[int] = field(default_factory=set)
    told: int = 0

    async def take_kept(self, *, however_old: bool) -> None:
        for number in self.found.missing:
            if number > self.found.last:
                break
            read = await self.reader.kept(self.query.at_page(number), however_old=however_old)
            if read is not None:
                self._take(number, read)
        await self._tell()

    async def ask(self, at_once: int) -> None:
        # The first page alone: a list that ends there is common, and more pages of it would be paid for in vain.
        if 1 not in self.found.reads:
            await self._read(1)
        missing = iter(self.found.missing)

        async def read_on() -> None:
            for number in missing:
                if self._is_vain(number) or self.found.out_of_credits:
                    return
                await self._read(number)

        async with anyio.create_task_group() as tasks:
            for _ in range(min(at_once, len(self.found.missing))):
                tasks.start_soon(read_on)

    def _is_vain(self, number: int) -> bool:
        return number > self.found.last or self.found.failure is not None

    async def _read(self, number: int) -> None:
        found = self.found
        self.asked.add(number)
        try:
            # Without an old page in its place, for which the next request would not wait.
            self._take(number, await self.reader.read(self.query.at_page(number), self.budget, stand_in=False))
        except LimitReached as refused:
            found.failed += refused.maybe_spent
            if self.budget.most is not None and self.budget.counted >= self.budget.most:
                found.out_of_credits = True
            else:  # a limit of the day or month
                found.failure = found.failure or refused
        except KeyApiMcpError as error:
            found.failed += error.maybe_spent
            if number not in self.given_up:
                found.failure = found.failure or error
        finally:
            self.asked.remove(number)
        self._give_up_what_is_vain()
        await self._tell()

    def _take(self, number: int, read: PageRead) -> None:
        found = self.found
        found.reads[number] = read
        if read.page.rows < self.query.page_size:
            found.last = min(found.last, number)
            found.ended = True

    def _give_up_what_is_vain(self) -> None:
        """Requests that are not wanted any more and have not left do not have to."""
        for number in self.asked:
            if self._is_vain(number):
                self.given_up.add(number)
                self.reader.give_up(self.query.at_page(number))

    async def _tell(self) -> None:
        done = min(len(self.found.reads), self.found.last)
        if done > self.told:
            self.told = done
            await self.progress(done, self.found.last)
