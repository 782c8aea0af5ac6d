"""What separates products, in a few lines: drawn from their figures by the rules stated here, with the numbers.

Nothing is recommended: which difference matters depends on what somebody wants to do with a product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from keyapi_mcp.results.comparison_rows import Row
from keyapi_mcp.results.numbers import percent

# A subject is named from so many times on, and at most so many subjects are; within a tenth, values are alike.
_LEAST_TIMES: Final = 1.5
_MOST_SUBJECTS: Final = 3
_ALIKE: Final = 1.1
# Growth is named when the highest and the lowest are at least so far apart (fraction: 20 points).
_LEAST_GROWTH: Final = 0.2
# The channel that brings so much of the GMV is the main one.
_MAIN: Final = 0.5


def separation(rows: Sequence[Row], letters: Sequence[str]) -> list[str]:
    """The lines. letters: what the products are called, in the order of the rows' values."""
    return [*_widest(rows, letters), *_growth(rows, letters), *_channels(rows, letters), *_alike(rows)]


def _widest(rows: Sequence[Row], letters: Sequence[str]) -> Iterator[str]:
    """Of each subject the metric that is furthest apart, the furthest first; that one has nothing is said once."""
    widest: dict[str, tuple[float, Row]] = {}
    with_nothing: set[int] = set()
    for row in rows:
        if not (row.metric.ratio and row.complete) or max(row.known) <= 0:
            continue
        times = math.inf if row.times is None else row.times
        if times == math.inf:
            if row.lowest() in with_nothing:
                continue
            with_nothing.add(row.lowest())
        if times >= _LEAST_TIMES and times > widest.get(row.metric.subject, (0.0, row))[0]:
            widest[row.metric.subject] = (times, row)
    named = sorted(widest.values(), key=lambda entry: -entry[0])[:_MOST_SUBJECTS]
    if named:
        yield "Furthest apart: " + "; ".join(_extremes(row, letters, times) for times, row in named) + "."


def _extremes(row: Row, letters: Sequence[str], times: float) -> str:
    high, low = row.highest(), row.lowest()
    words = f"{row.metric.heading} {letters[high]} {row.written(high)}, {letters[low]} {row.written(low)}"
    return words if times == math.inf else f"{words} ({times:.1f}×)" if times < 10 else f"{words} ({times:.0f}×)"


def _growth(rows: Sequence[Row], letters: Sequence[str]) -> Iterator[str]:
    for row in rows:
        if row.metric.name == "growth_7d" and row.difference is not None and row.difference >= _LEAST_GROWTH:
            high, low = row.highest(), row.lowest()
            words = (f"{letters[one]} {percent(row.values[one], signed=True)} %" for one in (high, low))
            yield f"Growth 7 d: {', '.join(words)}."


def _channels(rows: Sequence[Row], letters: Sequence[str]) -> Iterator[str]:
    """Only where they differ. A product whose split is unknown is in neither list."""
    shares = {row.metric.name: row.values for row in rows}
    main: dict[str, list[str]] = {}
    for letter, video, live in zip(letters, shares["video_share"], shares["live_share"], strict=False):
        if video is not None and live is not None:
            channel = "video" if video >= max(live, _MAIN) else "live" if live >= _MAIN else "neither"
            main.setdefault(channel, []).append(letter)
    if len(main) > 1:
        lists = (f"{channel} {', '.join(main[channel])}" for channel in ("video", "live", "neither") if channel in main)
        yield f"Half or more of GMV 30 d from: {'; '.join(lists)}."


def _alike(rows: Sequence[Row]) -> Iterator[str]:
    alike = [row.metric.heading for row in rows if row.metric.ratio and row.times and row.times <= _ALIKE]
    if alike:
        yield f"Alike within 10 %: {', '.join(alike)}."
