"""The watch list: what the user watches, and what returned it last. Ids need not be known to the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from keyapi_mcp.research.change_list import Origin, Watched
from keyapi_mcp.store.lookup import REGIONS
from keyapi_mcp.store.schema import products, recipe_finds, recipe_runs, searches, watched

_THESE: Final = watched.c.product_id.in_(bindparam("ids", expanding=True))
_put = insert(watched)
_ADD: Final = _put.on_conflict_do_nothing()
_ADD_WITH_NOTE: Final = _put.on_conflict_do_update(index_elements=["product_id"], set_={"note": _put.excluded.note})
_ALL: Final = select(watched.c.product_id, watched.c.note).order_by(watched.c.added_at, watched.c.product_id)
_SEEN: Final = (
    select(products.c.product_id, products.c.region)
    .join(REGIONS, products.c.region == REGIONS.c.region)
    .where(products.c.product_id.in_(select(watched.c.product_id)))
    .order_by(products.c.region)
)
_FINDS: Final = (
    select(
        recipe_finds.c.product_id,
        recipe_finds.c.region,
        recipe_finds.c.recipe,
        recipe_finds.c.pages,
        recipe_finds.c.data_day,
    )
    .where(
        recipe_finds.c.product_id.in_(bindparam("ids", expanding=True)),
        recipe_finds.c.recipe.in_(bindparam("recipes", expanding=True)),
        recipe_finds.c.pages > 0,
    )
    # The last one counts; of several that are as new, the cheapest.
    .order_by(recipe_finds.c.data_day, recipe_finds.c.pages.desc(), recipe_finds.c.recipe.desc())
)
_SEARCHES: Final = (
    select(products.c.product_id, products.c.region, searches.c.key, searches.c.data_day)
    .join(REGIONS, products.c.region == REGIONS.c.region)
    .join(searches, searches.c.id == products.c.last_search)
    .where(products.c.product_id.in_(bindparam("ids", expanding=True)))
)


def add(connection: Connection, ids: Sequence[str], note: str | None, now: datetime) -> frozenset[str]:
    """Watch these; returns those that were not watched before. note: `None` leaves the notes as they are."""
    before = _those_of(connection, ids)
    rows = [{"product_id": one, "added_at": now.timestamp(), "note": note} for one in ids]
    connection.execute(_ADD if note is None else _ADD_WITH_NOTE, rows)
    return frozenset(ids) - before


def remove(connection: Connection, ids: Sequence[str]) -> frozenset[str]:
    """Watch these no more; returns those that were watched."""
    before = _those_of(connection, ids)
    connection.execute(delete(watched).where(_THESE), {"ids": list(ids)})
    return before


def _those_of(connection: Connection, ids: Sequence[str]) -> frozenset[str]:
    return frozenset(connection.execute(select(watched.c.product_id).where(_THESE), {"ids": list(ids)}).scalars())


def everything(connection: Connection) -> tuple[Watched, ...]:
    """The whole list, in the order in which it was made."""
    return tuple(Watched(row.product_id, row.note or "") for row in connection.execute(_ALL))


def regions(connection: Connection) -> dict[str, tuple[str, ...]]:
    """The regions in which each watched product was seen; without those that never were."""
    found: dict[str, tuple[str, ...]] = {}
    for product_id, region in connection.execute(_SEEN):
        found[product_id] = (*found.get(product_id, ()), region)
    return found


def origins(connection: Connection, ids: Sequence[str], recipes: Sequence[str]) -> dict[tuple[str, str], Origin]:
    """By region and id, what returned these products last. recipes: those that there are, and that can be run again.

    A recipe's pages are searches, too: of the same day, it is the recipe.
    """
    found: dict[tuple[str, str], Origin] = {}
    days: dict[tuple[str, str], int] = {}
    for product_id, region, key, day in connection.execute(_SEARCHES, {"ids": list(ids)}):
        found[region, product_id], days[region, product_id] = Origin(region=region, key=key), day
    finds = connection.execute(_FINDS, {"ids": list(ids), "recipes": list(recipes)})
    for product_id, region, recipe, pages, day in finds:
        if day >= days.get((region, product_id), 0):
            found[region, product_id] = Origin(recipe, region, pages)
    return found


def recipes_run(connection: Connection) -> dict[str, list[str]]:
    """Recipes that were run by their name alone → the regions in which they were."""
    found: dict[str, list[str]] = {}
    pair = (recipe_runs.c.recipe, recipe_runs.c.region)
    for recipe, region in connection.execute(select(*pair).distinct().order_by(*pair)):
        found.setdefault(recipe, []).append(region)
    return found
