"""What keeping a page costs: the credit reserved, then settled and ten products written, through the store's own door.

Each page is of products that the store has not seen, on a disk as it is, with the store's thread and transactions; no
server and no service is in between.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx2 as httpx

from benchmarks import processes
from benchmarks.effort import Effort
from benchmarks.questions import HEADERS, REGIONS, url
from benchmarks.report import Figure, Part
from keyapi_mcp.api.envelope import read_envelope
from keyapi_mcp.credits import Budget
from keyapi_mcp.product import Page, Product
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.settings import read_settings
from keyapi_mcp.store.store import Store

_UNDER_MS: Final = 3.0


def measure(effort: Effort) -> Part:
    with tempfile.TemporaryDirectory() as home, processes.sandbox() as upstream:
        pages = list(_pages(upstream, effort.stored_pages))
        reserving, settling = asyncio.run(_store(Path(home), pages))
    whole = [one + other for one, other in zip(reserving, settling, strict=True)]
    cost = median(whole)
    return Part(
        "Keeping a page of ten new products, ms",
        ("", "median", "most"),
        [
            ("credit reserved", f"{median(reserving):.2f}", f"{max(reserving):.2f}"),
            ("credit settled, page kept", f"{median(settling):.2f}", f"{max(settling):.2f}"),
            ("together", f"{cost:.2f}", f"{max(whole):.2f}"),
        ],
        (f"{len(pages)} pages of eight markets.",),
        [
            Figure(
                "a page kept, ledger included",
                f"{cost:.2f} ms",
                "",
                "",
                f"< {_UNDER_MS:g} ms",
                cost < _UNDER_MS,
            )
        ],
    )


def _pages(upstream: str, count: int) -> Iterator[tuple[str, Page]]:
    """Pages without a product in common, with their questions' keys."""
    now = datetime.now(UTC)
    with httpx.Client(headers=HEADERS, trust_env=False) as client:
        for number in range(count):
            question: dict[str, Any] = {
                "region": REGIONS[number % len(REGIONS)],
                "page_num": number // len(REGIONS) + 1,
            }
            query = ProductQuery(**question)
            body = client.get(url(upstream, query.to_params())).raise_for_status().content
            rows = read_envelope(body).rows or []
            yield query.key, Page(tuple(map(Product, rows)), len(rows), now)


async def _store(home: Path, pages: list[tuple[str, Page]]) -> tuple[list[float], list[float]]:
    settings = read_settings(home=home, token="sk_bench", credits_per_day="off", credits_per_month="off")
    store = Store(settings, lambda: datetime.now(UTC), Rules())
    reserving, settling = [], []
    await store.totals()  # opened on first use
    for key, page in pages:
        started = time.perf_counter()
        reservation = await store.reserve(key, Budget(None))
        between = time.perf_counter()
        await reservation.settle_paid(page)
        reserving.append((between - started) * 1000)
        settling.append((time.perf_counter() - between) * 1000)
    await store.aclose()
    return reserving, settling
