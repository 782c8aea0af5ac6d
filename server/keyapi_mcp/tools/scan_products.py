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
from keyapi_mcp.tools.gathering import corrected, gather, most_credits
from keyapi_mcp.tools.reading import noted, read_what_can_be

DESCRIPTION: Final = """\
Read one niche in one call: up to 50 pages of the products that search_products finds, as statistics: price bands, \
concentration, newcomers, channels, commission, creators, stages, then the ten best rows and findings. Costs 1 credit \
a page, 0 for pages already kept. Figures are of the sample, which the sort chooses, not of the market."""

_PAGING: Final = ("page_num", "page_size")
# What models write for the number of pages, and for what a scan does not have.
_FOR_PAGES: Final = ("num_pages", "max_pages", "page_count")
_PAGE_WORDS: Final = frozenset({*_PAGING, "page", "limit", "per_page", *_FOR_PAGES})


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
    for name in _FOR_PAGES:  # its value is judged, too
        if rest.get(name) is not None:
            own.setdefault("pages", rest[name])
    given = {name: value for name, value in rest.items() if name not in _PAGE_WORDS}
    options, faults = read_what_can_be(_Own, own)
    problems += faults
    asked = None
    with noted(problems):
        asked = read_arguments(given, _NAMES)
    if problems or asked is None or options is None:
        raise InvalidQuery("\n".join(problems), corrected(problems, limit))
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
