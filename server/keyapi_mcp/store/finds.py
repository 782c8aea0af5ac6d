"""Which products a recipe has returned, for what changes of them later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import insert as upsert

from keyapi_mcp.store.prepared import Prepared
from keyapi_mcp.store.schema import recipe_finds

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


def note(
    connection: Connection, recipe: str, region: str, product_ids: Sequence[str], data_day: int, pages: int
) -> None:
    """Write down that these were found on the data day (yyyymmdd) among so many pages, see `Store.note_finds`."""
    _NOTE.many(
        connection,
        [
            {"recipe": recipe, "region": region, "product_id": one, "data_day": data_day, "pages": pages}
            for one in product_ids
        ],
    )
