"""Reading many pages of one question, within a budget and a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import anyio

from keyapi_mcp.credits import Budget
from keyapi_mcp.errors import KeyApiMcpError, LimitReached
from keyapi_mcp.product import Page, Product
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.tools.pages import PageRead, PageReader

# Clients cut a call at 60 s; what comes after the reading takes moments.
LONGEST_S: Final = 40.0

# Told how many pages of how many are read.
Progress = Callable[[int, int], Awaitable[None]]


@dataclass(slots=True)
class Scanned:
    """What a scan has read. Money in credits.

    reads: by page number; wanted: how many pages the sample was to have; ended: the list is shorter than that;
    out_of_time, out_of_credits: why pages are missing, if any are; failure: what a page could not be had for.
    """

    wanted: int
    reads: dict[int, PageRead] = field(default_factory=dict)
    ended: bool = False
    out_of_time: bool = False
    out_of_credits: bool = False
    failure: KeyApiMcpError | None = None

    @property
    def pages(self) -> list[Page]:
        return [self.reads[number].page for number in sorted(self.reads)]

    def products(self) -> list[Product]:
        """In the order of the pages; each once, where it came first, because a daily refresh can shift pages."""
        found: dict[str, Product] = {}
        for page in self.pages:
            for product in page.products:
                found.setdefault(product.product_id, product)
        return list(found.values())

    @property
    def paid(self) -> int:
        return sum(read.paid for read in self.reads.values())

    @property
    def maybe_paid(self) -> int:
        failed = self.failure.maybe_spent if self.failure is not None else 0
        return sum(read.maybe_paid for read in self.reads.values()) + failed

    @property
    def complete(self) -> bool:
        return self.ended or len(self.reads) == self.wanted


async def scan(
    reader: PageReader,
    query: ProductQuery,
    pages: int,
    budget: Budget,
    *,
    at_once: int,
    progress: Progress,
    seconds: float = LONGEST_S,
) -> Scanned:
    """Read up to so many pages, several at once; stop at the first short one, a failure, the budget's or time's end.

    Raises nothing of a page: what was read is returned, with the failure. Calling again continues, because pages that
    were read are kept: only what is missing is asked for.
    """
    found = Scanned(pages)
    following, last = 1, pages

    async def read_on() -> None:
        nonlocal following, last
        while following <= last and found.failure is None and not found.out_of_credits:
            number = following
            following += 1
            try:
                read = await reader.read(query.at_page(number), budget)
            except LimitReached:
                found.out_of_credits = True
                return
            except KeyApiMcpError as error:
                found.failure = found.failure or error
                return
            found.reads[number] = read
            if read.page.rows < query.page_size:
                last = min(last, number)
                found.ended = True
            await progress(len(found.reads), last)

    with anyio.move_on_after(seconds) as scope:
        async with anyio.create_task_group() as tasks:
            for _ in range(min(at_once, pages)):
                tasks.start_soon(read_on)
    found.out_of_time = scope.cancelled_caught
    # Pages beyond the end of the list can have been asked for at the same time; they are empty.
    found.reads = {number: read for number, read in found.reads.items() if number <= last}
    return found
