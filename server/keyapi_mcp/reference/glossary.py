"""What each column and metric means: unit, formula, guard, caveat. One data file; a test finds an entry for each."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Final

_WINDOW: Final = re.compile(r"_(\d+)d(?=_|$)")


@dataclass(frozen=True, slots=True)
class Entry:
    """Empty text where there is nothing to say."""

    name: str
    unit: str
    meaning: str
    formula: str
    guard: str
    caveat: str


@cache
def entries() -> tuple[Entry, ...]:
    """All entries; a name may hold `{n}` for the days of a window or `{x}` for another column."""
    source = resources.files("keyapi_mcp.reference") / "data" / "glossary.csv"
    return tuple(Entry(**row) for row in csv.DictReader(source.read_text(encoding="utf-8").splitlines()))


@cache
def _by_name() -> dict[str, Entry]:
    return {entry.name: entry for entry in entries()}


def explain(column: str) -> Entry | None:
    """The entry of a column, windows and previous values filled in."""
    known = _by_name()
    if column in known:
        return known[column]
    if column.startswith("previous_"):
        other = column.removeprefix("previous_")
        template, of = known["previous_{x}"], explain(other)
        return of and replace(template, name=column, unit=of.unit, meaning=template.meaning.replace("{x}", other))
    window = _WINDOW.search(column)
    template_or_none = known.get(_WINDOW.sub("_{n}d", column)) if window else None
    if window is None or template_or_none is None:
        return None
    return replace(template_or_none, name=column, meaning=template_or_none.meaning.replace("{n}", window[1]))
