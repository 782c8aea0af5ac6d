"""What moved of a product, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from keyapi_mcp.research.changes import Move, least_change
from keyapi_mcp.results.numbers import money, percent

# name → (in words, how a value is written)
_WORDS: Final[dict[str, tuple[str, Callable[[float], str]]]] = {
    "price_usd": ("price", lambda value: f"${money(value)}"),
    "units_30d": ("units 30 d", lambda value: f"{value:.0f}"),
    "gmv_30d_usd": ("GMV 30 d", lambda value: f"${value:.0f}"),
    "units_and_gmv_30d": ("units and GMV 30 d", lambda value: f"{value:.0f}"),
    "creators": ("creators", lambda value: f"{value:.0f}"),
    "commission": ("commission", lambda value: f"{percent(value, digits=1)} %"),
}
# Of these, what it was and is says more than the change.
TOLD_WHOLE: Final = ("price_usd", "commission")


def gathered(moved: Sequence[Move]) -> list[Move]:
    """Units and GMV as one where they moved alike, as they do unless the price does."""
    by_name = {move.name: move for move in moved}
    units, gmv = by_name.get("units_30d"), by_name.get("gmv_30d_usd")
    if units is None or gmv is None or units.change is None or gmv.change is None:
        return list(moved)
    if abs(units.change - gmv.change) >= least_change():
        return list(moved)
    together = units._replace(name="units_and_gmv_30d")
    return [together if move is units else move for move in moved if move is not gmv]


def in_words(move: Move, *, digits: int = 1) -> str:
    """For example "price $12.99 → $9.99 (-23.1 %)" or "units 30 d +52 %". digits: of the percentages."""
    if move.name == "delisted":
        return "delisted" if move.now else "on sale again"
    if move.name == "stage":
        return f"stage {move.before} → {move.now}"
    name, written = _WORDS[move.name]
    was, now = ("unknown" if value is None else written(value) for value in (move.before, move.now))
    # A percentage of a percentage would be taken for points.
    if move.change is None or move.name == "commission":
        return f"{name} {was} → {now}"
    change = f"{percent(move.change, digits=digits, signed=True)} %"
    return f"{name} {was} → {now} ({change})" if move.name in TOLD_WHOLE else f"{name} {change}"
