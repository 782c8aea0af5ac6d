"""All recipes with what they are for and their numbers: as an answer, and, shorter, for a name that is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.recipes.loading import RECIPES_FILE, Recipes
from keyapi_mcp.recipes.overrides import names
from keyapi_mcp.recipes.recipe import Recipe
from keyapi_mcp.results.answer import Answer, Spending, Table
from keyapi_mcp.results.recipe_words import screen_words
from keyapi_mcp.results.room import fitted, own_tokens
from keyapi_mcp.results.untrusted import clean, clean_message

# Of either form; recipes beyond are named only, and beyond those, counted.
_MOST_TOKENS: Final = 950
_MOST_ROWS: Final = 30
_MOST_NAMES: Final = 20
_MOST_PROBLEMS: Final = 3
_PURPOSE_TOKENS: Final = 30
_COLUMNS: Final = ("recipe", "purpose", "filters; conditions; sort", "pages")


def recipe_list(recipes: Recipes, spending: Spending) -> Answer:
    """The list of all recipes, the user's own first."""
    listed = sorted(recipes.by_name.values(), key=lambda recipe: not recipe.own)
    for rows in range(min(len(listed), _MOST_ROWS), 1, -1):
        answer = _list(listed, rows, recipes, spending)
        if own_tokens(answer.text(), answer.structured()) <= _MOST_TOKENS:
            return answer
    return _list(listed, 1, recipes, spending)


def _list(listed: list[Recipe], rows: int, recipes: Recipes, spending: Spending) -> Answer:
    own = sum(recipe.own for recipe in listed)
    cells = tuple((one.name, purpose_words(one), screen_words(one), one.pages) for one in listed[:rows])
    text = "\n".join("|".join(map(str, row)) for row in (_COLUMNS, *cells))
    named = dict.fromkeys(name for recipe in listed[:rows] for name in names(recipe))
    notes = [f"Names for overrides: {', '.join(named)}."] if named else []
    yours = [recipe.name for recipe in listed[:rows] if recipe.own]
    if yours:
        notes.append(f"From your own {RECIPES_FILE}: {', '.join(yours)}.")
    if beyond := [recipe.name for recipe in listed[rows:]]:
        more = f" and {len(beyond) - _MOST_NAMES} more" if len(beyond) > _MOST_NAMES else ""
        notes.append(f"Not shown here: {', '.join(beyond[:_MOST_NAMES])}{more}.")
    return Answer(
        scope=f"Recipes: {len(listed)} named screens"
        + (f", {own} of them your own" if own else "")
        + " · each number can be overridden by its name",
        table=Table(_COLUMNS, cells, text),
        notes=[*notes, *problem_notes(recipes)],
        next_step="recipe and region run one, for 1 credit a page.",
        spending=spending,
    )


def purpose_words(recipe: Recipe) -> str:
    return fitted(clean(recipe.purpose), _PURPOSE_TOKENS)


def problem_notes(recipes: Recipes) -> Iterator[str]:
    """What of the user's file cannot be used."""
    for problem in recipes.problems[:_MOST_PROBLEMS]:
        yield f"Not usable: {fitted(clean_message(problem), 80)}"
    if (more := len(recipes.problems) - _MOST_PROBLEMS) > 0:
        yield f"Not usable either: {more} more of {RECIPES_FILE}."


def unknown_recipe(name: str, recipes: Recipes) -> InvalidQuery:
    """What to raise for a name that is none, with all that are."""
    shown = fitted(clean(name[:100]).replace('"', "'"), 15)
    near = difflib.get_close_matches(name[:60].casefold(), recipes.by_name, 1)
    nearest = f" The nearest is {near[0]}." if near else ""
    known = list(recipes.by_name.values())

    def told(rows: int) -> str:
        names = [f"{one.name}: {purpose_words(one)}" for one in known[:rows]]
        more = [f"and {len(known) - rows} more."] if len(known) > rows else []
        return "\n".join(
            [f'recipe: there is no "{shown}".{nearest} There are:', *names, *more, *problem_notes(recipes)]
        )

    fitting = (rows for rows in range(min(len(known), _MOST_ROWS), 1, -1) if own_tokens(told(rows), {}) <= _MOST_TOKENS)
    return InvalidQuery(
        told(next(fitting, 1)), "call again with one of these names; without a recipe all their numbers are listed."
    )
