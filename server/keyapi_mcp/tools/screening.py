"""Running a recipe, and listing all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keyapi_mcp.arguments import CATEGORY_PARAMETERS, CORRECTED, Asked, read_arguments
from keyapi_mcp.clock import data_day
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.recipes.conditions import measure, screen
from keyapi_mcp.recipes.loading import as_name
from keyapi_mcp.recipes.overrides import override
from keyapi_mcp.recipes.recipe import CATEGORY_FILTERS, Recipe
from keyapi_mcp.reference import categories
from keyapi_mcp.research.turnover import RecipeRun
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.recipe_list import problem_notes, recipe_list, unknown_recipe
from keyapi_mcp.results.recipe_run import Run, run_answer
from keyapi_mcp.results.room import fitted
from keyapi_mcp.results.untrusted import clean
from keyapi_mcp.tools.base import Services
from keyapi_mcp.tools.gathering import corrected, gather, most_credits
from keyapi_mcp.tools.reading import noted

if TYPE_CHECKING:
    from keyapi_mcp.tools.run_recipe import Arguments


async def list_recipes(services: Services) -> Answer:
    """All of them, for nothing."""
    return recipe_list(services.recipes, await services.spending(source="the list of recipes"))


async def run_recipe(services: Services, name: str, asked: Arguments, problems: Sequence[str]) -> Answer:
    """Read the pages, apply the conditions, remember what is found. Raises a KeyApiMcpError.

    problems: what of the call could not be read already.
    """
    recipe, question = _read(services, name, asked, problems)
    limit = services.settings.credits_per_call
    pages, most = asked.pages or recipe.pages, asked.max_credits
    if asked.pages is None and most is None and limit is not None:
        most = min(pages, limit)  # what the caller has not chosen is not refused
    gathered, spending = await gather(services, question.query, pages, most_credits(pages, most, limit))
    products = gathered.listed()
    measured = [measure(product, gathered.day, services.judging.rules) for product in products]
    done = Run(recipe, question.query, gathered, products, measured, screen(recipe.conditions, measured))
    # What it finds by other numbers or in a category is not what it finds by its name.
    if not recipe.overridden and asked.category is None:
        await _remember(services, done, pages)
    return run_answer(
        done,
        spending,
        now=services.clock(),
        notes=question.notes,
        problems=tuple(problem_notes(services.recipes)),
        synthetic=services.settings.sandbox,
    )


async def _remember(services: Services, done: Run, wanted: int) -> None:
    """wanted: pages."""
    gathered = done.gathered

    def ids(positions: Sequence[int]) -> tuple[str, ...]:
        return tuple(done.products[position].product_id for position in positions)

    run = RecipeRun(
        done.query.region,
        gathered.day,
        services.clock(),
        gathered.depth(wanted),
        ids(done.screened.kept),
    )
    await services.store.note_run(done.recipe.name, ids(done.found), len(gathered.pages), run)


def _read(services: Services, name: str, asked: Arguments, problems: Sequence[str]) -> tuple[Recipe, Asked]:
    """The recipe with the call's own numbers, and what to ask the service.

    Raises InvalidQuery with everything that is missing or wrong; nothing was sent then.
    """
    told, next_step = list(problems), CORRECTED
    recipe = services.recipes.by_name.get(as_name(name))  # however it is written
    question = None
    if recipe is None:
        unknown = unknown_recipe(name, services.recipes)
        told.append(unknown.what)
        next_step = unknown.next_step
    else:
        with noted(told):
            recipe = override(recipe, asked.overrides)
    given: dict[str, Any] = {} if recipe is None else recipe.arguments(data_day(services.clock()))
    if asked.category is not None:
        given = {name: value for name, value in given.items() if name not in CATEGORY_FILTERS}
        with noted(told):
            given |= _category(asked.category)
    if asked.region is None:
        told.append(
            f"region: is needed to run {recipe.name if recipe else 'a recipe'}, for example US. Nothing was sent."
        )
    with noted(told):
        question = read_arguments({"region": asked.region or "US", **given})
    if told or recipe is None or question is None:
        raise InvalidQuery("\n".join(told), corrected(told, services.settings.credits_per_call, next_step))
    return recipe, question


def _category(value: str) -> dict[str, str]:
    """A category of any level at the parameter of its own. Raises InvalidQuery with those that may be meant."""
    resolved = categories.resolve(value, 1)
    if resolved.id is not None:
        return {CATEGORY_PARAMETERS[resolved.level]: resolved.id}
    near = "; ".join(f"{categories.path(one)} = {one.id}" for one in resolved.candidates)
    shown = fitted(clean(value[:100]).replace('"', "'"), 15)
    raise InvalidQuery(
        f'category: "{shown}" is no single category. '
        + (f"Near: {near}." if near else "find_categories looks them up for 0 credits.")
    )
