"""Stage and opportunity score on a product card, each with what it rests on: a line of the text, and facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from keyapi_mcp.product import Product
from keyapi_mcp.research.opportunity import opportunity
from keyapi_mcp.research.stage import place
from keyapi_mcp.results.numbers import compact, exact, percent


def _signed(value: float) -> str:
    return f"{percent(value, signed=True)} %"


def _ratio(value: float) -> str:
    return f"{value:.2g}"


# The metrics that decide a stage: in words, and how a value is written.
_REASONS: Final[dict[str, tuple[str, Callable[[float], str]]]] = {
    "seen_days": ("seen d", compact),
    "lifetime_gmv_usd": ("lifetime GMV $", compact),
    "creators_30d": ("creators 30 d", compact),
    "growth_7d": ("growth 7 d", _signed),
    "growth_30d": ("growth 30 d", _signed),
    "creator_inflow": ("creator inflow", _ratio),
    "video_inflow": ("video inflow", _ratio),
    "gmv_30d_usd": ("GMV 30 d $", compact),
    "momentum": ("momentum", _ratio),
}


def stage_line(product: Product, day: date) -> tuple[str, dict[str, Any]]:
    """The stage, the follow-selling window, and the figures that decided."""
    placed = place(product, day)
    reasons = ", ".join(f"{_REASONS[name][0]} {_REASONS[name][1](value)}" for name, value in placed.reasons.items())
    facts = {"stage": placed.stage, "follow_window": placed.window, "stage_because": reasons}
    window = f", follow window {placed.window}" if placed.window else ""
    because = f" ({reasons})" if reasons else ""
    if placed.stage == "Unclear":
        facts["stage_because"] = because = ""
    return f"Stage: {placed.stage}{window}{because}", {name: value for name, value in facts.items() if value}


def score_line(product: Product, weights: Mapping[str, float], *, own_weights: bool) -> tuple[str, dict[str, Any]]:
    """The score with its parts in points, of how many each, and the signals that are missing."""
    found = opportunity(product, weights)
    missing = f"missing: {', '.join(map(_words, found.missing))}" if found.missing else ""
    if found.score is None:
        told = f"no score, too few signals; {missing}" if missing else "no score"
        return f"Opportunity: {told}", {"opportunity_parts": told}
    whole = sum(weights[name] for name in found.signals)
    parts = ", ".join(
        f"{_words(name)} {signal.points:.0f}/{100 * weights[name] / whole:.0f}"
        for name, signal in found.signals.items()
    )
    whose = ", your weights" if own_weights else ""
    told = f"(a screen, not validated{whose}) {parts}{missing and '; ' + missing}"
    return f"Opportunity {found.score:.0f} of 100 {told}", {
        "opportunity": exact(found.score, 0),
        "opportunity_parts": told,
    }


def _words(signal: str) -> str:
    return {"competition_gap": "gap"}.get(signal, signal)
