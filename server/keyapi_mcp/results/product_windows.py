"""A product's windows: what the last days and the lifetime add up to, with the daily run rate between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from keyapi_mcp.product import WINDOWS, Product, Window
from keyapi_mcp.research.growth import daily_run_rates
from keyapi_mcp.results.answer import Cell, Table
from keyapi_mcp.results.numbers import exact
from keyapi_mcp.results.sparkline import sparkline

LIFETIME: Final = "life"


def _creators(product: Product, days: Window | None) -> float | None:
    return product.creators if days is None else product.creators_active(days)


# (heading in the text, name in structured content, what it reads)
_COLUMNS: Final[tuple[tuple[str, str, Callable[[Product, Window | None], float | None]], ...]] = (
    ("units", "units", lambda product, days: product.units(days)),
    ("gmv $", "gmv_usd", lambda product, days: product.gmv(days)),
    ("videos", "videos", lambda product, days: product.videos(days)),
    ("lives", "lives", lambda product, days: product.lives(days)),
    ("creators", "creators", _creators),
    ("views", "views", lambda product, days: product.views(days)),
)


def run_rates(product: Product, seen_days: int | None) -> tuple[float | None, ...]:
    """Units a day in the days that each window has beyond the next shorter one, shortest window first.

    seen_days: since the source first saw the product. Days before that have no rate, not a rate of 0.
    """
    rates = daily_run_rates(product)
    if rates is None:
        return (None,) * len(WINDOWS)
    starts = (0, *WINDOWS[:-1])
    return tuple(
        None if not rate and seen_days is not None and seen_days < start else rate
        for rate, start in zip(reversed(rates), starts, strict=True)
    )


def windows_table(product: Product, rates: tuple[float | None, ...]) -> Table:
    """A row for each window and one for the lifetime. Both forms have the same figures, in whole units and dollars."""
    rows: list[tuple[Cell, ...]] = []
    for days, rate in zip((*WINDOWS, None), (*rates, None), strict=True):
        units, *others = (_whole(read(product, days)) for _, _, read in _COLUMNS)
        rows.append((f"{days}d" if days else LIFETIME, units, _rounded(rate), *others))
    headings = ("window", "units", "a day", *(heading for heading, _, _ in _COLUMNS[1:]))
    text = "\n".join("|".join("" if cell is None else str(cell) for cell in row) for row in (headings, *rows))
    return Table(("window", "units", "units_a_day", *(name for _, name, _ in _COLUMNS[1:])), tuple(rows), text)


def run_rate_line(rates: tuple[float | None, ...]) -> str:
    """What the table's second column of units means, and how it runs."""
    if not any(rate is not None for rate in rates):
        return "Units a day: unknown (a window is missing or contradicts another)."
    return f"Units a day from 90 d ago to the newest: {sparkline(rates[::-1])}"


def _whole(value: float | None) -> Cell:
    # Digits without separators: three make a token, so that exact figures are shorter than rounded ones.
    return None if value is None else round(value)


def _rounded(rate: float | None) -> Cell:
    return None if rate is None else exact(rate, 1 if rate < 10 else 0)
