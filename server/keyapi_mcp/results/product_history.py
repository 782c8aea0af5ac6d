"""What moved since a product was first seen, and since the day before: in words and as facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from keyapi_mcp.research.changes import Move, least_change, moves, state
from keyapi_mcp.research.history import Seen, Sight
from keyapi_mcp.research.stage import place
from keyapi_mcp.results.numbers import exact, money, percent

# name → (in words, how a value is written)
_WORDS: Final[dict[str, tuple[str, Callable[[float], str]]]] = {
    "price_usd": ("price", lambda value: f"${money(value)}"),
    "units_30d": ("units 30 d", lambda value: f"{value:.0f}"),
    "gmv_30d_usd": ("GMV 30 d", lambda value: f"${value:.0f}"),
    "units_and_gmv_30d": ("units and GMV 30 d", lambda value: f"{value:.0f}"),
    "creators": ("creators", lambda value: f"{value:.0f}"),
    "commission": ("commission", lambda value: f"{percent(value, digits=1)} %"),
}
# Of these, what it was says more than the change.
_TOLD_WHOLE: Final = ("price_usd", "commission")


def history(seen: Seen, first: Sight | None, previous: Sight | None) -> tuple[str, dict[str, Any]]:
    """The line and the facts. first, previous: the first kept day and the last but one."""
    facts: dict[str, Any] = {"days": seen.days, "first_day": seen.first_day.isoformat()}
    if first is None and seen.days == 1:
        return f"History: seen on one day only, {seen.day}; nothing to compare with.", facts
    line = f"History: seen on {seen.days} days since {seen.first_day}."
    if first is None:
        return f"{line} The figures of earlier days are not kept any more.", facts
    facts["change_since"] = {}
    for sight in (first, previous) if previous is not None and previous.day > first.day else (first,):
        moved = _gathered(moves(_state(sight), _state(seen)))
        words = "; ".join(_in_words(move) for move in moved) or f"nothing moved by {least_change():.0%} or more"
        line += f" Since {sight.day}: {words}."
        facts["change_since"][sight.day.isoformat()] = dict(chain.from_iterable(map(_as_facts, moved)))
    return line, facts


def _state(seen: Seen | Sight) -> dict[str, Any]:
    return state(seen.product) | {"stage": place(seen.product, seen.day).stage}


def _gathered(moved: Sequence[Move]) -> list[Move]:
    """Units and GMV as one where they moved alike, as they do unless the price does."""
    by_name = {move.name: move for move in moved}
    units, gmv = by_name.get("units_30d"), by_name.get("gmv_30d_usd")
    if units is None or gmv is None or units.change is None or gmv.change is None:
        return list(moved)
    if abs(units.change - gmv.change) >= least_change():
        return list(moved)
    together = units._replace(name="units_and_gmv_30d")
    return [together if move is units else move for move in moved if move is not gmv]


def _in_words(move: Move) -> str:
    if move.name == "delisted":
        return "delisted" if move.now else "on sale again"
    if move.name == "stage":
        return f"stage {move.before} → {move.now}"
    name, written = _WORDS[move.name]
    was = "unknown" if move.before is None else written(move.before)
    if move.change is None:
        return f"{name} was {was}{' and is unknown now' if move.now is None else ''}"
    return (
        f"{name} {percent(move.change, digits=1, signed=True)} %{f' (was {was})' if move.name in _TOLD_WHOLE else ''}"
    )


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
    if move.change is None or move.name in _TOLD_WHOLE:
        yield f"{move.name}_was", "unknown" if move.before is None else exact(move.before, 3)
