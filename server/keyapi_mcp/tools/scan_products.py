"""scan_products: many pages of one search in one call, as figures of the sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from keyapi_mcp.arguments import Asked, read_arguments
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.flat_schema import flat_schema
from keyapi_mcp.query import MOST_PAGES, PARAMETERS, Whole, input_schema
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.scan import scan_answer
from keyapi_mcp.settings import Settings
from keyapi_mcp.tools.base import Hints, Services, ToolSpec
from keyapi_mcp.tools.gathering import gather, most_credits
from keyapi_mcp.tools.reading import read

DESCRIPTION: Final = """\
Read one niche in one call: up to 50 pages of the products that search_products finds, as statistics: price bands, \
concentration, newcomers, channels, commission, creators, stages, then the ten best rows and findings. Costs 1 credit \
a page, 0 for pages already kept. Figures are of the sample, which the sort chooses, not of the market."""

_PAGING: Final = ("page_num", "page_size")
# What models write for the number of pages.
_PAGE_WORDS: Final = frozenset({*_PAGING, "page", "limit", "per_page", "max_pages", "num_pages"})


class _Own(BaseModel):
    """What a scan takes beside the filters and the sort."""

    pages: Annotated[
        int, Field(ge=1, le=MOST_PAGES, description="Pages of 10 products that make the sample"), Whole
    ] = 5
    max_credits: Annotated[
        Annotated[int, Field(ge=0)] | None,
        Whole,
        Field(description="Most credits to spend, by default pages; 0 = kept pages only, however old"),
    ] = None
    exclude_delisted: Annotated[bool, Field(description="Leave delisted products out")] = True


_NAMES: Final = (*_Own.model_fields, *(name for name in PARAMETERS if name not in _PAGING))


async def run(services: Services, arguments: Mapping[str, Any]) -> Answer:
    own, asked = _read(arguments, services.settings.credits_per_call)
    most = most_credits(own.pages, own.max_credits, services.settings.credits_per_call)
    gathered, spending = await gather(services, asked.query, own.pages, most)
    return scan_answer(
        asked.query,
        gathered,
        spending,
        exclude_delisted=own.exclude_delisted,
        now=services.clock(),
        notes=asked.notes,
        synthetic=services.settings.sandbox,
    )


def _read(arguments: Mapping[str, Any], limit: int | None) -> tuple[_Own, Asked]:
    """Raises InvalidQuery with a line for every problem of both parts. limit: credits that a call may spend."""
    own = {name: value for name, value in arguments.items() if name in _Own.model_fields}
    rest = {name: value for name, value in arguments.items() if name not in own}
    problems = [
        f"{name}: a scan reads whole pages from the first on; pages says how many."
        for name, value in rest.items()
        if name in _PAGE_WORDS and value not in (None, "")
    ]
    given = {name: value for name, value in rest.items() if name not in _PAGE_WORDS}
    options, asked = _Own(), None
    try:
        options = read(_Own, own)
    except InvalidQuery as error:
        problems.append(error.what)
    try:
        asked = read_arguments(given, _NAMES)
    except InvalidQuery as error:
        problems.append(error.what)
    if problems or asked is None:
        next_step = "call again with these corrected"
        # Whoever asked for too many pages corrects that to the most there may be, and would meet the next limit.
        if limit is not None and limit < MOST_PAGES and any(line.startswith("pages: ") for line in problems):
            next_step += f"; above {limit} pages, max_credits={limit} is needed too, and the same call again reads on"
        raise InvalidQuery("\n".join(problems), f"{next_step}.")
    return options, asked


def _schema(settings: Settings) -> dict[str, Any]:
    """The filters and the sort of a search, and a scan's own parameters, from the models that read them."""
    schema = input_schema(integer_enums=settings.integer_enums)
    filters = {name: node for name, node in schema["properties"].items() if name not in _PAGING}
    return schema | {"properties": filters | flat_schema(_Own)["properties"]}


TOOL: Final = ToolSpec(
    name="scan_products",
    title="Scan a niche of TikTok Shop",
    description=DESCRIPTION,
    summary="statistics, best rows and findings over up to 50 pages of a search (1 credit a page, 0 when kept)",
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=True),
    input_schema=_schema,
    run=run,
)
