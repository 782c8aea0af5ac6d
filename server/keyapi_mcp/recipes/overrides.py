"""A call's own numbers in place of a recipe's: `name=value`, read leniently, refused with what helps."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from keyapi_mcp.arguments import nearest_name
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.query import plain_number
from keyapi_mcp.recipes.parsing import Unusable, limit
from keyapi_mcp.recipes.recipe import CATEGORY_FILTERS, FILTERS, WORDS_OF, Condition, DaysAgo, Recipe

# What a value may be to take a filter or condition away.
OFF: Final = "off"
_DAYS: Final = re.compile(r"(\d{1,4}) ?d(?:ays?)?(?: ago)?", re.IGNORECASE)
_ARGUMENTS: Final = {
    "region": "region",
    "pages": "pages",
    "max_credits": "max_credits",
    "category": "category",
} | dict.fromkeys(CATEGORY_FILTERS, "category")


class _Unknown(ValueError):
    """A name that is neither one of the recipe's nor a filter."""


def override(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """The recipe with these values in force. Raises InvalidQuery with a line for each that cannot be."""
    own = {one.name: one for one in recipe.conditions}
    filters, conditions = dict(recipe.filters), dict(own)
    problems, changed = [], []
    its_own = f" Its own are {', '.join(names(recipe)) or 'none; filters of search_products can be added'}."
    for text in overrides:
        name, separator, value = (part.strip() for part in text.partition("="))
        try:
            if not (name and separator and value):
                raise ValueError("an override is written name=value, for example " + _example(recipe))
            if name in own:
                _change_condition(conditions, own[name], value)
            elif name in FILTERS and name not in CATEGORY_FILTERS:
                _change_filter(filters, name, value)
            elif name in _ARGUMENTS:
                raise ValueError(f"{_ARGUMENTS[name]} is an argument of the call itself")
            else:
                raise _Unknown(_unknown(recipe, name))
            changed.append(name)
        except _Unknown as error:
            problems.append(f'overrides "{_line(text)}": {error}.{its_own}')
            its_own = ""  # the whole list once
        except ValueError as error:
            problems.append(f'overrides "{_line(text)}": {error}.')
    if problems:
        raise InvalidQuery("\n".join(problems), "call again with these corrected.")
    return replace(
        recipe,
        filters=filters,
        conditions=tuple(conditions.values()),
        overridden=tuple(dict.fromkeys(changed)),
    )


def names(recipe: Recipe) -> tuple[str, ...]:
    """What of a recipe can be overridden; a category is an argument of the call."""
    return (
        *(name for name in recipe.filters if name not in CATEGORY_FILTERS),
        *(one.name for one in recipe.conditions),
    )


def _change_condition(conditions: dict[str, Condition], condition: Condition, value: str) -> None:
    """condition: as the recipe has it."""
    if value.casefold() == OFF:
        conditions.pop(condition.name, None)
        return
    given = value if condition.metric in WORDS_OF else _number(value)
    try:
        conditions[condition.name] = replace(condition, value=limit(condition.metric, condition.how, given))
    except Unusable as error:
        raise ValueError(error.why) from None


def _change_filter(filters: dict[str, Any], name: str, value: str) -> None:
    """What the service does not take is told when the whole question is read."""
    if value.casefold() == OFF:
        filters.pop(name, None)
    elif name.endswith("_dt") and (days := _DAYS.fullmatch(value)):
        filters[name] = DaysAgo(int(days[1]))
    else:
        filters[name] = value


def _number(text: str) -> float:
    """A number; "30%" can mean only one thing, so it is taken."""
    percent = text.endswith("%")
    try:
        number = plain_number(text.removesuffix("%"))
    except ValueError:
        raise ValueError("the value has to be a number, or off") from None
    if not math.isfinite(number):
        raise ValueError("the value has to be a number, or off")
    number = number / 100 if percent else number
    return int(number) if number.is_integer() else number


def _unknown(recipe: Recipe, name: str) -> str:
    near = nearest_name(name, (*names(recipe), *FILTERS))
    nearest = f"; the nearest is {near}" if near else ""
    return f"{recipe.name} has nothing of this name{nearest}"


def _example(recipe: Recipe) -> str:
    return f"{recipe.conditions[0].name if recipe.conditions else next(iter(recipe.filters), 'min_review_count')}=…"


def _line(text: str) -> str:
    """What the caller wrote, short and on one line."""
    line = "".join(character for character in " ".join(text.split()) if character.isprintable()).replace('"', "'")
    return line if len(line) <= 60 else line[:59] + "…"
