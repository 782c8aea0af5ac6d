"""Metrics that older formulas or other weights have computed are computed anew, while nothing is asked."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, and_, bindparam, func, literal, or_, select, update

from keyapi_mcp.clock import day_of
from keyapi_mcp.fields import FIGURES, TEXTS
from keyapi_mcp.product import Product
from keyapi_mcp.reference.commission import CommissionUnit
from keyapi_mcp.research.derived import NAMES, Rules, derive
from keyapi_mcp.research.stage import place
from keyapi_mcp.store.keeping import severity_of
from keyapi_mcp.store.schema import PREVIOUS, products, snapshots

logger = logging.getLogger(__name__)

_RENEWED_AT_ONCE: Final = 100


@dataclass(slots=True)
class Renewal:
    """The database's chore: a few products at a time."""

    unit: CommissionUnit
    rules: Rules
    _begun: bool = field(default=False, init=False)

    def is_due(self, connection: Connection) -> bool:
        return connection.execute(_ANY_OUTDATED, _of(self.rules)).first() is not None

    def step(self, connection: Connection) -> None:
        if not self._begun:
            self._begun = True
            count = outdated(connection, self.rules)
            logger.info("rules have changed: the metrics of %d products are computed anew", count)
        recompute(connection, self.unit, self.rules, _RENEWED_AT_ONCE)


# Not what a newer program has computed. (In two ranges, which an index answers.)
_OUTDATED: Final = or_(
    products.c.rules_version < bindparam("stamp"),
    and_(products.c.rules_version > bindparam("stamp"), products.c.rules_version < bindparam("next_version")),
)
_ANY_OUTDATED: Final = select(literal(1)).where(_OUTDATED).limit(1)


def _of(rules: Rules) -> dict[str, int]:
    return {"stamp": rules.stamp, "next_version": rules.next_version}


def outdated(connection: Connection, rules: Rules) -> int:
    """Products whose derived metrics were computed by older formulas, or by other weights."""
    return connection.execute(select(func.count()).where(_OUTDATED), _of(rules)).scalar_one()


def uncompared(connection: Connection, rules: Rules, region: str | None) -> int:
    """Products that were seen on two days, of which it is still to be computed what moved between them.

    region: `None` for every one. A new program finds such in the store of an older one.
    """
    # Not the columns themselves: their indexes are the longer way to the few that are outdated.
    waiting = [_OUTDATED, (products.c.severity + 0).is_(None), products.c.previous_day.is_not(None)]
    if region is not None:
        waiting.append(products.c.region.concat("") == region)
    return connection.execute(select(func.count()).where(*waiting), _of(rules)).scalar_one()


_STORED: Final = (*FIGURES, *TEXTS)
_before: Final = snapshots.alias("before")
_SOME: Final = (
    select(
        products.c.region,
        products.c.product_id,
        products.c.data_day,
        products.c.previous_day,
        *[products.c[f"previous_{name}"] for name in PREVIOUS],
        *[products.c[one.name] for one in _STORED],
        _before.c.data_day.label("before_day"),
        *[_before.c[one.name].label(f"before_{one.name}") for one in FIGURES],
    )
    .outerjoin(
        _before,
        and_(
            _before.c.region == products.c.region,
            _before.c.product_id == products.c.product_id,
            _before.c.data_day == products.c.previous_day,
        ),
    )
    .where(_OUTDATED)
)
_RENEWED: Final = (*NAMES, "previous_commission", "previous_stage", "severity")
_RENEW: Final = (
    update(products)
    .where(products.c.region == bindparam("of_region"), products.c.product_id == bindparam("id"))
    .values(rules_version=bindparam("now"), **{name: bindparam(name) for name in _RENEWED})
)


def recompute(connection: Connection, unit: CommissionUnit, rules: Rules, at_once: int) -> int:
    """Compute some products' metrics anew from their stored fields; returns how many, 0 at the end."""
    rows = connection.execute(_SOME.limit(at_once), _of(rules)).mappings().all()
    renewed = []
    for row in rows:
        identity = {"product_id": row["product_id"]}
        product = Product({one.field: row[one.name] for one in _STORED} | identity, unit)
        known = {**row, **derive(product, day_of(row["data_day"]), rules)}
        if row["before_day"] is not None:
            before = Product({one.field: row[f"before_{one.name}"] for one in FIGURES} | identity, unit)
            known["previous_stage"] = place(before, day_of(row["before_day"])).stage
            known["previous_commission"] = before.commission
        renewed.append(
            {"of_region": row["region"], "id": row["product_id"], "now": rules.stamp}
            | {name: known[name] for name in (*NAMES, "previous_commission", "previous_stage")}
            | {"severity": severity_of(known)}
        )
    if renewed:
        connection.execute(_RENEW, renewed)
    return len(rows)
