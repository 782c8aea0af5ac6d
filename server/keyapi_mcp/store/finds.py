"""Which products a recipe has returned, for what changes of them later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from keyapi_mcp.clock import day_number, day_of
from keyapi_mcp.research.turnover import RecipeRun
from keyapi_mcp.store.prepared import Prepared
from keyapi_mcp.store.schema import recipe_finds, recipe_runs

_found = upsert(recipe_finds)
_NOTE: Final = Prepared(
    # An old page, read again, does not take a newer day back.
    _found.on_conflict_do_update(
        index_elements=[recipe_finds.c.recipe, recipe_finds.c.region, recipe_finds.c.product_id],
        set_={"data_day": _found.excluded.data_day, "pages": _found.excluded.pages},
        where=_found.excluded.data_day >= recipe_finds.c.data_day,
    ),
    ("recipe", "region", "product_id", "data_day", "pages"),
)
_run = upsert(recipe_runs)
_NOTE_RUN: Final = Prepared(
    # Of one day the deepest run counts, and of those the last.
    _run.on_conflict_do_update(
        index_elements=[recipe_runs.c.recipe, recipe_runs.c.region, recipe_runs.c.data_day],
        set_={"depth": _run.excluded.depth, "product_ids": _run.excluded.product_ids},
        where=_run.excluded.depth >= recipe_runs.c.depth,
    ),
    ("recipe", "region", "data_day", "first_at", "depth", "product_ids"),
)
_RUNS: Final = select(
    recipe_runs.c.region,
    recipe_runs.c.data_day,
    recipe_runs.c.first_at,
    recipe_runs.c.depth,
    recipe_runs.c.product_ids,
).order_by(recipe_runs.c.region, recipe_runs.c.data_day.desc())


def note(connection: Connection, recipe: str, returned: Sequence[str], pages: int, run: RecipeRun) -> None:
    """Write down a run, and that these were returned from so many pages, see `Store.note_run`."""
    of_it = {"recipe": recipe, "region": run.region, "data_day": day_number(run.day)}
    _NOTE.many(connection, [{**of_it, "product_id": one, "pages": pages} for one in returned])
    written = {
        "first_at": run.first_at.timestamp(),
        "depth": run.depth,
        "product_ids": ",".join(run.product_ids),
    }
    _NOTE_RUN.many(connection, [{**of_it, **written}])


def runs(connection: Connection, recipe: str, region: str | None) -> list[RecipeRun]:
    """All of a recipe that are kept, by region (`None` = every one), the newest first."""
    statement = _RUNS.where(recipe_runs.c.recipe == recipe)
    if region is not None:
        statement = statement.where(recipe_runs.c.region == region)
    return [
        RecipeRun(
            row.region,
            day_of(row.data_day),
            datetime.fromtimestamp(row.first_at, UTC),
            row.depth,
            tuple(row.product_ids.split(",")) if row.product_ids else (),
        )
        for row in connection.execute(statement)
    ]
