"""A sample of many pages within a budget, for a tool: what it may cost, and what is told of what is missing."""

from __future__ import annotations

from copy import copy

from keyapi_mcp.credits import Budget
from keyapi_mcp.errors import InvalidQuery, KeyApiMcpError, LimitReached, TimedOut
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.results.answer import Spending
from keyapi_mcp.results.gathered import Gathered, pages_in_words
from keyapi_mcp.tools.base import Services
from keyapi_mcp.tools.scanning import Scanned, scan


def most_credits(pages: int, max_credits: int | None, limit: int | None) -> int:
    """What the call may spend. Raises LimitReached when that is more than a call may."""
    most = pages if max_credits is None else max_credits
    if limit is None or most <= limit:
        return most
    if max_credits is None:
        raise LimitReached(
            f"pages={pages} can cost {pages} credits; KEYAPI_MCP_CREDITS_PER_CALL allows {limit:,} a call. "
            "Nothing was sent.",
            f"max_credits={limit} spends no more than that, and the same call again reads on where it stopped; "
            "KEYAPI_MCP_CREDITS_PER_CALL raises the limit (off lifts it).",
        )
    raise LimitReached(
        f"max_credits={most:,} is above KEYAPI_MCP_CREDITS_PER_CALL, which allows {limit:,} a call. Nothing was sent.",
        f"max_credits={limit} is the most; KEYAPI_MCP_CREDITS_PER_CALL raises the limit (off lifts it).",
    )


async def gather(services: Services, query: ProductQuery, pages: int, most: int) -> tuple[Gathered, Spending]:
    """Read so many pages of a question for at most so many credits (0 = kept pages only), telling the call's progress.

    Raises a KeyApiMcpError when there is no page at all.
    """
    settings = services.settings
    ask = most > 0 and not settings.offline

    async def pages_read(done: int, of: int) -> None:
        await services.progress(done, of, f"{done} of {of} pages read")

    found = await scan(
        services.pages,
        query,
        pages,
        Budget(most),
        ask=ask,
        at_once=settings.max_in_flight,
        progress=pages_read,
        seconds=settings.total_timeout_s,
    )
    if not found.reads:
        if settings.offline:
            await services.pages.read(query)  # raises, saying how to go on
        raise _nothing(found, settings.total_timeout_s)
    spending = await services.spending(found.paid, found.maybe_paid, _source(found))
    return _gathered(found, pages, ask=ask, offline=settings.offline), spending


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
