"""A row of numbers as one glyph each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_ABSENT: Final = "·"


def sparkline(values: Sequence[float | None]) -> str:
    """From 0 (the lowest glyph) to the largest of the values (the highest); a dot where there is none."""
    largest = max((value for value in values if value is not None), default=0.0)
    return "".join(_ABSENT if value is None else _LEVELS[_level(value, largest)] for value in values)


def _level(value: float, largest: float) -> int:
    """Only nothing at all is on the lowest level: little is not nothing."""
    if value <= 0 or largest <= 0:
        return 0
    return max(1, min(len(_LEVELS) - 1, round(value / largest * (len(_LEVELS) - 1))))
