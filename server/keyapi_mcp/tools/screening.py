"""Running a recipe, and listing all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyapi_mcp.arguments import CATEGORY_PARAMETERS, Asked, read_arguments
from keyapi_mcp.clock import data_day
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.recipes.conditions import measure, screen
from keyapi_mcp.recipes.loading import Recipes, as_name
from keyapi_mcp.recipes.overrides import override
from keyapi_mcp.recipes.recipe import CATEGORY_FILTERS, Recipe
from keyapi_mcp.reference import categories
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.recipe_list import problem_notes, recipe_list, unknown_recipe
from keyapi_mcp.results.recipe_run import Run, run_answer
from keyapi_mcp.results.room import fitted
from keyapi_mcp.results.untrusted import clean
from keyapi_mcp.tools.base import Services
from keyapi_mcp.tools.gathering import gather, most_credits

if TYPE_CHECKING:
    from keyapi_mcp.tools.run_recipe import Arguments


async def list_recipes(services: Services) -> Answer:
    """All of them, for nothing."""
    return recipe_list(services.recipes, await services.spending(source="the list of recipes"))


async def run_recipe(services: Services, name: str, asked: Arguments) -> Answer:
    """Read the pages, apply the conditions, remember what is found. Raises a KeyApiMcpError."""
    recipe = override(_recipe(name, services.recipes), asked.overrides)
    question = _question(recipe, asked, services)
    limit = services.settings.credits_per_call
    pages, most = asked.pages or recipe.pages, asked.max_credits
    if asked.pages is None and most is None and limit is not None:
        most = min(pages, limit)  # what the caller has not chosen is not refused
    gathered, spending = await gather(services, question.query, pages, most_credits(pages, most, limit))
    products = gathered.listed()
    measured = [measure(product, gathered.day, services.judging.rules) for product in products]
    done = Run(recipe, question.query, gathered, products, measured, screen(recipe.conditions, measured))
    # Its name alone does not ask again for what it found by other numbers or in a category.
    by_name_alone = not recipe.overridden and asked.category is None
    await services.store.note_finds(
        recipe.name,
        question.query.region,
        [products[position].product_id for position in done.found],
        gathered.day,
        len(gathered.pages) if by_name_alone else 0,
    )
    return run_answer(
        done,
        spending,
        now=services.clock(),
        notes=question.notes,
        problems=tuple(problem_notes(services.recipes)),
        synthetic=services.settings.sandbox,
    )


def _recipe(name: str, recipes: Recipes) -> Recipe:
    """By its name, however it is written. Raises InvalidQuery with the list of all."""
    found = recipes.by_name.get(as_name(name))
    if found is None:
        raise unknown_recipe(name, recipes)
    return found


def _question(recipe: Recipe, asked: Arguments, services: Services) -> Asked:
    """What to ask the service. Raises InvalidQuery for what is missing or wrong; nothing was sent then."""
    if asked.region is None:
        raise InvalidQuery(
            f"region: is needed to run {recipe.name}, for example US. Nothing was sent.", "call again with a region."
        )
    given = recipe.arguments(data_day(services.clock()))
    if asked.category is not None:
        given = {name: value for name, value in given.items() if name not in CATEGORY_FILTERS}
        given |= _category(asked.category)
    return read_arguments({"region": asked.region, **given})


def _category(value: str) -> dict[str, str]:
    """A category of any level at the parameter of its own. Raises InvalidQuery with those that may be meant."""
    resolved = categories.resolve(value, 1)
    if resolved.id is not None:
        return {CATEGORY_PARAMETERS[resolved.level]: resolved.id}
    near = "; ".join(f"{categories.path(one)} = {one.id}" for one in resolved.candidates)
    shown = fitted(clean(value[:100]).replace('"', "'"), 15)
    raise InvalidQuery(
        f'category: "{shown}" is no single category.' + (f" Near: {near}." if near else "") + " Nothing was sent.",
        "call again with an id" + ("." if near else "; find_categories looks them up for 0 credits."),
    )
