"""get_changes: what moved since the day before, or since an earlier one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field

from keyapi_mcp.clock import data_day
from keyapi_mcp.errors import InvalidQuery
from keyapi_mcp.recipes.loading import as_name
from keyapi_mcp.research.change_list import Change, Changes, Scope
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.results.asking_again import ask_again, run_again
from keyapi_mcp.results.change_answer import DEFAULT_ROWS, MOST_ROWS, WatchedProducts, change_answer
from keyapi_mcp.results.recipe_turnover import MOST_MARKETS
from keyapi_mcp.results.untrusted import clean
from keyapi_mcp.tools.base import Hints, Services, ToolSpec
from keyapi_mcp.tools.reading import Region

DESCRIPTION: Final = """\
What moved, by how much and how much it says (high, notable, minor), for 0 credits: price, units, GMV, creators, \
commission, stage, delisting. Compares each product's last state in the store with the data day before it, or with \
the one at `since`. Of watched products also those that did not move, and the call that brings newer figures; of a \
recipe also what is new in it and no longer."""
_DAYS: Final = re.compile(r"(\d{1,4}) ?d(?:ays)?", re.IGNORECASE | re.ASCII)
_DATE: Final = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T.*)?", re.ASCII)


def _since(value: object) -> object:
    """A date, or how many days ago."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (_DAYS.fullmatch(text) or _DATE.fullmatch(text)):
        raise ValueError("must be a day as yyyyMMdd, or days ago as 7d")
    return text


def _folded(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _recipe(value: object) -> object:
    return as_name(value) if isinstance(value, str) else value


_Kind = Literal["watch", "recipe", "all"]
_Scope = Annotated[_Kind, BeforeValidator(_folded)]


class _Arguments(BaseModel):
    scope: Annotated[_Scope, Field(description="Watch list, one recipe's last finds, or all")]
    since: Annotated[
        str | None, BeforeValidator(_since), Field(description="Day, yyyyMMdd or 7d; default: day before")
    ] = None
    recipe: Annotated[str | None, BeforeValidator(_recipe), Field(description="Name, for scope recipe")] = None
    region: Annotated[Region, Field(description="Market, e.g. US")] = None
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS, description="Most rows")] = DEFAULT_ROWS


async def run(services: Services, asked: _Arguments) -> Answer:
    since = None if asked.since is None else _day(asked.since, data_day(services.clock()))
    scope = await _scope(services, asked)
    found = await services.store.watch_list.changes(scope, since, asked.limit)
    return change_answer(
        found,
        scope,
        since,
        asked.limit,
        today=services.clock().astimezone(UTC).date(),
        run_again=_run_again(services, scope, found),
        watched=await _watched(services, scope.region, found.listed) if scope.kind == "watch" else None,
        spending=await services.spending(),
        synthetic=await services.store.synthetic(),
    )


def _by_recipe(services: Services, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recipe's name given as the scope can mean only one thing."""
    given = arguments.get("scope")
    name = as_name(given) if isinstance(given, str) else ""
    if name in get_args(_Kind) or arguments.get("recipe") or name not in services.recipes.by_name:
        return arguments
    return {**arguments, "scope": "recipe", "recipe": name}


def _day(text: str, newest: date) -> date:
    """newest: the data day there is by now."""
    try:
        if ago := _DAYS.fullmatch(text):
            return newest - timedelta(days=int(ago[1]))
        parts = _DATE.fullmatch(text)
        assert parts is not None
        day = date(*map(int, parts.groups()))
    except (ValueError, OverflowError):
        raise InvalidQuery(f"since: {text} is no day of the calendar.", "call again with a day as yyyyMMdd.") from None
    if day > newest:
        raise InvalidQuery(
            f"since: there is no data of {day} yet; the newest is of {newest}.", "call again with an earlier day."
        )
    return day


