"""From a table of a recipe file to a `Recipe`; what cannot be one is refused with the word at fault and the reason."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from keyapi_mcp.arguments import read_arguments
from keyapi_mcp.clock import day_number
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.query import DIRECTION, MOST_PAGES, SORT, Codes
from keyapi_mcp.recipes.recipe import (
    FILTERS,
    HOWS,
    METRICS,
    SHARES,
    WORDS_OF,
    Condition,
    DaysAgo,
    How,
    Recipe,
)

_KEYS: Final = ("purpose", "origin", "filters", "sort", "direction", "pages", "conditions", "least")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LONGEST_TEXT: Final = 120
# What is needed to read further back than the source goes is a mistake.
_MOST_DAYS: Final = 3_650
_MOST_CONDITIONS: Final = 8
_LARGEST_NUMBER: Final = 10**12
# What stands elsewhere, and where.
_NO_FILTERS: Final = {
    "region": "it is given with each call",
    "pages": "it belongs beside filters",
    "sort": "it belongs beside filters",
    "direction": "it belongs beside filters",
}


class Unusable(Exception):
    """A table that is no recipe. word: what in the file is at fault, empty for the table itself; why: in words."""

    def __init__(self, word: str, why: str) -> None:
        super().__init__(word, why)
        self.word = word
        self.why = why


def parse(name: str, table: object, *, own: bool) -> Recipe:
    """Raises Unusable for the first thing that is wrong."""
    if not isinstance(table, Mapping):
        raise Unusable(name, "has to be a table, for example [my-recipe]")
    if not _NAME.fullmatch(name):
        raise Unusable("", "a name has lower-case letters, digits and hyphens, at most 40")
    for key in table:
        if key not in _KEYS:
            raise Unusable(key, f"{key} is no part of a recipe{_nearest(key, _KEYS)}")
    if "purpose" not in table:
        raise Unusable("", "purpose is missing")
    return Recipe(
        name=name,
        purpose=_text("purpose", table["purpose"]),
        origin=_text("origin", table.get("origin", "own")),
        filters=_filters(table.get("filters", {})),
        sort=_code("sort", table.get("sort", 7), SORT),
        direction=_code("direction", table.get("direction", 1), DIRECTION),
        pages=_whole("pages", table.get("pages", 3), 1, MOST_PAGES),
        conditions=_conditions(table.get("conditions", [])),
        least=_whole("least", table.get("least", 0), 0, 10),
        own=own,
    )


def _nearest(given: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(given.lower()[:60], known, 1, 0.5)
    return f"; the nearest is {near[0]}" if near else ""


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > _LONGEST_TEXT:
        raise Unusable(key, f"{key} has to be one line of text, at most {_LONGEST_TEXT} characters")
    return value.strip()


def _whole(key: str, value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise Unusable(key, f"{key} has to be a whole number from {low} to {high:,}")
    return value


def _code(key: str, value: object, codes: Codes) -> int:
    """A code, or what it means in words."""
    by_word = {meaning.casefold(): code for code, meaning in codes.meanings.items()}
    code = by_word.get(value.strip().casefold()) if isinstance(value, str) else value
    if type(code) is not int or code not in codes.meanings:
        raise Unusable(key, f"{key} has to be one of: {', '.join(codes.meanings.values())}")
    return code


def _filters(table: object) -> dict[str, Any]:
    """Values stay as they are written; whether the service takes them is told by reading them as a call's."""
    if not isinstance(table, Mapping):
        raise Unusable("filters", "filters has to be a table of parameters and values")
    filters: dict[str, Any] = {}
    for name, written in table.items():
        if name not in FILTERS:
            hint = f": {_NO_FILTERS[name]}" if name in _NO_FILTERS else _nearest(name, FILTERS)
            raise Unusable(name, f"{name} is no filter{hint}")
        # TOML has dates of its own.
        value = day_number(written) if name.endswith("_dt") and isinstance(written, date) else written
        filters[name] = _relative(name, value) if isinstance(value, Mapping) else value
        if isinstance(filters[name], DaysAgo):
            continue
        try:
            read_arguments({"region": "US", name: value})
        except InvalidQuery as error:
            raise Unusable(name, error.what.splitlines()[0].rstrip(".")) from None
    for low, high in ((name, name.replace("min_", "max_", 1)) for name in filters if name.startswith("min_")):
        first, last = filters[low], filters.get(high)
        if isinstance(first, DaysAgo) and isinstance(last, DaysAgo) and first.days < last.days:
            raise Unusable(low, f"{low} is after {high}: nothing can match; exchange them")
    plain = {name: value for name, value in filters.items() if not isinstance(value, DaysAgo)}
    try:
        read_arguments({"region": "US", **plain})
    except InvalidQuery as error:  # a minimum above its maximum, two categories at one level
        raise Unusable("filters", error.what.splitlines()[0].rstrip(".")) from None
    return filters


def _relative(name: str, value: Mapping[str, Any]) -> DaysAgo:
    days = value.get("days_ago")
    if not name.endswith("_dt") or set(value) != {"days_ago"} or type(days) is not int or not 0 <= days <= _MOST_DAYS:
        raise Unusable(name, f"{name}: a table can only be a date, as {{ days_ago = 60 }}, at most {_MOST_DAYS:,}")
    return DaysAgo(days)


def _conditions(tables: object) -> tuple[Condition, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        raise Unusable(
            "conditions", 'conditions has to be a list of tables, as [{ metric = "growth_7d", above = 0.3 }]'
        )
    if len(tables) > _MOST_CONDITIONS:
        raise Unusable("conditions", f"there are at most {_MOST_CONDITIONS} conditions")
    read = [_condition(table) for table in tables]
    times = Counter(metric for metric, _, _ in read)
    conditions = tuple(
        Condition(metric, how, value, metric if times[metric] == 1 else f"{metric}.{how}")
        for metric, how, value in read
    )
    if twice := [name for name, count in Counter(one.name for one in conditions).items() if count > 1]:
        raise Unusable(twice[0].partition(".")[0], f"{twice[0].replace('.', ' has two conditions with ')}")
    return conditions


def _condition(table: Mapping[str, Any]) -> tuple[str, How, float | str]:
    metric = table.get("metric")
    if not isinstance(metric, str):
        raise Unusable("conditions", "a condition needs a metric")
    if metric in FILTERS:
        raise Unusable(metric, f"{metric} is a filter of the service and belongs into filters")
    if metric not in METRICS:
        raise Unusable(metric, f"{metric} is no metric{_nearest(metric, METRICS)}")
    hows = [key for key in table if key != "metric"]
    if len(hows) != 1 or hows[0] not in HOWS:
        raise Unusable(metric, f"{metric}: a condition has one of {', '.join(HOWS)}")
    how = hows[0]
    return metric, how, limit(metric, how, table[how])


def limit(metric: str, how: How, value: object) -> float | str:
    """A condition's value. Raises Unusable."""
    if metric in WORDS_OF:
        words = {word.casefold(): word for word in WORDS_OF[metric]}
        found = words.get(value.strip().casefold()) if isinstance(value, str) else None
        if how != "is" or found is None:
            raise Unusable(metric, f"{metric}: is has to be one of {', '.join(WORDS_OF[metric])}")
        return found
    # Also refuses NaN, which no bound holds.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST_NUMBER:
        raise Unusable(metric, f"{metric}: {how} has to be a number, at most {_LARGEST_NUMBER:,}")
    if metric in SHARES and value > 1:
        raise Unusable(
            metric, f"{metric} is a fraction: {value:g} would be {value:.0%}; for {value:g} % write {value / 100:g}"
        )
    return value
