"""Ids of kept products by their first digits, for completion."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from keyapi_mcp.store.schema import products


def beginning_with(connection: Connection, digits: str, region: str | None, most: int) -> tuple[list[str], int]:
    """At most so many of them, those with the highest GMV first, and how many there are. region: `None` = any."""
    # ":" comes right after "9".
    here = [products.c.product_id >= digits, products.c.product_id < f"{digits}:"]
    if region is not None:
        here.append(products.c.region == region)
    found = select(products.c.product_id).where(*here).group_by(products.c.product_id)
    best = found.order_by(func.max(products.c.gmv_30d_usd).desc(), products.c.product_id).limit(most)
    total = select(func.count()).select_from(found.subquery())
    return list(connection.execute(best).scalars()), connection.execute(total).scalar_one()