async def _scope(services: Services, asked: _Arguments) -> Scope:
    if asked.scope != "recipe":
        if asked.recipe:
            raise InvalidQuery(
                f"recipe: goes with scope=recipe only (got scope={asked.scope}).", "call again with one of the two."
            )
        return Scope(asked.scope, region=asked.region)
    known = await services.store.watch_list.recipes_run()
    if asked.recipe not in known:
        what = (
            f"recipe: {clean(asked.recipe)[:60]!r} has not been run as it is yet."
            if asked.recipe
            else "recipe: is required."
        )
        others = (
            f"call again with one of: {', '.join(known)}." if known else "run_recipe runs one; none has been run yet."
        )
        raise InvalidQuery(what, _running(services, asked) or others)
    if asked.region and asked.region not in known[asked.recipe]:
        regions = ", ".join(known[asked.recipe])
        raise InvalidQuery(
            f"recipe: {asked.recipe} has not been run as it is for {asked.region} yet, only for {regions}.",
            _running(services, asked) or "call again with one of those regions.",
        )
    return Scope("recipe", asked.recipe, asked.region)


def _running(services: Services, asked: _Arguments) -> str:
    """The call that runs the recipe; empty where there is none of that name (any more)."""
    if asked.recipe not in services.recipes.by_name:
        return ""
    return f"run_recipe recipe={asked.recipe} region={asked.region or 'US'} runs it for the first time."


def _run_again(services: Services, scope: Scope, found: Changes) -> str:
    """The run that brings newer figures than the last one did, or says why it found none; empty where neither is to do,
    or there is no such recipe now.
    """
    recipe = services.recipes.by_name.get(scope.recipe)
    if recipe is None or not found.turnover:
        return ""
    newest = data_day(services.clock())
    old = [one.last.region for one in found.turnover if one.last.day < newest]
    if not old:
        free = f"run_recipe recipe={recipe.name} region={found.turnover[0].last.region} max_credits=0"
        return "" if found.known else f"{free} shows what each condition removed."
    limit = services.settings.credits_per_call  # what the caller has not chosen costs no more
    most = recipe.pages if limit is None else min(recipe.pages, limit)
    return run_again(recipe.name, old[:MOST_MARKETS], most, newest)


async def _watched(services: Services, region: str | None, listed: Sequence[Change]) -> WatchedProducts:
    store = services.store
    everything = await store.watch_list.everything()
    seen_in = await store.watch_list.regions()
    unseen = [one.product_id for one in everything if one.product_id not in seen_in]
    newest = data_day(services.clock())
    old = {(one.region, one.product_id) for one in listed if one.day < newest}
    return WatchedProducts(
        listed=everything,
        unseen=unseen,
        elsewhere=sum(region not in seen_in[one] for one in seen_in) if region else 0,
        calls=await _calls(services, old, unseen[:MOST_ROWS]),
    )


async def _calls(services: Services, old: set[tuple[str, str]], unseen: Sequence[str]) -> dict[tuple[str, str], str]:
    """What brings newer figures of these, by region and id; unseen ones have no region."""
    store, unit = services.store, services.settings.service_commission_unit
    limit = services.settings.credits_per_call
    ids = [*{product_id for _, product_id in old}, *unseen]
    if not ids:
        return {}
    origins = await store.watch_list.origins(ids, tuple(services.recipes.by_name))
    states = await store.states(ids)
    seen = {(one.region, product_id): one for product_id, found in states.items() for one in found}
    calls = {key: ask_again(origins.get(key), seen.get(key), unit, limit) for key in old}
    # Of one that was pruned it may still be known which recipe returned it.
    calls |= {("", key[1]): ask_again(origin, None, unit, limit) for key, origin in origins.items() if key[1] in unseen}
    return {key: call for key, call in calls.items() if call}


TOOL: Final = ToolSpec.of(
    _Arguments,
    run,
    name="get_changes",
    title="What changed",
    description=DESCRIPTION,
    summary="what moved since the day before or since a day, with severity, for the watch list, a recipe or all (free)",
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
    prepare=_by_recipe,
)
