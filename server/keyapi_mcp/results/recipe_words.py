"""A recipe in words: its filters and its conditions, with their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyapi_mcp.arguments import read_arguments
from keyapi_mcp.query import SORT, Range, meaning
from keyapi_mcp.recipes.recipe import Condition, DaysAgo, How, Recipe
from keyapi_mcp.reference.glossary import explain
from keyapi_mcp.results.numbers import percent
from keyapi_mcp.results.scope import category_words, filters

_HOWS: Final[Mapping[How, str]] = {"min": "≥", "above": "above", "max": "≤", "below": "below", "is": "is"}


def metric_words(metric: str) -> str:
    """`growth_7d` → growth 7 d; the unit is with the value."""
    if metric == "usd_per_sale":
        return "USD per sale"
    words = [part for part in metric.split("_") if part != "usd"]
    spaced = [f"{word[:-1]} d" if word[:-1].isdigit() and word.endswith("d") else word for word in words]
    return " ".join(spaced).replace("gmv", "GMV")


def amount(metric: str, value: float | str | None) -> str:
    """A metric's value with its unit."""
    if value is None or isinstance(value, str):
        return value or "unknown"
    about = explain(metric)
    if about is not None and about.unit == "fraction":
        return f"{percent(value, digits=1)} %"
    if about is not None and about.unit == "USD":
        return f"${value:,.2f}".removesuffix(".00")
    return f"{value:,.3g}" if abs(value) < 1_000 else f"{value:,.0f}"


def condition_words(condition: Condition) -> str:
    return f"{metric_words(condition.metric)} {_HOWS[condition.how]} {amount(condition.metric, condition.value)}"


def filter_words(recipe: Recipe) -> list[str]:
    """Its filters, whatever the day is."""
    plain = {name: value for name, value in recipe.filters.items() if not isinstance(value, DaysAgo)}
    query = read_arguments({"region": "US", **plain}).query
    words = filters(query) + category_words(query)
    for name, value in recipe.filters.items():
        about = meaning(name)
        if isinstance(value, DaysAgo) and isinstance(about, Range):
            words.append(f"{about.label} {'in' if name.startswith('min_') else 'before'} the last {value.days} d")
    return words


def screen_words(recipe: Recipe) -> str:
    """Filters; conditions; sort."""
    else_best = ", else the ten best" if recipe.least else ""
    conditions = ", ".join(map(condition_words, recipe.conditions)) + else_best if recipe.conditions else ""
    rising = "" if recipe.direction else ", rising"
    sort = f"by {SORT.meanings[recipe.sort]}{rising}"
    return "; ".join(filter(None, (", ".join(filter_words(recipe)), conditions, sort)))
