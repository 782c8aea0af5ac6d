"""run_recipe: a named screen over a few pages of a search; without a name, the list of all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field

from keyapi_mcp.arguments import CORRECTED
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.flat_schema import flat_schema
from keyapi_mcp.query import MOST_PAGES, Whole
from keyapi_mcp.recipes.loading import shipped_names
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.settings import Settings
from keyapi_mcp.tools.base import Hints, Services, ToolSpec
from keyapi_mcp.tools.reading import read_what_can_be

DESCRIPTION: Final = (
    f"Run a named screen: {', '.join(shipped_names())}, or one of the user's own. Reads a few pages of the service, "
    "then keeps rows by metrics that it cannot filter by (growth, momentum, USD per sale, shares, stage), and tells "
    "every number used and what each condition removed. Without recipe: lists all with their numbers, 0 credits. "
    "A run costs 1 credit a page, 0 for pages already kept."
)

# Commas part overrides only where another one begins: "min_review_count=1,000" has one of its own.
_BETWEEN: Final = re.compile(r"[,;\n]\s*(?=[\w.]+\s*=)")


def _overrides(value: object) -> object:
    """A list of `name=value`; also one text of several, JSON in a text, or a mapping, as models send it."""
    if isinstance(value, str):
        text = value.strip()
        if text[:1] in ("[", "{"):
            try:
                return _overrides(json.loads(text))
            except (ValueError, RecursionError):
                return value
        return [part.strip() for part in _BETWEEN.split(text) if part.strip()]
    if isinstance(value, Mapping):
        return [f"{name}={given}" for name, given in value.items() if given is not None]
    return value


def _text(value: object) -> object:
    """An id that came as a number."""
    return str(value) if type(value) is int else value


class Arguments(BaseModel):
    """What a call may say."""

    recipe: Annotated[str | None, Field(description="Name of a recipe; left out = list them")] = None
    region: Annotated[str | None, Field(description="Market, e.g. US; needed to run")] = None
    category: Annotated[
        str | None, BeforeValidator(_text), Field(description="Category of any level: id or English name")
    ] = None
    pages: Annotated[
        Annotated[int, Field(ge=1, le=MOST_PAGES)] | None,
        Whole,
        Field(description="Pages of 10 products to read, by default the recipe's"),
    ] = None
    max_credits: Annotated[
        Annotated[int, Field(ge=0)] | None,
        Whole,
        Field(description="Most credits to spend, by default pages; 0 = kept pages only"),
    ] = None
    overrides: Annotated[
        list[str],
        BeforeValidator(_overrides),
        Field(
            max_length=30,
            description="Own numbers by name, e.g. growth_7d=0.5, min_total_sale_30d_cnt=500; =off drops one",
        ),
    ] = []


async def run(services: Services, arguments: Mapping[str, Any]) -> Answer:
    # Imported here, so that a client that only lists the tools does not wait for it.
    from keyapi_mcp.tools.screening import list_recipes, run_recipe

    asked, problems = read_what_can_be(Arguments, arguments)
    assert asked is not None  # none of them is required
    if asked.recipe is not None and asked.recipe.strip():
        return await run_recipe(services, asked.recipe, asked, problems)
    if problems:
        raise InvalidQuery("\n".join(problems), CORRECTED)
    return await list_recipes(services)


def _schema(_settings: Settings) -> dict[str, Any]:
    return flat_schema(Arguments)


TOOL: Final = ToolSpec(
    name="run_recipe",
    title="Run a named screen",
    description=DESCRIPTION,
    summary="ten named screens, or your own, with every number shown (1 credit a page, 0 when kept; the list is free)",
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=True),
    input_schema=_schema,
    run=run,
)
