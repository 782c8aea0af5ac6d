"""How many products of a category are in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from keyapi_mcp.store.schema import products


@dataclass(frozen=True, slots=True)
class CategoryCounts:
    """products: all there are (in the region); of: by category id, without those that have none."""

    products: int
    of: Mapping[str, int]


def count(connection: Connection, ids: Sequence[str], region: str | None) -> CategoryCounts:
    """ids: of any level; region: `None` counts in all of them."""
    there = [] if region is None else [products.c.region == region]
    found: dict[str, int] = {}
    for column in (products.c.category_id, products.c.category_l2_id, products.c.category_l3_id):
        counted = select(column, func.count()).where(column.in_(ids), *there).group_by(column)
        for identifier, number in connection.execute(counted):
            found[identifier] = number
    total = connection.execute(select(func.count()).select_from(products).where(*there)).scalar_one()
    return CategoryCounts(total, found)
