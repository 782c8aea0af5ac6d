"""The derived figures of a product card: each worded for the text, and rounded under its own name for the facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyapi_mcp.results.numbers import exact, percent


@dataclass(frozen=True, slots=True)
class _Figure:
    """name: as the store, the glossary and the facts call it; words: with `{}` for the value; digits: of the fact."""

    name: str
    words: str
    written: Callable[[float], str]
    digits: int


# Without separators between thousands: three digits make a token, a separator makes another.
def _signed(value: float) -> str:
    return percent(value, signed=True)


def _percent(value: float) -> str:
    return percent(value, digits=1)


def _ratio(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _dollars(value: float) -> str:
    return f"{value:.2f}" if value < 1000 else f"{value:.0f}"


def _count(value: float) -> str:
    return f"{value:.0f}"


_GROUPS: Final[tuple[tuple[str, tuple[_Figure, ...]], ...]] = (
    (
        "Movement",
        (
            _Figure("growth_7d", "growth 7 d {} %", _signed, 3),
            _Figure("growth_30d", "30 d {} %", _signed, 3),
            _Figure("creator_inflow", "creator inflow {}", _ratio, 2),
        ),
    ),
    (
        "Channels of GMV 30 d",
        (
            _Figure("video_share", "video {} %", percent, 3),
            _Figure("live_share", "live {} %", percent, 3),
            _Figure("other_share", "other {} %", percent, 3),
        ),
    ),
    (
        "Payoff",
        (
            _Figure("commission", "commission {} %", _percent, 3),
            _Figure("usd_per_sale", "${} a sale", _dollars, 2),
            _Figure("commission_pool_usd", "pool 30 d ≤ ${}", _dollars, 0),
            _Figure("gmv_per_creator_usd", "GMV ${} a creator", _dollars, 0),
        ),
    ),
    (
        "Quality",
        (
            _Figure("rating", "{} stars", _ratio, 1),
            _Figure("reviews", "{} reviews", _count, 0),
        ),
    ),
)


def figure_lines(metrics: Mapping[str, float | None]) -> tuple[list[str], dict[str, Any]]:
    """A line a group, and the facts; what is unknown is in neither."""
    lines, facts = [], {}
    for group, figures in _GROUPS:
        words = []
        for figure in figures:
            value = metrics[figure.name]
            if value is not None:
                words.append(figure.words.format(figure.written(value)))
                facts[figure.name] = exact(value, figure.digits)
        lines.append(f"{group}: {', '.join(words) or 'unknown'}")
    return lines, facts
