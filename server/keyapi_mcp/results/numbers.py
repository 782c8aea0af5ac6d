"""Numbers for reading (text) and for reasoning (structured). Absent is an empty cell or null, never 0."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby


def compact(value: float | None) -> str:
    """Three significant digits at most: 987, 1.2k, 12.3k, 160k, 1.1M."""
    if value is None:
        return ""
    if value < 999.5:
        return f"{value:.3g}"
    for divisor, suffix in ((1e3, "k"), (1e6, "M"), (1e9, "B")):
        if value < 999.5 * divisor or suffix == "B":
            scaled = value / divisor
            text = f"{scaled:.1f}" if scaled < 99.95 else f"{scaled:.0f}"
            return text.removesuffix(".0") + suffix
    raise AssertionError("the last suffix takes all")


def money(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 1000 else f"{value:.0f}"


def percent(fraction: float | None, *, digits: int = 0, signed: bool = False) -> str:
    """A fraction in percent, without the sign: 0.38 → 38, signed +38. Below one percent one digit is kept."""
    if fraction is None:
        return ""
    value = fraction * 100
    if value >= 10_000:
        text = compact(value)
    else:
        text = f"{value:.{digits if abs(value) >= 1 else max(1, digits)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        if text in ("0", "-0"):
            return "0"
    return "+" + text if signed and value > 0 else text


def exact(value: float | None, digits: int = 2) -> float | int | None:
    """For JSON: rounded to the digits that mean something, whole numbers as integers."""
    if value is None or type(value) is int:
        return value
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def ranges(numbers: Sequence[int]) -> str:
    """Rising numbers, those that follow each other as one: 1, 2, 3, 5 → "1–3, 5"."""
    spans = []
    for _, run in groupby(enumerate(numbers), lambda one: one[1] - one[0]):
        members = [number for _, number in run]
        spans.append(f"{members[0]}–{members[-1]}" if len(members) > 1 else f"{members[0]}")
    return ", ".join(spans)


def numbered(what: str, numbers: Sequence[int]) -> str:
    """page, of 1, 2, 3, 5 → "pages 1–3, 5"."""
    return f"{what}{'' if len(numbers) == 1 else 's'} {ranges(numbers)}"
