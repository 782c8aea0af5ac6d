"""What moved since a product was first seen, and since the day before: in words and as facts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from keyapi_mcp.research.changes import Move, least_change, moves, state_on
from keyapi_mcp.research.history import Seen, Snapshot
from keyapi_mcp.results.moves import TOLD_WHOLE, gathered, in_words
from keyapi_mcp.results.numbers import exact


def history(seen: Seen, first: Snapshot | None, previous: Snapshot | None) -> tuple[str, dict[str, Any]]:
    """The line and the facts. first, previous: the first kept day and the last but one."""
    facts: dict[str, Any] = {"days": seen.days, "first_day": seen.first_day.isoformat()}
    if first is None and seen.days == 1:
        return f"History: seen on one day only, {seen.day}; nothing to compare with.", facts
    line = f"History: seen on {seen.days} days since {seen.first_day}."
    if first is None:
        return f"{line} The figures of earlier days are not kept any more.", facts
    facts["change_since"] = {}
    for before in (first, previous) if previous is not None and previous.day > first.day else (first,):
        moved = gathered(moves(state_on(before.product, before.day), state_on(seen.product, seen.day)))
        words = "; ".join(in_words(move) for move in moved) or f"nothing moved by {least_change():.0%} or more"
        line += f" Since {before.day}: {words}."
        facts["change_since"][before.day.isoformat()] = dict(chain.from_iterable(map(_as_facts, moved)))
    return line, facts


def _as_facts(move: Move) -> Iterator[tuple[str, Any]]:
    """The change as a fraction; what it was, too, where the text tells it; for delisted what it is."""
    if move.name == "delisted":
        yield "delisted", bool(move.now)
        return
    if move.name == "stage":
        yield "stage_was", move.before
        return
    if move.change is not None:
        yield move.name, exact(move.change, 3)
    if move.change is None or move.name in TOLD_WHOLE:
        yield f"{move.name}_was", "unknown" if move.before is None else exact(move.before, 3)
