"""What was seen and what it cost: the cache of pages and the books. The interface is small on purpose.

A store is asked with a query's key and holds pages of rows, never finished answers: wording, sizes and ages are of
the moment of the answer.
"""

from __future__ import annotations

from typing import Protocol

from keyapi_mcp.product import Page


class PageStore(Protocol):
    """Pages that were paid for."""

    async def fresh(self, key: str) -> Page | None:
        """The kept page of this query, if it is not older than the freshness time."""

    async def keep(self, key: str, page: Page) -> None: ...
