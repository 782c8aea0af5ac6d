"""What entered and left a recipe between two runs, in both forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date
from typing import Any, Final

from keyapi_mcp.research.turnover import Turnover

# So many markets are told, and of each so many ids, of one alone more.
MOST_MARKETS: Final = 3
_IDS, _IDS_OF_ONE = 2, 5


def turnover_lines(turnover: Sequence[Turnover]) -> Iterator[str]:
    """A line a market."""
    for one in turnover[:MOST_MARKETS]:
        found = len(one.last.product_ids)
        words = f"{one.last.region}, last run on data of {one.last.day}: found {found or 'none'}"
        if one.before is not None:
            entered, left = (_with_ids(ids, _most(turnover)) for ids in (one.entered, one.left))
            words += f"; new since {one.before.day}: {entered}; no longer: {left}"
        elif one.unlike:
            words += "; what is new is not known: no run before looked at the same pages"
        yield f"{words}."
    if (others := len(turnover) - MOST_MARKETS) > 0:
        yield f"{others} more market{'' if others == 1 else 's'}: a region tells its own."


def turnover_facts(turnover: Sequence[Turnover], today: date) -> dict[str, Any]:
    """`runs`: by market. today: in UTC; first_read_today: no run before has read the data of this day."""
    runs: dict[str, dict[str, Any]] = {}
    for one in turnover[:MOST_MARKETS]:
        told: dict[str, Any] = {"day": str(one.last.day), "found": len(one.last.product_ids)}
        if one.last.first_at.astimezone(UTC).date() == today:
            told["first_read_today"] = True
        if one.before is not None:
            told |= {"since": str(one.before.day), "new": len(one.entered), "no_longer": len(one.left)}
            ids = {"new_ids": one.entered, "no_longer_ids": one.left}
            told |= {name: list(some[: _most(turnover)]) for name, some in ids.items() if some}
        runs[one.last.region] = told
    return {"runs": runs} if runs else {}


def _most(turnover: Sequence[Turnover]) -> int:
    return _IDS_OF_ONE if len(turnover) == 1 else _IDS


def _with_ids(ids: Sequence[str], most: int) -> str:
    if not ids:
        return "none"
    more = ", …" if len(ids) > most else ""
    return f"{len(ids)} ({', '.join(ids[:most])}{more})"
