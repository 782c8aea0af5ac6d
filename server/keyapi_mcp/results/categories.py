"""The answer to: which category is meant by these words, and what is its id?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from keyapi_mcp.reference import categories
from keyapi_mcp.reference.categories import Category, Found
from keyapi_mcp.results.answer import Answer, Cell, Spending, Table
from keyapi_mcp.results.scope import sandbox_prefix
from keyapi_mcp.results.untrusted import clean

# Which parameter of a search takes ids of the level.
PARAMETERS: Final = {1: "category_id", 2: "category_l2_id", 3: "category_l3_id"}
_LONGEST_TEXT: Final = 60


def category_list(
    text: str,
    region: str | None,
    found: Found,
    counts: Mapping[str, int] | None,
    *,
    notes: Sequence[str] = (),
    spending: Spending,
    synthetic: bool,
) -> Answer:
    """text, region: what was asked; counts: products in the store by category id, 0 where one is missing; `None` when
    there are none at all to count."""
    columns: tuple[str, ...] = ("parameter", "id", "path")
    rows: list[tuple[Cell, ...]] = [(PARAMETERS[row.level], row.id, categories.path(row)) for row in found.rows]
    if counts is not None:
        columns = (*columns, "products_in_store")
        rows = [(*cells, counts.get(row.id, 0)) for cells, row in zip(rows, found.rows, strict=True)]
    where = f" · products in the store: {region or 'all regions'}" if counts is not None else ""
    return Answer(
        scope=f'{sandbox_prefix(synthetic)}Categories for "{clean(text)[:_LONGEST_TEXT]}" · {_how_many(found)}{where}',
        table=Table(columns, tuple(rows), "\n".join("|".join(map(str, row)) for row in (columns, *rows))),
        notes=notes,
        next_step=_next(text.strip(), region, found.rows, below=found.below),
        spending=spending,
    )


def _how_many(found: Found) -> str:
    if found.below:
        return f"it and all {found.of - 1} directly below it"
    shown = len(found.rows)
    return f"{f'{shown} of ' if shown < found.of else ''}{found.of} found, nearest first"


def _next(text: str, region: str | None, found: Sequence[Category], *, below: bool) -> str:
    if not found and text.isdigit():
        return "this id is not in the list, which has about 95 % of levels 2 and 3; search_products takes it as it is."
    if not found:
        top = ", ".join(f"{row.name} ({row.id})" for row in categories.top_level())
        return f"no name comes near; names are English. Level 1 (category_id): {top}."
    first = found[0]
    market = f"region={region}, " if region else ""
    search = f"search_products with {market}{PARAMETERS[first.level]}={first.id} ({first.name})"
    if below:
        return f"{search}, or a row's own parameter and id; scan_products judges one niche in a call."
    if members := categories.children(first.id):
        return f"{search}; find_categories with text={first.id} lists all {len(members)} directly below it."
    return f"{search}."
