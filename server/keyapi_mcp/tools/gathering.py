"""A sample of many pages within a budget, for a tool: what it may cost, and what is told of what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Final

from keyapi_mcp.arguments import CORRECTED
from keyapi_mcp.asking.scanning import Scanned, scan
from keyapi_mcp.credits import Budget
from keyapi_mcp.errors import InvalidQuery, KeyApiMcpError, LimitReached, Offline, TimedOut
from keyapi_mcp.query import MOST_PAGES, ProductQuery
from keyapi_mcp.results.answer import Spending
from keyapi_mcp.results.gathered import Gathered, pages_in_words
from keyapi_mcp.settings import Settings
from keyapi_mcp.tools.base import Services

_NONE_ALLOWED: Final = "KEYAPI_MCP_CREDITS_PER_CALL allows no call to ask the service; raising it does"


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


def corrected(problems: Sequence[str], limit: int | None, first: str = CORRECTED) -> str:
    """The next step after a refusal. limit: credits that a call may spend; first: what there is to do anyway."""
    # Whoever asked for too many pages corrects that to the most there may be, and would meet the next limit.
    if limit is not None and limit < MOST_PAGES and any(line.startswith("pages: ") for line in problems):
        return (
            f"{first.removesuffix('.')}; above {limit} pages, max_credits={limit} is needed too, and the same call "
            "again reads on."
        )
    return first


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
        raise _nothing(found, settings)
    spending = await services.spending(found.paid, found.maybe_paid, _source(found))
    return _gathered(found, pages, most if ask else 0, settings), spending


def _nothing(found: Scanned, settings: Settings) -> KeyApiMcpError:
    """Why there is no answer at all."""
    if found.failure is not None:
        error = copy(found.failure)
    elif found.out_of_time:
        seconds = f"{settings.total_timeout_s:g} s"
        error = TimedOut(f"No page came within {seconds}. This is not an empty result.", "call again in a minute.")
    else:
        offered = _offered(found.last, settings)
        asking = f"with max_credits={offered}" if offered < found.last else "without max_credits"
        asked = f"{asking} the service is asked, for 1 credit a page" if offered else _NONE_ALLOWED
        error = InvalidQuery(
            "No page of this question is kept, and max_credits=0 forbids asking the service. Nothing was sent. "
            "This is not an empty result.",
            f"{asked}; query_products reads everything that is kept for 0 credits.",
        )
    error.maybe_spent = found.maybe_paid
    return error


def _gathered(found: Scanned, wanted: int, most: int, settings: Settings) -> Gathered:
    """most: credits that could be spent, 0 = nothing was asked for."""
    sampled = found.sampled
    stale = [read.page for read in sampled.values() if read.stale]
    return Gathered(
        pages={number: read.page for number, read in sampled.items()},
        products=found.products(),
        missing=found.missing,
        ended=found.ended,
        kept=sum(read.kept for read in sampled.values()),
        stale=stale,
        partial=tuple(_partial(found, wanted, ask=most > 0, offline=settings.offline)),
        next_step=_go_on(found, most, settings),
        failure=_failure(found, settings) if found.missing or stale else None,
    )


def _failure(found: Scanned, settings: Settings) -> KeyApiMcpError | None:
    """Why pages are missing or old; `None` where the caller did not want to spend more."""
    if found.failure is not None:
        return found.failure
    if settings.offline:
        return Offline(
            "Pages are missing or old, and KEYAPI_MCP_OFFLINE forbids asking the service.",
            "unset KEYAPI_MCP_OFFLINE to ask the service.",
        )
    if found.out_of_time:
        return TimedOut(f"Not all pages came within {settings.total_timeout_s:g} s.", "the same call again reads on.")
    return None


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


def _go_on(found: Scanned, most: int, settings: Settings) -> str:
    """The call that reads what is missing or old, with its price. most: what this one could spend, 0 = it did not ask.

    Never a call that would be refused.
    """
    lacking = len(found.missing) + sum(read.stale for read in found.sampled.values())
    if not lacking:
        return ""
    if settings.offline:
        return "unset KEYAPI_MCP_OFFLINE to ask the service."
    if found.failure is not None:
        return f"{found.failure.next_step} The same call then pays only for what is missing ({_price(lacking, most)})."
    if most:
        return f"the same call again reads on and pays only for what is missing ({_price(lacking, most)})."
    if not (offered := _offered(lacking, settings)):
        return f"{_NONE_ALLOWED}."
    return f"a call with max_credits={offered} reads what is missing or old ({_price(lacking, offered)})."


def _offered(lacking: int, settings: Settings) -> int:
    """The max_credits of a call that reads so many pages, or as many of them as it may."""
    limit = settings.credits_per_call
    return lacking if limit is None else min(lacking, limit)


def _price(lacking: int, a_call: int) -> str:
    if lacking <= a_call:
        return f"{lacking} credit{'' if lacking == 1 else 's'} at most"
    return f"{a_call} credit{'' if a_call == 1 else 's'} a call, {lacking} in all at most"


def _source(found: Scanned) -> str:
    if found.paid:
        return ""
    kept = all(read.kept for read in found.reads.values())
    return "kept pages" if kept else "shared with an identical call"
