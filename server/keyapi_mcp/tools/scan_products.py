"""scan_products: many pages of one search in one call, as figures of the sample."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from keyapi_mcp.arguments import Asked, read_arguments
from keyapi_mcp.credits import Budget
from keyapi_mcp.errors import InvalidQuery, KeyApiMcpError, LimitReached, TimedOut
from keyapi_mcp.flat_schema import flat_schema
from keyapi_mcp.query import PARAMETERS, Whole, input_schema
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.scan import Gathered, pages_in_words, scan_answer
from keyapi_mcp.settings import Settings
from keyapi_mcp.tools.base import Hints, Services, ToolSpec
from keyapi_mcp.tools.reading import read
from keyapi_mcp.tools.scanning import Scanned, scan

DESCRIPTION: Final = """\
Read one niche in one call: up to 50 pages of the products that search_products finds, as statistics: price bands, \
concentration, newcomers, channels, commission, creators, stages, then the ten best rows and findings. Costs 1 credit \
a page, 0 for pages already kept. Figures are of the sample, which the sort chooses, not of the market."""

_MOST_PAGES: Final = 50
_PAGING: Final = ("page_num", "page_size")
# What models write for the number of pages.
_PAGE_WORDS: Final = frozenset({*_PAGING, "page", "limit", "per_page", "max_pages", "num_pages"})


class _Own(BaseModel):
    """What a scan takes beside the filters and the sort."""

    pages: Annotated[
        int, Field(ge=1, le=_MOST_PAGES, description="Pages of 10 products that make the sample"), Whole
    ] = 5
    max_credits: Annotated[
        Annotated[int, Field(ge=0)] | None,
        Whole,
        Field(description="Most credits to spend, by default pages; 0 = kept pages only, however old"),
    ] = None
    exclude_delisted: Annotated[bool, Field(description="Leave delisted products out")] = True


_NAMES: Final = (*_Own.model_fields, *(name for name in PARAMETERS if name not in _PAGING))


async def run(services: Services, arguments: Mapping[str, Any]) -> Answer:
    own, asked = _read(arguments)
    most = _most_credits(own, services.settings.credits_per_call)
    ask = most > 0 and not services.settings.offline

    async def pages_read(done: int, of: int) -> None:
        await services.progress(done, of, f"{done} of {of} pages read")

    found = await scan(
        services.pages,
        asked.query,
        own.pages,
        Budget(most),
        ask=ask,
        at_once=services.settings.max_in_flight,
        progress=pages_read,
        seconds=services.settings.total_timeout_s,
    )
    if not found.reads:
        if services.settings.offline:
            await services.pages.read(asked.query)  # raises, saying how to go on
        raise _nothing(found, services.settings.total_timeout_s)
    return scan_answer(
        asked.query,
        _gathered(found, own.pages, ask=ask, offline=services.settings.offline),
        await services.spending(found.paid, found.maybe_paid, _source(found)),
        exclude_delisted=own.exclude_delisted,
        now=services.clock(),
        notes=asked.notes,
        synthetic=services.settings.sandbox,
    )


def _read(arguments: Mapping[str, Any]) -> tuple[_Own, Asked]:
    """Raises InvalidQuery with a line for every problem of both parts."""
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
        raise InvalidQuery("\n".join(problems), "call again with these corrected.")
    return options, asked


def _most_credits(own: _Own, limit: int | None) -> int:
    """What the call may spend. Raises LimitReached when that is more than a call may."""
    most = own.pages if own.max_credits is None else own.max_credits
    if limit is None or most <= limit:
        return most
    if own.max_credits is None:
        raise LimitReached(
            f"pages={own.pages} can cost {own.pages} credits; KEYAPI_MCP_CREDITS_PER_CALL allows {limit:,} a call. "
            "Nothing was sent.",
            f"max_credits={limit} spends no more than that, and the same call again reads on where it stopped; "
            "KEYAPI_MCP_CREDITS_PER_CALL raises the limit (off lifts it).",
        )
    raise LimitReached(
        f"max_credits={most:,} is above KEYAPI_MCP_CREDITS_PER_CALL, which allows {limit:,} a call. Nothing was sent.",
        f"max_credits={limit} is the most; KEYAPI_MCP_CREDITS_PER_CALL raises the limit (off lifts it).",
    )


def _nothing(found: Scanned, seconds: float) -> KeyApiMcpError:
    """Why there is no answer at all."""
    if found.failure is not None:
        error = copy(found.failure)
    elif found.out_of_time:
        error = TimedOut(f"No page came within {seconds:g} s. This is not an empty result.", "call again in a minute.")
    else:
        error = InvalidQuery(
            "No page of this question is kept, and max_credits=0 forbids asking the service. Nothing was sent. "
            "This is not an empty result.",
            "without max_credits the service is asked, for 1 credit a page; query_products reads everything that is "
            "kept for 0 credits.",
        )
    error.maybe_spent = found.maybe_paid
    return error


def _gathered(found: Scanned, wanted: int, *, ask: bool, offline: bool) -> Gathered:
    sampled = found.sampled
    stale = [read.page for read in sampled.values() if read.stale]
    return Gathered(
        pages={number: read.page for number, read in sampled.items()},
        products=found.products(),
        missing=found.missing,
        ended=found.ended,
        kept=sum(read.kept for read in sampled.values()),
        stale=stale,
        partial=tuple(_partial(found, wanted, ask=ask, offline=offline)),
        next_step=_go_on(found, ask=ask, offline=offline, stale=len(stale)),
    )


def _partial(found: Scanned, wanted: int, *, ask: bool, offline: bool) -> list[str]:
    told = []
    if found.missing:
        told.append(
            f"Partial: {pages_in_words(found.missing)} of {min(wanted, found.last)} could not be read: "
            f"{_why(found, ask=ask, offline=offline)}"
        )
    elif found.failure is not None:
        told.append(f"Stale: {found.failure.what} Older kept pages are all there is until then.")
    if beyond := sum(read.paid for number, read in found.reads.items() if number not in found.sampled):
        told.append(f"Asked for at the same time, beyond the end of the list and empty: {beyond} of the credits.")
    not_kept = {read.not_kept for read in found.reads.values()} - {""}
    told += [f"Pages could not be kept in the store: {reason}." for reason in sorted(not_kept)]
    return told


def _why(found: Scanned, *, ask: bool, offline: bool) -> str:
    if found.failure is not None:
        return found.failure.what
    if offline:
        return "they are not kept, and KEYAPI_MCP_OFFLINE forbids asking."
    if not ask:
        return "they are not kept, and max_credits=0 forbids asking."
    return "the time for one call was over." if found.out_of_time else "max_credits was spent."


def _go_on(found: Scanned, *, ask: bool, offline: bool, stale: int) -> str:
    lacking = len(found.missing) + stale
    if not lacking:
        return ""
    if offline:
        return "unset KEYAPI_MCP_OFFLINE to ask the service."
    price = f"{lacking} credit{'' if lacking == 1 else 's'}"
    if found.failure is not None:
        return f"{found.failure.next_step} The same call then pays only for what is missing ({price} at most)."
    if not ask:
        return f"a call with max_credits={lacking} reads what is missing or old for {price}."
    return f"the same call again reads on and pays only for what is missing ({price} at most)."


def _source(found: Scanned) -> str:
    if found.paid:
        return ""
    kept = all(read.kept for read in found.reads.values())
    return "kept pages" if kept else "shared with an identical call"


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
