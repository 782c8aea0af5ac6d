"""The answer to: what was spent, what is left, what is there?"""

from __future__ import annotations

from keyapi_mcp.clock import iso
from keyapi_mcp.credits import Usage
from keyapi_mcp.results.answer import Answer, Spending, Table
from keyapi_mcp.results.scope import sandbox_prefix
from keyapi_mcp.settings import Settings

_COLUMNS = ("day", "paid", "unknown", "kept_answers")


def usage(found: Usage, settings: Settings, spending: Spending, where: str, *, synthetic: bool) -> Answer:
    """Credits within the limits, per day, and what the store holds. where: the store's file, or "memory"."""
    totals = found.totals
    limits = {
        "KEYAPI_MCP_CREDITS_PER_CALL": settings.credits_per_call,
        "KEYAPI_MCP_CREDITS_PER_DAY": settings.credits_per_day,
        "KEYAPI_MCP_CREDITS_PER_MONTH": settings.credits_per_month,
    }
    saved = sum(day.kept for day in found.days)
    rows = tuple((iso(day.day), day.paid, day.unknown, day.kept) for day in found.days)
    text = "\n".join(["day|paid|unknown|kept answers", *("|".join(map(str, row)) for row in rows)])
    span = f", data days {iso(found.first_day)} to {iso(found.last_day)}" if found.first_day and found.last_day else ""
    size = "" if found.size is None else f", {found.size / 1e6:,.1f} MB"
    optional = {
        "left_today": totals.left_today,
        "left_this_month": totals.left_this_month,
        "first_day": iso(found.first_day) if found.first_day else None,
        "last_day": iso(found.last_day) if found.last_day else None,
        "size_bytes": found.size,
    }
    left = ", ".join(
        f"{number:,} {when}"
        for number, when in ((totals.left_today, "today"), (totals.left_this_month, "this month"))
        if number is not None
    )
    return Answer(
        scope=f"{sandbox_prefix(synthetic)}Credits and store · days and months in UTC · "
        "counted: paid and possibly paid requests",
        table=Table(_COLUMNS, rows, text) if rows else None,
        notes=("The KeyAPI account's own balance is not visible to this server.",),
        next_step="query_products reads everything that is in the store for 0 credits.",
        spending=spending,
        facts={
            "today": totals.today,
            "this_month": totals.this_month,
            "limits": {name: "off" if limit is None else limit for name, limit in limits.items()},
            "saved_14d": saved,
            "products": found.products,
            "snapshots": found.snapshots,
            "searches": found.searches,
            "store": where,
        }
        | {name: value for name, value in optional.items() if value is not None},
        lines=(
            f"Counted: {totals.today:,} today, {totals.this_month:,} this month. Limits: "
            + ", ".join(f"{name} {'off' if limit is None else format(limit, ',')}" for name, limit in limits.items())
            + (f". Left: {left}." if left else "."),
            f"Kept answers in the last 14 days, each a credit not spent: {saved:,}.",
            f"Store ({where}): {found.products:,} products, {found.snapshots:,} snapshots, {found.searches:,} searches"
            f"{span}{size}.",
        ),
    )
