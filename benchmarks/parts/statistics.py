"""What a scan of 500 products computes once its pages are there: statistics, findings, remarks and both forms.

In this process, without server and store: rows of a sandbox's market, as they come from the service.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median
from typing import Final

import httpx2 as httpx

from benchmarks import processes
from benchmarks.effort import Effort
from benchmarks.questions import HEADERS, url
from benchmarks.report import Figure, Part
from keyapi_mcp.api.envelope import read_envelope
from keyapi_mcp.product import Page, Product
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.research.findings import findings
from keyapi_mcp.research.sample import describe
from keyapi_mcp.results.answer import Spending
from keyapi_mcp.results.gathered import Gathered
from keyapi_mcp.results.scan import scan_answer

_PAGES: Final = 50
_UNDER_MS: Final = 10.0


def measure(effort: Effort) -> Part:
    query = ProductQuery(region="US")
    now = datetime.now(UTC)
    pages = _pages(query, now)
    products = [product for page in pages.values() for product in page.products]
    gathered = Gathered(pages, products)

    def figures() -> None:
        findings(describe(products, gathered.day))

    def answer() -> None:
        # With the delisted ones, so that it is all 500.
        built = scan_answer(query, gathered, Spending(_PAGES, 0, None), exclude_delisted=False, now=now)
        built.text()
        built.structured()

    parts = {"statistics and findings": figures, "the whole answer": answer}
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(effort.statistics_rounds):
        for name, part in parts.items():
            started = time.perf_counter()
            part()
            taken[name].append((time.perf_counter() - started) * 1000)
    cost = median(taken["the whole answer"])
    return Part(
        f"What is computed of {len(products)} products, ms",
        ("", "median", "least", "most"),
        [(name, f"{median(ms):.2f}", f"{min(ms):.2f}", f"{max(ms):.2f}") for name, ms in taken.items()],
        (f"{effort.statistics_rounds} times each.",),
        [
            Figure(
                f"statistics of {len(products)} products, in both forms",
                f"{cost:.1f} ms",
                "",
                "",
                f"< {_UNDER_MS:g} ms",
                cost < _UNDER_MS,
            )
        ],
    )


def _pages(query: ProductQuery, now: datetime) -> dict[int, Page]:
    pages = {}
    with processes.sandbox() as upstream, httpx.Client(headers=HEADERS, trust_env=False) as client:
        for number in range(1, _PAGES + 1):
            body = client.get(url(upstream, query.at_page(number).to_params())).raise_for_status().content
            rows = read_envelope(body).rows or []
            pages[number] = Page(tuple(map(Product, rows)), len(rows), now)
    return pages
