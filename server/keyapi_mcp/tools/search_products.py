"""search_products: one page of products by filters and sort, the endpoint as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keyapi_mcp.arguments import read_arguments
from keyapi_mcp.asking.pages import PageRead
from keyapi_mcp.credits import Budget
from keyapi_mcp.query import input_schema
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.product_page import product_page
from keyapi_mcp.settings import Settings
from keyapi_mcp.tools.base import Hints, Services, ToolSpec

DESCRIPTION: Final = """\
Find TikTok Shop products of one market by category, sales, GMV, price, commission, creators, videos, rating, reviews \
and first-seen date; returns up to 10 rows with key metrics (growth, channel mix, USD per sale). Costs 1 credit; \
the same question again within hours costs 0. No keyword, shop or product-id search: choose a category and filters, \
then read the names. Filters are inclusive."""


async def run(services: Services, arguments: Mapping[str, Any]) -> Answer:
    asked = read_arguments(arguments)
    read = await services.pages.read(asked.query, Budget(services.settings.credits_per_call))
    source = "" if read.paid else "kept answer" if read.kept else "shared with an identical call"
    return product_page(
        asked.query,
        read.page,
        await services.spending(read.paid, read.maybe_paid, source),
        now=services.clock(),
        kept=read.kept,
        stale=_why_stale(read),
        not_kept=read.not_kept,
        notes=asked.notes,
        synthetic=services.settings.sandbox,
    )


def _why_stale(read: PageRead) -> str:
    if read.failure is not None:
        return f"{read.failure.what} This older answer is all there is until then."
    return "asking the service is switched off (KEYAPI_MCP_OFFLINE)." if read.offline else ""


def _schema(settings: Settings) -> dict[str, Any]:
    return input_schema(integer_enums=settings.integer_enums)


TOOL: Final = ToolSpec(
    name="search_products",
    title="Search TikTok Shop products",
    description=DESCRIPTION,
    summary="one page of products by the endpoint's own 36 parameters, as computed metrics (1 credit, 0 when kept)",
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=True),
    input_schema=_schema,
    run=run,
)
