"""What many pages of one question brought, in words: for every answer that rests on more than one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from keyapi_mcp.errors import KeyApiMcpError
from keyapi_mcp.product import Page, Product
from keyapi_mcp.research.age import contradictions
from keyapi_mcp.results.numbers import numbered
from keyapi_mcp.results.product_page import PRODUCT_PAGE
from keyapi_mcp.results.scope import age


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read for a sample, and what was not.

    pages: by number, in order; products: of all pages, each once, in their order; missing: numbers of pages that the
    sample lacks; ended: the list has no more; kept: how many pages came from the store; stale: those that are older
    than wanted; partial: why pages are missing, stale or not in the store, sentences; next_step: of a partial sample;
    failure: why it is not whole, unless it was to cost no more.
    """

    pages: Mapping[int, Page]
    products: Sequence[Product]
    missing: Sequence[int] = ()
    ended: bool = False
    kept: int = 0
    stale: Sequence[Page] = ()
    partial: Sequence[str] = ()
    next_step: str = ""
    failure: KeyApiMcpError | None = None

    @property
    def day(self) -> date:
        """The newest data day."""
        return max(page.data_day for page in self.pages.values())

    @property
    def synthetic(self) -> bool:
        return any(page.synthetic for page in self.pages.values())

    @property
    def left_out(self) -> int:
        """Rows that could not be read."""
        return sum(page.left_out for page in self.pages.values())

    @property
    def whole(self) -> bool:
        """Whether it is all that the source has of the question."""
        return self.ended and not self.missing and not self.left_out

    def depth(self, wanted: int) -> int:
        """How many pages were looked at, from the first on: all that were wanted of a list that ends before, too.

        0 where some in between are missing, or are not of the same day as the others.
        """
        if len({page.data_day for page in self.pages.values()}) > 1 or self.stale:
            return 0
        if not self.missing:
            return wanted
        return len(self.pages) if max(self.pages) == len(self.pages) else 0

    def listed(self) -> list[Product]:
        """Those that are still on sale."""
        return [product for product in self.products if not product.delisted]


def pages_in_words(numbers: Sequence[int]) -> str:
    return numbered("page", numbers)


def sample_words(
    gathered: Gathered, products: int, excluded: int | None, now: datetime, notes: tuple[str, ...]
) -> list[str]:
    """What the scope line says after the question: sample, days, age. excluded: delisted ones that were left out,
    `None` if they were not."""
    pages = list(gathered.pages.values())
    span = pages_in_words(list(gathered.pages))
    lacking = ", PARTIAL" if gathered.missing else ", the list ends there" if gathered.ended else ""
    parts = [f"sample: {products} product{'' if products == 1 else 's'} of {span}{lacking}"]
    if excluded is not None:
        parts.append(f"{excluded} delisted left out")
    parts += notes
    first, last = min(page.data_day for page in pages), gathered.day
    unrefreshed = ", source not refreshed yet" if any(page.unrefreshed for page in pages) else ""
    days = f"{last}" if first == last else f"{first} to {last}"
    parts.append(f"data of about {days} (T+1{unrefreshed}), USD, sales and GMV estimated")
    if gathered.stale:
        parts.append(f"STALE: {_of_all(len(gathered.stale), pages)}, oldest {_when(gathered.stale, now)}")
    elif gathered.kept:
        parts.append(f"{_of_all(gathered.kept, pages)} kept, oldest {_when(pages, now)}")
    return parts


def _of_all(some: int, pages: Sequence[Page]) -> str:
    return f"{some} of {len(pages)} page{'' if len(pages) == 1 else 's'}"


def _when(pages: Sequence[Page], now: datetime) -> str:
    oldest = min(page.fetched_at for page in pages)
    return f"from {oldest.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({age(now - oldest)} ago)"


def remarks(gathered: Gathered, products: Sequence[Product], shown: int) -> Iterator[str]:
    """What the reader has to know about the sample. products: those that are looked at, of which the first `shown` are
    the rows of the table."""
    yield from gathered.partial
    pages = gathered.pages.values()
    if left_out := gathered.left_out:
        yield f"Left out: {left_out} row{'' if left_out == 1 else 's'} could not be read."
    if twice := sum(len(page.products) for page in pages) - len(gathered.products):
        yield f"{twice} row{'' if twice == 1 else 's'} came twice, because the list moved between pages; counted once."
    if odd := [number for number, product in enumerate(products, 1) if contradictions(product)]:
        in_table = [number for number in odd if number <= shown]
        where = numbered("row", in_table) if in_table else "none of the rows here"
        beyond = f" and {len(odd) - len(in_table)} not shown" if 0 < len(in_table) < len(odd) else ""
        products_ = f"{len(odd)} product{'' if len(odd) == 1 else 's'}"
        yield f"{products_} with figures that contradict each other at the source: {where}{beyond}."
    if products:
        yield PRODUCT_PAGE
